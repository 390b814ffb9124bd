"""The buttons beside a trouble: each leads to a page, or does one thing at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from kogge.amazon.journal.models import Trouble
from kogge.amazon.journal.sentences import Button, ask
from kogge.amazon.orders.models import AmazonOrder
from kogge.amazon.pages.links import order_at_amazon
from kogge.merchants.models import Merchant

ACTS: Mapping[Button, str] = {Button.RETRY: "nochmal", Button.DONE: "erledigt"}

LABELS: Mapping[Button, tuple[str | Promise, str]] = {
    Button.RETRY: (_("Noch einmal versuchen"), "refresh"),
    Button.ASSIGN: (_("Produkt zuordnen"), "link"),
    Button.AMAZON: (_("Bei Amazon ansehen"), "external-link"),
    Button.SETTINGS: (_("Zugangsdaten prüfen"), "key"),
    Button.CARRIERS: (_("Versender zuordnen"), "truck"),
    Button.CANCEL: (_("Zur Stornierung"), "circle-x"),
    Button.OFFERS: (_("Angebote ansehen"), "packages"),
    Button.PRICES: (_("Preise bestätigen"), "cash"),
    Button.DONE: (_("Als erledigt kennzeichnen"), "check"),
}


@dataclass(frozen=True, slots=True)
class ShownButton:
    """A button as the template draws it. `posts`: it changes something and is a small form."""

    label: str | Promise
    icon: str
    url: str
    posts: bool = False
    leaves: bool = False  # opens Amazon's page


@dataclass(frozen=True, slots=True)
class ShownTrouble:
    """A trouble as people read it."""

    pk: int
    sentence: str
    advice: str
    tone: str
    buttons: list[ShownButton]
    amazon_order_id: str
    shop_order_number: str
    shop_order_url: str
    store_name: str
    opened_at: datetime
    last_met_at: datetime
    closed_at: datetime | None
    closed_by: str


def shown(merchant: Merchant, troubles: Collection[Trouble], *, may_act: bool) -> list[ShownTrouble]:
    """The troubles with sentences and buttons; their orders are looked up in one query."""
    ids = {trouble.amazon_order_id for trouble in troubles if trouble.amazon_order_id}
    orders = {
        (order.connection_id, order.order_id): order
        for order in AmazonOrder.objects.of(merchant).filter(order_id__in=ids).defer("sealed_raw")
    }
    return [
        _shown(trouble, orders.get((trouble.connection_id, trouble.amazon_order_id)), may_act=may_act)
        for trouble in troubles
    ]


def shop_order_url(order: AmazonOrder | None) -> str:
    """The order's page in the built-in shop; empty while it is not there."""
    if order is None or not order.shop_order_number.isdecimal():
        return ""
    return reverse("order", args=[int(order.shop_order_number)])


def offers_url(trouble: Trouble) -> str:
    """The offers a trouble is about."""
    state = "drift" if trouble.kind == "offers_drift" else "problem"
    return f"{reverse('amazon_offers')}?konto={trouble.connection_id}&stand={state}"


def prices_url(trouble: Trouble) -> str:
    """The prices that wait for a word."""
    return reverse("amazon_agree", args=[trouble.connection_id]) + "#preise"


def _shown(trouble: Trouble, order: AmazonOrder | None, *, may_act: bool) -> ShownTrouble:
    asked = ask(trouble.kind, trouble.details)
    buttons = [] if trouble.closed_at else [_button(button, trouble, order) for button in asked.buttons]
    return ShownTrouble(
        pk=trouble.pk,
        sentence=asked.sentence,
        advice=asked.advice,
        tone=asked.tone,
        buttons=[button for button in buttons if button and (may_act or button.leaves)],
        amazon_order_id=trouble.amazon_order_id,
        shop_order_number=order.shop_order_number if order else "",
        shop_order_url=shop_order_url(order),
        store_name=trouble.connection.store_name or trouble.connection.seller_id,
        opened_at=trouble.opened_at,
        last_met_at=trouble.last_met_at,
        closed_at=trouble.closed_at,
        closed_by=trouble.closed_by,
    )


def _button(button: Button, trouble: Trouble, order: AmazonOrder | None) -> ShownButton | None:
    label, icon = LABELS[button]
    if button in ACTS:
        return ShownButton(
            label, icon, reverse("amazon_trouble_act", args=[trouble.pk, ACTS[button]]), posts=True
        )
    if button is Button.AMAZON:
        url = order_at_amazon(order.marketplace_id, order.order_id) if order else ""
        return ShownButton(label, icon, url, leaves=True) if url else None
    url = _page(button, trouble, order)
    return ShownButton(label, icon, url) if url else None


def _page(button: Button, trouble: Trouble, order: AmazonOrder | None) -> str:
    """The address a button leads to; empty when there is no such page for this trouble."""
    if button is Button.ASSIGN:
        return reverse("amazon_assign", args=[trouble.pk])
    if button is Button.SETTINGS:
        return reverse("amazon_credentials", args=[trouble.connection_id])
    if button is Button.CARRIERS:
        return reverse("amazon_carriers") + "?" + urlencode({"carrier": trouble.details.get("carrier", "")})
    if button in (Button.OFFERS, Button.PRICES):
        return offers_url(trouble) if button is Button.OFFERS else prices_url(trouble)
    if button is Button.CANCEL and order and order.shop_order_number.isdecimal():
        return reverse("order_act", args=[int(order.shop_order_number), "cancel"])
    return ""
