"""The tab "Versand durch Amazon" and FBA in the box "Kanäle"."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import planning
from kogge.amazon.fba.models import FbaStock, FulfillmentOrder, FulfillmentSettings, ShippingSpeed
from kogge.amazon.fba.preferences import settings_of
from kogge.amazon.journal.book import open_trouble
from kogge.amazon.journal.sentences import ask
from kogge.amazon.orders.models import AmazonOrder, AmazonOrderItem
from kogge.amazon.pages.channel import AmazonChannel
from kogge.backoffice.models import LEFT_TO_CHANNEL, Order, OrderLine, Product
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from kogge.simulator import Simulator
from tests.amazon.pages.offering import DE, NOW, listing, offer, product
from tests.amazon.pages.shipping import fulfilment, own_order, shelve

pytestmark = pytest.mark.django_db

VERSAND = "/apps/amazon/versand/"


@pytest.fixture
def tea(connection: Connection) -> Product:
    return product(connection.merchant, "TEE-1")


def body(answer: Any) -> str:
    return str(answer.content.decode())


# --- orders --------------------------------------------------------------------------------------


def test_orders_are_filtered_by_state(staff: Client, connection: Connection, tea: Product) -> None:
    fulfilment(connection, own_order(connection.merchant, tea), "handed", sent_at=NOW)
    fulfilment(connection, own_order(connection.merchant, tea), "returned", reason="address")

    everything = body(staff.get(VERSAND))
    returned = body(staff.get(VERSAND, {"stand": "returned"}))

    assert "20001" in everything
    assert everything.index("20002") < everything.index("20001") or "20002" in everything
    assert "KTESTING-20001-1" in everything
    assert "die Lieferadresse passt für Amazon nicht" in returned
    assert "20001" not in returned


@pytest.mark.parametrize("path", ["", "bestand/", "bei-amazon/"])
def test_a_page_costs_the_same_however_long_it_is(
    staff: Client, connection: Connection, tea: Product, path: str
) -> None:
    def fill(count: int) -> None:
        for number in range(count):
            fulfilment(connection, own_order(connection.merchant, tea), "done")
            known = FulfillmentOrder.objects.of(connection.merchant).count()
            shelve(connection, f"SKU-{known}", number)
            bought(connection, f"30{number}-0000000-{known:07}")

    fill(2)
    staff.get(VERSAND + path)
    with CaptureQueriesContext(database) as few:
        staff.get(VERSAND + path)
    fill(8)
    with CaptureQueriesContext(database) as many:
        staff.get(VERSAND + path)

    assert len(many) == len(few)


def bought(connection: Connection, order_id: str, **values: Any) -> AmazonOrder:
    plain: dict[str, Any] = {"status": "SHIPPED", "created_at": NOW, "currency": "EUR", "total": "14.90"}
    order = AmazonOrder.objects.everyone().create(
        connection=connection,
        order_id=order_id,
        intake=AmazonOrder.Intake.IGNORED,
        fulfilled_by="AMAZON",
        first_seen_at=NOW,
        **(plain | values),
    )
    AmazonOrderItem.objects.everyone().create(
        order=order, position=1, item_id="1", sku="SKU-TEE-1", title="Tee", quantity=3
    )
    return order


@pytest.mark.parametrize(
    ("path", "next_step"),
    [
        ("", "Noch kein Produkt mit FBA"),
        ("bestand/", "Sende Ware an Amazon"),
        ("bei-amazon/", "Kogge fragt Amazon jede Stunde danach"),
    ],
)
def test_empty_pages_say_what_to_do_next(
    staff: Client, connection: Connection, path: str, next_step: str
) -> None:
    assert next_step in body(staff.get(VERSAND + path))


@pytest.mark.parametrize("path", ["", "bestand/", "bei-amazon/", "einstellungen/"])
def test_without_an_account_the_way_leads_there(owner: Client, merchant: Any, path: str) -> None:
    assert "Noch kein Amazon-Konto verbunden" in body(owner.get(VERSAND + path))


# --- stock ---------------------------------------------------------------------------------------


def test_stock_is_shown_with_its_product(staff: Client, connection: Connection, tea: Product) -> None:
    offer(tea, fba=True, fba_sku="FBA-1")
    shelve(connection, "FBA-1", 31, inbound=7)
    shelve(connection, "FREMD", None)

    page = body(staff.get(f"{VERSAND}bestand/"))

    assert "<strong>31</strong>" in page
    assert "Tee TEE-1" in page
    assert "Amazon versendet" in page
    assert "keinem Produkt zugeordnet" in page


def test_reading_now_makes_it_due(staff: Client, connection: Connection) -> None:
    staff.post(f"{VERSAND}bestand/lesen/")

    assert Due.objects.filter(operation="read_fba_stock", subject=connection.pk).exists()


def test_a_missing_role_is_named(owner: Client, connection: Connection) -> None:
    settings_of(connection)
    FulfillmentSettings.objects.everyone().update(stock_problem="denied")

    for path in (f"{VERSAND}bestand/", "/apps/amazon/"):
        page = body(owner.get(path))
        assert "Amazon verweigert den Bestand" in page
        assert "Rolle „Amazon Fulfillment“" in page


def test_offers_show_what_lies_at_amazon(staff: Client, connection: Connection, tea: Product) -> None:
    offer(tea, fba=True, fba_sku="FBA-1", sku="FBA-1")
    listing(connection, tea, "live", sku="FBA-1", channel="AMAZON_EU")
    shelve(connection, "FBA-1", 31)

    assert "Amazon-Lager: 31 frei" in body(staff.get("/apps/amazon/angebote/"))


# --- bought at Amazon ----------------------------------------------------------------------------


def test_orders_bought_at_amazon_are_only_shown(staff: Client, connection: Connection, tea: Product) -> None:
    offer(tea)
    bought(connection, "305-0000000-0000001")

    page = body(staff.get(f"{VERSAND}bei-amazon/"))

    assert "305-0000000-0000001" in page
    assert "3 × <a" in page
    assert "Tee TEE-1" in page
    assert page.count('method="post"') == body(staff.get("/apps/amazon/pruefungen/")).count('method="post"')


# --- settings ------------------------------------------------------------------------------------


def test_settings_are_kept(owner: Client, connection: Connection) -> None:
    owner.post(
        f"/apps/amazon/{connection.pk}/versand/",
        {"cut_off_minutes": "30", "origin": "A13V1IB3VIYZZH", "allow_partial": "on", "comment": "Danke!"},
    )

    kept = settings_of(connection)
    assert (kept.cut_off_minutes, kept.origin, kept.allow_partial, kept.comment) == (
        30,
        "A13V1IB3VIYZZH",
        True,
        "Danke!",
    )
    assert not kept.shop_sells_stock


@pytest.mark.parametrize("typed", ["-1", "1441", "fünf", ""])
def test_a_wrong_cut_off_is_refused_and_stays_to_be_corrected(
    owner: Client, connection: Connection, typed: str
) -> None:
    answer = owner.post(f"/apps/amazon/{connection.pk}/versand/", {"cut_off_minutes": typed})

    assert answer.status_code == 422
    assert "Gib eine ganze Zahl von 0 bis 1440 ein." in body(answer)
    assert f'value="{typed}"' in body(answer) or not typed
    assert settings_of(connection).cut_off_minutes == 5


def test_shipping_methods_get_a_speed(staff: Client, connection: Connection) -> None:
    before = body(staff.get(f"{VERSAND}einstellungen/", {"versandart": "Expressversand"}))
    staff.post(f"{VERSAND}versandart/", {"shop_method": "Expressversand", "speed": "EXPEDITED"})

    assert "noch nicht festgelegt" in before
    assert '<option value="EXPEDITED" selected>' in before
    assert ShippingSpeed.objects.of(connection.merchant).get().speed == "EXPEDITED"

    staff.post(f"{VERSAND}versandart/entfernen/", {"shop_method": "Expressversand"})
    assert not ShippingSpeed.objects.of(connection.merchant).exists()


def test_a_suggested_speed_takes_one_click(staff: Client, connection: Connection) -> None:
    page = body(staff.get(f"{VERSAND}einstellungen/"))

    row = page[page.index("Expressversand") : page.index("Standardversand")]
    assert '<option value="EXPEDITED" selected>' in row
    assert 'name="shop_method" value="Expressversand"' in row


def test_all_suggested_speeds_can_be_taken_at_once(staff: Client, reader: Client, tea: Product) -> None:
    own_order(tea.merchant, tea, service_level="Spedition")
    reader.post(f"{VERSAND}versandart/vorschlaege/")
    before = body(staff.get(f"{VERSAND}einstellungen/"))

    staff.post(f"{VERSAND}versandart/vorschlaege/")

    kept = dict(ShippingSpeed.objects.of(tea.merchant).values_list("shop_method", "speed"))
    assert kept == {"Expressversand": "EXPEDITED", "Spedition": "STANDARD"}
    assert "Alle Vorschläge übernehmen" in before
    assert "Alle Vorschläge übernehmen" not in body(staff.get(f"{VERSAND}einstellungen/"))


def test_another_warehouse_is_read_anew(owner: Client, connection: Connection) -> None:
    shelve(connection, "FBA-1", 5)
    same = {"cut_off_minutes": "10", "origin": "", "comment": ""}

    owner.post(f"/apps/amazon/{connection.pk}/versand/", same)
    kept = FbaStock.objects.of(connection.merchant).count()
    owner.post(f"/apps/amazon/{connection.pk}/versand/", same | {"origin": DE})

    assert kept == 1, "nothing but the warehouse forgets its stock"
    assert not FbaStock.objects.of(connection.merchant).exists()
    assert settings_of(connection).stock_known_to is None
    assert Due.objects.filter(operation="read_fba_stock", subject=connection.pk).exists()


# --- the box "Kanäle" ----------------------------------------------------------------------------


def test_fba_is_ticked_once_goods_lie_there(staff: Client, connection: Connection, tea: Product) -> None:
    offer(tea, sku="TEE-AMZ", asin="B0TEE00001")
    shelve(connection, "TEE-FBA", 31, asin="B0TEE00001")
    typed = {"enabled": "on", "asin": "B0TEE00001", "sku": "TEE-AMZ", "fba": "on"}

    staff.post(f"/produkte/{tea.pk}/amazon/", typed)

    kept = Offer.objects.of(connection.merchant).get()
    assert (kept.fba, kept.sku, kept.fba_sku) == (True, "TEE-AMZ", "TEE-FBA")
    assert Due.objects.filter(operation="plan_fulfillment", subject=connection.merchant_id).exists()
    assert "31 Stück bei Amazon versandfähig" in body(staff.get(f"/produkte/{tea.pk}/"))


def test_without_goods_it_says_what_to_do_in_seller_central(
    staff: Client, connection: Connection, tea: Product
) -> None:
    shelve(connection, "ANDERES", 5)
    typed = {"enabled": "on", "sku": "TEE-AMZ", "fba": "on", "fba_sku": "TEE-FBA", "stock": "7"}

    answer = staff.post(f"/produkte/{tea.pk}/amazon/", typed)

    page = body(answer)
    assert "Davon liegt nichts im Amazon-Lager." in page
    assert "Wähle „An Amazon senden“" in page
    assert 'value="TEE-FBA"' in page
    assert 'value="7"' in page
    assert not Offer.objects.of(connection.merchant).exists()


def test_a_tick_that_is_there_stays_without_goods(
    staff: Client, connection: Connection, tea: Product
) -> None:
    offer(tea, sku="TEE-AMZ", fba=True, fba_sku="TEE-FBA")
    shelve(connection, "TEE-FBA", 0)
    typed = {"enabled": "on", "sku": "TEE-AMZ", "fba": "on", "fba_sku": "TEE-FBA", "buffer": "2"}

    staff.post(f"/produkte/{tea.pk}/amazon/", typed)

    kept = Offer.objects.of(connection.merchant).get()
    assert (kept.fba, kept.buffer) == (True, 2)


def test_looking_now_asks_amazon_and_keeps_what_was_typed(
    staff: Client, connection: Connection, amazon: Simulator, tea: Product
) -> None:
    shelve(connection, "ANDERES", 5)
    amazon.set_fba_stock({"TEE-FBA": 12})
    typed = {"enabled": "on", "sku": "TEE-AMZ", "fba": "on", "fba_sku": "TEE-FBA", "stock": "7"}

    page = body(staff.post(f"/produkte/{tea.pk}/amazon/lager/", typed))

    assert "Noch ist nichts gespeichert." in page
    assert "12 Stück bei Amazon versandfähig" in page
    assert 'value="7"' in page
    assert not Offer.objects.of(connection.merchant).exists()


def test_looking_without_a_sku_says_what_is_missing(
    staff: Client, connection: Connection, tea: Product
) -> None:
    page = body(staff.post(f"/produkte/{tea.pk}/amazon/lager/", {"enabled": "on"}))

    assert "Trage zuerst die FBA-SKU ein" in page


# --- what the back office asks -------------------------------------------------------------------


def test_nothing_is_shipped_by_amazon_without_fba(connection: Connection, tea: Product) -> None:
    channel = AmazonChannel()

    assert list(channel.ships(connection.merchant_id, {tea.pk: 1})) == []
    assert channel.pools(connection.merchant_id, [tea.pk]) == {}


def test_amazon_ships_what_its_warehouse_has(connection: Connection, tea: Product) -> None:
    offer(tea, fba=True, fba_sku="FBA-1")
    shelve(connection, "FBA-1", 2)
    planning.wake(connection.merchant_id, now=NOW)
    channel = AmazonChannel()

    assert list(channel.ships(connection.merchant_id, {tea.pk: 2})) == [tea.pk]
    assert list(channel.ships(connection.merchant_id, {tea.pk: 3})) == []
    pool = channel.pools(connection.merchant_id, [tea.pk])[tea.pk]
    assert (pool.units, pool.counts) == (2, True)


def test_what_is_left_to_amazon_and_not_planned_is_not_free(connection: Connection, tea: Product) -> None:
    offer(tea, fba=True, fba_sku="SKU-TEE-1")
    shelve(connection, "SKU-TEE-1", 10)
    planning.wake(connection.merchant_id, now=NOW)
    channel = AmazonChannel()
    own_order(connection.merchant, tea, units=2, payment_status=Order.Payment.OPEN)
    fulfilment(connection, own_order(connection.merchant, tea, units=3))
    shipped = own_order(connection.merchant, tea, units=1)
    shipped.lines.update(shipped=1)
    by_merchant = own_order(connection.merchant, tea, units=1)
    by_merchant.lines.update(fulfilled_by="")

    pool = channel.pools(connection.merchant_id, [tea.pk])[tea.pk]

    assert pool.units == 10 - 2 - 3, "a planned order counts once, what left or is the merchant's not at all"
    assert list(channel.ships(connection.merchant_id, {tea.pk: 6})) == []
    assert list(channel.ships(connection.merchant_id, {tea.pk: 5})) == [tea.pk]


def test_many_products_and_orders_cost_no_more_statements(
    connection: Connection, tea: Product, django_assert_max_num_queries: Any
) -> None:
    products = [tea, *(product(connection.merchant, f"TEE-{number}") for number in range(2, 12))]
    for number, each in enumerate(products):
        offer(each, fba=True, fba_sku=f"FBA-{number}")
        shelve(connection, f"FBA-{number}", 10)
        own_order(connection.merchant, each)

    with django_assert_max_num_queries(7):
        found = AmazonChannel().pools(connection.merchant_id, [each.pk for each in products])

    assert {pool.units for pool in found.values()} == {8}


def test_lines_left_to_amazon_are_found_by_their_index(merchant: Merchant) -> None:
    lines = OrderLine.objects.of(merchant).filter(LEFT_TO_CHANNEL, product__in=[1, 2])
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")

    assert "line_left_to_channel" in lines.order_by().explain()


# --- product files -------------------------------------------------------------------------------


def test_a_file_may_not_tick_what_does_not_lie_at_amazon(connection: Connection, tea: Product) -> None:
    shelve(connection, "ANDERES", 5)
    row = {"amazon": "yes", "amazon_sku": "TEE-AMZ", "fba": "yes"}

    refused = AmazonChannel().check_products(connection.merchant, {tea.pk: row}).refused

    assert refused[tea.pk].startswith("fba: Dieser Artikel liegt nicht im Amazon-Lager.")


@pytest.mark.parametrize(("fba", "reads"), [("yes", True), ("no", False)])
def test_a_tick_in_a_file_begins_the_planning_and_reads_the_stock(
    connection: Connection, tea: Product, fba: str, reads: bool
) -> None:
    Due.objects.all().delete()
    row = {"amazon": "yes", "amazon_sku": "TEE-AMZ", "fba": fba}

    AmazonChannel().import_products(connection.merchant, {tea.pk: row}, now=NOW)

    due = set(Due.objects.values_list("operation", "subject"))
    assert (("read_fba_stock", connection.pk) in due) is reads
    assert (("plan_fulfillment", connection.merchant_id) in due) is reads
    assert planning.has_begun(connection.merchant_id)


# --- notices -------------------------------------------------------------------------------------


def notices(connection: Connection, *troubles: tuple[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """What the merchant is told of these troubles: tone and sentence."""
    for position, (kind, details) in enumerate(troubles):
        open_trouble(connection.pk, kind, f"{kind}:{position}", now=NOW, **details)
    told = AmazonChannel().notices(connection.merchant)
    return [(notice.tone, notice.sentence) for notice in told if "Bestellung" in notice.sentence]


def test_a_lack_of_stock_is_no_alarm(connection: Connection) -> None:
    told = notices(
        connection,
        ("fulfillment_no_stock", {"number": "10001"}),
        ("fulfillment_returned", {"number": "10002", "reason": "no_stock"}),
    )

    assert told == [
        ("amber", "Für 2 Bestellungen liegt im Amazon-Lager nicht genug: Sie sind wieder bei dir.")
    ]


def test_what_amazon_refused_or_lets_hang_is_red(connection: Connection) -> None:
    told = notices(
        connection,
        ("fulfillment_refused", {"number": "10001", "reason": "other"}),
        ("fulfillment_stuck", {"number": "10002"}),
        ("fulfillment_unclear", {"number": "10003"}),
    )

    assert told == [
        ("red", "1 Bestellung versendet Amazon nicht: Sie ist wieder bei dir."),
        ("red", "1 Bestellung hängt beim Versand durch Amazon."),
        ("amber", "1 Bestellung mit Versand durch Amazon braucht einen Blick."),
    ]


def test_an_order_with_several_troubles_is_counted_once(connection: Connection) -> None:
    told = notices(
        connection,
        ("fulfillment_unknown_status", {"number": "10001"}),
        ("fulfillment_stuck", {"number": "10001"}),
        ("fulfillment_late", {"number": "10001"}),
    )

    assert told == [("red", "1 Bestellung hängt beim Versand durch Amazon.")]


def test_the_advice_on_an_unknown_shipping_method_says_what_really_happens() -> None:
    asked = ask("unknown_shipping_method", {"method": "Spedition", "number": "10001"})

    assert "„Standard“" in asked.advice
    assert "wartenden" not in asked.advice
