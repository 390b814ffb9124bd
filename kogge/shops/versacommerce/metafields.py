"""Metafields: small values kept at products and orders, written again they are replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kogge.shops.remote import ChannelFields
from kogge.shops.versacommerce.reading import Document

NAMESPACE = "amazon"
PRODUCT = "Product"  # variants, too, with their own id
ORDER = "Order"
ORDER_ID = "order_id"
MARKETPLACE = "marketplace"  # its name as people know it: "Amazon.de"
FULFILLED = "fulfilled_lines"  # ids of the lines that the channel ships
TEXT = 0  # the value type

CHANNEL_KEYS = ("enabled", "asin", "stock", "lead_time", "price", "fba")
_WORDS = {True: "true", False: "false"}


@dataclass(frozen=True, slots=True)
class Metafield:
    """One value at one owner."""

    metafield_id: str
    owner_type: str
    owner_id: str
    namespace: str
    key: str
    value: str

    def is_at(self, owner_type: str, owner_id: str) -> bool:
        return (self.owner_type, self.owner_id) == (owner_type, owner_id)

    def is_called(self, namespace: str, key: str) -> bool:
        return (self.namespace, self.key) == (namespace, key)


def read_metafield(document: Document) -> Metafield | None:
    """The metafield; None if it belongs to nobody."""
    owner = document.id("metafieldable_id")
    if not owner:
        return None
    return Metafield(
        document.id(),
        document.text("metafieldable_type", 40),
        owner,
        document.text("namespace", 100),
        document.text("key", 100),
        document.text("value", 2000),
    )


def metafield_document(
    owner_type: str, owner_id: str, key: str, value: str, namespace: str = NAMESPACE
) -> dict[str, object]:
    """What is posted; the shop finds an existing one by owner, namespace and key."""
    return {
        "metafield": {
            "metafieldable_type": owner_type,
            "metafieldable_id": int(owner_id) if owner_id.isdigit() else owner_id,
            "namespace": namespace,
            "key": key,
            "value": value,
            "value_type": TEXT,
        }
    }


def channel_fields(values: Mapping[str, str]) -> ChannelFields:
    """What is written about Amazon at a product, by key."""
    words = Document(values)
    return ChannelFields(
        enabled=words.flag("enabled"),
        asin=words.text("asin", 20) or None,
        stock=words.text("stock", 20) or None,
        lead_time=words.text("lead_time", 20) or None,
        price=words.text("price", 20) or None,
        fba=words.flag("fba"),
    )


def channel_values(fields: ChannelFields) -> dict[str, str]:
    """The same as values by key; what is None is missing."""
    every = {key: getattr(fields, key) for key in CHANNEL_KEYS}
    return {
        key: _WORDS[value] if isinstance(value, bool) else str(value)
        for key, value in every.items()
        if value not in (None, "")
    }
