"""From what changed to what is to be sent: wanted values, computed for the changed offers only.

A change that commits while we compute is never lost: it waits for our lock on the listing, and then
sets `plan_at` again. A listing that is being changed at this moment is left to the next turn, which
the change itself calls for; so we never wait while we hold a lock, and nobody can block us.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce

from kogge.amazon.catalog.models import LONGEST_LEAD_TIME, Offer, OfferPrice
from kogge.amazon.connections.accounts import shop_of
from kogge.amazon.connections.models import Connection, ConnectionMarketplace
from kogge.amazon.offers import changes, farewells
from kogge.amazon.offers.models import Agreement, HeldPrice, Listing, Values, stored
from kogge.engine.work import Work
from kogge.shops.port import ProductValues

BATCH = 500
ENROLLED_AT_ONCE = 1_000
LARGEST_JUMP = Decimal("0.5")  # of the price Amazon shows; more waits for the merchant's word
LOOK_AGAIN = timedelta(minutes=15)
LOOK_DAILY = timedelta(days=1)  # others change offers, too
VISIBLE_AFTER = timedelta(minutes=15)  # what Amazon accepted

State, Priority, Leader = Listing.State, Listing.Priority, Agreement.Leader

# The reasons planning finds, and takes back itself.
FOUND_BY_PLANNING = ("no_identity", "lead_time_too_long", "price_held")

PLANNED = (
    "sku",
    "channel",
    "shown_json",
    "shown_at",
    "limits_json",
    "accepted_json",
    "refused_json",
    "confirmed_json",
    "wanted_json",
    "held_json",
    "differs",
    "state",
    "reason",
    "details",
    "plan_at",
    "changed_at",
    "priority",
    "not_before",
    "sending_json",
    "is_overtaken",
    "read_at",
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all offers of a connection."""

    agreement: Agreement
    currencies: Mapping[str, str]  # of the active marketplaces


def agreement_of(connection: Connection) -> Agreement:
    """The connection's agreement; a fresh one, nothing decided, when there is none yet."""
    agreement, _created = Agreement.objects.everyone().get_or_create(connection=connection)
    return agreement


def active_marketplaces(connection: Connection) -> dict[str, str]:
    """The currency of each marketplace the connection sells in."""
    active = ConnectionMarketplace.objects.everyone().filter(connection=connection, active=True)
    return dict(active.order_by("marketplace_id").values_list("marketplace_id", "currency"))


def enrol(connection: Connection, work: Work, *, most: int = 5_000) -> bool:
    """Give every enabled offer that was there before the connection its listing. False: some are left."""
    agreement = agreement_of(connection)
    for _turn in range(0, most, ENROLLED_AT_ONCE):
        if agreement.enrolled_to is None:
            break
        _enrol_some(connection, agreement, work)
    return agreement.enrolled_to is None


def replan(connection: Connection, work: Work, *, most: int = 5_000) -> bool:
    """After a word that concerns all listings: note them to be planned anew. False: some are left."""
    agreement = agreement_of(connection)
    for _turn in range(0, most, BATCH):
        if agreement.replanned_to is None:
            break
        _replan_some(agreement, work)
    return agreement.replanned_to is None


def plan(connection: Connection, work: Work, *, most: int = 5_000) -> int:
    """Compute what Amazon should show for listings that changed; how many. Those left are planned next."""
    rules = Rules(agreement_of(connection), active_marketplaces(connection))
    planned = 0
    while planned < most and (some := _plan_some(connection, rules, work)):
        planned += some
    return planned


def plan_again(listing_ids: Collection[int], *, now: datetime) -> None:
    """Have these listings planned anew and the connection's `send_offers` run soon."""
    if not listing_ids:
        return
    with transaction.atomic():
        changes.wake(changes.note(listing_ids, now=now), at=now)


def wanted_if_new(connection: Connection, listing: Listing) -> Values:
    """What Amazon would show of an offer that is created now; nothing is stored."""
    rules = Rules(agreement_of(connection), active_marketplaces(connection))
    product = shop_of(connection).product_values([listing.product_id]).get(listing.product_id)
    as_new = copy(listing)
    as_new.is_wanted_new = True
    return _wanted(as_new, product, _own_prices([listing]).get(listing.offer_id, {}), rules)


def unsaid(listing: Listing, agreement: Agreement) -> Values:
    """What has to be sent: the led values that differ from what Amazon last accepted, or else shows.

    Held prices are left out; an unsure listing says everything that is led. What Amazon refused is not
    said again before it changes. Units and days are only ever said of what the seller ships.
    """
    sayable = may_be_said(listing, agreement)
    if listing.is_unsure:
        return sayable
    changed = sayable.different_from(_known(listing))
    return changed.different_from(listing.refused)


