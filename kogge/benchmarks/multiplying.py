"""A shop of a thousand orders becomes one of a million: every row is copied, with ids and times moved.

So the copies are what a real import and real dispatches wrote. Buyers and articles are drawn anew, because
a thousand orders know too few of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from django.db import ProgrammingError, connection, models, transaction

from kogge.backoffice.models import Order, OrderLine, OrderWord, Product, StockEntry
from kogge.backoffice.people import fingerprints

YEARS = timedelta(days=730)  # the orders lie in them
STEP = 50  # copies that are written at once
# Drawn by an order's id; one buyer in seventy has the most frequent first name, one in a hundred and twenty
# the most frequent last name: (word, how many there are, three primes).
NAMES = (("vorname", 503, 7919, 1009, 104_729), ("nachname", 20_011, 7907, 1013, 104_723))
ARTICLES, BEST_SELLERS = 1_000, 10  # the best-sellers are the first of them

# An Amazon order id stays one: its middle block is moved on. Other ids get the number of the copy.
_AMAZON_ID = (
    "CASE WHEN {0} LIKE '___-_______-_______' THEN substr({0}, 1, 4) || "
    "substr(CAST(10000000 + (CAST(substr({0}, 5, 7) AS BIGINT) + k * 1234577) % 10000000 AS TEXT), 2) || "
    "substr({0}, 12) WHEN {0} = '' THEN '' ELSE {0} || '-' || k END"
)
_MOVED_TEXT = "CASE WHEN {0} = '' THEN '' ELSE CAST(CAST({0} AS BIGINT) + k * span AS TEXT) END"
# Every fourth line is of a best-seller. `k` is the copy, 0 the original.
_ARTICLE = (
    f"(CASE WHEN ({{0}} + k) % 4 = 0 THEN ({{0}} + k) / 4 % {BEST_SELLERS} "
    f"ELSE ({{0}} + k) * 7919 % {ARTICLES} END)"
)


@dataclass(frozen=True)
class Original:
    """A table whose first rows, up to `last`, are copied; `changed` are columns with their SQL."""

    model: type[models.Model]
    last: int
    changed: Mapping[str, str]


def originals() -> list[Original]:
    """Everything that belongs to orders, as it is now."""
    from kogge.amazon.feeds.models import Feed, OrderMessage
    from kogge.amazon.journal.models import JournalEntry, Run
    from kogge.amazon.orders.models import AmazonOrder, AmazonOrderItem, ShipmentConfirmation
    from kogge.backoffice.models import Mail, OrderEvent, Parcel, ParcelItem

    changed: dict[type[models.Model], dict[str, str]] = {
        Order: {"number": "number + k * span", "external_id": _AMAZON_ID.format("external_id")},
        OrderLine: {
            "product_id": f"first_article + {_ARTICLE.format('t.id')}",
            "code": f"'ART-' || {_ARTICLE.format('t.id')}",
        },
        Parcel: {},
        ParcelItem: {},
        OrderEvent: {},
        Mail: {},
        StockEntry: {
            "key": "key || ':' || k",
            "product_id": f"CASE WHEN line_id IS NULL THEN product_id "
            f"ELSE first_article + {_ARTICLE.format('line_id')} END",
        },
        Run: {},
        Feed: {"feed_id": "CASE WHEN feed_id = '' THEN '' ELSE feed_id || '-' || k END"},
        AmazonOrder: {
            "order_id": _AMAZON_ID.format("order_id"),
            "shop_order_id": _MOVED_TEXT.format("shop_order_id"),
            "shop_order_number": _MOVED_TEXT.format("shop_order_number"),
        },
        AmazonOrderItem: {},
        ShipmentConfirmation: {},
        OrderMessage: {"amazon_order_id": _AMAZON_ID.format("amazon_order_id")},
        JournalEntry: {"amazon_order_id": _AMAZON_ID.format("amazon_order_id")},
    }
    return [Original(model, _last(model), columns) for model, columns in changed.items()]


@dataclass(frozen=True)
class Multiplication:
    """So many copies; their ids are `span` apart, their times `apart` seconds."""

    found: Sequence[Original]
    copies: int
    span: int
    apart: int
    first_article: int


def multiply(found: Sequence[Original], copies: int, first_article: int) -> None:
    """Write each of the rows `copies` times more, spread over two years before they happened."""
    span = max(max(each.last, _last(each.model)) for each in found) + 1
    whole = Multiplication(found, copies, span, int(YEARS.total_seconds()) // copies, first_article)
    with _unguarded(), _without_indexes([*(each.model for each in found), OrderWord]):
        for first in range(1, copies + 1, STEP):
            last = min(first + STEP - 1, copies)
            with transaction.atomic(), connection.cursor() as cursor:
                for each in found:
                    cursor.execute(_copying(each, whole, first, last))
                name_buyers(span * first, span * (last + 1))
            print(f"{last} / {copies}", file=sys.stderr)


def _copying(each: Original, whole: Multiplication, first: int, last: int) -> str:
    copied, table = {original.model for original in whole.found}, each.model._meta.db_table
    columns = {}
    for field in each.model._meta.concrete_fields:
        column = field.column
        assert column is not None
        if column in each.changed:
            columns[column] = each.changed[column]
        elif field.primary_key or (field.is_relation and field.related_model in copied):
            columns[column] = f"t.{column} + k * span"
        elif isinstance(field, models.DateTimeField):
            columns[column] = _earlier(f"t.{column}", f"({whole.copies} + 1 - k) * {whole.apart}")
        else:
            columns[column] = f"t.{column}"
    names = ", ".join(f'"{column}"' for column in columns)
    return (
        f"WITH RECURSIVE copy(k) AS (SELECT {first} UNION ALL SELECT k + 1 FROM copy WHERE k < {last}), "
        f"fact AS (SELECT CAST({whole.span} AS BIGINT) AS span, {whole.first_article} AS first_article) "
        f"INSERT INTO {table} ({names}) SELECT {', '.join(columns.values())} "
        f"FROM copy CROSS JOIN fact CROSS JOIN {table} t WHERE t.id <= {each.last} ORDER BY k, t.id"
    )


def _earlier(column: str, seconds: str) -> str:
    if connection.vendor == "sqlite":
        return f"strftime('%Y-%m-%d %H:%M:%f', {column}, '-' || ({seconds}) || ' seconds')"
    return f"{column} - make_interval(secs => {seconds})"


def names_of(order_id: int) -> list[str]:
    """The first and last name that was drawn for an order's buyer."""
    return [
        f"{word}{(order_id * first % modulus) * (order_id * second % count) // modulus}"
        for word, count, first, modulus, second in NAMES
    ]


