"""An offer that Amazon does not have yet, created on an article of its catalogue (reference 10.4).

Only when the merchant asks: first a look at what would be said and whether Amazon would take it, then the
wish, kept in the listing before anything is sent, and `send_offers` fulfils it. A PUT on a SKU that exists
would replace the whole listing, so Amazon is asked for the SKU right before; where it exists, the product
is only linked to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from kogge.amazon.catalog.finding import owners
from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.accounts import shop_of
from kogge.amazon.connections.consequences import BACK_OFF
from kogge.amazon.connections.models import Connection, ConnectionMarketplace
from kogge.amazon.journal.book import Entry, record
from kogge.amazon.offers import changes, outcomes, planning
from kogge.amazon.offers.models import MERCHANT_FULFILLED, Agreement, Listing, Values, stored
from kogge.amazon.offers.showing import AVAILABILITY, CHANNEL_CODE, OFFER
from kogge.engine import due
from kogge.engine.work import Work
from kogge.spapi.client import Amazon
from kogge.spapi.errors import AskHuman, NotFound, OutcomeUnknown, Throttled, TryLater
from kogge.spapi.listings_items_2021_08_01 import (
    AttributeEntry,
    Issue,
    ListingsItem,
    Submission,
    get_item,
    put_offer,
)
from kogge.spapi.listings_restrictions_2021_08_01 import Restriction, restrictions
from kogge.values import InvalidValue, sku

CONDITION = "new_new"
AT_ONCE = 10  # each costs three calls
# Amazon shows a new offer after minutes: so long after a lost answer it is not created a second time.
LOOK_AFTER = timedelta(minutes=15)

Leader, State = Agreement.Leader, Listing.State


class CannotBeCreated(ValueError):
    """The wish contradicts what is known by now. `obstacle` is one of `Preview.obstacle`."""

    def __init__(self, obstacle: str) -> None:
        super().__init__(obstacle)
        self.obstacle = obstacle


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be created, and what Amazon says about it.

    `obstacle` is empty or says why Amazon was not asked for its opinion: "not_agreed" (Kogge leads units
    and price only after the dry run), "off", "fba", "no_asin", "no_sku", "sku_of_other" (another product
    has it), "no_price", or "exists" (Amazon has this SKU: link it instead).
    """

    sku: str
    marketplace: ConnectionMarketplace
    values: Values
    obstacle: str = ""
    restrictions: tuple[Restriction, ...] = ()
    issues: tuple[Issue, ...] = ()
    is_valid: bool = False  # Amazon would take it

    @property
    def may_be_created(self) -> bool:
        return not self.obstacle and not self.restrictions and self.is_valid


def check(
    connection: Connection, client: Amazon, listing: Listing, *, own_sku: str = "", locale: str = "de_DE"
) -> Preview:
    """What Amazon would say to this offer, asked now and changing nothing. Raises `AmazonError`.

    `own_sku` is the merchant's wish; without it the offer's SKU or else the article number is taken.
    """
    place = home(connection)
    name = own_sku.strip() or default_sku(connection, listing)
    agreement = planning.agreement_of(connection)
    said = _sayable(planning.wanted_if_new(connection, listing), agreement, place.marketplace_id)
    draft = Preview(name, place, said)
    if obstacle := _obstacle(agreement, listing.offer, name, said):
        return replace(draft, obstacle=obstacle)
    if _at_amazon(client, connection, name):
        return replace(draft, obstacle="exists")
    if forbidden := _restrictions(client, connection, listing, place, locale):
        return replace(draft, restrictions=tuple(forbidden))
    opinion = put_offer(
        client,
        connection.seller_id,
        name,
        place.marketplace_id,
        attributes(listing.offer.asin, said, place),
        preview=True,
        locale=locale,
    )
    return replace(draft, issues=opinion.issues, is_valid=opinion.is_accepted)


def want(listing: Listing, own_sku: str, *, now: datetime) -> None:
    """Keep the merchant's wish; `send_offers` creates the offer. Raises `CannotBeCreated`."""
    with transaction.atomic():
        # In the order in which `read_offers` locks them when it learns a SKU.
        standing = Listing.objects.everyone().filter(offer=listing.offer_id).order_by("pk")
        list(standing.select_for_update().values_list("pk", flat=True))
        offer = Offer.objects.everyone().select_for_update().get(pk=listing.offer_id)
        if obstacle := _wrong_sku(offer, own_sku):
            raise CannotBeCreated(obstacle)
        if offer.sku != own_sku:
            Offer.objects.everyone().filter(pk=offer.pk).update(sku=own_sku, changed_at=now)
            changes.offers_changed(offer.merchant_id, [offer.product_id], now=now)
        Listing.objects.everyone().filter(pk=listing.pk).update(
            **_AT_REST,
            is_wanted_new=True,
            state=State.READY,
            reason="",
            details={},
            read_at=None,
            plan_at=Coalesce("plan_at", Value(now)),
            changed_at=Coalesce("changed_at", Value(now)),
        )
        told = {"sku": own_sku, "asin": offer.asin}
        record([Entry(listing.connection_id, "offer_wanted", now, details=told)])
        due.make_due("send_offers", listing.connection_id, now=now)
    listing.refresh_from_db()


