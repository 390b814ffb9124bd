"""Who else wants to hear that something changed in the shop: the other registry, beside the channels.

An app puts its listener into `LISTENERS` when Django starts. Unlike a channel it is told of every merchant.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol


class Listener(Protocol):
    """What is told, each time inside the transaction of the change."""

    def shop_changed(self, merchant_id: int, *, now: datetime) -> None:
        """Something happened to orders or products of the merchant."""
        ...

    def people_forgotten(self, merchant_id: int, order_ids: Collection[int], *, now: datetime) -> None:
        """The people of these orders are blanked; copies must go, too."""
        ...


LISTENERS: dict[str, Listener] = {}


def tell_listeners(merchant_id: int, *, now: datetime) -> None:
    """Say that something happened to orders or products."""
    for listener in LISTENERS.values():
        listener.shop_changed(merchant_id, now=now)


def tell_people_forgotten(merchant_id: int, order_ids: Collection[int], *, now: datetime) -> None:
    """Say whose people are gone."""
    for listener in LISTENERS.values():
        listener.people_forgotten(merchant_id, order_ids, now=now)
