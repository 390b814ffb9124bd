"""What the tests of the shop are told with: orders, products, a channel that listens."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from PIL import Image

from kogge.backoffice import stock
from kogge.backoffice.channels import Access, Badge, Checked, Consequence, Panel, Pool, Release
from kogge.backoffice.models import Order, OrderLine, Product
from kogge.merchants.models import Merchant
from kogge.shops.port import NewLine, NewOrder
from kogge.values import Address, Money

AMAZON_COLUMNS = (
    "amazon",
    "asin",
    "amazon_sku",
    "amazon_stock",
    "amazon_lead_time_days",
    "amazon_price",
    "fba",
)
NOW = datetime(2026, 11, 23, 9, 12, tzinfo=UTC)
ERIKA = Address(name="Erika Muster", line1="Beispielweg 7", postal_code="20095", city="Hamburg", country="DE")


def euro(amount: str) -> Money:
    """An amount in euro."""
    return Money.parse(amount, "EUR")


def product(merchant: Merchant, code: str = "TEE-1", *, counted: int = 0, price: str = "9.90") -> Product:
    """A product with so many in stock."""
    made = Product.objects.everyone().create(
        merchant=merchant, code=code, title=f"Tee {code}", price=Decimal(price), changed_at=NOW
    )
    stock.correct_stock(made, counted, actor="anna@example.org", now=NOW)
    return made


def drawn(form: str = "PNG", size: tuple[int, int] = (40, 30), **more: Any) -> bytes:
    """A picture file: a red and a blue half."""
    picture = Image.new("RGB", size, "red")
    picture.paste("blue", (size[0] // 2, 0, *size))
    file = io.BytesIO()
    picture.save(file, form, **more)
    return file.getvalue()


def new_line(
    external_id: str = "1",
    *,
    quantity: int = 1,
    product: Product | None = None,
    price: str = "9.90",
    **parts: Any,
) -> NewLine:
    """A line at `price` a piece, with whatever else it costs."""
    zero = euro("0.00")
    line = NewLine(
        external_id=external_id,
        code=product.code if product else "SKU-FREI",
        title=product.title if product else "Ein freier Artikel",
        quantity=quantity,
        unit_price=euro(price),
        goods=euro(price).times(quantity),
        shipping=zero,
        gift_wrap=zero,
        other=zero,
        discount=zero,
        tax=zero,
        total=zero,
        product_id=str(product.pk) if product else None,
        channel_product_id="B00TEE0001",
    )
    line = replace(line, **{name: value for name, value in parts.items() if name != "total"})
    if "total" in parts:
        return replace(line, total=parts["total"])
    return replace(line, total=line.goods + line.shipping + line.gift_wrap + line.other + line.discount)


def new_order(external_id: str = "305-0000001-0000001", *lines: NewLine, **more: Any) -> NewOrder:
    """An order of these lines (one free line when none), from Amazon, for Erika."""
    chosen = lines or (new_line(),)
    facts: dict[str, Any] = {
        "channel": "amazon",
        "external_id": external_id,
        "placed_at": NOW,
        "origin": "Amazon.de",
        "payment_method": "Amazon",
        "total": Money.sum([line.total for line in chosen], chosen[0].total.currency),
        "lines": tuple(chosen),
        "rounding": Money.zero(chosen[0].total.currency),
        "buyer_name": "Erika Muster",
        "email": "x1y2z3@marketplace.amazon.de",
        "shipping_address": ERIKA,
        "notify_buyer": True,
    }
    return NewOrder(**{**facts, **more})


def stored(merchant: Merchant, external_id: str = "305-0000001-0000001") -> Order:
    """The order as it is in the shop now."""
    return Order.objects.of(merchant).get(external_id=external_id)


def state(order: Order) -> tuple[str, str, str]:
    """Status, payment and delivery, freshly read."""
    order.refresh_from_db()
    return order.status, order.payment_status, order.delivery_status


def in_stock(product: Product) -> tuple[int, int]:
    """Stock and what is reserved of it, freshly read."""
    product.refresh_from_db()
    return product.stock, product.reserved


@dataclass
class ListeningChannel:
    """A channel that notes when it is woken and refuses what it is told to refuse.

    It ships the own orders of the products in `warehouse`, as far as it has enough of each.
    """

    name: str = "amazon"
    title: str = "Amazon"
    woken: list[int] = field(default_factory=list)
    refuses: str | None = None
    imported: dict[int, Mapping[str, str]] = field(default_factory=dict)
    assigned: list[tuple[str, str, str]] = field(default_factory=list)
    changed: list[set[int]] = field(default_factory=list)
    warehouse: dict[int, int] = field(default_factory=dict)
    sells_pool: bool = True
    ships_pool: bool = True
    own_woken: list[int] = field(default_factory=list)
    keeps: str = ""  # why it does not let go of an own order
    holds: bool = False  # whether it was about to ship what it lets go of
    released: list[tuple[int, str]] = field(default_factory=list)
    switched: list[str] = field(default_factory=list)

    def access(self) -> Access:
        return Access("Verkauft bei Amazon.", "Du verkaufst schon dort.", ["Produkte"], ["Bestellungen"])

    def when_deactivated(self, merchant: Merchant) -> Sequence[Consequence]:
        return [Consequence("ban", "Nichts geht mehr hinaus.")]

    def when_uninstalled(self, merchant: Merchant) -> Sequence[Consequence]:
        return [Consequence("key", "Die Zugangsdaten sind weg.")]

    def deactivate(self, merchant: Merchant, *, now: datetime) -> None:
        self.switched.append("off")

    def activate(self, merchant: Merchant, *, now: datetime) -> None:
        self.switched.append("on")

    def uninstall(self, merchant: Merchant, *, now: datetime) -> None:
        self.switched.append("gone")

    def ships(self, merchant_id: int, units: Mapping[int, int]) -> Collection[int]:
        return [pk for pk, wanted in units.items() if self.ships_pool and wanted <= self.warehouse.get(pk, 0)]

    def pools(self, merchant_id: int, product_ids: Collection[int]) -> Mapping[int, Pool]:
        found = {pk: units for pk, units in self.warehouse.items() if pk in product_ids}
        return {pk: Pool("Amazon-Lager", units, NOW, self.sells_pool) for pk, units in found.items()}

    def own_orders_changed(self, merchant_id: int, *, now: datetime) -> None:
        self.own_woken.append(merchant_id)

    def release(self, order: Order, *, why: str, now: datetime) -> Release:
        self.released.append((order.number, why))
        return Release(self.keeps, was_held=self.holds and not self.keeps)

    def fulfilment_panel(self, order: Order, request: HttpRequest) -> Panel | None:
        return None

    def shop_changed(self, merchant_id: int, *, now: datetime) -> None:
        self.woken.append(merchant_id)

    def refuse_cancel(self, order: Order, *, now: datetime) -> str | None:
        return self.refuses

    def refuse_ship(self, order: Order, *, now: datetime) -> str | None:
        return self.refuses

    def product_assigned(self, line: OrderLine, product: Product, *, actor: str, now: datetime) -> None:
        self.assigned.append((line.external_id, product.code, actor))

    def product_panel(self, product: Product, request: object) -> None:
        return None

    def products_changed(self, merchant_id: int, product_ids: Collection[int], *, now: datetime) -> None:
        self.changed.append(set(product_ids))

    def product_columns(self) -> Sequence[str]:
        return AMAZON_COLUMNS

    def columns_in_use(self, merchant: Merchant) -> Sequence[str]:
        return AMAZON_COLUMNS

    def check_products(self, merchant: Merchant, rows: Mapping[int, Mapping[str, str]]) -> Checked:
        wrong = {pk for pk, row in rows.items() if row.get("asin") == "FALSCH"}
        changed = {pk: rows[pk] for pk in self._changed(rows) if pk not in wrong}
        changes = {pk: {"asin": ("", row.get("asin", ""))} for pk, row in changed.items()}
        return Checked(changes, dict.fromkeys(wrong, "FALSCH ist keine ASIN."))

    def import_products(
        self, merchant: Merchant, rows: Mapping[int, Mapping[str, str]], *, now: datetime
    ) -> Collection[int]:
        changed = self._changed(rows)
        self.imported |= {pk: rows[pk] for pk in changed}
        return changed

    def _changed(self, rows: Mapping[int, Mapping[str, str]]) -> list[int]:
        """What says something new; a row without a word about an unknown product says nothing."""
        known = self.imported
        return [pk for pk, row in rows.items() if known.get(pk) != row and (pk in known or any(row.values()))]

    def exported_products(
        self, merchant: Merchant, product_ids: Collection[int]
    ) -> Mapping[int, Mapping[str, str]]:
        return {pk: row for pk, row in self.imported.items() if pk in product_ids}

    def product_states(self) -> Sequence[tuple[str, str]]:
        return [("none", "Nicht bei Amazon"), ("live", "Live")]

    def narrow_products(
        self, merchant: Merchant, products: QuerySet[Product], state: str
    ) -> QuerySet[Product]:
        sold = list(self.imported)
        return products.filter(pk__in=sold) if state == "live" else products.exclude(pk__in=sold)

    def product_badges(self, merchant: Merchant, product_ids: Collection[int]) -> Mapping[int, Badge]:
        return {pk: Badge("green", "circle-check", "Live") for pk in self.imported if pk in product_ids}

    def products_called(self, merchant: Merchant, word: str) -> Collection[int]:
        return [pk for pk, row in self.imported.items() if row.get("asin") == word]

    def product_details(self, merchant: Merchant, product_ids: Any) -> Mapping[int, Mapping[str, object]]:
        return {pk: {"asin": row["asin"]} for pk, row in self.imported.items() if pk in product_ids}
