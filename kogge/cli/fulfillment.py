"""`kogge fulfillment`: the shop orders Amazon ships, and what lies in Amazon's warehouses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from django.utils import timezone
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.accounts import DISCONNECTED
from kogge.amazon.fba import wishes
from kogge.amazon.fba.models import FbaStock, FulfillmentOrder
from kogge.backoffice.models import Order, Product
from kogge.backoffice.orders import CANCEL_REASONS
from kogge.cli.answers import answer, json_option, merchant_named, merchant_option, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from kogge.merchants.models import Merchant

BATCH = 500
NUMBER = click.IntRange(1, 2**63 - 1)
WISHES = {wish.value.replace("_", "-"): wish.value for wish in FulfillmentOrder.Wish}


@click.group()
def fulfillment() -> None:
    """Versand durch Amazon: Bestellungen deines Shops aus dem Amazon-Lager."""


@fulfillment.command("list")
@merchant_option
@click.option("--limit", type=click.IntRange(min=1), help="Nur so viele, die neuesten")
@json_option
def list_command(merchant_slug: str, limit: int | None, as_json: bool) -> None:
    """Alle Versandaufträge auflisten, die neuesten zuerst: wie weit Amazon ist und was gesendet wurde."""
    rows = FulfillmentOrder.objects.of(merchant_named(merchant_slug)).order_by("-created_at", "-pk")
    _answer_with(rows[:limit].prefetch_related("lines", "packages"), as_json=as_json)


@fulfillment.command("stock")
@merchant_option
@json_option
def stock_command(merchant_slug: str, as_json: bool) -> None:
    """Was im Amazon-Lager liegt, wie es zuletzt gelesen wurde."""
    found = stocked(merchant_named(merchant_slug))
    lines = [
        f"{row['sku']}  {row['asin'] or '–'}  {row['product'] or '–'}  "
        f"{'?' if row['fulfillable'] is None else row['fulfillable']}"
        for row in found
    ]
    answer(found, "\n".join(lines) or _("Im Amazon-Lager ist nichts bekannt."), as_json=as_json)


@fulfillment.command("stop")
@click.argument("number", type=NUMBER)
@merchant_option
@json_option
def stop_command(number: int, merchant_slug: str, as_json: bool) -> None:
    """Eine Bestellung in der Bedenkzeit anhalten. Amazon erfährt nie von ihr; du versendest selbst."""
    _each_open(
        number,
        merchant_slug,
        lambda order: wishes.stop(order, by=_actor(), now=timezone.now()),
        as_json=as_json,
    )


@fulfillment.command("cancel")
@click.argument("number", type=NUMBER)
@merchant_option
@click.option(
    "--then",
    "wish",
    type=click.Choice(list(WISHES)),
    default="ship-self",
    show_default=True,
    help="Was geschieht, sobald Amazon storniert hat: selbst versenden, die Bestellung stornieren, "
    "neu an Amazon übergeben",
)
@click.option("--reason", default="", type=click.Choice(["", *CANCEL_REASONS]), help="Grund der Stornierung")
@json_option
def cancel_command(*, number: int, merchant_slug: str, wish: str, reason: str, as_json: bool) -> None:
    """Amazon bitten, einen Versandauftrag zu stornieren. Ob es geht, entscheidet Amazon."""
    if WISHES[wish] == FulfillmentOrder.Wish.CANCEL_ORDER and not reason:
        refuse(_("Nenne mit --reason, warum die Bestellung storniert wird."))
    _each_open(
        number,
        merchant_slug,
        lambda order: wishes.ask_to_cancel(
            order, WISHES[wish], reason=reason, by=_actor(), now=timezone.now()
        ),
        as_json=as_json,
    )


@fulfillment.command("plan")
@click.argument("number", type=NUMBER)
@merchant_option
@json_option
def plan_command(number: int, merchant_slug: str, as_json: bool) -> None:
    """Was von einer Bestellung offen ist durch Amazon versenden lassen, auch nach einem Fehlschlag."""
    owner = merchant_named(merchant_slug)
    order = Order.objects.of(owner).filter(number=number).first()
    if order is None:
        refuse(_("Es gibt keine Bestellung {number}.").format(number=number))
    wishes.plan_again(owner.pk, str(order.pk), by=_actor(), now=timezone.now())
    _answer_with(_of_order(owner, number), as_json=as_json)


def stocked(owner: Merchant) -> list[dict[str, object]]:
    """Each SKU in Amazon's warehouses with the article number it belongs to; None: Amazon left it out."""
    rows = FbaStock.objects.of(owner).exclude(connection__pause_reason=DISCONNECTED).order_by("sku", "pk")
    codes = _codes_by_sku(owner)
    return [
        {
            "sku": row.sku,
            "asin": row.asin,
            "product": codes.get(row.sku),
            "fulfillable": row.fulfillable,
            "reserved": row.reserved,
            "in_transfer": row.in_transfer,
            "inbound": row.inbound,
            "unfulfillable": row.unfulfillable,
            "read_at": row.read_at,
        }
        for row in rows.iterator(chunk_size=BATCH)
    ]


