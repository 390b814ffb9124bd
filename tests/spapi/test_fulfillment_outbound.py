from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from kogge.spapi import (
    Amazon,
    AskHuman,
    FixSettings,
    NotFound,
    OutcomeUnknown,
    TryLater,
    fulfillment_outbound_2020_07_01,
    fulfillment_outbound_2026_07_04,
)
from kogge.spapi import fulfillment_outbound as outbound
from kogge.spapi.fulfillment_orders import (
    FulfillmentOrder,
    Line,
    NotCancellable,
    OrderedLine,
    OrderRefused,
    OutboundPackage,
    Reason,
    encodable_address,
    reason_of,
    without_person,
)
from kogge.values import Address, InvalidValue
from tests.amazon_models import needs_models

from .conftest import Buckets, Wire, refusal, reply, web_page
from .outbound import LEIPZIG, ORDER_ID, POT, TEA, consignment, request_for
from .test_fulfillment_outbound_2020_07_01 import told
from .test_fulfillment_outbound_2026_07_04 import NEW_ORDER, offer, planned

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NEWER, OLDER = outbound.NEWER, outbound.OLDER
VERSIONS = [NEWER, OLDER]

DENIED = refusal(403, "AccessDenied", "Access to requested resource is denied.")
NO_ORDERS: dict[str, httpx2.Response] = {
    NEWER: reply({"orders": []}),
    OLDER: reply({"payload": {"fulfillmentOrders": []}}),
}
CREATED: dict[str, httpx2.Response] = {NEWER: reply({"order": NEW_ORDER}), OLDER: reply({})}


def known(version: str, status: str = "PROCESSING") -> httpx2.Response:
    """The order as a version tells it."""
    if version == NEWER:
        return reply({"order": NEW_ORDER | {"status": status}})
    return reply(told(status))


def test_the_newer_version_is_taken_where_it_answers(amazon: Amazon, wire: Wire, buckets: Buckets) -> None:
    wire.lay(NO_ORDERS[NEWER])

    assert outbound.probe(amazon, NOW) == "2026-07-04"
    assert wire.sent[0].url.params["updatedAfter"] == "2026-11-23T08:55:00.000Z"
    assert buckets.taken == ["outboundListOrders"]


@pytest.mark.parametrize("no", [DENIED, refusal(404, "NotFound")], ids=repr)
def test_the_older_version_is_taken_where_the_newer_is_not_there(
    amazon: Amazon, wire: Wire, no: httpx2.Response
) -> None:
    wire.lay(no, NO_ORDERS[OLDER])

    assert outbound.probe(amazon, NOW) == "2020-07-01"


def test_a_token_refused_twice_means_the_same(amazon: Amazon, wire: Wire) -> None:
    wire.lay(refusal(403, "Unauthorized"), refusal(403, "Unauthorized"), NO_ORDERS[OLDER])

    assert outbound.probe(amazon, NOW) == "2020-07-01"


def test_an_account_that_may_use_neither_is_for_the_settings(amazon: Amazon, wire: Wire) -> None:
    wire.lay(DENIED, DENIED)

    with pytest.raises(FixSettings) as caught:
        outbound.probe(amazon, NOW)
    assert caught.value.reason == "access_denied"


@pytest.mark.parametrize(
    ("answers", "consequence"),
    [
        ([httpx2.ReadTimeout("x")], TryLater),
        ([web_page(404)], TryLater),
        ([refusal(429, "QuotaExceeded")], TryLater),
        ([refusal(400, "InvalidInput")], AskHuman),
        ([refusal(401, "Unauthorized"), refusal(401, "Unauthorized")], FixSettings),
        ([refusal(403, "AccessDenied", "This seller is not in this region")], FixSettings),
    ],
)
def test_what_says_nothing_about_the_version_decides_nothing(
    amazon: Amazon, wire: Wire, answers: list[Any], consequence: type[Exception]
) -> None:
    wire.lay(*answers)

    with pytest.raises(consequence):
        outbound.probe(amazon, NOW)
    assert wire.laid == []


