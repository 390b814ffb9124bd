"""`kogge merchant|products|orders`: the shop from the command line, through the same doors as its pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from django.utils import timezone
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import MofNCompleteColumn
from rich.progress import Progress as Bar
from rich.table import Table

from kogge.backoffice import dispatch, elsewhere
from kogge.backoffice import orders as shop_orders
from kogge.backoffice.by_hand import ManualLine, ManualOrder
from kogge.backoffice.channels import CHANNELS, channel_title
from kogge.backoffice.models import Order, OrderLine, Product
from kogge.backoffice.people import people_of
from kogge.backoffice.product_csv import Progress, silent
from kogge.backoffice.product_export import Notation, exported, exported_cells
from kogge.backoffice.product_import import import_products
from kogge.backoffice.refusal import Refusal
from kogge.cli.answers import answer, json_option, merchant_named, merchant_option, refuse, secret_from
from kogge.merchants.accounts import create_merchant
from kogge.values import Address

if TYPE_CHECKING:
    from kogge.backoffice.models import Parcel

ACTOR = "kogge"  # who did it, in the order's history
NUMBER = click.IntRange(1, 2**63 - 1)


@click.group()
def merchant() -> None:
    """Händler anlegen."""


@merchant.command("create")
@click.option("--name", required=True, help="Name des Händlers")
@click.option("--email", required=True, help="E-Mail-Adresse des Inhabers, zugleich sein Zugang")
@click.option("--password-env", required=True, metavar="VAR", help="Umgebungsvariable mit dem Passwort")
@json_option
def create_merchant_command(name: str, email: str, password_env: str, as_json: bool) -> None:
    """Einen Händler und den Zugang seines Inhabers anlegen."""
    created = create_merchant(name=name, email=email, password=secret_from(password_env), now=timezone.now())
    answer({"merchant": created.slug}, created.slug, as_json=as_json)


@click.group()
def products() -> None:
    """Produkte einlesen, schreiben und auflisten."""


@products.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@merchant_option
@json_option
def import_command(file: Path, merchant_slug: str, as_json: bool) -> None:
    """Produkte aus einer CSV-Datei anlegen und ändern. Ist eine Zeile falsch, wird nichts geschrieben.

    Spalten: code,title,gtin,price,stock,lead_time_days,amazon,asin,amazon_sku,amazon_stock,
    amazon_lead_time_days,amazon_price,fba

    \b
    und: vat_rate (19, 7 oder 0), description, active, parent (Artikelnummer des
    Hauptprodukts), option, may_oversell, amazon_buffer,
    amazon_price_fr und so weiter (Preis in einem Land, in dessen Währung)
    """
    owner, text = merchant_named(merchant_slug), _text(file)
    elsewhere.refuse(owner)
    with _progress(shown=not as_json) as progress:
        imported = import_products(owner, text, actor=ACTOR, now=timezone.now(), progress=progress)
    sentence = _("{created} Produkte angelegt, {updated} geändert, {unchanged} unverändert.")
    document = asdict(imported)
    answer(document, sentence.format(**document), as_json=as_json)


@products.command("export")
@click.argument("file", required=False, type=click.Path(dir_okay=False, writable=True, path_type=Path))
@merchant_option
@json_option
def export_command(file: Path | None, merchant_slug: str, as_json: bool) -> None:
    """Alle Produkte als CSV schreiben, wie „import“ es liest; ohne FILE auf die Standardausgabe."""
    owner = merchant_named(merchant_slug)
    if file is None and as_json:
        answer(list(exported_cells(owner)), "", as_json=True)
    elif file is None:
        for line in exported(owner, Notation.PLAIN):
            click.echo(line, nl=False)
    else:
        count = _write_lines(file, exported(owner, Notation.PLAIN)) - 1  # without the column names
        sentence = _("{count} Produkte in {file} geschrieben.").format(count=count, file=file.name)
        answer({"products": count}, sentence, as_json=as_json)


@products.command("list")
@merchant_option
@json_option
def list_products(merchant_slug: str, as_json: bool) -> None:
    """Alle Produkte auflisten."""
    owner = merchant_named(merchant_slug)
    found = list(Product.objects.of(owner).order_by("code"))
    amazon = CHANNELS["amazon"].product_details(owner, [product.pk for product in found]) if found else {}
    if as_json:
        answer([_product(product, amazon) for product in found], "", as_json=True)
        return
    _show_table(
        [_("Artikelnummer"), _("Titel"), _("Preis"), _("Warenbestand"), _("Reserviert")],
        [(p.code, p.title, f"{p.price:.2f} {p.currency}", p.stock, p.reserved) for p in found],
    )


@click.group()
def orders() -> None:
    """Bestellungen ansehen, anlegen, bezahlen, versenden, stornieren."""


@orders.command("list")
@merchant_option
@click.option("--channel", default="", help="Nur Bestellungen dieses Verkaufskanals")
@click.option("--limit", type=click.IntRange(1), default=None, help="Höchstens so viele, die neuesten zuerst")
@json_option
def list_orders(merchant_slug: str, channel: str, limit: int | None, as_json: bool) -> None:
    """Bestellungen auflisten, die neuesten zuerst."""
    found = Order.objects.of(merchant_named(merchant_slug)).order_by("-placed_at", "-id")
    if channel:
        found = found.filter(channel=channel)
    found = found.prefetch_related("lines")[:limit]
    if as_json:
        answer([_order(order) for order in found], "", as_json=True)
        return
    _show_table(
        [_("Bestellnummer"), _("Quelle"), _("Nummer beim Kanal"), _("Status"), _("Lieferstatus"), _("Summe")],
        [
            (
                order.number,
                order.origin or channel_title(order.channel),
                order.external_id,
                order.get_status_display(),
                order.get_delivery_status_display(),
                f"{order.total:.2f} {order.currency}",
            )
            for order in found
        ],
    )


@orders.command("show")
@click.argument("number", type=NUMBER)
@merchant_option
@json_option
def show_order(number: int, merchant_slug: str, as_json: bool) -> None:
    """Eine Bestellung mit allem, was der Shop von ihr weiß."""
    order = _order_numbered(number, merchant_slug)
    _answer_with(order, as_json=as_json)


@orders.command("create")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@merchant_option
@json_option
def create_order(file: Path, merchant_slug: str, as_json: bool) -> None:
    """Eine Bestellung aus einer JSON-Datei anlegen.

    \b
    {"lines": [{"code": "TEE-1", "quantity": 2},
               {"title": "Gravur", "quantity": 1, "price": "4.50"}],
     "customer": {"name": "…", "email": "…", "company": "…"},
     "address": {"name": "…", "line1": "…", "postal_code": "…", "city": "…", "country": "DE"},
     "paid": true, "shipping": "4.90", "shipping_method": "Standardversand",
     "currency": "EUR", "payment_method": "Vorkasse",
     "locale": "de", "notify_buyer": true, "note": "…"}

    Nur "lines" muss sein. Eine Position nennt eine Artikelnummer, oder Titel und Preis.
    """
    owner = merchant_named(merchant_slug)
    elsewhere.refuse(owner)
    order = shop_orders.create_by_hand(owner, _manual_order(_text(file)), actor=ACTOR, now=timezone.now())
    _answer_with(order, as_json=as_json)


@orders.command("pay")
@click.argument("number", type=NUMBER)
@merchant_option
@json_option
def pay_order(number: int, merchant_slug: str, as_json: bool) -> None:
    """Eine Bestellung als bezahlt kennzeichnen."""
    order = _order_numbered(number, merchant_slug)
    elsewhere.refuse(order.merchant, order)
    shop_orders.mark_paid(order, actor=ACTOR, now=timezone.now())
    _answer_with(order, as_json=as_json)


@orders.command("ship")
@click.argument("number", type=NUMBER)
@merchant_option
@click.option("--carrier", required=True, help="Versender, zum Beispiel DHL")
@click.option("--tracking", default="", help="Trackingnummer")
@click.option("--line", "lines", multiple=True, metavar="N=STÜCK", help="Nur so viele Stück von Position N")
@json_option
def ship_order(
    *, number: int, merchant_slug: str, carrier: str, tracking: str, lines: tuple[str, ...], as_json: bool
) -> None:
    """Eine Sendung als versendet kennzeichnen; ohne --line alles, was offen ist."""
    order = _order_numbered(number, merchant_slug)
    elsewhere.refuse(order.merchant, order)
    parcel = dispatch.ship(
        order,
        carrier=carrier,
        tracking_number=tracking,
        quantities=_quantities(lines),
        actor=ACTOR,
        now=timezone.now(),
    )
    _answer_with(order, as_json=as_json, parcel=parcel.number)


@orders.command("cancel")
@click.argument("number", type=NUMBER)
@merchant_option
@click.option("--reason", required=True, type=click.Choice(list(shop_orders.CANCEL_REASONS)), help="Grund")
@json_option
def cancel_order(number: int, merchant_slug: str, reason: str, as_json: bool) -> None:
    """Eine Bestellung stornieren. Bei Amazon ist das endgültig."""
    order = _order_numbered(number, merchant_slug)
    elsewhere.refuse(order.merchant, order)
    shop_orders.cancel(order, reason, actor=ACTOR, now=timezone.now())
    _answer_with(order, as_json=as_json)


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    """A line of the file of `orders create`."""

    quantity: int
    code: str = ""
    title: str = ""
    price: Decimal | None = None


class _Customer(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""
    email: str = ""
    company: str = ""


class _Address(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""
    company: str = ""
    line1: str = ""
    line2: str = ""
    line3: str = ""
    postal_code: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    phone: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """The file of `orders create`."""

    lines: list[_Line]
    customer: _Customer = msgspec.field(default_factory=_Customer)
    address: _Address = msgspec.field(default_factory=_Address)
    paid: bool = False
    shipping: Decimal = Decimal(0)
    currency: str = "EUR"
    payment_method: str = ""
    locale: str = "de"
    notify_buyer: bool = True
    note: str = ""
    shipping_method: str = ""


def _manual_order(text: str) -> ManualOrder:
    try:
        file = msgspec.json.decode(text, type=_File)
    except msgspec.DecodeError as wrong:
        raise Refusal(_("Die Datei stimmt nicht: {reason}.").format(reason=wrong)) from wrong
    return ManualOrder(
        lines=tuple(ManualLine(line.quantity, line.code, line.title, line.price) for line in file.lines),
        buyer_name=file.customer.name,
        email=file.customer.email,
        company=file.customer.company,
        address=Address(**msgspec.structs.asdict(file.address)),
        paid=file.paid,
        shipping=file.shipping,
        currency=file.currency,
        payment_method=file.payment_method,
        locale=file.locale,
        notify_buyer=file.notify_buyer,
        note=file.note,
        shipping_method=file.shipping_method,
    )


@contextmanager
def _progress(*, shown: bool) -> Iterator[Progress]:
    """A bar on a terminal; nothing where nobody looks."""
    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield silent
        return
    words = {"reading": _("Lesen"), "checking": _("Prüfen"), "writing": _("Schreiben")}
    with Bar(*Bar.get_default_columns(), MofNCompleteColumn(), console=console, transient=True) as bar:
        tasks = {phase: bar.add_task(word, visible=False) for phase, word in words.items()}

        def show(phase: str, done: int, total: int) -> None:
            bar.update(tasks[phase], visible=True, completed=done, total=total)

        yield show


def _write_lines(file: Path, lines: Iterable[str]) -> int:
    """The file as a whole, or what was there before: a draft beside it takes its place at the end."""
    count, draft = 0, file.with_name(f"{file.name}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="") as out:
            for line in lines:
                count += 1
                out.write(line)
        draft.replace(file)
    except OSError as failed:
        refuse(_("{file} lässt sich nicht schreiben: {reason}.").format(file=file, reason=failed.strerror))
    return count


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        refuse(_("{file} ist nicht in UTF-8 geschrieben.").format(file=file.name))


def _order_numbered(number: int, merchant_slug: str) -> Order:
    order = Order.objects.of(merchant_named(merchant_slug)).filter(number=number).first()
    if order is None:
        refuse(_("Es gibt keine Bestellung {number}.").format(number=number))
    return order


def _quantities(lines: Iterable[str]) -> dict[int, int] | None:
    """`--line 1=2 --line 3=1` as units by position; None if nothing was said."""
    chosen: dict[int, int] = {}
    for line in lines:
        position, separator, units = line.partition("=")
        if not separator or not position.strip().isdecimal() or not units.strip().isdecimal():
            refuse(_("--line erwartet Position=Stück, zum Beispiel 1=2, nicht {line}.").format(line=line))
        if int(position) in chosen:
            refuse(_("Position {position} ist zweimal genannt.").format(position=position))
        chosen[int(position)] = int(units)
    return chosen or None


def _product(product: Product, amazon: Mapping[int, Mapping[str, object]]) -> dict[str, object]:
    return {
        "code": product.code,
        "title": product.title,
        "gtin": product.gtin,
        "price": product.price,
        "stock": product.stock,
        "lead_time_days": product.lead_time_days,
        "amazon": amazon.get(product.pk),
    }


def _order(order: Order) -> dict[str, Any]:
    """The document of `orders list`; everything there stays as it is, others build on it."""
    return {
        "number": str(order.number),
        "external_id": order.external_id,
        "channel": order.channel,
        "status": order.status,
        "payment_status": order.payment_status,
        "delivery_status": order.delivery_status,
        "total": order.total,
        "currency": order.currency,
        "lines": [_line(line) for line in order.lines.all()],
    }


def _line(line: OrderLine) -> dict[str, object]:
    return {
        "code": line.code,
        "asin": line.channel_product_id or None,
        "title": line.title,
        "quantity": line.quantity,
        "line_total": line.total,
    }


def _full_line(line: OrderLine) -> dict[str, object]:
    return {
        **_line(line),
        "position": line.position,
        "external_id": line.external_id,
        "product": line.product.code if line.product else None,
        "shipped": line.shipped,
        "cancelled": line.cancelled,
        "returned": line.returned,
        "oversold": line.oversold,
        "fulfilled_by": line.fulfilled_by,
    }


def _full_order(order: Order) -> dict[str, Any]:
    """The document of `orders show`: that of `orders list` and more."""
    people = people_of(order)
    return {
        **_order(order),
        "lines": [_full_line(line) for line in order.lines.select_related("product")],
        "origin": order.origin,
        "placed_at": order.placed_at,
        "ship_by": order.ship_by,
        "deliver_by": order.deliver_by,
        "service_level": order.service_level,
        "programmes": [word for word in order.programmes.split(",") if word],
        "payment_method": order.payment_method,
        "rounding": order.rounding,
        "cancel_reason": order.cancel_reason,
        "note": order.note,
        "customer": {"name": people.buyer_name, "email": people.email, "company": people.company},
        "address": msgspec.to_builtins(people.shipping),
        "parcels": [_parcel(parcel) for parcel in order.parcels.prefetch_related("items__line")],
        "events": [
            {"at": event.at, "kind": event.kind, "actor": event.actor, "details": event.details}
            for event in order.events.all()
        ],
    }


def _parcel(parcel: Parcel) -> dict[str, object]:
    return {
        "number": parcel.number,
        "carrier": parcel.carrier,
        "tracking": parcel.tracking_number,
        "tracking_url": parcel.tracking_url,
        "fulfilled_by": parcel.fulfilled_by,
        "sent_at": parcel.sent_at,
        "quantities": {str(item.line.position): item.quantity for item in parcel.items.all()},
    }


def _answer_with(order: Order, *, as_json: bool, **more: object) -> None:
    if as_json:
        answer({**_full_order(order), **more}, "", as_json=True)
        return
    title = _("Bestellung {number}: {status}, {payment}, {delivery}").format(
        number=order.number,
        status=order.get_status_display(),
        payment=order.get_payment_status_display(),
        delivery=order.get_delivery_status_display(),
    )
    lines = list(order.lines.all())
    columns: list[tuple[str, Callable[[OrderLine], object]]] = [
        (_("Pos."), lambda line: line.position),
        (_("Artikelnummer"), lambda line: line.code),
        (_("Titel"), lambda line: line.title),
        (_("Stück"), lambda line: line.quantity),
        (_("Versendet"), lambda line: line.shipped),
        (_("Storniert"), lambda line: line.cancelled),
        (_("Summe"), lambda line: f"{line.total:.2f}"),
    ]
    if any(line.fulfilled_by for line in lines):
        columns.append(
            (_("Versand durch"), lambda line: line.fulfilled_by and channel_title(line.fulfilled_by))
        )
    rows = [[cell(line) for _name, cell in columns] for line in lines]
    _show_table([name for name, _cell in columns], rows, title=title)


def _show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*map(str, row))
    Console().print(table)
