"""The buttons beside a trouble: each leads to a page, or does one thing at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from kogge.amazon.fba.models import FulfillmentOrder
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
    Button.ORDER: (_("Zur Bestellung"), "package"),
    Button.RESEND: (_("Stornieren und neu übergeben"), "refresh"),
    Button.SHIP_SELF: (_("Stornieren und selbst versenden"), "truck"),
    Button.SPEEDS: (_("Zu den Einstellungen"), "settings"),
    Button.SHELF: (_("Bestand ansehen"), "packages"),
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
    """The troubles with sentences and buttons; their orders are looked up in two queries."""
    ids = {trouble.amazon_order_id for trouble in troubles if trouble.amazon_order_id}
    orders = {
        (order.connection_id, order.order_id): order
        for order in AmazonOrder.objects.of(merchant).filter(order_id__in=ids).defer("sealed_raw")
    }
    shipped = {
        (order.connection_id, order.order_id): order
        for order in FulfillmentOrder.objects.of(merchant).filter(order_id__in=ids)
    }
    subjects = [(trouble, (trouble.connection_id, trouble.amazon_order_id)) for trouble in troubles]
    return [_shown(trouble, orders.get(key), shipped.get(key), may_act=may_act) for trouble, key in subjects]


def shop_order_url(order: AmazonOrder | None) -> str:
    """The order's page in the built-in shop; empty while it is not there."""
    return _order_page(order.shop_order_number) if order else ""


def offers_url(trouble: Trouble) -> str:
    """The offers a trouble is about."""
    state = "drift" if trouble.kind == "offers_drift" else "problem"
    return f"{reverse('amazon_offers')}?konto={trouble.connection_id}&stand={state}"


def prices_url(trouble: Trouble) -> str:
    """The prices that wait for a word."""
    return reverse("amazon_agree", args=[trouble.connection_id]) + "#preise"


def _shown(
    trouble: Trouble, order: AmazonOrder | None, shipped: FulfillmentOrder | None, *, may_act: bool
) -> ShownTrouble:
    asked = ask(trouble.kind, trouble.details)
    buttons = (
        [] if trouble.closed_at else [_button(button, trouble, order, shipped) for button in asked.buttons]
    )
    number = order.shop_order_number if order else _own_number(trouble, shipped)
    return ShownTrouble(
        pk=trouble.pk,
        sentence=asked.sentence,
        advice=asked.advice,
        tone=asked.tone,
        buttons=[button for button in buttons if button and (may_act or button.leaves)],
        amazon_order_id=trouble.amazon_order_id,
        shop_order_number=number,
        shop_order_url=_order_page(number),
        store_name=trouble.connection.store_name or trouble.connection.seller_id,
        opened_at=trouble.opened_at,
        last_met_at=trouble.last_met_at,
        closed_at=trouble.closed_at,
        closed_by=trouble.closed_by,
    )


def _own_number(trouble: Trouble, shipped: FulfillmentOrder | None) -> str:
    """The number of the shop's own order the trouble is about; empty for any other trouble."""
    if shipped is not None:
        return shipped.shop_number
    return str(trouble.details.get("number", "")) if trouble.kind.startswith("fulfillment_") else ""


def _order_page(number: str) -> str:
    """The page of a shop order; the orders of a remote shop have none here."""
    return reverse("order", args=[int(number)]) if number.isascii() and number.isdecimal() else ""


def _button(
    button: Button, trouble: Trouble, order: AmazonOrder | None, shipped: FulfillmentOrder | None
) -> ShownButton | None:
    label, icon = LABELS[button]
    if button in ACTS:
        return ShownButton(
            label, icon, reverse("amazon_trouble_act", args=[trouble.pk, ACTS[button]]), posts=True
        )
    if button is Button.AMAZON:
        url = order_at_amazon(order.marketplace_id, order.order_id) if order else ""
        return ShownButton(label, icon, url, leaves=True) if url else None
    url = _page(button, trouble, order) or _fulfilment_page(button, trouble, shipped)
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


def _fulfilment_page(button: Button, trouble: Trouble, shipped: FulfillmentOrder | None) -> str:
    """The address of a button about a shop order that Amazon ships."""
    if button is Button.ORDER:
        return _order_page(_own_number(trouble, shipped))
    if button is Button.SPEEDS:
        method = urlencode({"versandart": trouble.details.get("method", "")})
        return f"{reverse('amazon_fulfillment_settings')}?{method}"
    if button is Button.SHELF:
        return reverse("amazon_fulfillment_stock")
    if button in (Button.RESEND, Button.SHIP_SELF) and shipped is not None:
        return f"{reverse('amazon_fulfillment_cancel', args=[shipped.pk])}?danach={button.value}"
    return ""
