from __future__ import annotations

from decimal import Decimal

import pytest

from kogge.backoffice import stock
from kogge.backoffice.models import Product, StockEntry
from kogge.backoffice.products import Imported, ImportRefused, decimal_from, import_products, yes_or_no
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant
from kogge.values import InvalidValue
from tests.backoffice.shop import NOW, ListeningChannel, in_stock, product

ANNA = "anna@example.org"
ALL_COLUMNS = (
    "code,title,gtin,price,stock,lead_time_days,amazon,asin,amazon_sku,amazon_stock,"
    "amazon_lead_time_days,amazon_price,fba"
)


def read(merchant: Merchant, *lines: str) -> Imported:
    return import_products(merchant, "\n".join(lines), actor=ANNA, now=NOW)


def refused(merchant: Merchant, *lines: str) -> list[str]:
    """The sentences of a refused file, of which nothing may have been written."""
    before = list(Product.objects.of(merchant).values())
    with pytest.raises(Refusal) as caught:
        read(merchant, *lines)
    assert list(Product.objects.of(merchant).values()) == before
    if isinstance(caught.value, ImportRefused):
        return [str(error) for error in caught.value.errors]
    return [caught.value.sentence]


def test_a_german_file_creates_products_with_stock(merchant: Merchant) -> None:
    imported = read(
        merchant,
        "\ufeffcode;title;gtin;price;stock;lead_time_days",
        'TEE-1;"Darjeeling; First Flush";4006381333931;1.234,50 €;12;3',
        "",
        "TEE-2;Assam;;8,90;;",
    )

    first, second = Product.objects.of(merchant).order_by("code")
    assert imported == Imported(created=2, updated=0)
    assert (first.title, first.gtin, first.price) == (
        "Darjeeling; First Flush",
        "4006381333931",
        Decimal("1234.50"),
    )
    assert (first.stock, first.lead_time_days) == (12, 3)
    assert (second.price, second.stock, second.lead_time_days) == (Decimal("8.90"), 0, 2)
    assert StockEntry.objects.of(merchant).get().kind == "import"
    assert stock.audit(merchant.pk) == []


def test_a_known_article_number_is_updated_and_keeps_what_the_file_does_not_say(merchant: Merchant) -> None:
    tea = product(merchant, "TEE-1", counted=10, price="5.00")

    imported = read(merchant, "code,title,price,stock", "TEE-1,,6.50,7")

    tea.refresh_from_db()
    assert imported == Imported(created=0, updated=1)
    assert (tea.title, tea.price) == ("Tee TEE-1", Decimal("6.50"))
    assert in_stock(tea) == (7, 0)
    assert stock.audit(merchant.pk) == []


def test_the_same_file_again_moves_no_stock(merchant: Merchant) -> None:
    file = ["code,title,price,stock", "TEE-1,Assam,6.50,7"]

    read(merchant, *file)
    read(merchant, *file)

    assert StockEntry.objects.of(merchant).count() == 1


def test_every_wrong_line_is_named_and_nothing_is_written(merchant: Merchant) -> None:
    sentences = refused(
        merchant,
        "code,title,gtin,price,stock,lead_time_days",
        "TEE-1,Assam,,8.90,5,",
        "TEE-2,Assam,4006381333932,8.90,,",
        "TEE-3,Assam,,teuer,,",
        "TEE-4,Assam,,-1,,",
        "TEE-5,Assam,,1.999,,",
        "TEE-6,Assam,,1.00,1.5,",
        "TEE-7,Assam,,1.00,-1,",
        "TEE-8,Assam,,1.00,1,366",
        ",Assam,,1.00,,",
        "TEE-1,Assam,,8.90,5,",
    )

    assert sentences == [
        "Zeile 3: 4006381333932 ist keine gültige GTIN.",
        "Zeile 4: teuer ist kein Preis.",
        "Zeile 5: Ein Preis kann nicht negativ sein.",
        "Zeile 6: 1.999 ist kein Preis.",
        "Zeile 7: 1.5 in Spalte stock ist keine ganze Zahl von 0 bis 10000000.",
        "Zeile 8: -1 in Spalte stock ist keine ganze Zahl von 0 bis 10000000.",
        "Zeile 9: 366 in Spalte lead_time_days ist keine ganze Zahl von 0 bis 365.",
        "Zeile 10: Die Artikelnummer fehlt.",
        "Zeile 11: Die Artikelnummer TEE-1 steht schon in Zeile 2.",
    ]


