"""How a product's offer stands at each seller account, as the box "Kanäle" shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection, ConnectionMarketplace
from kogge.amazon.offers import words
from kogge.amazon.offers.models import Agreement, Listing
from kogge.amazon.pages import states
from kogge.amazon.pages.links import offer_at_amazon
from kogge.backoffice.channels import Badge
from kogge.engine.models import Due
from kogge.formats.money import money
from kogge.spapi.marketplaces import MARKETPLACES

# What is about to be sent or asked within this time needs no clock.
SOON = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Row:
    """One value: as it should be, as Amazon was last told, as Amazon shows it."""

    label: str
    wanted: str
    told: str
    seen: str
    is_old: bool = field(default=False, kw_only=True)  # Amazon was told something since it was read

    @property
    def differs(self) -> bool:
        return not self.is_old and "–" not in (self.wanted, self.seen) and self.wanted != self.seen


@dataclass(frozen=True, slots=True)
class Hint:
    """What is to be known or done, with the page for it."""

    sentence: str
    icon: str = "clock"
    tone: str = ""
    url: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A price that waits for the merchant's word."""

    marketplace_id: str
    sentence: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class AtAmazon:
    """Everything the box says about one seller account."""

    connection: Connection
    name: str
    badge: Badge
    reason: str
    rows: list[Row] = field(default_factory=list)
    told_at: datetime | None = None
    seen_at: datetime | None = None
    hints: list[Hint] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    address: str = ""
    may_send: bool = False
    may_look: bool = False
    busy: bool = False  # changes within seconds


@dataclass(frozen=True, slots=True)
class _Account:
    """What is known of the offer at one seller account."""

    connection: Connection
    offer: Offer
    listing: Listing
    agreement: Agreement | None
    sends_at: datetime | None  # when the account's next round of sending begins
    now: datetime

    @property
    def is_active(self) -> bool:
        return self.connection.state == Connection.State.ACTIVE

    @property
    def leads(self) -> bool:
        """Whether Kogge may say anything at all."""
        leader, agreed = Agreement.Leader.KOGGE, self.agreement
        return agreed is not None and leader in (agreed.quantity, agreed.lead_time, agreed.price)


def at_amazon(
    product_id: str, offer: Offer | None, connections: Sequence[Connection], *, now: datetime
) -> list[AtAmazon]:
    """How the offer stands, account by account; the number of queries does not grow with them."""
    if offer is None or not connections:
        return []
    merchant_id = offer.merchant_id
    rows = Listing.objects.of_id(merchant_id).filter(product_id=product_id).select_related("offer")
    listings = {listing.connection_id: listing for listing in rows}
    agreements = {
        agreement.connection_id: agreement
        for agreement in Agreement.objects.of_id(merchant_id).filter(connection__in=connections)
    }
    due = _due(connections)
    known = [
        _Account(
            connection,
            offer,
            listings[connection.pk],
            agreements.get(connection.pk),
            due.get(connection.pk),
            now,
        )
        for connection in connections
        if connection.pk in listings
    ]
    return [_shown(account) for account in known]


def _due(connections: Sequence[Connection]) -> dict[int, datetime]:
    subjects = [connection.pk for connection in connections]
    rows = Due.objects.filter(operation="send_offers", subject__in=subjects)
    return dict(rows.values_list("subject", "due_at"))


def _shown(account: _Account) -> AtAmazon:
    connection, offer, listing = account.connection, account.offer, account.listing
    return AtAmazon(
        connection=connection,
        name=connection.store_name or connection.seller_id,
        badge=states.badge(listing.state),
        reason="" if listing.reason == "price_held" and listing.held else words.sentence(listing),
        rows=list(_rows(listing)),
        told_at=listing.accepted_at,
        seen_at=listing.shown_at,
        hints=list(_hints(account)),
        held=list(_held(listing)),
        address=_address(connection, offer, listing),
        may_send=account.is_active and account.leads and bool(offer.sku) and offer.enabled,
        may_look=account.is_active and bool(offer.sku or offer.asin) and offer.enabled,
        busy=account.is_active and _is_busy(account),
    )


def _rows(listing: Listing) -> Iterator[Row]:
    """Units and days only where the seller ships; prices only where Amazon has the offer, once it is read."""
    wanted, told, seen = listing.wanted, listing.accepted, listing.shown
    is_old = _was_told_since(listing)
    if not listing.offer.is_kept_by_amazon:
        units = (wanted.quantity, told.quantity, seen.quantity)
        if units != (None, None, None):
            yield Row(_("Bestand"), *map(_number, units), is_old=is_old)
        days = (wanted.lead_time_days, told.lead_time_days, seen.lead_time_days)
        if days != (None, None, None):
            yield Row(_("Lieferzeit"), *map(_days, days), is_old=is_old)
    places = {**told.prices, **seen.prices} or (wanted.prices if listing.shown_at is None else {})
    for place in sorted(places, key=words.place):
        label = _("Preis") if len(places) == 1 else words.place(place)
        prices = (wanted.prices.get(place), told.prices.get(place), seen.prices.get(place))
        yield Row(label, *(price_in(price, place) for price in prices), is_old=is_old)


