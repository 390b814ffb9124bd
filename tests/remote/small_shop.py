"""A shop elsewhere that has products and an opinion on who may write: what connecting and products need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kogge.shops.remote import ChannelFields, Reason, RemoteProduct, ShopAccessLost, ShopIdentity
from kogge.values import Money


@dataclass
class SmallShop:
    """`shelf` is what it sells, in the order of its pages; `down` is raised by whatever is asked."""

    shelf: dict[str, RemoteProduct] = field(default_factory=dict)
    fields: dict[str, ChannelFields] = field(default_factory=dict)
    unlocked: bool = True
    down: Exception | None = None
    page_size: int = 250
    slipped: set[str] = field(default_factory=set)  # not in the pages, but there when asked for
    name: str = "Mein Shop"
    asked: list[Any] = field(default_factory=list)  # the rows it was built from

    def put(self, product_id: str, code: str = "", **more: Any) -> None:
        """Have a product on the shelf, as given."""
        known: dict[str, Any] = {
            "title": f"Tee {code}",
            "gtin": "",
            "price": Money.parse("9.90", "EUR"),
            "stock": 5,
            "lead_time_days": None,
            "active": True,
        }
        self.shelf[product_id] = RemoteProduct(product_id=product_id, code=code, **known | more)

    def identify(self) -> ShopIdentity:
        if self.down:
            raise self.down
        return ShopIdentity(self.name, "www.mein-shop.de", "EUR", prices_include_tax=True)

    def may_write_orders(self) -> bool:
        return self.unlocked

    def products(self) -> Iterator[Sequence[RemoteProduct]]:
        if self.down:
            raise self.down
        shown = [product for key, product in self.shelf.items() if key not in self.slipped]
        for start in range(0, len(shown), self.page_size):
            yield shown[start : start + self.page_size]

    def product(self, product_id: str) -> RemoteProduct | None:
        return self.shelf.get(product_id)

    def channel_fields(self) -> Mapping[str, ChannelFields]:
        return self.fields

    def write_channel_fields(self, product_id: str, fields: ChannelFields) -> None:
        self.fields[product_id] = fields


REFUSED = ShopAccessLost(Reason.KEY_REFUSED)
