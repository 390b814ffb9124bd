import json
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from kogge.spapi import Amazon, NotFound, OrderQuery, OrderUnreadable, TryLater, read_order
from kogge.spapi.orders_2026_01_01 import get_order, search_orders
from kogge.values import InvalidValue, Money
from tests.amazon_models import needs_models

from .conftest import Wire, examples, refusal, reply

SINCE = datetime(2026, 11, 23, 8, 0, 0, 123456, tzinfo=UTC)
QUERY = OrderQuery(
    last_updated_after=SINCE,
    marketplace_ids=("A1PA6795UKMFR9", "A13V1IB3VIYZZH"),
    fulfilled_by=("MERCHANT",),
    fulfillment_statuses=("UNSHIPPED", "PARTIALLY_SHIPPED"),
    included_data=("BUYER", "RECIPIENT", "PROCEEDS", "CANCELLATION", "FULFILLMENT"),
)
BOUND = "2026-11-23T08:58:00.000Z"


def euros(amount: Any) -> dict[str, Any]:
    return {"amount": amount, "currencyCode": "EUR"}


def amazon_order(**changes: Any) -> dict[str, Any]:
    return {
        "orderId": "305-1182244-9021001",
        "orderAliases": [{"aliasId": "SHOP-10231", "aliasType": "SELLER_ORDER_ID"}],
        "createdTime": "2026-11-23T07:41:12.000Z",
        "lastUpdatedTime": "2026-11-23T08:02:45.120Z",
        "programs": ["AMAZON_BUSINESS", "SOMETHING_NEW"],
        "associatedOrders": [{"orderId": "305-1", "associationType": "REPLACEMENT_ORIGINAL_ID"}],
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1PA6795UKMFR9"},
        "buyer": {"buyerName": "Erika Muster", "buyerEmail": "x1@marketplace.amazon.de"},
        "recipient": {
            "deliveryAddress": {
                "name": "Erika Muster",
                "addressLine1": "Beispielweg 7",
                "addressType": "PICKUP_POINT",
            },
            "deliveryPreference": {"dropOffLocation": "Garage"},
        },
        "proceeds": {
            "grandTotal": euros("54.88"),
            "breakdowns": [{"type": "ITEM", "subtotal": euros("49.98")}],
        },
        "fulfillment": {
            "fulfillmentStatus": "A_NEW_STATUS",
            "fulfilledBy": "MERCHANT",
            "fulfillmentServiceLevel": "STANDARD",
            "shipByWindow": {"latestDateTime": "2026-11-25T22:59:59Z"},
        },
        "orderItems": [
            {
                "orderItemId": "40511122233301",
                "quantityOrdered": 2,
                "product": {
                    "asin": "B00EXAMPL1",
                    "title": "Teekanne 1,2 l",
                    "sellerSku": "TK-12-WEISS",
                    "price": {"unitPrice": euros("20.00")},
                },
                "proceeds": {
                    "proceedsTotal": euros("44.90"),
                    "breakdowns": [
                        {
                            "type": "DISCOUNT",
                            "subtotal": euros("-1.00"),
                            "detailedBreakdowns": [{"subtype": "SHIPPING", "value": euros("-1.00")}],
                        }
                    ],
                },
                "cancellation": {"cancellationRequest": {"requester": "BUYER", "cancelReason": "Mistake"}},
                "fulfillment": {
                    "quantityFulfilled": 0,
                    "quantityUnfulfilled": 2,
                    "packing": {"giftOption": {"giftMessage": "Alles Gute", "giftWrapLevel": "Classic"}},
                    "shipping": {"internationalShipping": {"iossNumber": "IM2760000742"}},
                },
            }
        ],
        "packages": [
            {
                "packageReferenceId": "1",
                "packageStatus": {"status": "DELIVERED"},
                "trackingNumber": "0034",
                "packageItems": [{"orderItemId": "40511122233301", "quantity": 2}],
            }
        ],
    } | changes


def raw(**changes: Any) -> bytes:
    return json.dumps(amazon_order(**changes)).encode()


def page(*orders: Any, **more: Any) -> Any:
    return reply({"orders": list(orders), "lastUpdatedBefore": BOUND} | more)


