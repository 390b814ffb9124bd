from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kogge.backoffice import stock
from kogge.backoffice.models import Product, StockEntry
from kogge.backoffice.placing import place
from kogge.backoffice.product_csv import ImportRefused, decimal_from, yes_or_no
from kogge.backoffice.product_import import Imported, import_products, preview_products
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant
from kogge.values import InvalidValue
from tests.backoffice.shop import NOW, ListeningChannel, in_stock, new_line, new_order, product

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
        "Zeile 3, Spalte gtin: 4006381333932 ist keine gültige GTIN.",
        "Zeile 4, Spalte price: teuer ist kein Preis.",
        "Zeile 5, Spalte price: Ein Preis kann nicht negativ sein.",
        "Zeile 6, Spalte price: 1.999 ist kein Preis.",
        "Zeile 7, Spalte stock: 1.5 ist keine ganze Zahl von 0 bis 10000000.",
        "Zeile 8, Spalte stock: -1 ist keine ganze Zahl von 0 bis 10000000.",
        "Zeile 9, Spalte lead_time_days: 366 ist keine ganze Zahl von 0 bis 365.",
        "Zeile 10, Spalte code: Die Artikelnummer fehlt.",
        "Zeile 11, Spalte code: Die Artikelnummer TEE-1 steht schon in Zeile 2.",
    ]