def test_a_revoked_authorisation_decides_nothing(amazon: Amazon, wire: Wire) -> None:
    wire.tokens = [reply({"error": "invalid_grant"}, 400)]

    with pytest.raises(FixSettings) as caught:
        outbound.probe(amazon, NOW)
    assert (caught.value.reason, wire.sent) == ("invalid_grant", [])


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_is_created_in_the_version_handed_in(amazon: Amazon, wire: Wire, version: str) -> None:
    wire.lay(CREATED[version])

    assert outbound.create(amazon, version, request_for()) is None

    assert version in wire.sent[0].url.path
    assert len(wire.sent) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_an_id_that_is_taken_hands_out_the_order_whatever_amazon_calls_it(
    amazon: Amazon, wire: Wire, version: str
) -> None:
    wire.lay(refusal(400, "InvalidInput", "Amazon says no"), known(version))

    was_there = outbound.create(amazon, version, request_for())

    assert was_there is not None
    assert was_there.holds(request_for())


def fulfilment_order() -> FulfillmentOrder:
    lines = (OrderedLine("1", "TS-01-FBA", 2, cancelled=2),)
    return FulfillmentOrder(ORDER_ID, "CANCELLED", picking_begun=False, lines=lines)


def test_another_order_under_the_same_id_is_seen() -> None:
    order = fulfilment_order()

    assert order.holds(request_for())
    assert not order.holds(request_for(order_id="SHOP-10240-2"))
    assert not order.holds(request_for(consignment=consignment(lines=(TEA, POT))))
    assert not order.holds(request_for(consignment=consignment(lines=(replace(TEA, quantity=3),))))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_refused_order_that_is_not_there_is_refused_with_a_reason(
    amazon: Amazon, wire: Wire, version: str
) -> None:
    words = "the SellerSKU for Item Id: 1 is invalid."
    wire.lay(refusal(400, "InvalidInput", words), refusal(404, "NotFound"))

    with pytest.raises(OrderRefused, match="the SellerSKU for Item Id: 1 is invalid") as caught:
        outbound.create(amazon, version, request_for())

    assert (caught.value.reason, caught.value.code, caught.value.status) == (
        "unknown_sku",
        "InvalidInput",
        400,
    )
    assert caught.value.request_id == "req-1"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_refusal_that_cannot_be_looked_into_decides_nothing(
    amazon: Amazon, wire: Wire, version: str
) -> None:
    wire.lay(refusal(400, "InvalidInput"), httpx2.ReadTimeout("x"))

    with pytest.raises(TryLater) as caught:
        outbound.create(amazon, version, request_for())
    assert not isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_lost_answer_is_not_repeated_here(amazon: Amazon, wire: Wire, version: str) -> None:
    wire.lay(httpx2.ReadTimeout("x"))

    with pytest.raises(OutcomeUnknown):
        outbound.create(amazon, version, request_for())
    assert len(wire.sent) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_that_is_gone_shows_in_the_status(amazon: Amazon, wire: Wire, version: str) -> None:
    wire.lay(refusal(404, "NotFound"), refusal(404, "NotFound"))

    with pytest.raises(OrderRefused) as caught:
        outbound.create(amazon, version, request_for())
    assert caught.value.status == 404


@pytest.mark.parametrize("version", VERSIONS)
def test_looking_for_an_order_finds_it_or_nothing(amazon: Amazon, wire: Wire, version: str) -> None:
    wire.lay(known(version), refusal(404, "NotFound"), DENIED)

    found = outbound.find(amazon, version, ORDER_ID)

    assert found is not None
    assert found.order_id == ORDER_ID
    assert outbound.find(amazon, version, ORDER_ID) is None
    with pytest.raises(FixSettings):  # no answer is no "there is none"
        outbound.find(amazon, version, ORDER_ID)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cancellation_is_accepted(amazon: Amazon, wire: Wire, version: str) -> None:
    wire.lay(reply({}, 202 if version == NEWER else 200))

    outbound.cancel(amazon, version, ORDER_ID)

    assert len(wire.sent) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cancellation_that_comes_too_late_shows_how_the_order_stands(
    amazon: Amazon, wire: Wire, version: str
) -> None:
    wire.lay(refusal(400, "InvalidInput", "An order cannot be cancelled"), known(version, "COMPLETE"))

    with pytest.raises(NotCancellable, match="cannot be cancelled") as caught:
        outbound.cancel(amazon, version, ORDER_ID)

    assert caught.value.order.status == "COMPLETE"