def test_an_order_is_read_with_all_that_matters() -> None:
    order = read_order(raw())

    assert order.order_id == "305-1182244-9021001"
    assert order.created_time == datetime(2026, 11, 23, 7, 41, 12, tzinfo=UTC)
    assert order.last_updated_time.microsecond == 120_000
    assert (order.aliases[0].alias_id, order.aliases[0].alias_type) == ("SHOP-10231", "SELLER_ORDER_ID")
    assert order.programs == ("AMAZON_BUSINESS", "SOMETHING_NEW")
    assert order.associated_orders[0].association_type == "REPLACEMENT_ORIGINAL_ID"
    assert (order.sales_channel.channel_name, order.sales_channel.marketplace_id) == (
        "AMAZON",
        "A1PA6795UKMFR9",
    )
    assert order.buyer is not None
    assert (order.buyer.buyer_name, order.buyer.buyer_company_name) == ("Erika Muster", "")
    assert order.recipient is not None
    assert order.recipient.delivery_address is not None
    assert order.recipient.delivery_address.address_line1 == "Beispielweg 7"
    assert order.recipient.delivery_address.address_type == "PICKUP_POINT"
    assert order.recipient.delivery_preference is not None
    assert order.recipient.delivery_preference.drop_off_location == "Garage"
    assert order.packages[0].package_items[0].quantity == 2


def test_deadlines_and_unknown_words_are_kept() -> None:
    fulfillment = read_order(raw()).fulfillment

    assert fulfillment is not None
    assert fulfillment.fulfillment_status == "A_NEW_STATUS"
    assert fulfillment.ship_by_window is not None
    assert fulfillment.ship_by_window.latest == datetime(2026, 11, 25, 22, 59, 59, tzinfo=UTC)
    assert fulfillment.deliver_by_window is None


def test_an_item_is_read_with_all_that_matters() -> None:
    item = read_order(raw()).order_items[0]

    assert (item.order_item_id, item.quantity_ordered) == ("40511122233301", 2)
    assert (item.product.asin, item.product.seller_sku) == ("B00EXAMPL1", "TK-12-WEISS")
    assert item.product.price is not None
    assert item.product.price.unit_price is not None
    assert item.product.price.unit_price.money() == Money.parse("20.00", "EUR")
    assert item.proceeds is not None
    assert item.proceeds.breakdowns[0].subtotal.amount == Decimal("-1.00")
    assert item.proceeds.breakdowns[0].detailed_breakdowns[0].subtype == "SHIPPING"
    assert item.cancellation is not None
    assert item.cancellation.cancellation_request is not None
    assert item.cancellation.cancellation_request.requester == "BUYER"
    assert item.cancellation.cancellation_execution is None
    assert item.fulfillment is not None
    assert item.fulfillment.quantity_unfulfilled == 2
    assert item.fulfillment.packing is not None
    assert item.fulfillment.packing.gift_option is not None
    assert item.fulfillment.packing.gift_option.gift_message == "Alles Gute"
    assert item.fulfillment.shipping is not None
    assert item.fulfillment.shipping.international_shipping is not None
    assert item.fulfillment.shipping.international_shipping.ioss_number == "IM2760000742"


def test_an_order_of_the_mandatory_fields_alone_is_read() -> None:
    names = ("orderId", "createdTime", "lastUpdatedTime", "salesChannel", "orderItems")
    item = {"orderItemId": "1", "quantityOrdered": 1, "product": {}}
    bare = {name: amazon_order(orderItems=[item])[name] for name in names}

    order = read_order(json.dumps(bare).encode())

    assert (order.buyer, order.recipient, order.proceeds, order.fulfillment) == (None, None, None, None)
    assert order.order_items[0].product.asin == ""


@pytest.mark.parametrize("amount", ['"19.90"', "19.90", '"19.9"'])
def test_amounts_are_never_floats(amount: str) -> None:
    text = raw(proceeds={"grandTotal": euros("AMOUNT")}).replace(b'"AMOUNT"', amount.encode())

    proceeds = read_order(text).proceeds

    assert proceeds is not None
    assert proceeds.grand_total is not None
    assert proceeds.grand_total.amount == Decimal("19.90")


