"""The main menu with what waits behind its entries, and the channels' notices, for every page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from kogge.backoffice import elsewhere
from kogge.backoffice.channels import CHANNELS, Notice
from kogge.backoffice.models import Order
from kogge.backoffice.search import TO_SHIP
from kogge.merchants.access import may
from kogge.merchants.models import Merchant, Role

MOST_SHOWN = 99
APPS = "/apps/"
PRESSING = {"red", "danger"}


@dataclass(frozen=True)
class Entry:
    """One line of the menu. `group` is printed above it; `count` is what waits behind it."""

    title: str
    url: str
    icon: str
    active: bool
    group: str = ""
    count: str = ""
    count_label: str = ""


def menu(request: HttpRequest) -> Mapping[str, Any]:
    """Context processor: `menu` and `notices`, computed only when a template asks; `may_act`, `is_owner`.

    `may_act` is about what the page is about: with orders and products that are worked on in another shop
    nobody may.
    """
    merchant: Merchant | None = getattr(request, "merchant", None)
    if merchant is None:
        return {"menu": [], "notices": [], "may_act": False, "is_owner": False}
    role: Role = request.role  # type: ignore[attr-defined]
    return {
        "may_act": may(role, Role.STAFF) and elsewhere.is_done_here(request),
        "is_owner": may(role, Role.OWNER),
        "menu": SimpleLazyObject(lambda: _entries(merchant, request.path)),
        "notices": SimpleLazyObject(lambda: _notices(merchant, request.path)),
    }


def _entries(merchant: Merchant, path: str) -> list[Entry]:
    def entry(title: str, url_name: str, icon: str, *, also: str = "", **more: str) -> Entry:
        url = reverse(url_name)
        is_here = path == url if url == "/" else path.startswith((url, also or url))
        return Entry(title=title, url=url, icon=icon, active=is_here, **more)

    return [
        entry(_("Übersicht"), "overview", "home"),
        entry(
            _("Bestellungen"),
            "orders",
            "shopping-cart",
            count=_waiting_orders(merchant),
            count_label=_("neue Bestellungen"),
        ),
        entry(_("Produkte"), "products", "package"),
        entry(_("Verkaufskanäle"), "channels", "building-store"),
        entry(_("Apps"), "apps", "apps", also=APPS, group=_("Erweiterungen")),
        entry(_("Einstellungen"), "settings", "settings"),
    ]


def _waiting_orders(merchant: Merchant) -> str:
    # New orders are those nobody has begun to pack, for the merchant to ship; an index answers.
    new = Order.objects.of(merchant).filter(TO_SHIP, delivery_status=Order.Delivery.OPEN)
    waiting = new[: MOST_SHOWN + 1].count()
    return f"{MOST_SHOWN}+" if waiting > MOST_SHOWN else str(waiting or "")


def _notices(merchant: Merchant, path: str) -> list[Notice]:
    """What stops the business stands on every page; the rest on the overview and on the apps' own pages."""
    told = [*elsewhere.notices(merchant)]
    told += [notice for channel in CHANNELS.values() for notice in channel.notices(merchant)]
    if path == reverse("overview") or path.startswith(APPS):
        return told
    return [notice for notice in told if notice.tone in PRESSING]
