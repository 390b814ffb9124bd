"""The contract of `kogge merchant|products|orders`: scripts outside build on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kogge.backoffice.fulfilment import record_parcel
from kogge.backoffice.models import Order
from kogge.backoffice.placing import place
from kogge.cli import main
from kogge.merchants.models import Merchant
from kogge.shops.port import FulfilledParcel
from kogge.values import Tracking
from tests.backoffice.shop import NOW, ListeningChannel, new_line, new_order, product

Answer = Callable[..., Any]


@pytest.fixture(autouse=True)
def _german_terminal(monkeypatch: pytest.MonkeyPatch, amazon: ListeningChannel) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")


@pytest.fixture
def ask(merchant: Merchant, capsys: pytest.CaptureFixture[str]) -> Answer:
    """Run a command for the merchant with --json; what it answers, parsed."""

    def ask(*arguments: object) -> Any:
        main([*map(str, arguments), "--merchant", merchant.slug, "--json"])
        return json.loads(capsys.readouterr().out)

    return ask


@pytest.fixture
def fails(merchant: Merchant, capsys: pytest.CaptureFixture[str]) -> Answer:
    """Run a command that must fail; the one sentence on stderr."""

    def fails(*arguments: object) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments), "--merchant", merchant.slug, "--json"])
        printed = capsys.readouterr()
        assert ended.value.code == 1
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        return printed.err.strip()

    return fails


@pytest.fixture
def placed(merchant: Merchant) -> None:
    """Order 10001: two known teas and a free line, from Amazon."""
    tea = product(merchant, counted=10)
    lines = (new_line("11", quantity=2, product=tea, price="9.90"), new_line("12", price="5.00"))
    place(merchant.pk, [new_order("305-0000001-0000001", *lines)], now=NOW)


def test_a_merchant_is_created_with_a_short_name(
    db: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORT", "Sieben-Fässer-Tee")

    person = ["--name", "Müllers", "--email", "m@example.org", "--password-env", "PASSWORT"]
    main(["merchant", "create", *person, "--json"])

    assert json.loads(capsys.readouterr().out) == {"merchant": "muellers"}


def test_products_are_read_and_listed(ask: Answer, tmp_path: Path) -> None:
    file = tmp_path / "tee.csv"
    file.write_text(
        "code,title,gtin,price,stock,lead_time_days,amazon,asin,amazon_sku,amazon_stock,"
        "amazon_lead_time_days,amazon_price,fba\n"
        "TEE-1,Assam,4006381333931,8.9,5,3,yes,B00TEE0001,SKU-1,,,,no\nTEE-2,Darjeeling,,12,,,,,,,,,\n"
    )

    read = ask("products", "import", file)

    assert read == {"created": 2, "updated": 0, "unchanged": 0}
    assert ask("products", "list") == [
        {
            "code": "TEE-1",
            "title": "Assam",
            "gtin": "4006381333931",
            "price": "8.90",
            "stock": 5,
            "lead_time_days": 3,
            "amazon": {"asin": "B00TEE0001"},
        },
        {
            "code": "TEE-2",
            "title": "Darjeeling",
            "gtin": "",
            "price": "12.00",
            "stock": 0,
            "lead_time_days": 2,
            "amazon": None,
        },
    ]


def test_a_wrong_file_ends_with_its_lines(fails: Answer, tmp_path: Path) -> None:
    file = tmp_path / "tee.csv"
    file.write_text("code,title,price\nTEE-1,Assam,teuer\n")

    assert fails("products", "import", file) == "Zeile 2, Spalte price: teuer ist kein Preis."


def test_every_wrong_line_stands_on_a_line_of_its_own(
    merchant: Merchant, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "tee.csv"
    file.write_text("code,title,price\nTEE-1,Assam,teuer\nTEE-2,,\nTEE-3,Assam,-1\n")

    with pytest.raises(SystemExit) as ended:
        main(["products", "import", str(file), "--merchant", merchant.slug])

    printed = capsys.readouterr()
    assert (ended.value.code, printed.out) == (1, "")
    assert printed.err.splitlines() == [
        "Zeile 2, Spalte price: teuer ist kein Preis.",
        "Zeile 4, Spalte price: Ein Preis kann nicht negativ sein.",
    ]


def test_people_read_what_the_import_did(
    merchant: Merchant, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    product(merchant)
    file = tmp_path / "tee.csv"
    file.write_text("code,title,price\nTEE-1,Assam,1\nTEE-2,Darjeeling,2\n")

    main(["products", "import", str(file), "--merchant", merchant.slug])

    assert capsys.readouterr().out == "1 Produkte angelegt, 1 geändert, 0 unverändert.\n"


def test_products_are_written_to_a_file_and_read_again(
    ask: Answer, merchant: Merchant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    product(merchant, counted=10)
    file = tmp_path / "out.csv"

    written = ask("products", "export", file)
    main(["products", "export", "--merchant", merchant.slug])
    printed = capsys.readouterr().out

    assert written == {"products": 1}
    assert printed == file.read_bytes().decode()
    assert ask("products", "import", file) == {"created": 0, "updated": 0, "unchanged": 1}
    assert ask("products", "export")[0]["price"] == "9.90"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.usefixtures("placed")
def test_orders_are_listed_as_promised(ask: Answer) -> None:
    assert ask("orders", "list", "--channel", "amazon") == [
        {
            "number": "10001",
            "external_id": "305-0000001-0000001",
            "channel": "amazon",
            "status": "open",
            "payment_status": "paid",
            "delivery_status": "open",
            "total": "24.80",
            "currency": "EUR",
            "lines": [
                {
                    "code": "TEE-1",
                    "asin": "B00TEE0001",
                    "title": "Tee TEE-1",
                    "quantity": 2,
                    "line_total": "19.80",
                },
                {
                    "code": "SKU-FREI",
                    "asin": "B00TEE0001",
                    "title": "Ein freier Artikel",
                    "quantity": 1,
                    "line_total": "5.00",
                },
            ],
        }
    ]
    assert ask("orders", "list", "--channel", "elsewhere") == []


def test_the_newest_orders_come_first_and_no_more_than_asked_for(ask: Answer, merchant: Merchant) -> None:
    place(merchant.pk, [new_order("305-1"), new_order("305-2"), new_order("305-3")], now=NOW)

    assert [order["external_id"] for order in ask("orders", "list", "--limit", 2)] == ["305-3", "305-2"]


@pytest.mark.usefixtures("placed")
def test_an_order_is_shown_with_everything(ask: Answer) -> None:
    ask("orders", "ship", 10001, "--carrier", "DHL", "--tracking", "T1", "--line", "1=1")

    shown = ask("orders", "show", 10001)

    assert shown["customer"]["name"] == "Erika Muster"
    assert shown["address"]["city"] == "Hamburg"
    assert [(line["product"], line["shipped"]) for line in shown["lines"]] == [("TEE-1", 1), (None, 0)]
    assert [event["kind"] for event in shown["events"]] == ["placed", "parcel_sent"]
    [parcel] = shown["parcels"]
    assert (parcel["carrier"], parcel["tracking"], parcel["quantities"]) == ("DHL", "T1", {"1": 1})


@pytest.mark.usefixtures("placed")
def test_an_order_is_shipped_in_parts(ask: Answer, amazon: ListeningChannel, merchant: Merchant) -> None:
    first = ask("orders", "ship", 10001, "--carrier", "DHL", "--tracking", "T1", "--line", "1=2")
    second = ask("orders", "ship", 10001, "--carrier", "DPD", "--tracking", "T2")

    assert (first["parcel"], first["delivery_status"]) == (1, "partially_shipped")
    assert (second["parcel"], second["delivery_status"], second["status"]) == (2, "shipped", "closed")
    assert amazon.woken == [merchant.pk] * 2


@pytest.mark.usefixtures("placed")
def test_an_order_is_cancelled_but_not_after_the_dispatch(
    ask: Answer, fails: Answer, merchant: Merchant
) -> None:
    place(merchant.pk, [new_order("305-2")], now=NOW)
    ask("orders", "ship", 10002, "--carrier", "DHL", "--tracking", "T1")

    cancelled = ask("orders", "cancel", 10001, "--reason", "no_inventory")

    assert (cancelled["status"], cancelled["delivery_status"]) == ("cancelled", "cancelled")
    assert "nicht mehr stornieren" in fails("orders", "cancel", 10002, "--reason", "other")


@pytest.mark.usefixtures("placed")
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["show", "99"], "Es gibt keine Bestellung 99."),
        (
            ["ship", "10001", "--carrier", "DHL", "--tracking", "T", "--line", "1"],
            "--line erwartet Position=Stück",
        ),
        (["ship", "10001", "--carrier", "DHL", "--tracking", "T", "--line", "1=9"], "nur noch 2 Stück"),
        (
            ["ship", "10001", "--carrier", "DHL", "--tracking", "T", "--line", "1=1", "--line", "1=1"],
            "Position 1 ist zweimal genannt",
        ),
        (["cancel", "10001", "--reason", "bad_weather"], "bad_weather"),
    ],
)
def test_what_cannot_be_done_ends_with_a_sentence(fails: Answer, arguments: list[str], part: str) -> None:
    assert part in fails("orders", *arguments)


def test_nobody_sees_the_orders_of_another_merchant(
    fails: Answer, merchant: Merchant, other_merchant: Merchant
) -> None:
    place(other_merchant.pk, [new_order("305-1")], now=NOW)

    assert fails("orders", "show", 10001) == "Es gibt keine Bestellung 10001."


def test_an_order_is_created_from_a_file(ask: Answer, merchant: Merchant, tmp_path: Path) -> None:
    product(merchant, counted=10, price="9.90")
    file = tmp_path / "order.json"
    file.write_text(
        json.dumps(
            {
                "lines": [
                    {"code": "TEE-1", "quantity": 2},
                    {"title": "Gravur", "quantity": 1, "price": "4.50"},
                ],
                "customer": {"name": "Erika Muster", "email": "e@example.org"},
                "address": {"name": "Erika Muster", "line1": "Beispielweg 7", "city": "Hamburg"},
                "paid": True,
                "shipping": "4.90",
            }
        )
    )

    created = ask("orders", "create", file)

    assert (created["number"], created["total"], created["payment_status"]) == ("10001", "29.20", "paid")
    assert created["channel"] == "manual"
    assert [line["asin"] for line in created["lines"]] == [None, None]


@pytest.fixture
def shared(ask: Answer, merchant: Merchant, amazon: ListeningChannel, tmp_path: Path) -> None:
    """Order 10001: Amazon ships two teas, the merchant a cup."""
    amazon.warehouse[product(merchant, "TEE-1").pk] = 31
    product(merchant, "TASSE", counted=5)
    file = tmp_path / "order.json"
    lines = [{"code": "TEE-1", "quantity": 2}, {"code": "TASSE", "quantity": 1}]
    file.write_text(json.dumps({"lines": lines, "paid": True, "shipping_method": "Expressversand"}))
    ask("orders", "create", file)


@pytest.mark.usefixtures("shared")
def test_who_ships_is_told_line_by_line_and_parcel_by_parcel(ask: Answer, merchant: Merchant) -> None:
    ask("orders", "ship", 10001, "--carrier", "DHL", "--tracking", "T1")
    order = Order.objects.of(merchant).get()
    link = "https://track.example.org/TBA1"
    theirs = FulfilledParcel("s-1", Tracking("Amazon", "TBA1"), link, NOW, {"1": 2})
    record_parcel(order, theirs, by="amazon", now=NOW)

    shown = ask("orders", "show", 10001)

    assert shown["service_level"] == "Expressversand"
    assert [line["fulfilled_by"] for line in shown["lines"]] == ["amazon", ""]
    assert shown["parcels"][1] == {
        "number": 2,
        "carrier": "Amazon",
        "tracking": "TBA1",
        "tracking_url": link,
        "fulfilled_by": "amazon",
        "sent_at": "2026-11-23T09:12:00+00:00",
        "quantities": {"1": 2},
    }
    assert (shown["parcels"][0]["fulfilled_by"], shown["parcels"][0]["quantities"]) == ("", {"2": 1})


@pytest.mark.usefixtures("shared")
def test_what_amazon_has_is_neither_sent_nor_cancelled(fails: Answer, amazon: ListeningChannel) -> None:
    amazon.keeps = "Amazon hat die Bestellung schon."
    sending = ("orders", "ship", 10001, "--carrier", "DHL")

    assert "Position 1 versendet Amazon" in fails(*sending, "--line", "1=2")
    assert fails("orders", "cancel", 10001, "--reason", "other") == "Amazon hat die Bestellung schon."


def test_an_order_is_paid_once(
    ask: Answer, fails: Answer, amazon: ListeningChannel, merchant: Merchant, tmp_path: Path
) -> None:
    product(merchant, "TEE-1", counted=5)
    file = tmp_path / "order.json"
    file.write_text(json.dumps({"lines": [{"code": "TEE-1", "quantity": 2}]}))
    ask("orders", "create", file)

    paid = ask("orders", "pay", 10001)

    assert (paid["number"], paid["payment_status"]) == ("10001", "paid")
    assert [event["kind"] for event in paid["events"]] == ["placed", "paid"]
    assert amazon.own_woken == [merchant.pk] * 2, "placed and paid"
    assert fails("orders", "pay", 10001) == "Bestellung 10001 ist schon bezahlt."


@pytest.mark.usefixtures("shared")
def test_an_order_whose_people_cannot_be_opened_is_shown_without_them(
    ask: Answer, merchant: Merchant
) -> None:
    Order.objects.of(merchant).update(sealed_people=b"lost")

    assert ask("orders", "show", 10001)["customer"] == {"name": "", "email": "", "company": ""}


@pytest.mark.usefixtures("shared")
def test_people_are_told_who_ships(merchant: Merchant, capsys: pytest.CaptureFixture[str]) -> None:
    main(["orders", "show", "10001", "--merchant", merchant.slug])

    assert "Amazon" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ("{", "Die Datei stimmt nicht"),
        ('{"lines": []}', "mindestens eine Position"),
        ('{"lines": [{"code": "TEE-1"}]}', "`quantity` - at `$.lines[0]`"),
        ('{"lines": [{"code": "TEE-1", "quantity": "2"}]}', "at `$.lines[0].quantity`"),
        ('{"lines": [{"code": "TEE-1", "quantity": 2}], "colour": 1}', "`colour`"),
        ('{"lines": [{"code": "TEE-1", "quantity": 2}], "address": {"street": "x"}}', "`street`"),
        ('{"lines": [{"title": "x", "quantity": 2, "price": "x"}]}', "at `$.lines[0].price`"),
        ('{"lines": [{"code": "WEG", "quantity": 2}]}', "Artikelnummer WEG gibt es nicht"),
    ],
)
def test_a_file_that_is_no_order_is_refused_precisely(
    fails: Answer, tmp_path: Path, document: str, part: str
) -> None:
    file = tmp_path / "order.json"
    file.write_text(document)

    assert part in fails("orders", "create", file)


@pytest.mark.usefixtures("placed")
@pytest.mark.parametrize(
    ("command", "part"),
    [("products list", "TEE-1"), ("orders list", "Amazon.de"), ("orders show 10001", "Bezahlt")],
)
def test_people_get_a_table(
    merchant: Merchant, capsys: pytest.CaptureFixture[str], command: str, part: str
) -> None:
    main([*command.split(), "--merchant", merchant.slug])

    assert part in capsys.readouterr().out