@pytest.mark.parametrize("version", VERSIONS)
def test_cancelling_twice_is_no_failure(amazon: Amazon, wire: Wire, version: str) -> None:
    wire.lay(refusal(400, "InvalidInput"), known(version, "CANCELLED"))

    outbound.cancel(amazon, version, ORDER_ID)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unknown_order_cannot_be_cancelled(amazon: Amazon, wire: Wire, version: str) -> None:
    wire.lay(refusal(404, "NotFound"))

    with pytest.raises(NotFound):
        outbound.cancel(amazon, version, ORDER_ID)


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_changed_is_an_empty_list(amazon: Amazon, wire: Wire, version: str) -> None:
    wire.lay(NO_ORDERS[version])

    assert outbound.list_since(amazon, version, NOW - timedelta(days=1)).news == ()


def test_a_preview_comes_from_the_version_handed_in(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"plannedShipments": [planned("TS-01-FBA", 2, offer("STANDARD"))]}))

    [found] = outbound.preview(amazon, NEWER, consignment())

    assert (found.speed, found.is_fulfillable) == ("STANDARD", True)


def test_a_parcel_is_followed_where_the_version_can(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"payload": {"packageNumber": 7, "currentStatus": "DELIVERED"}}))
    parcel = OutboundPackage("7")

    assert outbound.tracked(amazon, NEWER, parcel) is parcel
    assert outbound.tracked(amazon, OLDER, parcel).status == "DELIVERED"
    assert len(wire.sent) == 1


def test_there_are_two_versions(amazon: Amazon) -> None:
    assert {fulfillment_outbound_2026_07_04.VERSION, fulfillment_outbound_2020_07_01.VERSION} == {*VERSIONS}
    with pytest.raises(InvalidValue):
        outbound.get(amazon, "2010-10-01", ORDER_ID)
    with pytest.raises(InvalidValue):
        outbound.preview(amazon, NEWER, consignment(), ())


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("ItemQuantityNotAvailable", "", "no_stock"),
        ("InvalidDestinationAddress", "", "address"),
        ("DeliverySLAUnavailable", "", "speed"),
        ("InvalidInput", "the SellerSKU for Item Id: 1-0 is invalid.", "unknown_sku"),
        ("InvalidInput", "There is not enough inventory for Item Id: 1.", "no_stock"),
        ("OutOfStock", "OutOfStock", "no_stock"),
        ("InvalidInput", "A quantity is at least 1", "other"),
        ("InvalidInput", "Value for parameter PostalCode is invalid.", "address"),
        ("InvalidInput", "An order in status Processing cannot be cancelled", "other"),
        ("InvalidInput", "The seller is not eligible for the feature BLANK_BOX", "packaging"),
        ("InvalidInput", "Invalid request, please check your input.", "other"),
    ],
)
def test_refusals_are_sorted(code: str, message: str, reason: Reason) -> None:
    assert reason_of(code, message) == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"order_id": ""},
        {"order_id": "shop-10240-1"},
        {"order_id": "SHOP 1"},
        {"order_id": "SHOP-1\n"},
        {"order_id": "S" * 41},
        {"display_id": ""},
        {"display_id": " 10240"},
        {"display_id": "10  240"},
        {"display_id": "№ 10240"},
        {"display_id": "1" * 41},
        {"comment": " "},
        {"comment": "x" * 751},
        {"speed": "TOMORROW"},
        {"policy": "FillOrKill"},
        {"ordered_at": datetime(2026, 11, 23)},
    ],
    ids=str,
)
def test_an_order_that_amazon_would_refuse_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        request_for(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"marketplace_id": "DE"},
        {"lines": ()},
        {"lines": tuple(Line(str(number), "A", 1) for number in range(101))},
        {"lines": (Line("1", "A", 200), Line("2", "B", 51))},
        {"lines": (Line("1", "A", 1), Line("1", "B", 1))},
        {"destination": replace(LEIPZIG, name=" ")},
        {"destination": replace(LEIPZIG, line1="", line2="")},
        {"destination": replace(LEIPZIG, postal_code="")},
        {"destination": replace(LEIPZIG, city="")},
        {"destination": replace(LEIPZIG, country="")},
        {"destination": replace(LEIPZIG, country="Germany")},
    ],
    ids=str,
)
def test_a_consignment_that_amazon_would_refuse_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue) as caught:
        consignment(**changes)
    assert "Musterallee" not in str(caught.value)