def priority_of(said: Values) -> int | None:
    """How urgent it is to say this; None when there is nothing to say."""
    if said.quantity == 0:
        return Priority.SOLD_OUT
    return Priority.NORMAL if said else None


def hold_prices(listing: Listing) -> None:
    """Note, without saving, which wanted prices wait for the merchant's word, and what differs."""
    wanted, shown = listing.wanted, listing.shown
    held = _held(listing, wanted, shown)
    listing.held_json = stored(held)
    listing.differs = _differing(listing, wanted, shown) + ("h" if held else "")


def judge(listing: Listing, agreement: Agreement, said: Values, *, is_too_slow: bool) -> None:
    """Note, without saving, how the listing stands. `is_too_slow`: its lead time is too long for Amazon."""
    if not listing.offer.enabled:
        listing.state, listing.reason, listing.details = State.OFF, "", {}
    elif reason := _obstacle(listing, agreement, is_too_slow):
        listing.state, listing.reason, listing.details = State.PROBLEM, reason, {}
    elif _is_over(listing, said):
        listing.state, listing.reason, listing.details = _undisturbed(listing), "", {}
    if listing.state == State.LIVE and said:
        listing.state = State.SENT
    if listing.state == State.READY and agreement.agreed_at and listing.shown_at and not said:
        listing.state = State.LIVE  # Amazon shows what it should already


def _enrol_some(connection: Connection, agreement: Agreement, work: Work) -> None:
    with transaction.atomic():
        offers = Offer.objects.of_id(connection.merchant_id).filter(
            enabled=True, pk__gt=agreement.enrolled_to or 0
        )
        some = list(offers.order_by("pk")[:ENROLLED_AT_ONCE])
        changes.enrol_offers(connection.merchant_id, [connection.pk], some, now=work.now)
        agreement.enrolled_to = some[-1].pk if len(some) == ENROLLED_AT_ONCE else None
        agreement.save(update_fields=["enrolled_to"])
        if some:
            changes.wake_reading([connection.pk], now=work.now)
        work.keep()


def _replan_some(agreement: Agreement, work: Work) -> None:
    """The cursor moves only if no other word was given meanwhile, which starts from the beginning."""
    before = agreement.replanned_to or 0
    with transaction.atomic():
        rows = Listing.objects.everyone().filter(connection=agreement.connection_id, pk__gt=before)
        some = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
        locked = Listing.objects.everyone().filter(pk__in=some).order_by("pk").select_for_update()
        list(locked.values_list("pk", flat=True))
        Listing.objects.everyone().filter(pk__in=some).update(plan_at=Coalesce(F("plan_at"), Value(work.now)))
        agreement.replanned_to = some[-1] if len(some) == BATCH else None
        Agreement.objects.everyone().filter(pk=agreement.pk, replanned_to=before).update(
            replanned_to=agreement.replanned_to
        )
        work.keep()


def _plan_some(connection: Connection, rules: Rules, work: Work) -> int:
    now = work.now
    with transaction.atomic():
        listings = _changed(connection)
        if not listings:
            return 0
        products = shop_of(connection).product_values([listing.product_id for listing in listings])
        own_prices = _own_prices(listings)
        farewells.owe([listing for listing in listings if _is_about_other_sku(listing)], now=now)
        for listing in listings:
            _plan_one(
                listing,
                products.get(listing.product_id),
                own_prices.get(listing.offer_id, {}),
                rules,
                now,
            )
        write(listings, PLANNED)
        if any(listing.read_at is not None and listing.read_at <= now for listing in listings):
            changes.wake_reading([connection.pk], now=now)
        work.keep()
    return len(listings)


def _changed(connection: Connection) -> list[Listing]:
    """The listings that waited longest for planning, locked, without those that just change again."""
    mine: QuerySet[Listing] = Listing.objects.everyone().filter(connection=connection)
    waiting = mine.filter(plan_at__isnull=False).order_by("plan_at", "pk")
    keys = list(waiting.values_list("pk", flat=True)[:BATCH])
    rows = Listing.objects.everyone().filter(pk__in=keys, plan_at__isnull=False).select_related("offer")
    return list(rows.order_by("pk").select_for_update(of=("self",), skip_locked=True)) if keys else []


def _own_prices(listings: Collection[Listing]) -> dict[int, dict[str, Decimal]]:
    rows = OfferPrice.objects.everyone().filter(offer__in=[listing.offer_id for listing in listings])
    found: dict[int, dict[str, Decimal]] = {}
    for offer_id, marketplace_id, price in rows.values_list("offer_id", "marketplace_id", "price"):
        found.setdefault(offer_id, {})[marketplace_id] = price
    return found


