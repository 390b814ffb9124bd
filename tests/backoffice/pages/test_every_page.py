"""What holds for every page: who sees it, in which language, and that others never do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import lxml.html
import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from kogge.backoffice import dispatch, pictures, placing, product_files
from kogge.backoffice.models import Mail, Order, OrderEvent, Product
from kogge.merchants.models import Membership, Merchant, User
from kogge.urls import urlpatterns
from tests.backoffice import shop

pytestmark = pytest.mark.django_db

SignedIn = Callable[..., Client]

# Every page that is looked at. What is missing here and in ACTS fails below.
PAGES = (
    "overview",
    "orders",
    "orders_fresh",
    "order_new",
    "orders_ship",
    "order",
    "order_live",
    "order_edit",
    "products",
    "product_new",
    "product_import",
    "product_file",
    "product",
    "channels",
    "apps",
    "app_register",
    "settings",
    "storefront_settings",
    "outbox",
    "mail",
    "password_change",
)
OWNER_PAGES = ("channel_deactivate", "app_uninstall", "api_keys", "member_new", "member", "member_remove")
FILES = ("packing_slips", "packing_slip", "picture", "product_export")
ACTS = (
    "orders_bulk",
    "order_act",
    "product_stock",
    "product_picture",
    "channel_activate",
    "storefront_shipping",
    "language",
    "merchant",
    "logout",
)
OPEN_TO_ALL = ("login", "health", "health_ready", "api_docs", "api_openapi")
API = (  # who may use them is tested in tests/backoffice/api
    "api_app_new",
    "api_key_new",
    "api_key_register",
    "api_key_revoke",
    "api_webhook_new",
    "api_webhook_remove",
    "api_auth",
    "api_token",
    "api",
    "api_without_prefix",
)
LINKS = ("order_link", "product_link")  # that other programs know
STOREFRONT = (  # open to all who know the address; what it shows is tested in tests/backoffice/storefront
    "storefront",
    "storefront_product",
    "storefront_picture",
    "storefront_info",
    "storefront_cart",
    "storefront_checkout",
    "storefront_summary",
    "storefront_thanks",
)
ELSEWHERE = (
    "metrics",  # for who shows a token: tested in tests/metrics
    # a shop in another system: tested in tests/remote
    "remote_shop",
    "remote_state",
    "remote_connect",
    "remote_register",
    "remote_registered",
    "remote_connect_key",
    "remote_read",
    "remote_test",
    "remote_pause",
    "remote_resume",
    "remote_cut",
    "remote_switches",
    "remote_errand",
    "remote_trouble",
    "remote_hook",
)
PARTS = ("orders_fresh", "order_live")  # of a page, fetched by htmx
ORDER_ACTS = ("paid", "pack", "reset-packing", "ship", "tracking", "assign", "ship-self", "cancel", "return")


@pytest.fixture
def world(merchant: Merchant, order: Order) -> dict[str, str]:
    """The address of every page and file, with something on it."""
    dispatch.start_packing(order, actor="ben@example.org", now=shop.NOW)
    dispatch.ship(order, carrier="DHL", tracking_number="0034", quantities={1: 1}, actor="ben", now=shop.NOW)
    placing.place(merchant.pk, [shop.new_order("eigene", channel="manual")], now=shop.NOW)
    [product] = Product.objects.of(merchant)
    pictures.store_picture(product, shop.drawn())
    [mail] = Mail.objects.of(merchant)
    file = product_files.keep_file(
        merchant, name="tee.csv", text="code,title\nTEE-1,Assam\n", actor="ben", now=shop.NOW
    )
    own = {"order", "order_live", "packing_slip"}
    arguments: dict[str, list[int | str]] = {name: [order.number] for name in own}
    arguments |= {
        "product": [product.pk],
        "mail": [mail.pk],
        "picture": [product.image],
        "product_file": [file.pk],
    }
    arguments["app_register"] = ["amazon"]
    own_order = shop.stored(merchant, "eigene")
    arguments["order_edit"] = [own_order.number]
    addresses = {name: reverse(name, args=arguments.get(name, [])) for name in (*PAGES, *FILES)}
    for name in ("orders_ship", "packing_slips"):
        addresses[name] += f"?orders={order.number}"
    addresses["order_cancel"] = reverse("order_act", args=[order.number, "cancel"])
    addresses["order_return"] = reverse("order_act", args=[order.number, "return"])
    return addresses


def test_no_address_is_forgotten_here() -> None:
    named = {pattern.name for pattern in urlpatterns if not str(pattern.name).startswith("amazon")}

    assert named == {*PAGES, *OWNER_PAGES, *FILES, *ACTS, *OPEN_TO_ALL, *API, *LINKS, *STOREFRONT, *ELSEWHERE}


def test_links_that_programs_know_lead_to_the_pages_of_the_own_shop_only(
    merchant: Merchant, order: Order, rita: User, mallory: User, signed_in: SignedIn
) -> None:
    [product] = Product.objects.of(merchant)
    links = [f"/admin/sales/orders/{order.pk}", f"/admin/catalog/products/{product.pk}/edit"]

    mine = [signed_in(rita).get(link) for link in links]
    theirs = [signed_in(mallory).get(link) for link in links]

    assert [answer["Location"] for answer in mine] == [
        f"/bestellungen/{order.number}/",
        f"/produkte/{product.pk}/",
    ]
    assert [answer.status_code for answer in theirs] == [404, 404]


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("name", ["anna", "ben", "rita"])
def test_everybody_of_the_shop_sees_every_page(
    name: str, language: str, world: dict[str, str], signed_in: SignedIn, request: Any
) -> None:
    browser = signed_in(request.getfixturevalue(name), language)

    answers = {page: browser.get(url).status_code for page, url in world.items()}

    assert answers == dict.fromkeys(world, 200)


@pytest.mark.parametrize(("name", "status"), [("anna", 200), ("ben", 403), ("rita", 403)])
def test_who_works_here_is_the_owners_business_alone(
    name: str, status: int, anna: User, signed_in: SignedIn, request: Any
) -> None:
    browser = signed_in(request.getfixturevalue(name))

    answers = {url: browser.get(url).status_code for url in _owner_pages(anna)}

    assert answers == dict.fromkeys(_owner_pages(anna), status)


def test_strangers_see_nothing_but_the_login(world: dict[str, str], anna: User, client: Client) -> None:
    for url in (*world.values(), *_owner_pages(anna)):
        answer = client.get(url)

        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, reverse("login")), url


def test_what_belongs_to_another_merchant_is_not_there(
    world: dict[str, str], order: Order, anna: User, mallory: User, signed_in: SignedIn
) -> None:
    browser = signed_in(mallory)

    for url in _addresses_of_things(world, order, Membership.objects.get(user=anna)):
        assert browser.get(url).status_code == 404, url
        assert browser.post(url).status_code in {404, 405}, url


def test_the_pages_of_another_merchant_show_nothing_of_this_one(
    world: dict[str, str], mallory: User, signed_in: SignedIn
) -> None:
    browser = signed_in(mallory)

    for name in ("overview", "orders", "products", "outbox", "settings"):
        shown = browser.get(world[name]).content.decode()

        assert not any(word in shown for word in ("Erika", "TEE-1", "305-0000001", "Teehaus", "anna@"))


def test_acting_on_many_orders_leaves_those_of_others_alone(
    order: Order, mallory: User, signed_in: SignedIn
) -> None:
    browser = signed_in(mallory)

    browser.post(reverse("orders_bulk"), {"do": "pack", "orders": order.number})
    browser.post(reverse("orders_ship"), {"orders": order.number, f"{order.number}-carrier": "DHL"})

    assert shop.state(order)[2] == Order.Delivery.OPEN


def test_readers_are_refused_every_act_and_nothing_happens(
    order: Order, merchant: Merchant, rita: User, signed_in: SignedIn
) -> None:
    browser = signed_in(rita)
    product = Product.objects.of(merchant).get()
    before = OrderEvent.objects.of(merchant).count()

    urls = [reverse("order_act", args=[order.number, act]) for act in ORDER_ACTS]
    urls += [reverse("order_edit", args=[order.number])]
    urls += [reverse(name, args=[product.pk]) for name in ("product", "product_stock", "product_picture")]
    urls += [
        reverse(name) for name in ("orders_bulk", "orders_ship", "order_new", "product_new", "product_import")
    ]
    urls += [reverse(name, args=["amazon"]) for name in ("channel_activate", "app_register")]
    urls += [reverse("settings"), reverse("storefront_settings"), reverse("storefront_shipping")]
    urls += _owner_pages(rita)

    assert {url: browser.post(url, {"counted": 1, "name": "X"}).status_code for url in urls} == dict.fromkeys(
        urls, 403
    )
    assert OrderEvent.objects.of(merchant).count() == before


def test_staff_may_not_rename_the_shop_but_the_owner_may(
    merchant: Merchant, anna: User, ben: User, signed_in: SignedIn
) -> None:
    refused = signed_in(ben).post(reverse("settings"), {"name": "Bens Bude"})
    done = signed_in(anna).post(reverse("settings"), {"name": "Teehaus am Markt"})

    merchant.refresh_from_db()
    assert (refused.status_code, done.status_code, merchant.name) == (403, 302, "Teehaus am Markt")


def test_readers_are_offered_no_button_that_would_be_refused(
    world: dict[str, str], rita: User, signed_in: SignedIn
) -> None:
    browser = signed_in(rita)
    harmless = {reverse("language"), reverse("logout"), reverse("password_change")}

    for name, url in world.items():
        if name in FILES or name in PARTS:
            continue
        page: Any = lxml.html.fromstring(browser.get(url).content)
        for form in page.forms:
            if form.method == "POST" and (form.action or url) not in harmless and form.xpath(".//button"):
                visible = [b for b in form.xpath(".//button") if "visually-hidden" not in b.get("class", "")]
                assert not visible, f"{name}: {visible[0].text_content()}"


def test_a_form_without_its_token_is_refused_with_a_page_that_explains(order: Order, ben: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ben, backend="kogge.merchants.login.ThrottledBackend")

    answer = browser.post(reverse("order_act", args=[order.number, "pack"]))

    assert answer.status_code == 403
    assert "Bitte noch einmal versuchen" in answer.content.decode()
    assert shop.state(order)[2] == Order.Delivery.OPEN


def test_pages_that_do_not_exist_say_so(anna: User, signed_in: SignedIn) -> None:
    german = signed_in(anna).get("/gibt-es-nicht/")
    english = signed_in(anna, "en").get("/gibt-es-nicht/")

    assert (german.status_code, english.status_code) == (404, 404)
    assert "Diese Seite gibt es nicht" in german.content.decode()
    assert "This page does not exist" in english.content.decode()


def test_a_bug_is_answered_with_a_page_that_needs_no_database(
    anna: User, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object) -> None:
        raise RuntimeError("a bug")

    browser = signed_in(anna)
    browser.raise_request_exception = False
    monkeypatch.setattr("kogge.backoffice.pages.overview._figures", fails)

    answer = browser.get("/")

    assert answer.status_code == 500
    assert "Da ist etwas schiefgegangen" in answer.content.decode()


def test_what_does_not_press_stands_on_the_overview_only(
    channel: Any, anna: User, signed_in: SignedIn
) -> None:
    channel.notice, channel.tone = "2 Aufgaben warten auf dich.", "amber"
    browser = signed_in(anna)

    assert "2 Aufgaben warten auf dich." in browser.get("/").content.decode()
    assert "2 Aufgaben warten auf dich." not in browser.get(reverse("products")).content.decode()


def test_what_stops_the_business_stands_on_every_page(channel: Any, anna: User, signed_in: SignedIn) -> None:
    channel.notice = "Die Amazon-Verbindung ist angehalten."

    shown = signed_in(anna).get(reverse("products")).content.decode()

    assert "Die Amazon-Verbindung ist angehalten." in shown
    assert 'href="/apps/amazon/"' in shown


def test_health_answers_without_an_account(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/health/live")

    assert (answer.status_code, answer.content) == (200, b"ok\n")


def _owner_pages(colleague: User) -> list[str]:
    key = colleague.memberships.get().pk
    return [
        reverse("channel_deactivate", args=["amazon"]),
        reverse("app_uninstall", args=["amazon"]),
        reverse("api_keys"),
        reverse("member_new"),
        reverse("member", args=[key]),
        reverse("member_remove", args=[key]),
    ]


def _addresses_of_things(world: dict[str, str], order: Order, membership: Membership) -> Iterator[str]:
    """Every address that names an order, a product, a mail or somebody who works here."""
    with_arguments = [p for p in urlpatterns if isinstance(p, URLPattern) and "<" in str(p.pattern)]
    for pattern in with_arguments:
        name = str(pattern.name)
        if name in world:
            yield world[name]
        elif name == "order_act":
            yield from (reverse(name, args=[order.number, act]) for act in ORDER_ACTS)
        elif name in {"product_stock", "product_picture"}:
            yield reverse(name, args=[Product.objects.of_id(order.merchant_id).get().pk])
        elif name in {"channel_deactivate", "app_uninstall"}:
            yield reverse(name, args=["amazon"])
        elif name == "channel_activate":
            continue  # everybody has the channel to activate
        elif name in OWNER_PAGES:
            yield reverse(name, args=[membership.pk])
        else:
            assert name.startswith("amazon") or name in {*API, *LINKS, *STOREFRONT, *ELSEWHERE}, (
                f"who may see {name}?"
            )
