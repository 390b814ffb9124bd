"""Pictures out of Amazon's catalogue: pages that show them may load them, and from nowhere else.

They are not fetched and kept by Kogge: a page that shows some says so, and only for this answer the
Content Security Policy names Amazon's picture hosts. An address at another host is not shown at all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Concatenate, ParamSpec
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponseBase

from kogge.merchants.access import MerchantRequest
from kogge.merchants.middleware import allow_images

P = ParamSpec("P")
MerchantView = Callable[Concatenate[MerchantRequest, P], HttpResponseBase]

# Where Amazon's catalogue keeps its pictures: worldwide, and by continent in older entries.
AMAZON = (
    "https://m.media-amazon.com",
    "https://images-na.ssl-images-amazon.com",
    "https://images-eu.ssl-images-amazon.com",
    "https://images-fe.ssl-images-amazon.com",
)


def origins() -> tuple[str, ...]:
    """Where pictures may come from; an installation that talks to a simulator gets its pictures too."""
    if not settings.KOGGE_AMAZON_API_URL:
        return AMAZON
    return (*AMAZON, _origin(settings.KOGGE_AMAZON_API_URL))


def shown(url: str) -> str:
    """The address of a picture a page may show; empty for one from elsewhere."""
    return url if _origin(url) in origins() else ""


def with_pictures(view: MerchantView[P]) -> MerchantView[P]:
    """For pages that show articles of Amazon's catalogue."""

    def allowed(request: MerchantRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        allow_images(response, origins())
        return response

    update_wrapper(allowed, view)
    return allowed


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
