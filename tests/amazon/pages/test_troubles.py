from typing import Any

import pytest
from django.test import Client

from kogge.amazon.catalog.models import SkuLink
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.book import open_trouble
from kogge.amazon.journal.models import Trouble
from kogge.amazon.orders.check import check_orders
from kogge.amazon.orders.models import AmazonOrder, ShipmentConfirmation
from kogge.amazon.pages.channel import AmazonChannel
from kogge.backoffice import orders
from kogge.backoffice.models import Order, Product
from kogge.engine.models import Due
from tests.amazon.account import Post, run

LIST = "/apps/amazon/aufgaben/"
pytestmark = pytest.mark.django_db


def body(response: Any) -> str:
    return str(response.content.decode())


@pytest.fixture
def tea(merchant: Any, clock: Any) -> Product:
    return Product.objects.everyone().create(
        merchant=merchant,
        code="DA-FF-250",
        title="Darjeeling First Flush",
        price="12.90",
        stock=5,
        changed_at=clock.now,
    )


@pytest.fixture
def bought(post: Post, connection: Connection) -> AmazonOrder:
    """An order of something the shop does not know, taken in."""
    post.buy(status="UNSHIPPED")
    post.amazon.advance(600)
    run(check_orders, "check_orders", connection.pk, post.amazon.world.now)
    return AmazonOrder.objects.everyone().get(connection=connection)


def test_an_open_trouble_says_what_is_the_matter_and_what_to_do(staff: Client, trouble: Trouble) -> None:
    page = body(staff.get(LIST))

    assert "ON_HOLD" in page
    assert "Kogge ändert nichts daran" in page
    assert f"{LIST}{trouble.pk}/nochmal/" in page
    assert "https://sellercentral-europe.amazon.com" not in page  # this installation talks to the simulator
    assert "/seller-central/orders/305-1182244-9021001" in page


def test_without_an_override_the_link_leads_to_seller_central(
    staff: Client, trouble: Trouble, settings: Any
) -> None:
    settings.KOGGE_AMAZON_CONSENT_URL = ""

    page = body(staff.get(LIST))

    assert "https://sellercentral-europe.amazon.com/orders-v3/order/305-1182244-9021001" in page


def test_nothing_to_do_is_said_kindly(reader: Client) -> None:
    assert "Nichts zu tun" in body(reader.get(LIST))


def test_what_is_marked_as_done_moves_to_the_history_with_the_name(staff: Client, trouble: Trouble) -> None:
    staff.post(f"{LIST}{trouble.pk}/erledigt/")

    assert "ON_HOLD" not in body(staff.get(LIST))
    history = body(staff.get(LIST, {"stand": "erledigt"}))
    assert "ON_HOLD" in history
    assert "von ben@example.org" in history


def test_readers_see_troubles_but_cannot_act(reader: Client, trouble: Trouble) -> None:
    assert "ON_HOLD" in body(reader.get(LIST))
    assert f"{LIST}{trouble.pk}/" not in body(reader.get(LIST))
    assert reader.post(f"{LIST}{trouble.pk}/erledigt/").status_code == 403


@pytest.mark.parametrize("act", ["erledigt", "nochmal", "zuordnen"])
def test_another_merchants_trouble_does_not_exist(stranger: Client, trouble: Trouble, act: str) -> None:
    assert stranger.post(f"{LIST}{trouble.pk}/{act}/").status_code == 404
    assert Trouble.objects.everyone().filter(closed_at=None).count() == 1


def test_an_unknown_act_is_not_found(staff: Client, trouble: Trouble) -> None:
    assert staff.post(f"{LIST}{trouble.pk}/verbrennen/").status_code == 404


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/bestellungen/", "/bestellungen/"),
        ("https://example.org/", LIST),
        ("//example.org", LIST),
        ("", LIST),
    ],
)
def test_a_button_leads_back_to_its_own_page_only(
    staff: Client, trouble: Trouble, wanted: str, leads_to: str
) -> None:
    page = staff.post(f"{LIST}{trouble.pk}/erledigt/", {"next": wanted})

    assert page.headers["Location"] == leads_to


