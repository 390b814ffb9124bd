"""What a sales channel adds to the back office: the one registry both sides look at.

The back office knows no channel. An app puts its channel into `CHANNELS` when Django starts
(Amazon does so in `kogge/amazon/pages/apps.py`); everything a channel may say is listed in `Channel`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from kogge.backoffice.listening import tell_listeners
from kogge.backoffice.models import Order, OrderLine, Product
from kogge.merchants.models import Merchant


@dataclass(frozen=True, slots=True)
class Panel:
    """A box on a page: the template that draws it and what the template needs."""

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened to an order at the channel, told on the order page."""

    at: datetime
    sentence: str
    icon: str
    tone: str = ""  # a Tabler colour word; empty is neutral


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the merchant should know now: a banner, or a line of the overview."""

    tone: str
    sentence: str
    url: str = ""
    action: str = ""  # what the button says that leads to `url`


@dataclass(frozen=True, slots=True)
class AppCard:
    """How the channel's app stands, for the pages "Verkaufskanäle" and "Apps"."""

    state: str
    tone: str
    url: str


@dataclass(frozen=True, slots=True)
class Access:
    """What a channel is good for and asks for, told before it is activated and when its app is registered."""

    purpose: str  # what the channel does, in a sentence or two
    needs: str  # what must be there before the first step
    reads: Sequence[str]  # what the app reads of the shop, one thing each
    writes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Consequence:
    """One thing that follows from switching a channel off or letting go of its app."""

    icon: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Badge:
    """A state in one or two words, with tone and icon as the badge tag wants them."""

    tone: str
    icon: str
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a product import would change at a channel, by product: the column with its old and new cell.

    `refused` are the products whose row cannot be right, each with the reason in a sentence.
    """

    changes: Mapping[int, Mapping[str, tuple[str, str]]]
    refused: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Pool:
    """What of a product lies in a channel's warehouse, apart from the shop's own stock.

    `units` can still be ordered from there; None: not known yet. `counts`: the shop may sell them.
    """

    title: str  # "Amazon-Lager"
    units: int | None
    read_at: datetime | None
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """Whether a channel let go of an own order the merchant wants to change.

    `refusal` says in a sentence why not. `was_held`: it was about to ship something and no longer is.
    """

    refusal: str = ""
    was_held: bool = False


class Channel(Protocol):
    """What a channel offers to the back office. Everything is asked for one merchant at a time."""

    name: str  # "amazon": the word stored in `Order.channel`
    title: str  # "Amazon": the word people read

    def shop_changed(self, merchant_id: int, *, now: datetime) -> None:
        """The merchant did something with an order of the channel; called inside its transaction."""
        ...

    def refuse_cancel(self, order: Order, *, now: datetime) -> str | None:
        """Why the order may not be cancelled now, in a sentence; None if it may."""
        ...

    def refuse_ship(self, order: Order, *, now: datetime) -> str | None:
        """Why the order may not be dispatched now, in a sentence; None if it may."""
        ...

    def cancel_warning(self, order: Order) -> str:
        """What cancelling means at the channel, shown before the click."""
        ...

    def order_panel(self, order: Order, request: HttpRequest) -> Panel | None:
        """The channel's side of an order, for the order page."""
        ...

    def product_panel(self, product: Product, request: HttpRequest) -> Panel | None:
        """The channel's side of a product, for the box "Kanäle" of its page."""
        ...

    def product_assigned(self, line: OrderLine, product: Product, *, actor: str, now: datetime) -> None:
        """The merchant said which product a free line is; called inside its transaction."""
        ...

    def timeline(self, order: Order) -> Sequence[TimelineEntry]:
        """What happened to the order at the channel."""
        ...

    def notices(self, merchant: Merchant) -> Sequence[Notice]:
        """What the merchant should know now."""
        ...

    def carrier_warning(self, merchant: Merchant, carrier: str) -> str | None:
        """What is wrong with this carrier at the channel, in a sentence; None if nothing."""
        ...

    def products_changed(self, merchant_id: int, product_ids: Collection[int], *, now: datetime) -> None:
        """Stock, price, lead time or "active" of products changed; called inside the transaction."""
        ...

    def product_columns(self) -> Sequence[str]:
        """Every column of product files that the channel understands."""
        ...

    def columns_in_use(self, merchant: Merchant) -> Sequence[str]:
        """Those of them that an export for this merchant needs."""
        ...

    def check_products(self, merchant: Merchant, rows: Mapping[int, Mapping[str, str]]) -> Checked:
        """What the rows of a whole file would do; writes nothing.

        Products that are not there yet have a negative key.
        """
        ...

    def import_products(
        self, merchant: Merchant, rows: Mapping[int, Mapping[str, str]], *, now: datetime
    ) -> Collection[int]:
        """Take the channel's columns of a product import, by product; the products that changed.

        Called inside a transaction with some of the rows that `check_products` found right; costs a constant
        number of statements for some hundred products. A column that is not in the row leaves the value, an
        empty one empties it.
        """
        ...

    def exported_products(
        self, merchant: Merchant, product_ids: Collection[int]
    ) -> Mapping[int, Mapping[str, str]]:
        """The channel's cells as `import_products` reads them; unknown products are missing."""
        ...

    def product_states(self) -> Sequence[tuple[str, str]]:
        """The states a product can have at the channel: the word in addresses, the word people read."""
        ...

    def narrow_products(
        self, merchant: Merchant, products: QuerySet[Product], state: str
    ) -> QuerySet[Product]:
        """Those of the products that are in this state at the channel."""
        ...

    def product_badges(self, merchant: Merchant, product_ids: Collection[int]) -> Mapping[int, Badge]:
        """How each product stands at the channel; those the channel does not sell are missing."""
        ...

    def products_called(self, merchant: Merchant, word: str) -> Collection[int]:
        """The products the channel knows by exactly this word (an ASIN, a SKU); a handful at most."""
        ...

    def product_details(
        self, merchant: Merchant, product_ids: Collection[int]
    ) -> Mapping[int, Mapping[str, object]]:
        """What the channel knows of these products, ready for JSON; unknown ones are missing."""
        ...

    # --- the app: installed, registered, switched off and on, let go ------------------------------

    def access(self) -> Access:
        """What the channel does and needs, and what its app reads and writes."""
        ...

    def app_card(self, merchant: Merchant) -> AppCard:
        """How the app stands, once it is registered and as long as the channel is on."""
        ...

    def when_deactivated(self, merchant: Merchant) -> Sequence[Consequence]:
        """What switching the channel off means, with the merchant's own figures."""
        ...

    def when_uninstalled(self, merchant: Merchant) -> Sequence[Consequence]:
        """What letting go of the app means, with the merchant's own figures."""
        ...

    def deactivate(self, merchant: Merchant, *, now: datetime) -> None:
        """Stop all traffic until `activate`; called inside the transaction that switches the channel off.

        The duty to forget personal data in time goes on.
        """
        ...

    def activate(self, merchant: Merchant, *, now: datetime) -> None:
        """Go on where `deactivate` stopped; called inside the transaction that switches the channel on."""
        ...

    def uninstall(self, merchant: Merchant, *, now: datetime) -> None:
        """Forget all credentials and personal data; called inside the transaction that lets go of the app.

        What can take long is made due. Installing the app again continues with what was kept.
        """
        ...

    # --- shipping the shop's own orders out of the channel's warehouse ---------------------------

    def ships(self, merchant_id: int, units: Mapping[int, int]) -> Collection[int]:
        """Which of these products of one new own order (units wanted, by product) the channel will ship.

        Called inside the transaction that places the order. Reads, asks nobody.
        """
        ...

    def pools(self, merchant_id: int, product_ids: Collection[int]) -> Mapping[int, Pool]:
        """What lies in the channel's warehouse of the products it ships; others are missing."""
        ...

    def own_orders_changed(self, merchant_id: int, *, now: datetime) -> None:
        """Own orders were placed, paid, changed or cancelled; called inside the transaction."""
        ...

    def release(self, order: Order, *, why: str, now: datetime) -> Release:
        """Let go of an own order before the merchant changes it; called inside the shop's transaction.

        `why` is "changed", "cancelled" or "shipped" (the merchant sends it after all).
        """
        ...

    def fulfilment_panel(self, order: Order, request: HttpRequest) -> Panel | None:
        """How the channel ships an own order, for the order page; None if it does not."""
        ...