def name_articles(first_article: int) -> None:
    """The lines there are become lines of the articles, as those of the copies do."""
    article = _ARTICLE.format("id").replace("k", "0")
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {OrderLine._meta.db_table} "
            f"SET product_id = {first_article} + {article}, code = 'ART-' || {article}"
        )


def name_buyers(first: int, beyond: int) -> None:
    """Make the orders with these ids findable by the names that `names_of` draws."""
    with connection.cursor() as cursor:
        for word, count, prime, modulus, second in NAMES:
            cursor.execute(
                f"INSERT INTO {OrderWord._meta.db_table} (merchant_id, order_id, fingerprint) "
                f"SELECT o.merchant_id, o.id, n.fingerprint FROM {Order._meta.db_table} o "
                # CROSS: SQLite would else read all names for each order.
                f"CROSS JOIN bench_names n WHERE n.word = '{word}' AND n.merchant_id = o.merchant_id "
                f"AND n.number = (o.id * {prime} % {modulus}) * (o.id * {second} % {count}) / {modulus} "
                f"AND o.id >= {first} AND o.id < {beyond} ORDER BY o.id"
            )


def keep_names(merchants: Sequence[int]) -> None:
    """The fingerprints of all names there are: "vorname7", "nachname123"."""
    binary = "bytea" if connection.vendor == "postgresql" else "blob"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_names (word text, merchant_id integer, number integer, "
            f"fingerprint {binary}, PRIMARY KEY (word, merchant_id, number))"
        )
        for merchant in merchants:
            for word, count, *_primes in NAMES:
                found = fingerprints(merchant, (f"{word}{number}" for number in range(count)))
                rows = [(word, merchant, number, each) for number, each in enumerate(found)]
                cursor.executemany("INSERT INTO bench_names VALUES (%s, %s, %s, %s)", rows)


def new_articles(merchant_id: int, like: Product) -> int:
    """A thousand products; the id of the first, the others follow it."""
    made = Product.objects.everyone().bulk_create(
        Product(
            merchant_id=merchant_id,
            code=f"ART-{number}",
            title=f"Artikel {number}",
            price=like.price,
            stock=100_000,
            changed_at=like.changed_at,
        )
        for number in range(ARTICLES)
    )
    return int(made[0].pk)


@contextmanager
def _unguarded() -> Iterator[None]:
    """Keys are not checked one by one: the rows were right before they were copied."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA journal_mode = OFF")
            cursor.execute("PRAGMA synchronous = OFF")
            cursor.execute("PRAGMA temp_store = MEMORY")
            cursor.execute("PRAGMA cache_size = -400000")
        else:
            cursor.execute("SET synchronous_commit = off")
            cursor.execute("SET maintenance_work_mem = '256MB'")
            # Only the server's owner may; for others it takes longer.
            with suppress(ProgrammingError), transaction.atomic():
                cursor.execute("SET session_replication_role = replica")
    with connection.constraint_checks_disabled():
        yield
    connection.close()


@contextmanager
def _without_indexes(changed: Sequence[type[models.Model]]) -> Iterator[None]:
    """All but those of keys are made after the rows: one by one they would take most of the time."""
    tables = [model._meta.db_table for model in changed]
    slots = ", ".join(["%s"] * len(tables))
    if connection.vendor == "sqlite":
        found = (
            f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql > '' AND tbl_name IN ({slots})"
        )
    else:
        found = (
            "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i "
            f"JOIN pg_class t ON t.oid = i.indrelid WHERE t.relname IN ({slots}) "
            "AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)"
        )
    with connection.cursor() as cursor:
        cursor.execute(found, tables)
        indexes = cursor.fetchall()
        if connection.vendor == "sqlite":  # what a migration tells its planner goes with the indexes
            cursor.execute("CREATE TEMP TABLE kept AS SELECT * FROM sqlite_stat1")
        for name, _made_by in indexes:
            cursor.execute(f"DROP INDEX {name}")
    yield
    with connection.cursor() as cursor:
        for _name, made_by in indexes:
            cursor.execute(made_by)
        if connection.vendor == "sqlite":
            cursor.execute("DELETE FROM sqlite_stat1")
            cursor.execute("INSERT INTO sqlite_stat1 SELECT * FROM kept")


def _last(model: type[models.Model]) -> int:
    return model._base_manager.order_by("-pk").values_list("pk", flat=True).first() or 0