def create_wanted(connection: Connection, client: Amazon, work: Work) -> int:
    """Create some of the offers the merchant asked for; how many Amazon accepted.

    Few at once, so that what is sold out need not wait for them. Those that change at this moment are
    planned first, and those whose answer got lost have their time.
    """
    agreement = planning.agreement_of(connection)
    if not may_create(agreement):
        return 0
    due_now = Q(not_before=None) | Q(not_before__lte=work.now)
    ready = _wanted(connection).filter(due_now, plan_at=None).select_related("offer").order_by("pk")
    wishes = list(ready[:AT_ONCE])
    if not wishes:
        return 0
    creation = _Creation(connection, client, work, agreement, home(connection))
    return sum(creation.create(listing) for listing in wishes)


def next_creation(connection: Connection, *, now: datetime) -> datetime | None:
    """When the next offers are to be created; None when none is wished for, or none may be created."""
    waiting = _wanted(connection).filter(plan_at=None).order_by(F("not_before").asc(nulls_first=True))
    first = waiting.only("not_before").first()
    if first is None or not may_create(planning.agreement_of(connection)):
        return None
    return first.not_before or now


def may_create(agreement: Agreement) -> bool:
    """A new offer says units and price, so Kogge must lead both."""
    return agreement.quantity == Leader.KOGGE and agreement.price == Leader.KOGGE


def home(connection: Connection) -> ConnectionMarketplace:
    """Where new offers are created: the first marketplace that is in use."""
    return connection.marketplaces.filter(active=True).order_by("pk")[0]


def default_sku(connection: Connection, listing: Listing) -> str:
    """The SKU a new offer gets unless the merchant says otherwise; empty when there is no good one."""
    if listing.offer.sku:
        return listing.offer.sku
    product = shop_of(connection).products([listing.product_id]).get(listing.product_id)
    try:
        return sku(product.code) if product else ""
    except InvalidValue:
        return ""


def attributes(
    asin: str, said: Values, place: ConnectionMarketplace
) -> Mapping[str, Sequence[AttributeEntry]]:
    """The offer in Amazon's words: merchant fulfilled and new."""
    here = {"marketplace_id": place.marketplace_id}
    stock: AttributeEntry = {CHANNEL_CODE: MERCHANT_FULFILLED, "quantity": said.quantity}
    if said.lead_time_days is not None:
        stock["lead_time_to_ship_max_days"] = said.lead_time_days
    price = {"schedule": [{"value_with_tax": said.prices[place.marketplace_id]}]}
    return {
        "merchant_suggested_asin": [{"value": asin, **here}],
        "condition_type": [{"value": CONDITION, **here}],
        AVAILABILITY: [stock],
        OFFER: [{**here, "currency": place.currency, "audience": "ALL", "our_price": [price]}],
    }


# Nothing is on its way to Amazon, and nothing went wrong.
_AT_REST: Mapping[str, object] = {
    "priority": None,
    "sending_json": None,
    "sending_since": None,
    "not_before": None,
    "attempts": 0,
    "last_error": "",
}


def _wanted(connection: Connection) -> QuerySet[Listing]:
    return Listing.objects.everyone().filter(connection=connection, is_wanted_new=True)


def _sayable(wanted: Values, agreement: Agreement, marketplace_id: str) -> Values:
    """What a new offer says in its first marketplace. Nothing about days that Amazon leads."""
    price = wanted.prices.get(marketplace_id)
    return Values(
        wanted.quantity,
        wanted.lead_time_days if agreement.lead_time == Leader.KOGGE else None,
        {} if price is None else {marketplace_id: price},
    )


def _obstacle(agreement: Agreement, offer: Offer, name: str, said: Values) -> str:
    """What stands in the way before Amazon is asked at all."""
    if not may_create(agreement):
        return "not_agreed"
    return _unfit(offer, name, said) or _wrong_sku(offer, name)


def _unfit(offer: Offer, name: str, said: Values) -> str:
    if not offer.enabled:
        return "off"
    if offer.fba and name == (offer.fba_sku or name):
        return "fba"  # a PUT would take the SKU out of Amazon's warehouse
    if not offer.asin:
        return "no_asin"
    return "" if said.prices and said.quantity is not None else "no_price"


def _wrong_sku(offer: Offer, name: str) -> str:
    try:
        if sku(name) != name:
            return "no_sku"
    except InvalidValue:
        return "no_sku"
    others = owners(offer.merchant_id, [name]).get(name, set()) - {offer.product_id}
    return "sku_of_other" if others else ""