def test_a_new_product_needs_title_and_price(merchant: Merchant) -> None:
    sentences = refused(merchant, "code,title,price", "TEE-1,,1.00", "TEE-2,Assam,")

    assert sentences == [
        "Zeile 2: Das neue Produkt TEE-1 braucht einen Titel.",
        "Zeile 3: Das neue Produkt TEE-2 braucht einen Preis.",
    ]


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        (["title,price", "Assam,1.00"], "fehlt die Spalte „code“"),
        (["code,colour", "TEE-1,green"], "Unbekannte Spalten: colour"),
        (["code,code", "TEE-1,TEE-1"], "steht eine Spalte doppelt"),
        (["code,title"], "enthält keine Produkte"),
        ([""], "fehlt die Spalte „code“"),
        (["code,title", "TEE-1,Assam,more"], "Zeile 2: Die Zeile hat mehr Spalten als die erste."),
        (["code,title", 'TEE-1,"Assam'], "kein lesbares CSV"),
    ],
)
def test_a_file_that_is_no_list_of_products_is_refused(
    merchant: Merchant, lines: list[str], part: str
) -> None:
    [sentence] = refused(merchant, *lines)

    assert part in sentence


def test_the_columns_of_a_channel_go_to_the_channel(merchant: Merchant, amazon: ListeningChannel) -> None:
    read(
        merchant,
        ALL_COLUMNS,
        "TEE-1,Assam,,8.90,5,,yes,B00TEE0001,SKU-1,,,,no",
        "TEE-2,Assam,,8.90,5,,,,,,,,",
    )

    [(product_id, row)] = amazon.imported.items()
    assert Product.objects.of(merchant).get(pk=product_id).code == "TEE-1"
    assert (row["amazon"], row["asin"], row["amazon_sku"], row["fba"]) == ("yes", "B00TEE0001", "SKU-1", "no")


def test_what_the_channel_refuses_refuses_the_file(merchant: Merchant, amazon: ListeningChannel) -> None:
    sentences = refused(merchant, ALL_COLUMNS, "TEE-1,Assam,,8.90,5,,yes,FALSCH,SKU-1,,,,no")

    assert sentences == ["Zeile 2: FALSCH ist keine ASIN."]


def test_two_merchants_may_use_the_same_article_number(merchant: Merchant, other_merchant: Merchant) -> None:
    theirs = product(other_merchant, "TEE-1", counted=3)

    read(merchant, "code,title,price,stock", "TEE-1,Assam,1.00,9")

    assert in_stock(theirs) == (3, 0)
    assert Product.objects.of(merchant).get().stock == 9


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1.234,56", "1234.56"),
        ("1234.56", "1234.56"),
        ("8,9", "8.90"),
        (" 5 € ", "5.00"),
        ("1.234.567,00", "1234567.00"),
    ],
)
def test_amounts_are_read_in_both_notations(text: str, amount: str) -> None:
    assert decimal_from(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "1,234.56", "NaN", "Infinity", "1e99", "1,2,3", "1.234"])
def test_what_is_no_amount_is_not_guessed(text: str) -> None:
    with pytest.raises(InvalidValue):
        decimal_from(text)


def test_yes_and_no_are_understood_in_both_languages() -> None:
    assert [yes_or_no(word) for word in ("yes", "Ja", " NO ", "nein")] == [True, True, False, False]
    with pytest.raises(InvalidValue):
        yes_or_no("vielleicht")