def test_an_unknown_kind_is_shown_and_can_be_marked_as_done(
    staff: Client, connection: Connection, post: Post
) -> None:
    open_trouble(connection.pk, "weather", "weather", now=post.now, what="rain")

    page = body(staff.get(LIST))

    assert "weather (what: rain)" in page
    assert "Als erledigt kennzeichnen" in page


def test_what_cannot_be_retried_says_so(staff: Client, connection: Connection, post: Post) -> None:
    open_trouble(connection.pk, "weather", "weather", now=post.now)

    page = staff.post(f"{LIST}{connection.troubles.get().pk}/nochmal/", follow=True)

    assert "nichts, was Kogge noch einmal versuchen könnte" in body(page)


def test_assigning_a_product_settles_the_trouble_and_moves_the_stock(
    staff: Client, bought: AmazonOrder, tea: Product
) -> None:
    item = bought.items.get()
    trouble = bought.connection.troubles.get(kind="assign_product", amazon_order_id=bought.order_id)
    page = body(staff.get(f"{LIST}{trouble.pk}/zuordnen/", {"q": "darjeeling"}))

    staff.post(f"{LIST}{trouble.pk}/zuordnen/", {"product": tea.pk})

    trouble.refresh_from_db()
    tea.refresh_from_db()
    assert "DA-FF-250" in page
    assert trouble.closed_by == "ben@example.org"
    assert tea.stock == 5 - item.quantity
    assert SkuLink.objects.everyone().get().product_id == str(tea.pk)


def test_a_product_named_on_the_order_page_settles_the_trouble_too(
    bought: AmazonOrder, tea: Product, post: Post
) -> None:
    line = Order.objects.everyone().get().lines.get()
    orders.assign_product(line, tea, actor="ben@example.org", now=post.now)

    AmazonChannel().product_assigned(line, tea, actor="ben@example.org", now=post.now)

    tea.refresh_from_db()
    assert bought.connection.troubles.get(kind="assign_product").closed_by == "ben@example.org"
    assert bought.items.get().product_id == str(tea.pk)
    assert tea.stock == 5 - line.quantity


def test_what_resembles_the_article_is_offered_before_anybody_searches(
    staff: Client, bought: AmazonOrder, tea: Product
) -> None:
    trouble = bought.connection.troubles.get(kind="assign_product")
    trouble.details |= {"title": "Darjeeling First Flush, 250 g", "sku": "??"}
    trouble.save()

    guessed = body(staff.get(f"{LIST}{trouble.pk}/zuordnen/"))
    searched = body(staff.get(f"{LIST}{trouble.pk}/zuordnen/", {"q": "Teekanne"}))

    assert "DA-FF-250" in guessed
    assert "DA-FF-250" not in searched
    assert "Kein passendes Produkt" in searched


@pytest.mark.parametrize("product", ["", "x", "999999999"])
def test_only_a_product_of_the_shop_can_be_assigned(staff: Client, bought: AmazonOrder, product: str) -> None:
    trouble = bought.connection.troubles.get(kind="assign_product")

    assert staff.post(f"{LIST}{trouble.pk}/zuordnen/", {"product": product}).status_code == 404


def test_another_merchants_product_cannot_be_assigned(
    staff: Client, bought: AmazonOrder, other_merchant: Any, clock: Any
) -> None:
    theirs = Product.objects.everyone().create(
        merchant=other_merchant, code="X", title="X", price="1.00", changed_at=clock.now
    )
    trouble = bought.connection.troubles.get(kind="assign_product")

    assert staff.post(f"{LIST}{trouble.pk}/zuordnen/", {"product": theirs.pk}).status_code == 404


