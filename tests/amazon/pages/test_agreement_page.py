"""The page "Abgleich": what would change, who leads, and prices that wait for a word."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.book import open_trouble
from kogge.amazon.offers.models import Agreement, Listing
from kogge.amazon.pages import agreement as page
from kogge.backoffice.channels import CHANNELS
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from tests.amazon.pages.offering import DE, NOW, agreed, connect, differing, held, listing, product, said

pytestmark = pytest.mark.django_db

ALL_KOGGE = {"quantity": "kogge", "lead_time": "kogge", "price": "kogge"}


@pytest.fixture
def account(merchant: Merchant) -> Connection:
    return connect(merchant, "A1", store_name="Teehaus")


def address(account: Connection, rest: str = "/") -> str:
    return f"/apps/amazon/{account.pk}/abgleich{rest}"


def body(response: Any) -> str:
    return str(response.content.decode())


def leaders(account: Connection) -> tuple[str, str, str]:
    found = Agreement.objects.everyone().get(connection=account)
    return found.quantity, found.lead_time, found.price


def test_while_the_first_look_goes_on_the_page_shows_how_far_it_is(
    owner: Client, merchant: Merchant, account: Connection
) -> None:
    agreed(account)
    differing(account, product(merchant, "T1"))
    listing(account, product(merchant, "T2"), Listing.State.READY, shown_at=None, channel="")

    shown = body(owner.get(address(account)))

    assert "1 von 2 gelesen" in shown
    assert 'http-equiv="refresh"' in shown
    assert "hx-get" in shown
    assert "So übernehmen" not in shown


def test_nothing_can_be_agreed_to_before_everything_was_read(
    owner: Client, merchant: Merchant, account: Connection
) -> None:
    agreed(account)
    listing(account, product(merchant, "T1"), Listing.State.READY, shown_at=None, channel="")

    answer = owner.post(address(account), ALL_KOGGE, follow=True)

    assert "noch an" in body(answer)
    assert leaders(account) == ("", "", "")


def test_the_dry_run_shows_each_difference_and_preselects_nothing(
    owner: Client, merchant: Merchant, account: Connection
) -> None:
    agreed(account)
    differing(account, product(merchant, "T1", title="Darjeeling"))

    shown = body(owner.get(address(account)))

    assert "Darjeeling" in shown
    assert "SKU-T1" in shown
    assert "9,00\u00a0€" in shown
    assert "10,00\u00a0€" in shown
    assert "1 Angebot weicht ab" in shown
    assert " checked" not in shown
    assert "So übernehmen" in shown


def test_the_owners_word_is_kept_and_sending_begins(
    owner: Client, merchant: Merchant, account: Connection
) -> None:
    agreed(account)
    differing(account, product(merchant, "T1"))

    answer = owner.post(
        address(account), {"quantity": "kogge", "lead_time": "amazon", "price": "kogge"}, follow=True
    )

    assert leaders(account) == ("kogge", "amazon", "kogge")
    assert "1 Bestand, 1 Preis." in body(answer)
    assert Due.objects.filter(operation="send_offers", subject=account.pk).exists()


@pytest.mark.parametrize("given", [{}, {"quantity": "kogge", "price": "kogge"}, {**ALL_KOGGE, "price": "me"}])
def test_every_field_needs_a_word(
    owner: Client, merchant: Merchant, account: Connection, given: dict[str, str]
) -> None:
    agreed(account)
    differing(account, product(merchant, "T1"))

    answer = owner.post(address(account), given)

    assert answer.status_code == 422
    assert "Wähle für jeden Wert" in body(answer)
    assert leaders(account) == ("", "", "")


def test_only_owners_settle_who_leads(staff: Client, merchant: Merchant, account: Connection) -> None:
    agreed(account)

    assert staff.get(address(account)).status_code == 200
    assert staff.post(address(account), ALL_KOGGE).status_code == 403
    assert staff.post(address(account, "/sicherheitsbestand/"), {"buffer": "2"}).status_code == 403


def test_another_merchant_finds_nothing_here(stranger: Client, account: Connection) -> None:
    for rest in ("/", ".csv"):
        assert stranger.get(address(account, rest)).status_code == 404


def test_held_prices_are_confirmed_one_by_one(staff: Client, merchant: Merchant, account: Connection) -> None:
    agreed(account)
    one, two = (
        differing(
            account, product(merchant, code), differs="ph",
            wanted_json=said(None, None, "10.00"), shown_json=said(None, None, "2.00"),
            held_json=held("10.00", "2.00"),
        )
        for code in ("T1", "T2")
    )  # fmt: skip
    shown = body(staff.get(address(account)))
    assert "würde von 2,00\u00a0€ auf 10,00\u00a0€ springen" in shown
    prices = [f"{found.pk}:{DE}:10.00" for found in (one, two)]
    assert all(f'value="{price}"' in shown for price in prices)

    staff.post(address(account, "/preise/"), {"price": prices, "one": str(two.pk)})

    one.refresh_from_db()
    two.refresh_from_db()
    assert not one.confirmed
    assert str(two.confirmed[DE]) == "10.00"


def test_all_held_prices_of_the_page_are_confirmed_at_once(
    staff: Client, merchant: Merchant, account: Connection
) -> None:
    found = [
        differing(account, product(merchant, code), differs="ph", held_json=held("10.00", "2.00"))
        for code in ("T1", "T2")
    ]
    prices = [f"{one.pk}:{DE}:10.00" for one in found]

    answer = staff.post(address(account, "/preise/"), {"price": prices, "scope": "page"}, follow=True)

    assert "2 Preise sind bestätigt." in body(answer)
    assert Listing.objects.of(merchant).exclude(confirmed_json={}).count() == 2


@pytest.mark.parametrize("price", ["11.00", "NaN", "x", ""])
def test_a_price_that_is_not_the_one_that_waits_is_not_confirmed(
    staff: Client, merchant: Merchant, account: Connection, price: str
) -> None:
    found = differing(account, product(merchant, "T1"), differs="ph", held_json=held("10.00", "2.00"))

    answer = staff.post(
        address(account, "/preise/"),
        {"price": [f"{found.pk}:{DE}:{price}"], "one": str(found.pk)},
        follow=True,
    )

    assert answer.status_code == 200
    found.refresh_from_db()
    assert not found.confirmed


def test_listings_of_another_merchant_are_not_confirmed(
    staff: Client, other_merchant: Merchant, account: Connection
) -> None:
    theirs = connect(other_merchant, "B1")
    found = differing(theirs, product(other_merchant, "T1"), differs="ph", held_json=held("10.00", "2.00"))

    staff.post(address(account, "/preise/"), {"price": [f"{found.pk}:{DE}:10.00"], "scope": "page"})

    found.refresh_from_db()
    assert not found.confirmed


def test_all_differences_come_as_a_table_in_german_format(
    reader: Client, merchant: Merchant, account: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "CSV_BATCH", 2)
    for number in range(5):
        differing(account, product(merchant, f"T{number}", title="=1+1; „Tee“"))

    answer = reader.get(address(account, ".csv"))
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]

    head, *lines = csv.reader(io.StringIO(text), delimiter=";")
    assert head[:2] == ["Artikelnummer", "Produkt"]
    assert len(lines) == 10
    assert lines[0] == ["T0", "'=1+1; „Tee“", "SKU-T0", "", "", "Warenbestand", "7", "5", "nein"]
    assert lines[1] == ["T0", "'=1+1; „Tee“", "SKU-T0", "", "Amazon.de", "Preis", "9,00", "10,00", "nein"]


def test_the_pages_of_differences_leave_none_out(
    reader: Client, merchant: Merchant, account: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", 2)
    found = [differing(account, product(merchant, f"T{number}")) for number in range(3)]

    first = body(reader.get(address(account)))
    second = body(reader.get(address(account), {"ab": found[1].pk}))

    assert ("SKU-T0" in first, "SKU-T1" in first, "SKU-T2" in first) == (True, True, False)
    assert ("SKU-T1" in second, "SKU-T2" in second) == (False, True)


def test_the_buffer_is_kept(owner: Client, merchant: Merchant, account: Connection) -> None:
    agreed(account, quantity="kogge", lead_time="kogge", price="kogge")

    owner.post(address(account, "/sicherheitsbestand/"), {"buffer": "3"})
    assert Agreement.objects.everyone().get(connection=account).buffer == 3

    for wrong in ("-1", "x", "", "9" * 20, "²"):
        answer = owner.post(address(account, "/sicherheitsbestand/"), {"buffer": wrong})
        assert answer.status_code == 422
    assert Agreement.objects.everyone().get(connection=account).buffer == 3


def test_more_differences_cost_no_more_queries(
    reader: Client, merchant: Merchant, account: Connection
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            reader.get(address(account))
        return len(captured)

    agreed(account)
    differing(account, product(merchant, "T1"), differs="qph", held_json=held("10.00", "9.00"))
    few = queries()
    for number in range(20):
        differing(account, product(merchant, f"T2{number}"), differs="qph", held_json=held("10.00", "9.00"))

    assert queries() == few


def test_the_settings_page_and_the_notices_lead_to_it(
    owner: Client, merchant: Merchant, account: Connection
) -> None:
    notices = CHANNELS["amazon"].notices(merchant)
    assert notices == []  # nothing is offered yet

    differing(account, product(merchant, "T1"))

    assert address(account) in body(owner.get("/apps/amazon/"))
    assert "wartet auf dich" not in body(owner.get(address(account)))  # the page says so itself
    [notice] = CHANNELS["amazon"].notices(merchant)
    assert "wartet auf dich" in notice.sentence
    assert notice.url == address(account)

    agreed(account, quantity="kogge", lead_time="amazon", price="amazon")

    assert CHANNELS["amazon"].notices(merchant) == []
    assert "Kogge führt" in body(owner.get("/apps/amazon/"))


def test_in_english_the_page_is_english(owner: Client, merchant: Merchant, account: Connection) -> None:
    differing(account, product(merchant, "T1"))
    agreed(account)
    owner.post("/einstellungen/sprache/", {"language": "en"})

    shown = body(owner.get(address(account)))

    assert "Kogge leads" in shown
    assert "€10.00" in shown
    assert "führt" not in shown


def test_each_kind_of_problem_is_one_line_with_a_link(merchant: Merchant, account: Connection) -> None:
    agreed(account, quantity="kogge", lead_time="kogge", price="kogge")
    for kind in ("offers_price_held", "offers_drift", "offers_refused"):
        open_trouble(account.pk, kind, kind, now=NOW, count=1200)

    refused, waiting, drift = CHANNELS["amazon"].notices(merchant)

    assert (refused.tone, refused.url) == ("red", f"/apps/amazon/angebote/?konto={account.pk}&stand=problem")
    assert waiting.url == address(account) + "#preise"
    assert drift.url.endswith("&stand=drift")
    assert all("1200" in notice.sentence for notice in (refused, waiting, drift))


def test_the_tasks_offer_the_way_there_and_another_try(
    staff: Client, merchant: Merchant, account: Connection
) -> None:
    found = listing(account, product(merchant, "T1"), Listing.State.PROBLEM, reason="invalid")
    open_trouble(account.pk, "offers_refused", "offers_refused", now=NOW, count=1)
    trouble = account.troubles.get()

    assert "stand=problem" in body(staff.get("/apps/amazon/aufgaben/"))
    answer = staff.post(f"/apps/amazon/aufgaben/{trouble.pk}/nochmal/", follow=True)

    found.refresh_from_db()
    assert "noch einmal" in body(answer)
    assert found.is_unsure