CHANNELS: dict[str, Channel] = {}


def channel_of(order: Order) -> Channel | None:
    """The channel an order came over; None for the shop's own orders."""
    return CHANNELS.get(order.channel)


def channel_title(channel: str) -> str:
    """The word people read for a channel; an order of no channel came by the shop itself."""
    if known := CHANNELS.get(channel):
        return known.title
    titles = {"manual": _("Von Hand"), "shop": _("Online-Shop"), "api": _("Schnittstelle")}
    return titles.get(channel, channel)


def pools_of(merchant_id: int, product_ids: Collection[int]) -> dict[int, Pool]:
    """What lies in a channel's warehouse, by product; a product is shipped by one channel at most."""
    found: dict[int, Pool] = {}
    for channel in CHANNELS.values():
        found |= channel.pools(merchant_id, product_ids)
    return found


def tell_own_orders_changed(merchant_id: int, *, now: datetime) -> None:
    """Let every channel know, inside the transaction of the change."""
    for channel in CHANNELS.values():
        channel.own_orders_changed(merchant_id, now=now)


def tell_products_changed(merchant_id: int, product_ids: Collection[int], *, now: datetime) -> None:
    """Let every channel know, inside the transaction of the change."""
    for channel in CHANNELS.values():
        channel.products_changed(merchant_id, product_ids, now=now)
    tell_listeners(merchant_id, now=now)