def test_null_means_absent_and_amounts_beside_it_stay_exact() -> None:
    item = amazon_order()["orderItems"][0] | {"cancellation": None, "programs": None}
    odd = raw(
        buyer=None, programs=None, packages=None, orderItems=[item], proceeds={"grandTotal": euros("AMOUNT")}
    )

    order = read_order(odd.replace(b'"AMOUNT"', b"1234567.10"))

    assert order.buyer is None
    assert order.programs == ()
    assert order.order_items[0].cancellation is None
    assert order.proceeds is not None
    assert order.proceeds.grand_total is not None
    assert str(order.proceeds.grand_total.amount) == "1234567.10"


@pytest.mark.parametrize(
    "changes",
    [
        {"orderItems": None},
        {"salesChannel": None},
        {"createdTime": "yesterday"},
        {"lastUpdatedTime": "2026-11-23T08:02:45"},
        {"orderItems": [{"orderItemId": "1", "quantityOrdered": "many", "product": {}}]},
        {"proceeds": {"grandTotal": euros("12,50")}},
        {"proceeds": {"grandTotal": euros("NaN")}},
        {"proceeds": {"grandTotal": euros("1e400")}},
        {"buyer": {"buyerName": 4711}},
    ],
    ids=str,
)
def test_an_order_that_cannot_be_understood_says_which_one_it_is(changes: dict[str, Any]) -> None:
    with pytest.raises(OrderUnreadable, match=r"^order 305-1182244-9021001: ") as caught:
        read_order(raw(**changes))

    assert caught.value.order_id == "305-1182244-9021001"
    assert "4711" not in str(caught.value)


def test_an_order_with_broken_text_still_shows_its_id() -> None:
    broken = raw().replace(b"Alles Gute", b"Alles \xff\xfe")

    with pytest.raises(OrderUnreadable) as caught:
        read_order(broken)

    assert caught.value.order_id == "305-1182244-9021001"


@pytest.mark.parametrize("nothing", [b"", b"null", b"[]", b"{}", b'{"orderId": 5}', b"\xff", b"[" * 5000])
def test_what_is_no_order_at_all_has_no_id(nothing: bytes) -> None:
    with pytest.raises(OrderUnreadable) as caught:
        read_order(nothing)

    assert caught.value.order_id is None


def test_buyers_stay_out_of_reprs() -> None:
    order = read_order(raw())

    shown = repr([order, order.buyer, order.recipient, order.order_items, order.packages])

    assert "Erika" not in shown
    assert "marketplace.amazon.de" not in shown
    assert "Beispielweg" not in shown


def test_a_hundred_orders_are_read_in_a_blink() -> None:
    orders = [raw() for _ in range(100)]
    best = 1.0

    for _ in range(5):
        began = time.perf_counter()
        for order in orders:
            read_order(order)
        best = min(best, time.perf_counter() - began)

    assert best < 0.010


def test_a_search_is_spelled_as_amazon_wants_it(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page())

    search_orders(amazon, QUERY)

    assert wire.sent[0].url.path == "/orders/2026-01-01/orders"
    assert dict(wire.sent[0].url.params) == {
        "lastUpdatedAfter": "2026-11-23T08:00:00.123Z",
        "marketplaceIds": "A1PA6795UKMFR9,A13V1IB3VIYZZH",
        "fulfilledBy": "MERCHANT",
        "fulfillmentStatuses": "UNSHIPPED,PARTIALLY_SHIPPED",
        "includedData": "BUYER,RECIPIENT,PROCEEDS,CANCELLATION,FULFILLMENT",
        "maxResultsPerPage": "100",
    }


def test_a_page_hands_out_its_orders_undecoded(amazon: Amazon, wire: Wire) -> None:
    sick = {"orderId": 5}
    wire.lay(page(amazon_order(), sick, None, pagination={"nextToken": "page-2"}))

    found = search_orders(amazon, QUERY)

    assert read_order(found.orders[0]).order_id == "305-1182244-9021001"
    assert json.loads(found.orders[1]) == sick
    assert found.orders[2] == b"null"
    assert found.next_token == "page-2"
    assert found.upper_bound == BOUND
    assert found.served_at == datetime(2026, 11, 23, 9, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "pagination", [{}, {"pagination": None}, {"pagination": {}}, {"pagination": {"nextToken": ""}}]
)
def test_the_last_page_has_no_next_token(amazon: Amazon, wire: Wire, pagination: dict[str, Any]) -> None:
    wire.lay(page(**pagination))

    assert search_orders(amazon, QUERY).next_token is None