def _plan_one(
    listing: Listing,
    product: ProductValues | None,
    own_prices: Mapping[str, Decimal],
    rules: Rules,
    now: datetime,
) -> None:
    if _is_about_other_sku(listing):
        _forget_other_sku(listing, now)
    changed_at = listing.changed_at
    listing.plan_at = listing.changed_at = None
    listing.accepted_json = _only_led(listing, rules.agreement)
    listing.wanted_json = stored(_wanted(listing, product, own_prices, rules))
    listing.refused_json = stored(listing.refused.equal_to(listing.wanted)) if listing.refused_json else None
    hold_prices(listing)
    _adopt_shown(listing, rules.agreement)
    said = unsaid(listing, rules.agreement)
    listing.priority = priority_of(said) if listing.offer.sku else None
    judge(listing, rules.agreement, said, is_too_slow=_is_too_slow(listing, product))
    if said:
        listing.changed_at = changed_at
    elif listing.offer.enabled and listing.accepted_json is not None:
        # A buyer's order changes both sides alike: equal to what was told is not yet equal to what shows.
        at = now + (LOOK_AGAIN if changed_at else LOOK_DAILY)
        listing.read_at = min(listing.read_at or at, at)


def _is_about_other_sku(listing: Listing) -> bool:
    return bool(listing.sku) and listing.sku != listing.offer.sku


def _forget_other_sku(listing: Listing, now: datetime) -> None:
    """The merchant named another SKU: what is known is about the old one."""
    listing.sku = listing.channel = ""
    listing.shown_json = listing.shown_at = listing.accepted_json = listing.refused_json = None
    listing.limits_json, listing.confirmed_json, listing.details = {}, {}, {}
    listing.state, listing.reason = State.READY, ""
    listing.read_at, listing.not_before = now, None
    if listing.feed_id is None:
        listing.sending_json = None
    else:
        listing.is_overtaken = True  # its verdict will be about the old one


def _adopt_shown(listing: Listing, agreement: Agreement) -> None:
    """What Amazon shows as it should be need not be told, and counts as told: from then on Kogge keeps it."""
    fitting = may_be_said(listing, agreement).equal_to(listing.shown).not_named_in(listing.accepted)
    if fitting:
        listing.accepted_json = stored(listing.accepted.merged(fitting))


def _only_led(listing: Listing, agreement: Agreement) -> object:
    """What was accepted of the values Kogge leads: with the others, only what Amazon shows counts later."""
    accepted = listing.accepted
    led = Values(
        accepted.quantity if agreement.quantity == Leader.KOGGE else None,
        accepted.lead_time_days if agreement.lead_time == Leader.KOGGE else None,
        accepted.prices if agreement.price == Leader.KOGGE else {},
    )
    return stored(led) if led else None


def _wanted(
    listing: Listing, product: ProductValues | None, own_prices: Mapping[str, Decimal], rules: Rules
) -> Values:
    offer = listing.offer
    quantity = _wanted_quantity(listing, product, rules) if _may_be_ours(listing) else None
    if not offer.enabled or product is None:
        return Values(quantity)
    days = _days(offer, product) if _may_be_ours(listing) else None
    prices = {
        place: price
        for place, currency in rules.currencies.items()
        if (price := _wanted_price(offer, product, own_prices.get(place), currency)) is not None
    }
    return Values(quantity, days if days is not None and days <= LONGEST_LEAD_TIME else None, prices)


def _may_be_ours(listing: Listing) -> bool:
    """Merchant fulfilled as far as known; an offer that is to be created will be."""
    return listing.is_merchant_fulfilled or (listing.is_wanted_new and not listing.offer.is_kept_by_amazon)


def _wanted_quantity(listing: Listing, product: ProductValues | None, rules: Rules) -> int | None:
    offer = listing.offer
    if not offer.enabled:
        once_told = listing.accepted.merged(listing.sending)  # also what was said and never answered
        return None if once_told.quantity is None else 0
    if product is None or not product.active:
        return 0
    if offer.stock is not None:
        return max(0, offer.stock - product.reserved)
    buffer = rules.agreement.buffer if offer.buffer is None else offer.buffer
    return max(0, product.available - buffer)


def _days(offer: Offer, product: ProductValues) -> int | None:
    return product.lead_time_days if offer.lead_time_days is None else offer.lead_time_days


def _is_too_slow(listing: Listing, product: ProductValues | None) -> bool:
    """Whether it takes longer to leave the house than Amazon allows."""
    if product is None or not _may_be_ours(listing):
        return False
    days = _days(listing.offer, product)
    return days is not None and days > LONGEST_LEAD_TIME