def listed(orders: Iterable[FulfillmentOrder]) -> list[dict[str, object]]:
    """Fulfilment orders with their lines and parcels, as `--json` shows them."""
    return [
        {
            "order": order.shop_number,
            "fulfillment_order": order.order_id,
            "state": order.state,
            "amazon_status": order.amazon_status,
            "reason": order.reason,
            "hand_over_at": order.hand_over_at,
            "lines": [
                {
                    "sku": line.sku,
                    "title": line.title,
                    "quantity": line.quantity,
                    "shipped": line.shipped,
                    "returned": line.returned,
                }
                for line in order.lines.all()
            ],
            "parcels": [
                {
                    "carrier": parcel.carrier,
                    "tracking_number": parcel.tracking_number,
                    "status": parcel.status,
                    "left_at": parcel.left_at,
                    "arrives_at": parcel.arrives_at,
                }
                for parcel in order.packages.all()
            ],
        }
        for order in orders
    ]


def _codes_by_sku(owner: Merchant) -> dict[str, str]:
    """The article numbers by the SKU at Amazon; an offer that is ticked FBA comes before one that is not."""
    codes: dict[str, str] = {}
    offers = Offer.objects.of(owner).exclude(sku="", fba_sku="").order_by("fba", "-pk")
    articles = {str(pk): code for pk, code in Product.objects.of(owner).values_list("pk", "code").iterator()}
    for offer in offers.iterator(chunk_size=BATCH):
        if offer.product_id in articles:
            codes[offer.sku_in_warehouse] = articles[offer.product_id]
    return codes


def _of_order(owner: Merchant, number: int) -> list[FulfillmentOrder]:
    rows = FulfillmentOrder.objects.of(owner).filter(shop_number=str(number)).order_by("-pk")
    return list(rows.prefetch_related("lines", "packages"))


def _each_open(
    number: int, merchant_slug: str, act: Callable[[FulfillmentOrder], None], *, as_json: bool
) -> None:
    """Do it to what Amazon ships of the order, and show how that stands then."""
    owner = merchant_named(merchant_slug)
    found = [order for order in _of_order(owner, number) if order.is_open]
    if not found:
        refuse(_("Zu Bestellung {number} gibt es keinen offenen Auftrag an Amazon.").format(number=number))
    for order in found:
        act(order)
    _answer_with(_of_order(owner, number), as_json=as_json)


def _answer_with(orders: Iterable[FulfillmentOrder], *, as_json: bool) -> None:
    found = list(orders)
    text = "\n".join(_in_words(order) for order in found)
    answer(listed(found), text or _("Amazon versendet noch keine Bestellungen."), as_json=as_json)


def _in_words(order: FulfillmentOrder) -> str:
    parts = [order.shop_number, order.order_id, order.get_state_display()]
    if order.state == FulfillmentOrder.State.PLANNED:
        parts.append(f"{localtime(order.hand_over_at):%d.%m. %H:%M}")
    parts += [text for text in (order.amazon_status, order.reason) if text]
    parts += [
        f"{parcel.carrier} {parcel.tracking_number}".strip() or parcel.key for parcel in order.packages.all()
    ]
    return "  ".join(parts)


def _actor() -> str:
    return _("Befehlszeile")