def test_a_rejected_parcel_is_told_again(staff: Client, bought: AmazonOrder, post: Post) -> None:
    parcel = ShipmentConfirmation.objects.everyone().create(
        connection=bought.connection,
        order=bought,
        parcel=1,
        carrier="DHL",
        tracking_number="0034",
        shipped_at=post.now,
        state="rejected",
        not_before=post.now,
        created_at=post.now,
    )
    open_trouble(
        bought.connection_id,
        "shipment_rejected",
        "any",
        now=post.now,
        amazon_order_id=bought.order_id,
        parcel=1,
        confirmation=parcel.pk,
    )
    trouble = bought.connection.troubles.get(kind="shipment_rejected")
    Due.objects.filter(operation="confirm_shipments").delete()

    staff.post(f"{LIST}{trouble.pk}/nochmal/")

    parcel.refresh_from_db()
    assert parcel.state == "waiting"
    assert Due.objects.filter(operation="confirm_shipments", subject=bought.connection_id).exists()


def test_trying_a_paused_connection_again_wakes_it(staff: Client, connection: Connection, post: Post) -> None:
    open_trouble(connection.pk, "settings", "settings", now=post.now, reason="invalid_client")
    Connection.objects.everyone().update(state="paused", pause_reason="invalid_client")

    staff.post(f"{LIST}{connection.troubles.get().pk}/nochmal/")

    connection.refresh_from_db()
    assert connection.state == "active"


def test_saving_a_carrier_settles_what_was_asked_about_it(
    staff: Client, connection: Connection, post: Post
) -> None:
    open_trouble(connection.pk, "unknown_carrier", "unknown_carrier:Rad", now=post.now, carrier="Rad")

    page = body(staff.get(LIST))
    staff.post(
        "/apps/amazon/versender/", {"shop_carrier": "Rad", "carrier_code": "GO!", "shipping_method": ""}
    )

    assert "/apps/amazon/versender/?carrier=Rad" in page
    assert not connection.troubles.filter(closed_at=None).exists()


def test_a_carrier_without_a_code_is_saved_with_a_warning(
    staff: Client, reader: Client, connection: Connection
) -> None:
    page = staff.post(
        "/apps/amazon/versender/",
        {"shop_carrier": "Rad", "carrier_code": "", "shipping_method": ""},
        follow=True,
    )

    assert "geht als „Other“ an Amazon" in body(page)
    assert "Other (ohne Sendungsverfolgung)" in body(page)
    assert reader.post("/apps/amazon/versender/", {"shop_carrier": "X"}).status_code == 403


def test_an_edited_default_can_be_reset(staff: Client, connection: Connection) -> None:
    staff.post(
        "/apps/amazon/versender/",
        {"shop_carrier": "DHL", "carrier_code": "DHL eCommerce", "shipping_method": ""},
    )
    edited = body(staff.get("/apps/amazon/versender/"))
    staff.post("/apps/amazon/versender/entfernen/", {"shop_carrier": "DHL"})
    reset = body(staff.get("/apps/amazon/versender/"))

    assert "DHL eCommerce" in edited
    assert "Zurücksetzen" in edited
    assert "DHL eCommerce" not in reset
    assert "Zurücksetzen" not in reset


def test_the_list_costs_the_same_however_many_troubles_there_are(
    staff: Client, connection: Connection, post: Post, django_assert_max_num_queries: Any
) -> None:
    for number in range(40):
        open_trouble(
            connection.pk,
            "sum_differs",
            f"sum:{number}",
            now=post.now,
            amazon_order_id=f"305-0000000-00000{number:02}",
        )

    with django_assert_max_num_queries(20):
        staff.get(LIST)


def test_orders_are_linked_to_their_page_in_the_shop(staff: Client, bought: AmazonOrder) -> None:
    number = Order.objects.everyone().get().number

    assert f'href="/bestellungen/{number}/"' in body(staff.get(LIST))