def _wanted_price(
    offer: Offer, product: ProductValues, own_price: Decimal | None, currency: str
) -> Decimal | None:
    """A price is never converted: in another currency only the merchant's own one counts."""
    if own_price is not None:
        return own_price
    if currency != product.price.currency:
        return None
    price = product.price.amount if offer.price is None else offer.price
    return price if price > 0 else None


def may_be_said(listing: Listing, agreement: Agreement) -> Values:
    """The wanted values that Kogge leads and that may go out."""
    wanted = listing.wanted
    ours = listing.is_merchant_fulfilled
    places = _places(listing) - listing.held.keys() if agreement.price == Leader.KOGGE else set()
    return Values(
        wanted.quantity if ours and agreement.quantity == Leader.KOGGE else None,
        wanted.lead_time_days if ours and agreement.lead_time == Leader.KOGGE else None,
        {place: price for place, price in wanted.prices.items() if place in places},
    )


def _places(listing: Listing) -> set[str]:
    """The marketplaces the SKU has an offer in: as seen, or as told after it was seen last."""
    if not listing.channel:
        return set()
    places = set(listing.shown.prices)
    return places | set(listing.accepted.prices) if _is_newer_than_shown(listing) else places


def _is_newer_than_shown(listing: Listing) -> bool:
    """Whether Amazon accepted something after it was read last: it shows that within minutes."""
    if listing.shown_at is None or listing.accepted_at is None:
        return listing.shown_at is None
    return listing.accepted_at + VISIBLE_AFTER > listing.shown_at


def _known(listing: Listing) -> Values:
    """What Amazon has, as far as we know: shown, accepted, and what goes with a feed.

    What a patch said after the feed was made is newer than the feed. A patch that was never answered may
    or may not have taken effect: what it said is not known.
    """
    if listing.is_overtaken:
        return listing.shown.merged(listing.sending).merged(listing.accepted)
    known = listing.shown.merged(listing.accepted)
    return known.not_named_in(listing.sending) if listing.feed_id is None else known.merged(listing.sending)


def _held(listing: Listing, wanted: Values, shown: Values) -> dict[str, HeldPrice]:
    accepted, confirmed, limits = listing.accepted, listing.confirmed, listing.limits
    shown = shown.merged(accepted) if _is_newer_than_shown(listing) else shown
    held = {}
    for place, price in wanted.prices.items():
        if price in (accepted.prices.get(place), confirmed.get(place)):
            continue  # the merchant's word was given
        old = shown.prices.get(place)
        least, most = (limits[place].minimum, limits[place].maximum) if place in limits else (None, None)
        if old is None or price == old:
            continue
        if least is not None and price < least:
            held[place] = HeldPrice(price, old, "below_minimum", least)
        elif most is not None and price > most:
            held[place] = HeldPrice(price, old, "above_maximum", most)
        elif abs(price - old) > old * LARGEST_JUMP:
            held[place] = HeldPrice(price, old, "jump")
    return held


def _differing(listing: Listing, wanted: Values, shown: Values) -> str:
    """Whatever is led by whom: for the dry run. Nothing is known of a listing that was never read."""
    if listing.shown_at is None or not listing.offer.enabled:
        return ""
    different = wanted.different_from(shown)
    return "".join(
        letter
        for letter, differs in (
            ("q", different.quantity is not None),
            ("l", different.lead_time_days is not None),
            ("p", bool(different.prices.keys() & shown.prices.keys())),
        )
        if differs
    )


def _obstacle(listing: Listing, agreement: Agreement, is_too_slow: bool) -> str:
    """What keeps the offer from being told; empty when nothing does."""
    if not (listing.offer.asin or listing.offer.sku):
        return "no_identity"
    if agreement.lead_time == Leader.KOGGE and is_too_slow:
        return "lead_time_too_long"
    return "price_held" if agreement.price == Leader.KOGGE and listing.held_json else ""


def _is_over(listing: Listing, said: Values) -> bool:
    """Whether what was wrong is over: found here and gone, or refused and changed back."""
    if listing.state == State.OFF or listing.reason in FOUND_BY_PLANNING:
        return True
    return listing.reason == "invalid" and not listing.refused and not said


def _undisturbed(listing: Listing) -> str:
    return State.READY if listing.accepted_json is None else State.SENT


def write(listings: Collection[Listing], fields: Collection[str]) -> None:
    """Store these fields of locked listings: an upsert by key is many times as fast as `bulk_update`."""
    Listing.objects.everyone().bulk_create(
        listings, batch_size=BATCH, update_conflicts=True, unique_fields=["pk"], update_fields=list(fields)
    )
