"""The tab "Angebote": every product with its state, why, and acts on many at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.offers import wishes
from kogge.amazon.offers.models import Listing
from kogge.amazon.pages import offers as page
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from tests.amazon.pages.offering import DE, agreed, connect, held, listing, offer, product, said

pytestmark = pytest.mark.django_db

State = Listing.State
ADDRESS = "/apps/amazon/angebote/"
ACT = "/apps/amazon/angebote/auswahl/"


@pytest.fixture
def account(merchant: Merchant) -> Connection:
    return connect(merchant, "A1", store_name="Teehaus")


def body(response: Any) -> str:
    return str(response.content.decode())


def rows(html: str) -> list[str]:
    """The article numbers of the table, in order."""
    return re.findall(r'<span class="sub">(T\d+|[A-Z-]+\d*)</span></span></td>\s*<td data-label="SKU', html)


def due(operation: str, connection: Connection) -> bool:
    return Due.objects.filter(operation=operation, subject=connection.pk).exists()


def test_without_an_account_the_page_says_what_to_do(owner: Client) -> None:
    shown = body(owner.get(ADDRESS))

    assert "Noch kein Amazon-Konto verbunden" in shown
    assert "/apps/amazon/verbinden/" in shown


def test_all_products_are_listed_with_state_and_counts(
    reader: Client, merchant: Merchant, account: Connection
) -> None:
    issues = [{"code": "90220", "message": "A value is missing.", "severity": "ERROR"}]
    listing(account, product(merchant, "T1"), State.PROBLEM, reason="invalid", details={"issues": issues})
    listing(
        account, product(merchant, "T2"), State.LIVE,
        wanted_json=said(5, 2, "10.00"), shown_json=said(5, 2, "9.50"),
    )  # fmt: skip
    product(merchant, "T3")

    shown = body(reader.get(ADDRESS))

    assert rows(shown) == ["T1", "T2", "T3"]
    assert re.findall(r'class="count[^"]*">(\d+)<', shown) == ["3", "1", "0", "0", "1", "1", "0"]
    assert "Amazon fehlt eine Pflichtangabe" in shown
    assert "„A value is missing.“ (90220)" in shown
    assert "10,00\u00a0€" in shown
    assert "9,50\u00a0€" in shown
    assert 'name="do"' not in shown  # readers only look


@pytest.mark.parametrize(
    ("state", "expected"),
    [("", ["T1", "T2", "T3"]), ("problem", ["T2"]), ("live", ["T1"]), ("off", ["T3"]), ("drift", [])],
)
def test_a_filter_shows_one_state(
    reader: Client, merchant: Merchant, account: Connection, state: str, expected: list[str]
) -> None:
    listing(account, product(merchant, "T1"), State.LIVE)
    listing(account, product(merchant, "T2"), State.PROBLEM, reason="not_found")
    product(merchant, "T3")

    assert rows(body(reader.get(ADDRESS, {"stand": state}))) == expected


@pytest.mark.parametrize("words", ["T2", "grün", "B0TEEHAUS1", "MEINE-SKU"])
def test_search_finds_by_number_title_asin_and_sku(
    reader: Client, merchant: Merchant, account: Connection, words: str
) -> None:
    listing(account, product(merchant, "T1"), State.LIVE)
    found = product(merchant, "T2", title="Grüner Tee")
    offer(found, asin="B0TEEHAUS1", sku="MEINE-SKU")
    listing(account, found, State.READY)

    assert rows(body(reader.get(ADDRESS, {"q": words}))) == ["T2"]
    assert rows(body(reader.get(ADDRESS, {"q": words, "stand": "ready"}))) == ["T2"]
    assert rows(body(reader.get(ADDRESS, {"q": words, "stand": "live"}))) == []


@pytest.mark.parametrize("state", ["", "live", "off"])
def test_every_product_is_on_exactly_one_page(
    reader: Client, merchant: Merchant, account: Connection, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(page, "PAGE", 2)
    for number in range(5):
        one = product(merchant, f"T{number}")
        if state == "live":
            listing(account, one, State.LIVE)

    seen: list[str] = []
    following = f"?stand={state}"
    while following:
        shown = body(reader.get(ADDRESS + following))
        seen += rows(shown)
        found = re.search(r'rel="next" href="([^"]+)"', shown)
        following = found[1].replace("&amp;", "&") if found else ""

    assert seen == ["T0", "T1", "T2", "T3", "T4"]


def test_the_account_can_be_chosen(reader: Client, merchant: Merchant, account: Connection) -> None:
    second = connect(merchant, "A2", store_name="Zweiter Laden")
    tea = product(merchant, "T1")
    listing(account, tea, State.LIVE)
    listing(second, tea, State.DRIFT)

    first = body(reader.get(ADDRESS, {"stand": "live"}))
    other = body(reader.get(ADDRESS, {"stand": "drift", "konto": str(second.pk)}))

    assert "Zweiter Laden" in first
    assert (rows(first), rows(other)) == (["T1"], ["T1"])


@pytest.mark.parametrize("query", [{}, {"stand": "live"}, {"q": "tee"}])
def test_more_products_cost_no_more_queries(
    reader: Client, merchant: Merchant, account: Connection, query: dict[str, str]
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            reader.get(ADDRESS, query)
        return len(captured)

    listing(account, product(merchant, "T1"), State.LIVE, wanted_json=said(1, 2, "9.00"))
    few = queries()
    for number in range(20):
        listing(account, product(merchant, f"T2{number:02}"), State.LIVE, wanted_json=said(1, 2, "9.00"))

    assert queries() == few


@pytest.mark.parametrize(
    "query", [{"ab": "x"}, {"ab": "9" * 40}, {"konto": "x"}, {"stand": "x"}, {"q": "\0"}]
)
def test_a_wrong_address_is_no_error(
    reader: Client, merchant: Merchant, account: Connection, query: dict[str, str]
) -> None:
    listing(account, product(merchant, "T1"), State.LIVE)

    assert reader.get(ADDRESS, {"stand": "live", **query}).status_code == 200


def test_ticking_makes_offers_of_the_chosen_products(
    staff: Client, merchant: Merchant, account: Connection
) -> None:
    one, two = product(merchant, "T1"), product(merchant, "T2")
    offer(two, enabled=False)

    answer = staff.post(ACT, {"do": "sell", "products": [one.pk, two.pk]}, follow=True)

    assert "Amazon ist angehakt: 2 Produkte." in body(answer)
    assert set(Offer.objects.of(merchant).filter(enabled=True).values_list("product_id", flat=True)) == {
        str(one.pk), str(two.pk),
    }  # fmt: skip
    assert Listing.objects.of(merchant).filter(connection=account).count() == 2
    assert due("read_offers", account)


def test_unticking_names_the_consequence_first(
    staff: Client, merchant: Merchant, account: Connection
) -> None:
    tea = product(merchant, "T1")
    listing(account, tea, State.LIVE)

    asked = body(staff.post(ACT, {"do": "stop", "products": [tea.pk]}))
    assert "Amazon bekommt Bestand 0" in asked
    assert Offer.objects.of(merchant).get().enabled

    staff.post(ACT, {"do": "stop", "products": [tea.pk], "sure": "1"})
    assert not Offer.objects.of(merchant).get().enabled
    assert due("send_offers", account)


def test_where_nothing_is_offered_nothing_is_asked(
    staff: Client, merchant: Merchant, account: Connection
) -> None:
    tea = product(merchant, "T1")

    shown = body(staff.post(ACT, {"do": "stop", "products": [tea.pk]}, follow=True))

    assert "Da ist nichts zu tun" in shown


def test_all_with_a_filter_means_all_pages(
    staff: Client, merchant: Merchant, account: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", 1)
    for number in range(3):
        listing(account, product(merchant, f"T{number}"), State.PROBLEM, reason="invalid")
    listing(account, product(merchant, "FINE"), State.LIVE)

    answer = staff.post(ACT, {"do": "resend", "all": "1", "query": "stand=problem"}, follow=True)

    assert "3 Angebote werden erneut gesendet." in body(answer)
    assert Listing.objects.of(merchant).filter(is_unsure=True, plan_at__isnull=False).count() == 3


def test_what_goes_beyond_one_go_is_done_the_next_time(
    staff: Client, merchant: Merchant, account: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wishes, "MOST_AT_ONCE", 2)
    for number in range(3):
        listing(account, product(merchant, f"T{number}"), State.LIVE)

    first = staff.post(ACT, {"do": "resend", "all": "1"}, follow=True)
    assert "Wiederhole es für die übrigen." in body(first)
    staff.post(ACT, {"do": "resend", "all": "1"})

    assert Listing.objects.of(merchant).filter(is_unsure=True).count() == 3


def test_looking_again_makes_the_reading_due(staff: Client, merchant: Merchant, account: Connection) -> None:
    tea = product(merchant, "T1")
    found = listing(account, tea, State.LIVE)

    staff.post(ACT, {"do": "look", "products": [tea.pk]})

    found.refresh_from_db()
    assert found.read_at is not None
    assert found.read_at <= timezone.now()
    assert due("read_offers", account)


def test_held_prices_are_confirmed(staff: Client, merchant: Merchant, account: Connection) -> None:
    tea = product(merchant, "T1")
    found = listing(
        account, tea, State.PROBLEM, reason="price_held", held_json=held("10.00", "2.00"), differs="ph"
    )

    answer = staff.post(ACT, {"do": "confirm", "products": [tea.pk]}, follow=True)

    found.refresh_from_db()
    assert "1 Preis ist bestätigt." in body(answer)
    assert str(found.confirmed[DE]) == "10.00"


def test_nothing_ticked_does_nothing(staff: Client, merchant: Merchant, account: Connection) -> None:
    product(merchant, "T1")

    answer = staff.post(ACT, {"do": "sell"}, follow=True)

    assert "Wähle zuerst Produkte aus." in body(answer)
    assert not Offer.objects.of(merchant).exists()


def test_products_of_another_merchant_are_left_alone(
    staff: Client, other_merchant: Merchant, account: Connection
) -> None:
    theirs = product(other_merchant, "THEIRS")

    staff.post(ACT, {"do": "sell", "products": [theirs.pk]})

    assert not Offer.objects.everyone().exists()


def test_readers_may_not_act(reader: Client, merchant: Merchant, account: Connection) -> None:
    tea = product(merchant, "T1")

    assert reader.post(ACT, {"do": "sell", "products": [tea.pk]}).status_code == 403


def test_the_page_leads_to_an_agreement_that_waits(
    reader: Client, merchant: Merchant, account: Connection
) -> None:
    listing(account, product(merchant, "T1"), State.READY)

    shown = body(reader.get(ADDRESS))
    assert f"/apps/amazon/{account.pk}/abgleich/" in shown
    assert "wartet auf dich" in shown

    agreed(account, quantity="kogge", lead_time="amazon", price="amazon")

    assert "wartet auf dich" not in body(reader.get(ADDRESS))