@pytest.mark.parametrize(
    ("line_id", "sku", "quantity"),
    [("", "A", 1), ("1" * 51, "A", 1), ("1", "", 1), ("1", "A" * 51, 1), ("1", "A", 0), ("1", "A", 251)],
)
def test_a_line_that_amazon_would_refuse_cannot_be_made(line_id: str, sku: str, quantity: int) -> None:
    with pytest.raises(InvalidValue):
        Line(line_id, sku, quantity)


def test_a_repr_shows_no_address() -> None:
    assert "Musterallee" not in repr(request_for())


@pytest.mark.parametrize(
    ("address", "name", "lines"),
    [
        (LEIPZIG, "Max Beispiel", ["Musterallee 12", "2. OG", ""]),
        (
            replace(LEIPZIG, company="Muster GmbH"),
            "Max Beispiel",
            ["Musterallee 12", "2. OG", "Muster GmbH"],
        ),
        (
            replace(LEIPZIG, name="", company="Muster GmbH"),
            "Muster GmbH",
            ["Musterallee 12", "2. OG", ""],
        ),
        (
            replace(LEIPZIG, line3="Hof", company="Muster GmbH"),
            "Max Beispiel",
            ["Musterallee 12", "2. OG", "Hof, Muster GmbH"],
        ),
        (replace(LEIPZIG, line1="", line2="Musterallee 12"), "Max Beispiel", ["Musterallee 12", "", ""]),
    ],
)
def test_nothing_of_an_address_is_lost(address: Address, name: str, lines: list[str]) -> None:
    encoded = encodable_address(address)

    assert encoded.name == name
    assert [encoded.address_line1, encoded.address_line2, encoded.address_line3] == lines


def test_a_city_is_not_sent_to_japan() -> None:
    tokyo = replace(LEIPZIG, country="JP", state="Tokyo", city="Minato")

    assert encodable_address(tokyo).city == ""


@needs_models
@pytest.mark.parametrize("version", VERSIONS)
def test_every_wish_fits_amazons_model(amazon: Amazon, wire: Wire, version: str) -> None:
    """The wire checks each request against the model."""
    everything = consignment(
        lines=(TEA, POT),
        unbranded=True,
        destination=replace(LEIPZIG, company="Muster GmbH", line3="Hof", state="Sachsen"),
    )
    wire.lay(*(refusal(400, "InvalidInput"), refusal(404, "NotFound"), refusal(400, "InvalidInput")))

    with pytest.raises(OrderRefused):
        outbound.create(
            amazon, version, request_for(consignment=everything, speed="PRIORITY", policy="FILL_ALL")
        )
    with pytest.raises(AskHuman):
        outbound.preview(amazon, version, everything, ["STANDARD", "EXPEDITED", "PRIORITY"])


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Cannot ship to Erika Göbel-Muster, Hauptstr. 12a", "Cannot ship to … …-…, …. …"),
        ("ERIKA at 04109 LEIPZIG", "… at … …"),
        ("call 493410000000 or +49 341 0000000", "call … or +… … …"),
        (
            "SellerSKU TS-01 for Item Id: 1-0 in DE is invalid.",
            "SellerSKU TS-01 for Item Id: 1-0 in DE is invalid.",
        ),
        ("Go to the Hauptstrasse", "Go to the Hauptstrasse"),
        ("", ""),
    ],
)
def test_nothing_of_an_address_is_left_in_amazons_words(said: str, kept: str) -> None:
    address = Address(
        name="Erika Göbel-Muster",
        line1="Hauptstr. 12a",
        line2="zu",
        postal_code="04109",
        city="Leipzig",
        country="DE",
        phone="+49 341 0000000",
    )

    assert without_person(said, address) == kept
