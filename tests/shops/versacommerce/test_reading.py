"""Documents in every form that was seen or feared, read into our words."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kogge.shops.remote import ChannelFields, RemoteOrder, RemoteProduct, ShopIdentity, Standing
from kogge.shops.versacommerce import VersaCommerceShop
from kogge.shops.versacommerce.orders import read_order, read_parcel
from kogge.shops.versacommerce.products import read_product
from kogge.shops.versacommerce.reading import Document, decimal_of, moment_of, records, unwrapped
from kogge.values import Address, Money, Tracking

from .conftest import NOW, ORDER_ID, Wire, euro, reply

PRODUCT = {
    "id": 4711,
    "title": "Kaffeebecher rot",
    "code": "BECHER-ROT",
    "gtin": "4006381333931",
    "price": "12.9",
    "stock": 25,
    "considers_stock": True,
    "active": True,
    "visible": True,
    "packaging_duration": 24,
    "product_id": None,
    "variants_count": 0,
}
ITEM = {
    "id": 31001,
    "order_id": 90210,
    "product_id": 4711,
    "shipment_id": None,
    "code": "BECHER-ROT",
    "title": "Kaffeebecher rot",
    "quantity": 2,
    "price": "12.9",
    "line_price": "25.8",
    "shipping_type": "DHL",
    "status": "undelivered",
}
ORDER = {
    "id": 90210,
    "code": "305-118-224",
    "status": "open",
    "payment_status": "paid",
    "items_status": "undelivered",
    "payment_type": "custom",
    "source": None,
    "currency": "€",
    "prices_include_tax": True,
    "shipping_cost": "3.99",
    "total": "29.79",
    "standard_tax_rate": 19,
    "customer_email": "abc123@example.de",
    "shipments_count": 0,
    "items_count": 1,
    "note": None,
    "checkout_locale": "de",
    "created_at": "2026-11-23T09:12:00+01:00",
    "shipping_address": {
        "category": "shipping",
        "firstname": "Erika",
        "lastname": "Muster",
        "street": "Hauptstr.",
        "streetnumber": 5,
        "zipcode": 1067,
        "city": "Dresden",
        "country": "de",
        "state": "unbekannt",
    },
    "items": [{"item": ITEM}],
}


def order(**changes: Any) -> RemoteOrder:
    found = read_order(Document(ORDER | changes), "EUR", NOW)
    assert found is not None
    return found


def product(**changes: Any) -> RemoteProduct:
    found = read_product(Document(PRODUCT | changes), "EUR", "7.0")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("15.94", "15.94"),
        (Decimal("15.94"), "15.94"),
        (19, "19"),
        ("15,94", "15.94"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        (" 12,90 €", "12.90"),
        ("0.0", "0.0"),
        ("-3", "-3"),
        ("0.1594E2", "15.94"),
        ("", None),
        (None, None),
        (True, None),
        ("NaN", None),
        ("1e99999999", None),
        ("abc", None),
        ([1], None),
    ],
)
def test_decimals(said: object, number: str | None) -> None:
    assert decimal_of(said) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("said", "utc"),
    [
        ("2013-10-15T11:22:02+02:00", "2013-10-15T09:22:02"),
        ("2013-10-15 11:22:02 +0200", "2013-10-15T09:22:02"),
        ("2013-10-15 09:22:02 UTC", "2013-10-15T09:22:02"),
        ("2013-10-15T09:22:02Z", "2013-10-15T09:22:02"),
        ("2013-10-15T11:22:02", "2013-10-15T09:22:02"),
        ("2026-11-24", "2026-11-23T23:00:00"),
        ("2013-10-15T11:22:0202:00", None),
        ("0001-01-01", None),
        ("", None),
        (5, None),
        (None, None),
    ],
)
def test_moments(said: object, utc: str | None) -> None:
    found = moment_of(said)
    assert (None if found is None else found.astimezone(UTC).replace(tzinfo=None).isoformat()) == utc


@pytest.mark.parametrize("form", [[{"order": {"id": 1}}], [{"id": 1}], {"orders": [{"order": {"id": "1"}}]}])
def test_lists_wrapped_or_not(form: object) -> None:
    assert [each.id() for each in records(form, "order")] == ["1"]
    assert [bool(each) for each in records([None, "x", {"id": 1}], "order")] == [False, False, True]
    assert records(None, "order") == records("order", "order") == []
    assert unwrapped({"variant": {"id": 5}}, "product", "variant").id() == "5"


def test_an_order_of_the_shop() -> None:
    found = order()

    assert (found.order_id, found.number, found.is_own, found.standing) == (
        "90210",
        "305-118-224",
        True,
        "open",
    )
    assert (found.total, found.shipping, found.currency) == (euro("29.79"), euro("3.99"), "EUR")
    assert (found.is_paid, found.is_refunded, found.is_packing, found.doubts) == (True, False, False, ())
    assert found.placed_at == datetime(2026, 11, 23, 8, 12, tzinfo=UTC)
    assert found.address == Address("Erika Muster", "", "Hauptstr. 5", "", "", "01067", "Dresden", "", "DE")
    assert (found.shipping_method, found.email) == ("DHL", "abc123@example.de")
    [line] = found.lines
    assert (line.line_id, line.product_id, line.quantity) == ("31001", "4711", 2)
    assert (line.unit_price, line.total, line.is_sent) == (euro("12.90"), euro("25.80"), False)
    for private in ("Erika", "Hauptstr", "abc123"):
        assert private not in repr(found)


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"status": "cancelled"}, {"standing": Standing.CANCELLED}),
        ({"status": "canceled"}, {"standing": Standing.CANCELLED}),
        ({"status": "returned"}, {"standing": Standing.RETURNED}),
        ({"status": "In-Progress"}, {"standing": Standing.IN_PROGRESS}),
        ({"status": "on_hold"}, {"standing": Standing.UNKNOWN, "status": "on_hold", "doubts": ()}),
        ({"status": None}, {"standing": Standing.UNKNOWN, "status": ""}),
        ({"status": "closed", "payment_status": "egal"}, {"is_paid": True, "sent": True}),
        ({"items_status": "delivered"}, {"sent": True}),
        ({"items_status": "packed"}, {"is_packing": True, "sent": False}),
        ({"items_status": "partially_delivered"}, {"is_packing": False, "sent": False}),
        ({"items": [ITEM | {"status": "delivered", "shipment_id": 7}]}, {"sent": True, "parcel_count": 1}),
        ({"items": [ITEM | {"status": "canceled", "line_price": 0}], "status": "closed"}, {"sent": False}),
        ({"payment_status": "not_paid"}, {"is_paid": False}),
        ({"payment_status": "refunded"}, {"is_paid": False, "is_refunded": True}),
        (
            {"id": "90210", "total": Decimal("29.79"), "currency": None},
            {"order_id": "90210", "total": euro("29.79")},
        ),
        ({"currency": "CHF", "total": "29,79"}, {"total": Money(Decimal("29.79"), "CHF")}),
        ({"origin_name": "Online-Shop"}, {"is_own": True}),
        ({"origin_name": "eBay"}, {"is_own": False}),
        ({"source": "amazon"}, {"is_own": False}),
        (
            {"note": f"Hallo\r\nAmazon-Bestellung: {ORDER_ID}\r\nx"},
            {"channel_order_id": ORDER_ID, "is_own": False},
        ),
        ({"note": f"so wie meine Amazon-Bestellung: {ORDER_ID}"}, {"channel_order_id": "", "is_own": True}),
        (
            {"created_at": "2013-10-15T11:22:0202:00"},
            {"placed_at": NOW, "doubts": ("created_at",), "standing": "open"},
        ),
        ({"total": None}, {"standing": Standing.UNKNOWN, "status": "open", "doubts": ("total",)}),
        ({"total": "viel"}, {"standing": Standing.UNKNOWN, "doubts": ("total",)}),
        ({"items": [ITEM, {"id": 2}]}, {"standing": Standing.UNKNOWN, "doubts": ("items",)}),
        (
            {"items": None, "shipping_address": None, "customer_email": None},
            {"lines": (), "address": Address()},
        ),
        ({"shipments_count": "2"}, {"parcel_count": 2}),
    ],
)
def test_orders_in_other_forms(changes: dict[str, Any], seen: dict[str, Any]) -> None:
    found = order(**changes)
    shown = {name: getattr(found, name) for name in seen if name != "sent"}
    if "sent" in seen:
        shown["sent"] = all(line.is_sent for line in found.lines)

    assert shown == seen


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, {"price": euro("12.90"), "stock": 25, "lead_time_days": 1, "active": True, "vat_rate": ""}),
        ({"considers_stock": False}, {"stock": None}),
        ({"consider_stock": "false", "considers_stock": None}, {"stock": None}),
        ({"considers_stock": "1", "stock": "7"}, {"stock": 7}),
        ({"stock": None}, {"stock": 0}),
        ({"packaging_duration": 25}, {"lead_time_days": 2}),
        ({"packaging_duration": "0"}, {"lead_time_days": 0}),
        ({"packaging_duration": None}, {"lead_time_days": None}),
        ({"active": False}, {"active": False}),
        ({"visible": "false"}, {"active": False}),
        ({"price": None}, {"price": None}),
        ({"price": "1.234,565"}, {"price": euro("1234.57")}),
        ({"tax_rate": "19.0"}, {"vat_rate": "19.0"}),
        ({"tax_category": "reduced"}, {"vat_rate": "7.0"}),
        ({"gtin": 4006381333931, "asin_code": "b00example"}, {"gtin": "4006381333931", "asin": "B00EXAMPLE"}),
        ({"image_url_1": "//cdn.de/a.jpg"}, {"image_url": "https://cdn.de/a.jpg"}),
        ({"featured_image_url": "javascript:x"}, {"image_url": ""}),
        (
            {
                "product_id": "5",
                "option_01": "M",
                "option_01_label": "Größe",
                "option_02": "rot",
                "option_02_label": "Farbe",
            },
            {"parent_id": "5", "option": "Größe: M, Farbe: rot"},
        ),
        ({"option_03": "matt"}, {"option": "matt"}),
    ],
)
def test_products_in_all_forms(changes: dict[str, Any], seen: dict[str, Any]) -> None:
    found = product(**changes)

    assert {name: getattr(found, name) for name in seen} == seen


@pytest.mark.parametrize(
    ("code", "first", "more"),
    [("00340434", "00340434", ()), ("A1, B2;C3", "A1", ("B2", "C3")), (None, "", ()), (";", "", ())],
)
def test_several_codes_in_one_field(code: str | None, first: str, more: tuple[str, ...]) -> None:
    shipment = {"id": 700, "carrier_name": "DHL", "tracking_code": code, "status": "delivered"}
    parcel = read_parcel(Document(shipment))

    assert parcel is not None
    assert (parcel.tracking, parcel.more_numbers, parcel.is_sent) == (Tracking("DHL", first), more, True)
    waiting = read_parcel(Document(shipment | {"status": "packing"}))
    assert waiting is not None
    assert not waiting.is_sent


_NASTY: list[Any] = [
    None,
    True,
    -1,
    2**70,
    Decimal("1E+400"),
    Decimal("0.001"),
    "",
    "1e999",
    "-5",
    "9" * 40,
    "\x00\ud800",
    "nan",
    [],
    {},
    [[None]],
    {"id": {}},
    [{"item": 1}],
    {"address": {"id": 1}},
    "9999-12-31T23:59:59-14:00",
    "2026-02-30",
]


@given(st.dictionaries(st.sampled_from([*ORDER, *ITEM, *PRODUCT]), st.sampled_from(_NASTY), max_size=6))
def test_no_document_breaks_the_reading(changes: dict[str, Any]) -> None:
    read_order(Document(ORDER | changes), "EUR", NOW)
    read_order(Document(ORDER | {"items": [ITEM | changes], "shipping_address": changes}), "EUR", NOW)
    read_product(Document(PRODUCT | changes), "EUR")
    read_parcel(Document(changes))


def test_a_sick_order_hides_no_other(shop: VersaCommerceShop, wire: Wire) -> None:
    sick = {"order": ORDER | {"id": 2, "total": "?", "created_at": "kaputt"}}
    wire.lay(
        reply([{"order": ORDER}, sick, {"order": {"code": "305-1"}}, None, {"order": ORDER | {"id": 3}}])
    )

    page = shop.orders()

    assert [(each.order_id, each.standing) for each in page.orders] == [
        ("90210", "open"),
        ("2", "unknown"),
        ("3", "open"),
    ]
    assert page.orders[1].placed_at == page.orders[0].placed_at
    assert (page.unreadable, page.next_offset) == (["305-1", ""], None)
    assert dict(wire.sent[0].url.params) == {
        "limit": "250",
        "offset": "0",
        "include": "items",
        "order": "created_at DESC",
    }


@pytest.mark.parametrize("cap", [250, 150])
def test_products_are_read_to_the_end_whatever_the_shop_makes_of_our_limit(
    connect: Callable[..., VersaCommerceShop], cap: int
) -> None:
    def answer(request: Any) -> Any:
        if request.url.path.endswith("shop.json"):
            return reply({"shop": {"id": 1, "reduced_tax_rate": 7}})
        asked = request.url.params
        start, most = int(asked["offset"]), min(cap, int(asked["limit"]))
        ids = range(500)[start : start + most]
        assert asked["show_variants"] == "true"
        return reply([{"product": PRODUCT | {"id": n, "tax_category": "reduced"}} for n in ids])

    found = [each for page in connect(answer).products() for each in page]

    assert [each.product_id for each in found] == [str(n) for n in range(500)]
    assert {each.vat_rate for each in found} == {"7.0"}


def test_a_list_that_ignores_paging_ends(connect: Callable[..., VersaCommerceShop]) -> None:
    fields = [
        {
            "id": n,
            "metafieldable_type": "Product",
            "metafieldable_id": n,
            "namespace": "amazon",
            "key": key,
            "value": value,
        }
        for n in range(200)
        for key, value in (("enabled", "true"), ("asin", "B00EXAMPLE"), ("fba", "0"), ("lead_time", "3"))
    ]
    fields += [fields[0] | {"id": 9999, "namespace": "andere", "key": "asin", "value": "X"}]
    for number, each in enumerate(fields):
        each["id"] = number
    asked: list[Any] = []

    def answer(request: Any) -> Any:
        asked.append(request)
        return reply([{"metafield": each} for each in fields])

    found = connect(answer).channel_fields()

    assert len(found) == 200
    assert found["7"] == ChannelFields(enabled=True, asin="B00EXAMPLE", lead_time="3", fba=False)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("document", "identity"),
    [
        (
            {
                "shop": {
                    "id": 1,
                    "name": "Teeladen",
                    "domain": "www.tee.de",
                    "currency_code": "EUR",
                    "api_key": "x",
                }
            },
            ShopIdentity("Teeladen", "www.tee.de", "EUR", prices_include_tax=True),
        ),
        (
            {"id": 1, "name": "Tea", "currency_code": "CHF", "price_includes_tax": "false"},
            ShopIdentity("Tea", "mein-shop.versacommerce.de", "CHF", prices_include_tax=False),
        ),
    ],
)
def test_which_shop_it_is(shop: VersaCommerceShop, wire: Wire, document: Any, identity: ShopIdentity) -> None:
    wire.lay(reply(document))

    assert shop.identify() == identity
