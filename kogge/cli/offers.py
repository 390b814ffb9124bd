"""`kogge offers`: how the offers stand, what would change at Amazon, and who leads which value."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

import click
from django.utils import timezone
from django.utils.translation import gettext as _

from kogge.amazon.catalog.models import Offer
from kogge.amazon.catalog.offers import values_of
from kogge.amazon.connections.accounts import DISCONNECTED
from kogge.amazon.connections.models import Connection
from kogge.amazon.offers import agreeing, planning, wishes
from kogge.amazon.offers.agreeing import Difference, Standing
from kogge.amazon.offers.models import Agreement, Listing, Values
from kogge.amazon.offers.words import sentence
from kogge.amazon.pages import states
from kogge.amazon.pages.agreement import is_decided
from kogge.backoffice.models import Product
from kogge.cli.answers import answer, json_option, merchant_named, merchant_option, refuse

if TYPE_CHECKING:
    from kogge.merchants.models import Merchant

MOST_SHOWN = 1_000
BATCH = 500

connection_argument = click.argument("connection_id", metavar="CONNECTION", type=click.IntRange(1, 2**63 - 1))
leader = click.Choice([Agreement.Leader.KOGGE.value, Agreement.Leader.AMAZON.value])


@click.group()
def offers() -> None:
    """Angebote bei Amazon."""


@offers.command("list")
@merchant_option
@json_option
def list_command(merchant_slug: str, as_json: bool) -> None:
    """Alle Angebote auflisten: Stand, Grund, was Amazon zeigen soll und was es zeigt."""
    found = listed(merchant_named(merchant_slug))
    lines = [
        f"{offer['code']}  {offer['asin'] or '–'}  {offer['sku'] or '–'}  {offer['state']}" for offer in found
    ]
    answer(found, "\n".join(lines) or _("Noch keine Angebote."), as_json=as_json)


@offers.command("preview")
@connection_argument
@click.option("--all", "everything", is_flag=True, help="Alle Unterschiede, nicht nur die ersten 1.000")
@json_option
def preview_command(connection_id: int, everything: bool, as_json: bool) -> None:
    """Was sich bei Amazon ändern würde. Gesendet wird dabei nichts."""
    connection = _connection(connection_id)
    found = agreeing.standing(connection)
    differing = islice(_differences(connection), None if everything else MOST_SHOWN)
    document = {
        "complete": found.is_complete,
        **_figures(found),
        "differences": [_difference(one) for one in differing],
    }
    answer(document, _preview_in_words(document), as_json=as_json)


@offers.command("agree")
@connection_argument
@click.option("--quantity", required=True, type=leader, help="Wer den Warenbestand führt")
@click.option("--lead-time", "lead_time", required=True, type=leader, help="Wer die Lieferzeit führt")
@click.option("--price", required=True, type=leader, help="Wer den Preis führt")
@click.option("--confirm-prices", is_flag=True, help="Auch die Preise bestätigen, die darauf warten")
@json_option
def agree_command(
    *, connection_id: int, quantity: str, lead_time: str, price: str, confirm_prices: bool, as_json: bool
) -> None:
    """Festlegen, wer welchen Wert führt. Was Kogge führt, geht danach an Amazon."""
    connection = _connection(connection_id)
    found, agreed = agreeing.standing(connection), planning.agreement_of(connection)
    if not is_decided(agreed) and not found.is_complete:
        refuse(_("Kogge sieht sich deine Angebote noch an. Warte bitte, bis das fertig ist."))
    now, by = timezone.now(), _("Befehlszeile")
    confirmed = _confirm_all(connection, by) if confirm_prices else 0
    agreeing.agree(connection, quantity=quantity, lead_time=lead_time, price=price, by=by, now=now)
    document = {"connection": connection.pk, **_agreement(connection), "confirmed": confirmed}
    answer(document, _("So ist es festgehalten."), as_json=as_json)


@offers.command("retry")
@connection_argument
@json_option
def retry_command(connection_id: int, as_json: bool) -> None:
    """Alle Angebote mit einem Problem oder einer Abweichung noch einmal senden oder suchen."""
    tried = wishes.retry(_connection(connection_id), now=timezone.now())
    answer({"retried": tried}, _("Neue Versuche: {count}").format(count=tried), as_json=as_json)


def listed(owner: Merchant) -> list[dict[str, object]]:
    """The merchant's offers with their products' article numbers and titles, and how they stand."""
    rows = list(Offer.objects.of(owner).prefetch_related("prices").order_by("pk").iterator(BATCH))
    wanted = [row.product_id for row in rows if row.product_id.isdecimal()]
    products = {str(pk): product for pk, product in Product.objects.of(owner).in_bulk(wanted).items()}
    standing = _worst_listings(owner)
    return [
        {
            "code": products[row.product_id].code,
            "title": products[row.product_id].title,
            **values_of(row),
            **_stand(standing.get(row.product_id)),
        }
        for row in rows
        if row.product_id in products
    ]


def summary(connection: Connection) -> dict[str, object]:
    """The offers of a connection by state, and who leads which value: for `kogge amazon status`."""
    return {"offers": states.listed(connection), "agreement": _agreement(connection)}


def _connection(number: int) -> Connection:
    found = Connection.objects.everyone().filter(pk=number).exclude(pause_reason=DISCONNECTED).first()
    if found is None:
        refuse(_("Es gibt keine Verbindung {number}.").format(number=number))
    return found


def _worst_listings(owner: Merchant) -> dict[str, Listing]:
    """How each product stands; with several seller accounts, where it stands worst."""
    order = {state.value: place for place, state in enumerate([*states.WORST_FIRST, Listing.State.OFF])}
    rows = Listing.objects.of(owner).exclude(connection__pause_reason=DISCONNECTED).select_related("offer")
    found: dict[str, Listing] = {}
    for listing in rows.order_by("pk").iterator(chunk_size=2_000):
        known = found.get(listing.product_id)
        if known is None or order[listing.state] < order[known.state]:
            found[listing.product_id] = listing
    return found


def _stand(listing: Listing | None) -> dict[str, object]:
    if listing is None:
        empty = _values(Values())
        return {
            "state": "off", "reason": "", "sentence": "", "connection": None,
            "wanted": empty, "accepted": empty, "shown": empty,
        }  # fmt: skip
    return {
        "state": listing.state,
        "reason": listing.reason,
        "sentence": sentence(listing),
        "connection": listing.connection_id,
        "wanted": _values(listing.wanted),
        "accepted": _values(listing.accepted),
        "shown": _values(listing.shown),
    }


def _values(values: Values) -> dict[str, object]:
    return {
        "quantity": values.quantity,
        "lead_time_days": values.lead_time_days,
        "prices": {place: f"{price:.2f}" for place, price in sorted(values.prices.items())},
    }


def _figures(found: Standing) -> dict[str, int]:
    names = ("listings", "unread", "quantity", "lead_time", "price", "held")
    return {name: getattr(found, name) for name in names}


def _agreement(connection: Connection) -> dict[str, object]:
    agreed = planning.agreement_of(connection)
    names = ("quantity", "lead_time", "price")
    leaders = {name: getattr(agreed, name) or "undecided" for name in names}
    return {**leaders, "agreed_at": agreed.agreed_at, "agreed_by": agreed.agreed_by, "buffer": agreed.buffer}


def _differences(connection: Connection) -> Iterator[Difference]:
    after = 0
    while found := agreeing.differences(connection, after=after, limit=BATCH):
        yield from found
        after = max(one.listing_id for one in found)


def _difference(one: Difference) -> dict[str, object]:
    return {
        "listing": one.listing_id,
        "product_id": one.product_id,
        "sku": one.sku,
        "asin": one.asin,
        "field": one.field,
        "marketplace": one.marketplace_id,
        "amazon": one.amazon,
        "shop": one.shop,
        "held": one.is_held,
    }


def _confirm_all(connection: Connection, by: str) -> int:
    """Confirm the prices of all listings that wait for it, batch by batch."""
    mine = Listing.objects.of_id(connection.merchant_id).filter(connection=connection)
    confirmed, after = 0, 0
    while some := list(
        mine.filter(differs__contains="h", pk__gt=after).order_by("pk").values_list("pk", flat=True)[:BATCH]
    ):
        confirmed += wishes.confirm_prices(mine.filter(pk__in=some), by=by, now=timezone.now())
        after = some[-1]
    return confirmed


def _preview_in_words(document: dict[str, Any]) -> str:
    lines = [
        _("Gelesen: {read} von {all}").format(
            read=document["listings"] - document["unread"], all=document["listings"]
        ),
        _("Abweichend: Warenbestand {quantity}, Lieferzeit {lead_time}, Preis {price}").format(**document),
        _("Preise, die auf eine Bestätigung warten: {held}").format(**document),
    ]
    lines += [
        f"  {one['sku'] or one['asin']}  {one['field']} {one['marketplace']}  "
        f"{_plain(one['amazon'])} → {_plain(one['shop'])}{'  !' if one['held'] else ''}"
        for one in document["differences"]
    ]
    return "\n".join(lines)


def _plain(value: int | Decimal | None) -> str:
    return "–" if value is None else str(value)
