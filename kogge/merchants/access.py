"""Who may see a page and who may act on it.

`reader`, `staff` and `owner` decorate a view. Everybody who works for the merchant may look (GET);
whoever acts (POST) needs the role of the decorator or a higher one, else the answer is 403.
`owner_only` hides the page from everybody else, too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from kogge.merchants.models import Merchant, Role, User

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

P = ParamSpec("P")

SESSION_KEY = "merchant"
_RANK = {Role.READER: 0, Role.STAFF: 1, Role.OWNER: 2}
_LOOKING = {"GET", "HEAD", "OPTIONS"}


class MerchantRequest(HttpRequest):
    """A request of somebody who works for a merchant. Exists for the type checker only."""

    user: User
    merchant: Merchant
    role: Role
    htmx: HtmxDetails


MerchantView = Callable[Concatenate[MerchantRequest, P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def may(role: Role, needed: Role) -> bool:
    """Whether `role` includes what `needed` may do."""
    return _RANK[Role(role)] >= _RANK[needed]


def reader(view: MerchantView[P]) -> View[P]:
    """For pages whose acts change nothing of the merchant's: everybody may."""
    return _page(view, Role.READER)


def staff(view: MerchantView[P]) -> View[P]:
    """For daily work: orders, products, parcels."""
    return _page(view, Role.STAFF)


def owner(view: MerchantView[P]) -> View[P]:
    """For what binds the business: connections, settings, people."""
    return _page(view, Role.OWNER)


def owner_only(view: MerchantView[P]) -> View[P]:
    """For pages there is nothing to see on for others: looking needs the role, too."""
    return _page(view, Role.OWNER, to_look=Role.OWNER)


def work_for(request: HttpRequest, merchant: Merchant) -> None:
    """Switch to another merchant the user works for. Raises `PermissionDenied` otherwise."""
    user = cast(User, request.user)
    if not user.memberships.filter(merchant=merchant).exists():
        raise PermissionDenied(_("Du arbeitest nicht für diesen Händler."))
    request.session[SESSION_KEY] = merchant.pk


def _page(view: MerchantView[P], to_act: Role, to_look: Role = Role.READER) -> View[P]:
    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_login(request)
        if getattr(request, "merchant", None) is None:
            raise PermissionDenied(_("Dein Zugang gehört zu keinem Händler."))
        known = cast(MerchantRequest, request)
        if not may(known.role, to_look if request.method in _LOOKING else to_act):
            raise PermissionDenied(_("Dafür fehlt dir das Recht. Frag die Inhaberin oder den Inhaber."))
        return view(known, *args, **kwargs)

    update_wrapper(checked, view)
    return checked


def _to_login(request: Any) -> HttpResponseBase:
    """To the login page and back; a part of a page that htmx asked for sends the whole page there."""
    if not getattr(request, "htmx", False):
        return redirect_to_login(request.get_full_path())
    seen = request.htmx.current_url_abs_path or "/"
    return HttpResponse(status=204, headers={"HX-Redirect": redirect_to_login(seen)["Location"]})
