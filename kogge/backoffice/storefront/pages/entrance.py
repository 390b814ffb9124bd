"""The door: every public page knows its storefront and the visitor's cart, or it is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from kogge.backoffice.storefront import opening
from kogge.backoffice.storefront.cart import Cart
from kogge.backoffice.storefront.models import Storefront
from kogge.merchants.models import Merchant

P = ParamSpec("P")


class Visit:
    """A request at an open storefront."""

    def __init__(self, request: HttpRequest, storefront: Storefront) -> None:
        self.request = request
        self.storefront = storefront
        self.merchant: Merchant = storefront.merchant
        self.cart = Cart(request.session, storefront.merchant)

    def show(self, page: str, context: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
        """Draw a page in the storefront's dress."""
        facts = {
            "storefront": self.storefront,
            "shop": self.merchant,
            "cart_units": len(self.cart),
            **context,
        }
        answer = render(self.request, f"storefront/{page}.html", facts, status=status)
        add_never_cache_headers(answer)  # every page shows the visitor's own cart
        return answer

    def nothing_here(self) -> HttpResponse:
        """A page of an open storefront that does not exist."""
        return self.show("gone", {}, status=404)


def visitors(
    view: Callable[Concatenate[Visit, P], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """For public pages: the view gets a `Visit`. Where nothing is open there is no page."""

    def checked(request: HttpRequest, /, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        storefront = opening.open_storefront(slug)
        if storefront is None:
            return _closed(request, slug)
        return view(Visit(request, storefront), *args, **kwargs)

    update_wrapper(checked, view)
    return checked


def _closed(request: HttpRequest, slug: str) -> HttpResponse:
    """To everybody it is not there; who works for the merchant is told why."""
    mine: Merchant | None = getattr(request, "merchant", None)
    if mine is None or mine.slug != slug:
        raise Http404
    return render(request, "storefront/closed.html", {"shop": mine}, status=404)