def test_the_next_page_is_asked_for_with_the_very_same_query(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page(), page())
    stored = QUERY.dumps()

    search_orders(amazon, QUERY)
    search_orders(amazon, OrderQuery.loads(stored), "page=2/+")

    first, second = (str(sent.url.query, "ascii") for sent in wire.sent)
    assert second == first + "&paginationToken=page%3D2%2F%2B"


def test_a_page_that_leads_to_itself_is_not_followed(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page(pagination={"nextToken": "page-2"}))

    with pytest.raises(TryLater, match="same page"):
        search_orders(amazon, QUERY, "page-2")


def test_a_first_page_must_say_up_to_when_it_is_complete(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"orders": []}), reply({"orders": [], "createdBefore": BOUND}), reply({"orders": []}))

    for _ in range(2):
        with pytest.raises(TryLater, match="up to when"):
            search_orders(amazon, QUERY)

    assert search_orders(amazon, QUERY, "page-2").upper_bound == ""


def test_a_bound_that_we_named_ourselves_need_not_be_echoed(amazon: Amazon, wire: Wire) -> None:
    before = datetime(2026, 11, 1, tzinfo=UTC)
    query = OrderQuery(created_after=datetime(2026, 10, 1, tzinfo=UTC), created_before=before)
    wire.lay(reply({"orders": []}))

    assert search_orders(amazon, query).upper_bound == "2026-11-01T00:00:00.000Z"


def test_times_are_spelled_in_utc_whatever_their_zone() -> None:
    local = SINCE.astimezone(timezone(timedelta(hours=1)))

    assert OrderQuery(created_after=local).as_params()[0] == ("createdAfter", "2026-11-23T08:00:00.123Z")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"last_updated_after": SINCE, "created_after": SINCE},
        {"last_updated_after": SINCE, "created_before": SINCE},
        {"created_after": SINCE, "last_updated_before": SINCE},
        {"created_after": datetime(2026, 11, 1)},
        {"created_after": SINCE, "max_results": 101},
    ],
    ids=str,
)
def test_a_query_that_amazon_would_refuse_cannot_be_made(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        OrderQuery(**fields)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"since": "x"}'])
def test_only_a_stored_query_can_be_loaded(text: str) -> None:
    with pytest.raises(InvalidValue):
        OrderQuery.loads(text)


def test_a_stored_query_is_the_same_query() -> None:
    assert OrderQuery.loads(QUERY.dumps()) == QUERY


def test_one_order_is_fetched_by_its_id(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"order": amazon_order()}), refusal(404, "NotFound"))

    found = get_order(amazon, "305-1182244-9021001", ("FULFILLMENT", "CANCELLATION"))

    assert read_order(found).order_id == "305-1182244-9021001"
    assert str(wire.sent[0].url).endswith("/305-1182244-9021001?includedData=FULFILLMENT%2CCANCELLATION")
    with pytest.raises(NotFound):
        get_order(amazon, "305-1182244-9021002")


def test_an_order_id_cannot_leave_its_place_in_the_path(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"order": amazon_order()}))

    get_order(amazon, "../x?y")

    assert wire.sent[0].url.raw_path == b"/orders/2026-01-01/orders/..%2Fx%3Fy"


@needs_models
def test_every_example_page_of_amazon_is_taken_in(amazon: Amazon, wire: Wire) -> None:
    pages = list(examples("/orders/2026-01-01/", "searchOrders"))
    read = 0

    for parameters, answer in pages:
        wire.lay(reply(answer))
        after = parameters.get("createdAfter", {}).get("value", "2024-12-25T00:00:00Z")
        kind = "last_updated_after" if "lastUpdatedBefore" in answer else "created_after"
        token = parameters.get("paginationToken", {}).get("value")
        orders = search_orders(amazon, OrderQuery(**{kind: after}), token).orders
        read += len([read_order(order) for order in orders])

    assert len(pages) >= 4
    assert read >= 4


@needs_models
def test_every_example_order_of_amazon_is_taken_in(amazon: Amazon, wire: Wire) -> None:
    answers = [answer for _, answer in examples("/orders/2026-01-01/", "getOrder")]

    for answer in answers:
        wire.lay(reply(answer))
        order = read_order(get_order(amazon, answer["order"]["orderId"]))
        assert order.order_id == answer["order"]["orderId"]
        assert len(order.order_items) == len(answer["order"]["orderItems"])

    assert len(answers) >= 4
