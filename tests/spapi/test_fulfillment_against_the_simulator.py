"""Fulfilment by Amazon against the small Amazon that speaks real HTTP, in both versions of the API."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kogge import simulator
from kogge.simulator import Simulator
from kogge.spapi import (
    Amazon,
    Credentials,
    Endpoints,
    FixSettings,
    OutcomeUnknown,
    TryLater,
    fba_inventory_v1,
)
from kogge.spapi import fulfillment_outbound as outbound
from kogge.spapi.fulfillment_orders import (
    FulfillmentOrder,
    FulfillmentRequest,
    Line,
    NotCancellable,
    OrderRefused,
)
from kogge.values import Address
from tests.amazon_models import check_exchange

from .conftest import Buckets, Memory
from .outbound import LEIPZIG, ORDER_ID, consignment, request_for

DE = "A1PA6795UKMFR9"
ITS_NAMES = Credentials(simulator.CLIENT_ID, simulator.CLIENT_SECRET, simulator.REFRESH_TOKEN)
VERSIONS = [outbound.NEWER, outbound.OLDER]
TEA, POT = "TS-01-FBA", "TK-12-FBA"
WANTED = request_for(consignment=consignment(lines=(Line("1", TEA, 2), Line("2", POT, 1))))
CREATE: dict[str, str] = {outbound.NEWER: "outboundCreateOrder", outbound.OLDER: "createFulfillmentOrder"}

each_version = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture
def world() -> Iterator[Simulator]:
    with Simulator(quotas="off", seed=1, on_exchange=check_exchange) as running:
        running.set_fba_stock({TEA: 5, POT: 3})
        running.set(fulfilment_echo=False)
        yield running


@pytest.fixture
def seller(world: Simulator, buckets: Buckets) -> Iterator[Amazon]:
    urls = {"api_url": world.api_url, "lwa_url": world.lwa_url, "consent_url": world.consent_url}
    with Amazon(ITS_NAMES, Endpoints.for_region("eu", urls), buckets, Memory()) as client:
        yield client


def request_to(destination: Address, **changes: Any) -> FulfillmentRequest:
    return replace(WANTED, consignment=replace(WANTED.consignment, destination=destination, **changes))


def read(seller: Amazon, version: str) -> FulfillmentOrder:
    return outbound.get(seller, version, ORDER_ID)


def test_the_newer_version_is_found(seller: Amazon) -> None:
    assert outbound.probe(seller, datetime.now(UTC)) == "2026-07-04"


def test_the_older_version_is_found_where_there_is_no_newer(world: Simulator, seller: Amazon) -> None:
    world.set_outbound_versions("2020-07-01")

    assert outbound.probe(seller, datetime.now(UTC)) == "2020-07-01"


def test_no_version_is_made_up(world: Simulator, seller: Amazon) -> None:
    world.set_outbound_versions()

    with pytest.raises(FixSettings):
        outbound.probe(seller, datetime.now(UTC))


@each_version
def test_an_order_travels_from_preview_to_the_door(world: Simulator, seller: Amazon, version: str) -> None:
    [preview] = outbound.preview(seller, version, WANTED.consignment)
    outbound.create(seller, version, WANTED)
    order = read(seller, version)
    world.advance(3600)
    shipped = read(seller, version)
    parcels = [outbound.tracked(seller, version, package) for package in shipped.packages]
    world.advance(7 * 24 * 3600)
    [delivered] = [outbound.tracked(seller, version, package) for package in read(seller, version).packages]

    assert (preview.is_fulfillable, preview.missing, preview.obstacles) == (True, (), ())
    assert preview.total is not None
    assert preview.total.currency == "EUR"
    assert order.holds(WANTED)
    assert (order.country, order.may_be_cancelled, order.packages) == ("DE", True, ())
    assert shipped.status == "COMPLETE"
    assert [shipped.shipped_units(line.line_id) for line in shipped.lines] == [2, 1]
    [parcel] = parcels
    assert parcel.carrier_code
    assert parcel.tracking_number
    assert parcel.tracking_url.startswith("https://")
    assert {(item.sku, item.quantity) for item in parcel.items} == {(TEA, 2), (POT, 1)}
    assert delivered.status == "DELIVERED"
    assert world.violations == []


@each_version
def test_an_order_goes_through_words_we_know(world: Simulator, seller: Amazon, version: str) -> None:
    outbound.create(seller, version, WANTED)
    seen = [(order := read(seller, version)).status]
    begun = [order.picking_begun]
    while not order.is_final:
        world.advance(20)
        order = read(seller, version)
        seen.append(order.status)
        begun.append(order.picking_begun)

    tells_more = ["RECEIVED", "PLANNING"] if version == outbound.OLDER else []
    assert list(dict.fromkeys(seen)) == [*tells_more, "PROCESSING", "COMPLETE"]
    assert begun == sorted(begun)
    assert begun[0] is False


@each_version
@pytest.mark.parametrize("fault", ["drop-after", "200-html", "200-empty", "bad-json"])
def test_an_order_whose_answer_got_lost_is_there_once(
    world: Simulator, seller: Amazon, version: str, fault: Any
) -> None:
    world.fault(CREATE[version], fault)

    with pytest.raises(OutcomeUnknown):
        outbound.create(seller, version, WANTED)
    found = outbound.find(seller, version, ORDER_ID)
    again = outbound.create(seller, version, WANTED)

    assert found is not None
    assert found.holds(WANTED)
    assert again == found
    assert len(world.fulfilment_orders) == 1
    assert world.violations == []


@each_version
@pytest.mark.parametrize("fault", ["500", "503-html", "drop-connection"])
def test_an_order_that_did_not_arrive_is_not_there(
    world: Simulator, seller: Amazon, version: str, fault: Any
) -> None:
    world.fault(CREATE[version], fault)

    with pytest.raises(TryLater):
        outbound.create(seller, version, WANTED)

    assert outbound.find(seller, version, ORDER_ID) is None


def test_an_order_may_be_accepted_and_turn_out_invalid(world: Simulator, seller: Amazon) -> None:
    world.set(new_fulfilments_accepted=True)
    wanted = replace(WANTED, consignment=consignment(lines=(Line("1", "NEVER-SEEN", 1),)))

    assert outbound.create(seller, outbound.NEWER, wanted) is None
    world.advance(3600)

    assert read(seller, outbound.NEWER).status == "INVALID"


@each_version
def test_a_sku_amazon_never_had_is_refused(seller: Amazon, version: str) -> None:
    wanted = replace(WANTED, consignment=consignment(lines=(Line("1", "NEVER-SEEN", 1),)))

    with pytest.raises(OrderRefused) as caught:
        outbound.create(seller, version, wanted)
    assert caught.value.reason == "unknown_sku"


@each_version
def test_no_stock_is_told_by_preview_refusal_and_outcome(
    world: Simulator, seller: Amazon, version: str
) -> None:
    world.set_fba_stock({TEA: 1})
    [preview] = outbound.preview(seller, version, WANTED.consignment)
    world.set(refuse_without_stock=True)
    with pytest.raises(OrderRefused) as caught:
        outbound.create(seller, version, WANTED)
    world.set(refuse_without_stock=False)
    outbound.create(seller, version, WANTED)
    world.advance(3600)
    order = read(seller, version)

    assert (preview.is_fulfillable, preview.missing) == (False, ((TEA, 1),))
    assert {obstacle.reason for obstacle in preview.obstacles} == {"no_stock"}
    assert caught.value.reason == "no_stock"
    assert (order.status, order.is_final, order.packages) == ("UNFULFILLABLE", True, ())


@each_version
def test_a_partial_order_says_what_will_not_come(world: Simulator, seller: Amazon, version: str) -> None:
    world.set(new_fulfilments_fate="PARTIAL")
    outbound.create(seller, version, replace(WANTED, policy="FILL_ALL_AVAILABLE"))
    world.advance(3600)

    order = read(seller, version)

    assert order.status == "COMPLETE_PARTIAL"
    assert [(line.sku, line.unfulfillable) for line in order.lines] == [(TEA, 0), (POT, 1)]
    assert [order.shipped_units(line.line_id) for line in order.lines] == [2, 0]


@each_version
def test_an_address_amazon_does_not_serve_is_told_by_preview_and_outcome(
    world: Simulator, seller: Amazon, version: str
) -> None:
    nowhere = request_to(replace(LEIPZIG, postal_code="00000"))

    [preview] = outbound.preview(seller, version, nowhere.consignment)
    outbound.create(seller, version, nowhere)
    world.advance(3600)

    assert not preview.is_fulfillable
    assert [obstacle.reason for obstacle in preview.obstacles] == ["address"]
    assert read(seller, version).status == "INVALID"


@each_version
def test_packaging_not_everybody_may_have_is_refused(world: Simulator, seller: Amazon, version: str) -> None:
    blank = request_to(LEIPZIG, unbranded=True)

    with pytest.raises(OrderRefused) as caught:
        outbound.create(seller, version, blank)
    world.set(outbound_features=("BLANK_BOX",))

    assert caught.value.reason == "packaging"
    assert outbound.create(seller, version, blank) is None


@each_version
def test_each_speed_has_its_price_or_its_obstacle(seller: Amazon, version: str) -> None:
    standard, expedited = outbound.preview(seller, version, WANTED.consignment, ("STANDARD", "EXPEDITED"))
    priority = outbound.preview(seller, version, WANTED.consignment, ("STANDARD", "PRIORITY"))[1]

    assert standard.total is not None
    assert expedited.total is not None
    assert standard.total.amount < expedited.total.amount
    assert not priority.is_fulfillable
    assert "speed" in {obstacle.reason for obstacle in priority.obstacles}


@each_version
def test_an_order_is_cancelled_as_long_as_nobody_picks_it(
    world: Simulator, seller: Amazon, version: str
) -> None:
    outbound.create(seller, version, WANTED)

    outbound.cancel(seller, version, ORDER_ID)
    order = read(seller, version)
    outbound.cancel(seller, version, ORDER_ID)

    assert (order.status, [line.cancelled for line in order.lines]) == ("CANCELLED", [2, 1])
    assert world.violations == []


@each_version
def test_a_cancellation_may_be_accepted_and_come_to_nothing(
    world: Simulator, seller: Amazon, version: str
) -> None:
    world.set(fulfilment_cancels_lost=True)
    outbound.create(seller, version, WANTED)

    outbound.cancel(seller, version, ORDER_ID)

    assert read(seller, version).status != "CANCELLED"


@each_version
@pytest.mark.parametrize("after", [200, 3600])
def test_what_is_being_picked_is_not_cancelled(
    world: Simulator, seller: Amazon, version: str, after: int
) -> None:
    outbound.create(seller, version, WANTED)
    world.advance(after)
    order = read(seller, version)

    with pytest.raises(NotCancellable) as caught:
        outbound.cancel(seller, version, ORDER_ID)

    assert not order.may_be_cancelled
    assert caught.value.order == order


@each_version
def test_changed_orders_are_listed_over_all_pages(world: Simulator, seller: Amazon, version: str) -> None:
    world.set_fba_stock({TEA: 500})
    one = consignment(lines=(Line("1", TEA, 1),))
    ids = [f"SHOP-{number}-1" for number in range(120)]
    for order_id in ids:
        outbound.create(seller, version, replace(WANTED, order_id=order_id, consignment=one))

    changes = outbound.list_since(seller, version, datetime.now(UTC) - timedelta(hours=1))

    assert sorted(news.order_id for news in changes.news) == sorted(ids)
    assert changes.unreadable == 0
    assert world.violations == []


def test_stock_is_read_over_all_pages_and_by_sku(world: Simulator, seller: Amazon) -> None:
    world.set_fba_stock({f"FBA-{number:03}": number for number in range(120)})
    world.set_fba_elsewhere(TEA, in_transfer=2)

    everything = fba_inventory_v1.all_stock(seller, DE)
    chosen = fba_inventory_v1.stock_of(seller, DE, [TEA, "FBA-007", "NEVER-SEEN"])

    by_sku = {stock.sku: stock for stock in everything.stocks}
    assert by_sku["FBA-119"].fulfillable == 119
    assert len(everything.stocks) == len(by_sku) >= 122
    assert {sku: stock.fulfillable for sku, stock in chosen.items()} == {TEA: 5, "FBA-007": 7}
    assert (chosen[TEA].in_transfer, chosen[TEA].reserved) == (2, 2)
    assert world.violations == []


def test_changes_of_stock_are_read(world: Simulator, seller: Amazon) -> None:
    world.advance(3600)
    since = datetime.now(UTC) + timedelta(seconds=3000)
    world.set_fba_stock({POT: 9})

    changed = fba_inventory_v1.all_stock(seller, DE, changed_since=since)

    assert [(stock.sku, stock.fulfillable) for stock in changed.stocks] == [(POT, 9)]


def test_units_lie_ready_for_an_order(world: Simulator, seller: Amazon) -> None:
    outbound.create(seller, outbound.NEWER, WANTED)

    stock = fba_inventory_v1.stock_of(seller, DE, [TEA])[TEA]

    assert (stock.fulfillable, stock.reserved) == (3, 2)


def test_quotas_of_amazon_are_kept_between_pages(buckets: Buckets) -> None:
    """With Amazon's own quotas a third page comes too early; it is waited for."""
    with Simulator(quotas="amazon", seed=1, on_exchange=check_exchange) as world:
        world.set_fba_stock({f"FBA-{number:03}": number for number in range(220)})
        urls = {"api_url": world.api_url, "lwa_url": world.lwa_url, "consent_url": world.consent_url}
        with Amazon(ITS_NAMES, Endpoints.for_region("eu", urls), BriefBuckets(), Memory()) as client:
            answer = fba_inventory_v1.all_stock(client, DE, wait=world.advance)

    assert len(answer.stocks) >= 220


class BriefBuckets(Buckets):
    """Allows everything; when Amazon refuses, half a second is enough."""

    def emptied(self, operation: str, retry_after: float | None) -> float:
        super().emptied(operation, retry_after)
        return 0.5