def test_a_new_product_needs_title_and_price(merchant: Merchant) -> None:
    sentences = refused(merchant, "code,title,price", "TEE-1,,1.00", "TEE-2,Assam,")

    assert sentences == [
        "Zeile 2, Spalte title: Das neue Produkt TEE-1 braucht einen Titel.",
        "Zeile 3, Spalte price: Das neue Produkt TEE-2 braucht einen Preis.",
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


def test_every_column_of_a_product_is_taken_over(merchant: Merchant) -> None:
    read(
        merchant,
        "code\ttitle\tprice\tvat_rate\tdescription\tactive\tmay_oversell",
        "TEE-1\tAssam\t8,90\t7,00 %\tKräftig, malzig\tnein\tja",
        "TEE-2\tDarjeeling\t9,90\t\t\t\t",
    )

    first, second = Product.objects.of(merchant).order_by("code")
    assert (first.vat_rate, first.description, first.active, first.may_oversell) == (
        Decimal(7),
        "Kräftig, malzig",
        False,
        True,
    )
    assert (second.vat_rate, second.active, second.may_oversell) == (Decimal(19), True, False)


def test_variants_name_their_main_product_wherever_it_stands(merchant: Merchant) -> None:
    product(merchant, "KANNE")

    read(
        merchant,
        "code,title,price,parent,option",
        "TEE-1-M,Assam M,8.90,TEE-1,Größe M",
        "KANNE-ROT,Kanne rot,19.90,KANNE,rot",
        "TEE-1,Assam,8.90,,",
    )

    parents = dict(
        Product.objects.of(merchant).filter(parent__isnull=False).values_list("code", "parent__code")
    )
    assert parents == {"TEE-1-M": "TEE-1", "KANNE-ROT": "KANNE"}
    assert Product.objects.of(merchant).get(code="TEE-1-M").option == "Größe M"
    assert read(merchant, "code,parent", "TEE-1-M,TEE-1") == Imported(0, 0, 1)


def test_main_products_are_there_and_no_variants(merchant: Merchant) -> None:
    main, variant = product(merchant, "MAIN"), product(merchant, "VAR")
    Product.objects.of(merchant).filter(pk=variant.pk).update(parent=main)

    sentences = refused(
        merchant,
        "code,title,price,parent",
        "A,A,1,WEG",
        "B,B,1,B",
        "C,C,1,A",
    )
    in_shop = refused(merchant, "code,title,price,parent", "A,A,1,WEG", "D,D,1,VAR", "MAIN,,,E", "E,E,1,")

    assert sentences == [
        "Zeile 3, Spalte parent: Ein Produkt kann nicht seine eigene Variante sein.",
        "Zeile 4, Spalte parent: A ist selbst eine Variante und kann keine Varianten haben.",
    ]
    assert in_shop == [
        "Zeile 2, Spalte parent: Das Hauptprodukt WEG gibt es nicht.",
        "Zeile 3, Spalte parent: VAR ist selbst eine Variante und kann keine Varianten haben.",
        "Zeile 4, Spalte parent: MAIN hat selbst Varianten und kann keine Variante werden.",
    ]


@pytest.mark.parametrize(
    ("column", "text", "part"),
    [
        ("vat_rate", "16", "16 ist kein MwSt.-Satz: Möglich sind 19, 7 und 0."),
        ("active", "vielleicht", "vielleicht ist weder ja noch nein."),
        ("option", "x" * 101, "Der Text ist länger als 100 Zeichen."),
        ("title", "x" * 501, "Der Text ist länger als 500 Zeichen."),
    ],
)
def test_a_wrong_cell_is_named_with_its_column(merchant: Merchant, column: str, text: str, part: str) -> None:
    product(merchant, "TEE-1")

    assert refused(merchant, f"code,{column}", f"TEE-1,{text}") == [f"Zeile 2, Spalte {column}: {part}"]


def test_no_more_than_a_hundred_errors_are_named(merchant: Merchant) -> None:
    lines = [f"TEE-{number},Tee,teuer" for number in range(150)]

    assert len(refused(merchant, "code,title,price", *lines)) == 100


def test_the_channel_hears_once_of_what_changed(merchant: Merchant, amazon: ListeningChannel) -> None:
    cheaper, counted, same = (product(merchant, code, counted=5, price="9.90") for code in ("A", "B", "C"))
    renamed = product(merchant, "D", counted=5, price="9.90")
    amazon.changed.clear()

    done = read(
        merchant,
        "code,title,price,stock",
        "A,,8.90,5",
        "B,,9.90,4",
        f"C,{same.title},9.90,5",
        "D,Neu,,",
        "E,Neu,1.00,3",
    )

    assert done == Imported(created=1, updated=3, unchanged=1)
    assert amazon.changed == [{cheaper.pk, counted.pk}]
    assert renamed.pk not in amazon.changed[0]


def test_what_comes_in_covers_oversold_lines_first(merchant: Merchant) -> None:
    tea = product(merchant, "TEE-1", counted=2)
    place(merchant.pk, [new_order("305-1", new_line(quantity=5, product=tea))], now=NOW)
    tea.refresh_from_db()
    owed = (tea.stock, tea.oversold)

    read(merchant, "code,stock", "TEE-1,10")

    tea.refresh_from_db()
    assert owed == (0, 3)
    assert (tea.stock, tea.oversold) == (7, 0)
    assert stock.audit(merchant.pk) == []


def test_the_preview_says_what_the_import_does_and_writes_nothing(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    product(merchant, "A", counted=5, price="9.90")
    product(merchant, "B", counted=5, price="9.90")
    text = "code,title,price,stock,asin\nA,,8.90,5,\nB,,,,B00TEE0001\nC,Neu,1.00,3,\n"
    before = list(Product.objects.of(merchant).values())

    preview = preview_products(merchant, text)

    assert list(Product.objects.of(merchant).values()) == before
    assert (preview.created, preview.updated, preview.unchanged) == (1, 2, 0)
    assert [(row.code, row.is_new, list(row.changes)) for row in preview.rows] == [
        ("A", False, [("price", Decimal("9.90"), Decimal("8.90"))]),
        ("B", False, [("asin", "", "B00TEE0001")]),
        ("C", True, [("price", None, Decimal("1.00")), ("stock", None, 3)]),
    ]
    assert read(merchant, text) == Imported(preview.created, preview.updated, preview.unchanged)


def test_a_hundred_rows_take_as_many_statements_as_ten(merchant: Merchant) -> None:
    def statements(first: int, count: int, price: str) -> int:
        lines = [f"TEE-{n},Tee,{price},{n},ja,B{n:09d},SKU-{n}" for n in range(first, first + count)]
        with CaptureQueriesContext(connection) as queries:
            read(merchant, "code,title,price,stock,amazon,asin,amazon_sku", *lines)
        return len(queries)

    statements(1, 1, "1.00")  # the first lock of a shop makes its row
    few, many = statements(100, 10, "1.00"), statements(200, 40, "1.00")
    few_again, many_again = statements(100, 10, "2.00"), statements(200, 40, "2.00")

    assert (many, many_again) == (few, few_again)