def _at_amazon(client: Amazon, connection: Connection, name: str) -> ListingsItem | None:
    """The listing with this SKU, in whichever marketplace of the account it is offered."""
    places = connection.marketplaces.order_by("pk").values_list("marketplace_id", flat=True)
    try:
        return get_item(client, connection.seller_id, name, list(places))
    except NotFound:
        return None


def _restrictions(
    client: Amazon, connection: Connection, listing: Listing, place: ConnectionMarketplace, locale: str
) -> list[Restriction]:
    return restrictions(
        client,
        connection.seller_id,
        listing.offer.asin,
        place.marketplace_id,
        condition=CONDITION,
        locale=locale,
    )


@dataclass(frozen=True, slots=True)
class _Creation:
    """One run over the wishes of a connection."""

    connection: Connection
    client: Amazon
    work: Work
    agreement: Agreement
    place: ConnectionMarketplace

    def create(self, listing: Listing) -> bool:
        """Whether Amazon accepted it. What goes wrong with one offer does not hold up the next."""
        self.work.keep()
        said = _sayable(listing.wanted, self.agreement, self.place.marketplace_id)
        if _unfit(listing.offer, listing.offer.sku, said) or not listing.offer.sku:
            _leave(listing, self.work.now)  # the offer changed since the merchant asked
            return False
        try:
            return self._ask(listing, said)
        except Throttled:
            _row(listing).update(sending_json=None, sending_since=None)  # nothing left the house
            raise
        except TryLater as error:
            _postpone(listing, error, self.work.now)
        except AskHuman as error:
            _refuse(listing, "create_refused", {"issues": [_told(Issue(error.code, error.message, "ERROR"))]})
        return False

    def _ask(self, listing: Listing, said: Values) -> bool:
        if item := _at_amazon(self.client, self.connection, listing.offer.sku):
            _link(listing, item, self.work.now)
            return False
        if forbidden := _restrictions(self.client, self.connection, listing, self.place, "de_DE"):
            _refuse(listing, "restricted", {"restrictions": stored(forbidden)})
            return False
        answer = self._put(listing, said)
        if answer.is_accepted:
            _created(listing, said, self.work.now)
        else:
            _refuse(listing, "create_refused", {"issues": [_told(issue) for issue in answer.issues]})
        return answer.is_accepted

    def _put(self, listing: Listing, said: Values) -> Submission:
        """A row before it is a request: when the answer gets lost, this is what may be there."""
        _row(listing).update(sending_json=stored(said), sending_since=self.work.now)
        return put_offer(
            self.client,
            self.connection.seller_id,
            listing.offer.sku,
            self.place.marketplace_id,
            attributes(listing.offer.asin, said, self.place),
        )


def _created(listing: Listing, said: Values, now: datetime) -> None:
    """From now on it is a listing like any other, and the seller ships it."""
    with transaction.atomic():
        _row(listing).update(is_wanted_new=False, channel=MERCHANT_FULFILLED, sku=listing.offer.sku)
        outcomes.accepted([(listing, said)], now=now)
        told = {"sku": listing.offer.sku, "asin": listing.offer.asin}
        record([Entry(listing.connection_id, "offer_created", now, details=told)])


def _link(listing: Listing, item: ListingsItem, now: datetime) -> None:
    """Amazon has the SKU already. One of another article is no identity of this product."""
    asins = {summary.asin for summary in item.summaries if summary.asin}
    if asins and listing.offer.asin not in asins:
        Offer.objects.everyone().filter(pk=listing.offer_id, sku=item.sku).update(sku="")
    _leave(listing, now)


def _leave(listing: Listing, now: datetime) -> None:
    """Nothing is created; Amazon is asked what is there."""
    with transaction.atomic():
        _row(listing).update(**_AT_REST, is_wanted_new=False, read_at=now)
        changes.wake_reading([listing.connection_id], now=now)


def _postpone(listing: Listing, error: TryLater, now: datetime) -> None:
    """When its answer got lost it may be there by now and not be shown yet: time to look passes first."""
    pause = BACK_OFF[min(listing.attempts, len(BACK_OFF) - 1)]
    if isinstance(error, OutcomeUnknown):
        pause = LOOK_AFTER
    _row(listing).update(
        not_before=now + max(pause, timedelta(seconds=error.retry_after or 0)),
        attempts=min(listing.attempts + 1, 1_000),
        last_error=str(error),
    )


def _refuse(listing: Listing, reason: str, details: Mapping[str, object]) -> None:
    """Amazon does not want this offer: the merchant has to see why, and asks again or not."""
    _row(listing).update(
        **_AT_REST, is_wanted_new=False, state=State.PROBLEM, reason=reason, details=details, read_at=None
    )


def _row(listing: Listing) -> QuerySet[Listing]:
    return Listing.objects.everyone().filter(pk=listing.pk)


def _told(issue: Issue) -> object:
    return stored(replace(issue, marketplace_ids=()))