def _was_told_since(listing: Listing) -> bool:
    """Whether Amazon was told something after it was last read: then a difference means nothing yet."""
    told_at, seen_at = listing.accepted_at, listing.shown_at
    return told_at is not None and seen_at is not None and told_at > seen_at


def price_in(price: Decimal | None, marketplace_id: str) -> str:
    """A price in the currency of its marketplace, as the shop's pages write it."""
    known = MARKETPLACES.get(marketplace_id)
    return money(price, known.currency if known else "")


def _number(units: int | None) -> str:
    return "–" if units is None else str(formats.number_format(units, use_l10n=True, force_grouping=True))


def _days(days: int | None) -> str:
    return "–" if days is None else ngettext("%(days)s Tag", "%(days)s Tage", days) % {"days": days}


def _held(listing: Listing) -> Iterator[Held]:
    for place, held in sorted(listing.held.items()):
        yield Held(place, words.held_sentence({place: held}), held.price)


def _address(connection: Connection, offer: Offer, listing: Listing) -> str:
    """Where it is seen: in a marketplace it is known to be in, else in the first one."""
    places = list(listing.shown.prices) or [place.marketplace_id for place in active(connection)]
    if not places:
        return ""
    return offer_at_amazon(places[0], offer.asin, seller_id=connection.seller_id, sku=offer.sku)


def active(connection: Connection) -> list[ConnectionMarketplace]:
    """The marketplaces of a connection that are in use; prefetched ones cost no query."""
    return [place for place in connection.marketplaces.all() if place.active]


def _is_busy(account: _Account) -> bool:
    """Whether something changes within seconds, so that looking again is worth it."""
    listing, now = account.listing, account.now
    is_sent = account.leads and listing.priority is not None and listing.feed_id is None
    is_read = listing.read_at is not None and listing.read_at <= now
    return listing.plan_at is not None or is_read or (is_sent and (listing.not_before or now) <= now)


def _hints(account: _Account) -> Iterator[Hint]:
    """What happens next, and what only the merchant can do."""
    if not account.is_active:
        text = _("Die Verbindung ist angehalten: Kogge sendet nichts und fragt nichts.")
        yield Hint(text, "player-pause", "amber", reverse("amazon"), _("Zur Verbindung"))
        return
    yield from _identity(account.offer, account.listing)
    yield from _sending(account)
    if account.listing.read_at is not None:
        yield Hint(_reading(account.listing.read_at, account.now))


def _identity(offer: Offer, listing: Listing) -> Iterator[Hint]:
    """Which SKU it is, where Amazon has several or none."""
    if listing.reason == "ambiguous":
        url = reverse("amazon_offer_skus", args=[offer.product_id])
        yield Hint(_("Sag, welche SKU dieses Produkt ist."), "link", "amber", url, _("SKU wählen"))
    elif listing.reason == "not_found" and offer.asin and not listing.is_wanted_new:
        url = reverse("amazon_offer_create", args=[offer.product_id])
        yield Hint(_("Du kannst das Angebot bei Amazon anlegen."), "plus", "amber", url, _("Angebot anlegen"))
    elif listing.is_wanted_new:
        yield Hint(_("Das Angebot wird bei Amazon angelegt."), "plus")


def _sending(account: _Account) -> Iterator[Hint]:
    listing, now = account.listing, account.now
    if not account.leads:
        if listing.state != Listing.State.OFF:
            text = _("Noch sendet Kogge nichts: Sag zuerst im Abgleich, welche Werte Kogge führt.")
            url = reverse("amazon_agree", args=[account.connection.pk])
            yield Hint(text, "checklist", "amber", url, _("Zum Abgleich"))
    elif listing.feed_id is not None:
        text = _("Ist mit vielen anderen Änderungen in einer Sammelmeldung an Amazon unterwegs.")
        yield Hint(text, "send")
    elif listing.sending_since is not None:
        yield Hint(_("Wird gerade gesendet."), "send")
    elif listing.plan_at is not None or listing.priority is not None:
        at = max(listing.not_before or now, account.sends_at or now)
        soon = _("Wird in wenigen Sekunden gesendet.")
        yield Hint(
            soon if at <= now + SOON else _("Wird um %(clock)s Uhr gesendet.") % {"clock": _clock(at)}, "send"
        )


def _reading(at: datetime, now: datetime) -> str:
    if at <= now + SOON:
        return _("Kogge sieht in wenigen Sekunden bei Amazon nach.")
    if at - now > timedelta(hours=20):
        return _("Kogge sieht am %(moment)s bei Amazon nach.") % {
            "moment": formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
        }
    return _("Kogge sieht um %(clock)s Uhr bei Amazon nach.") % {"clock": _clock(at)}


def _clock(at: datetime) -> str:
    return str(formats.date_format(timezone.localtime(at), "TIME_FORMAT"))
