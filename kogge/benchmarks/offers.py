"""What one changed product costs among a thousand and among a million, and how soon Amazon shows it.

All offers are agreed, live and equal at first; Amazon is the simulator in a process of its own, without
limits and delay, and has only those that change.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median, quantiles
from typing import Any

import django
import msgspec

from kogge.benchmarks.repeating import Figures
from kogge.benchmarks.world import RunningSimulator, fresh_installation, running_simulator
from kogge.simulator import credentials

GERMANY = "A1PA6795UKMFR9"
FEW = 1_000
CHANGES = 20
BATCH = 2_000
UNITS = 10


def one_change_among_many(offers: int, database: str) -> Figures:
    """Change one product's stock, twenty times, with a thousand offers and with `offers`."""
    sizes = sorted({min(FEW, offers), offers})
    found = {size: _measured(database, f"measure_changes({size})", size, CHANGES) for size in sizes}
    few, many = found[sizes[0]], found[sizes[-1]]
    return {
        "by_offers": {str(size): figures for size, figures in found.items()},
        "same_statements": few["statements"] == many["statements"],
        "many_to_few": round(many["milliseconds"] / few["milliseconds"], 2),
    }


def last_piece(tries: int, database: str) -> Figures:
    """Sell the last piece of a product in the shop, until Amazon shows that none is left."""
    seconds = _measured(database, f"measure_last_pieces({tries})", tries, tries)["seconds"]
    cuts = quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else [*seconds] * 99
    return {
        "tries": tries,
        "p50_s": round(median(seconds), 2),
        "p95_s": round(cuts[94], 2),
        "max_s": round(max(seconds), 2),
    }


def _measured(database: str, call: str, offers: int, listed: int) -> dict[str, Any]:
    """Run a measurement in a process of its own, against an Amazon that has the first `listed` offers."""
    with running_simulator() as simulator, fresh_installation(simulator, database) as environment:
        posted = [
            {"sku": _sku(number), "title": "Tee", "price": "9.90", "stock": UNITS, "leadTimeDays": 2}
            for number in range(min(offers, listed))
        ]
        simulator.control("POST", "listings", posted)
        code = f"from kogge.benchmarks import offers; offers.start({simulator.port}); offers.{call}"
        answer = subprocess.run(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True
        )
    figures: dict[str, Any] = msgspec.json.decode(answer.stdout.splitlines()[-1])
    return figures


_simulator: list[RunningSimulator] = []


def start(port: int) -> None:
    """The measured process begins."""
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    _simulator.append(RunningSimulator(port))


def measure_changes(offers: int) -> None:
    """Statements and milliseconds of one change, from the ledger to Amazon's answer."""
    from kogge.amazon.offers.sending import send_offers
    from kogge.engine import due
    from kogge.engine.owner import this_process
    from kogge.engine.worker import perform

    connection = _shelf(offers)
    statements, milliseconds = [], []
    for number in range(min(CHANGES, offers)):
        with _counted() as counted:
            started = time.perf_counter()
            _sell(connection.merchant_id, number, UNITS - 1)
            lease = due.claim_one("send_offers", connection.pk, this_process(), now=_now())
            assert lease is not None
            perform(send_offers, lease, _now)
            milliseconds.append((time.perf_counter() - started) * 1000)
        statements.append(len(counted))
    _check_told(connection, min(CHANGES, offers))
    # The first one also fetches an access token.
    print(
        msgspec.json.encode(
            {
                "statements": median(statements[1:] or statements),
                "milliseconds": round(median(milliseconds), 2),
            }
        ).decode()
    )


def measure_last_pieces(tries: int) -> None:
    """Seconds from the sale to Amazon's zero, with a worker as in production."""
    from kogge.engine.worker import Worker
    from kogge.schedule import OPERATIONS

    connection = _shelf(tries)
    worker = Worker(OPERATIONS)
    thread = threading.Thread(target=worker.run)
    thread.start()
    seconds = []
    for number in range(tries):
        started = time.perf_counter()
        _sell(connection.merchant_id, number, 0)
        while _shown(number) != 0:
            if time.perf_counter() - started > 60:
                raise RuntimeError(f"after a minute Amazon does not show that {_sku(number)} is sold out")
            time.sleep(0.02)
        seconds.append(time.perf_counter() - started)
    worker.stop()
    thread.join()
    print(msgspec.json.encode({"seconds": seconds}).decode())


def _shelf(offers: int) -> Any:
    """A merchant with so many offers, all of them agreed, live and the same here and at Amazon."""
    from kogge.amazon.connections.accounts import connect
    from kogge.amazon.offers.models import Agreement
    from kogge.engine.models import Due
    from kogge.merchants.models import Merchant

    now = _now()
    merchant = Merchant.objects.create(slug="bench", name="Bench", created_at=now)
    connection = connect(
        merchant,
        region="eu",
        seller_id=credentials.SELLER_ID,
        client_id=credentials.CLIENT_ID,
        client_secret=credentials.CLIENT_SECRET,
        refresh_token=credentials.REFRESH_TOKEN,
        marketplace_ids=[GERMANY],
        dispatch_mail=False,
        start_from=None,
        now=now,
    )
    Agreement.objects.everyone().update_or_create(
        connection=connection,
        defaults={
            "quantity": "kogge",
            "lead_time": "kogge",
            "price": "kogge",
            "agreed_at": now,
            "enrolled_to": None,
        },
    )
    for begin in range(0, offers, BATCH):
        _put(connection, range(begin, min(begin + BATCH, offers)), now)
        print(f"{min(begin + BATCH, offers)} / {offers}", file=sys.stderr)
    Due.objects.exclude(operation="send_offers").delete()
    return connection


def _put(connection: Any, numbers: range, now: datetime) -> None:
    from kogge.amazon.catalog.models import Offer
    from kogge.amazon.offers.models import Listing, Values, stored
    from kogge.backoffice.models import Product

    merchant_id = connection.merchant_id
    same = stored(Values(UNITS, 2, {GERMANY: Decimal("9.90")}))
    products = Product.objects.everyone().bulk_create(
        [
            Product(
                merchant_id=merchant_id,
                code=_sku(number),
                title="Tee",
                price=Decimal("9.90"),
                stock=UNITS,
                changed_at=now,
            )
            for number in numbers
        ]
    )
    offers = Offer.objects.everyone().bulk_create(
        [Offer(merchant_id=merchant_id, product_id=str(product.pk), sku=product.code) for product in products]
    )
    Listing.objects.everyone().bulk_create(
        [
            Listing(
                merchant_id=merchant_id,
                connection=connection,
                offer=offer,
                product_id=offer.product_id,
                sku=offer.sku,
                state=Listing.State.LIVE,
                channel="DEFAULT",
                shown_at=now,
                accepted_at=now,
                wanted_json=same,
                accepted_json=same,
                shown_json=same,
            )
            for offer in offers
        ]
    )


def _sell(merchant_id: int, number: int, left: int) -> None:
    """What a sale leaves behind is counted: the same way to Amazon."""
    from django.db import transaction

    from kogge.backoffice.models import Product
    from kogge.backoffice.stock import correct_stock

    with transaction.atomic():
        product = Product.objects.of_id(merchant_id).get(code=_sku(number))
        correct_stock(product, left, actor="bench", now=_now())


def _check_told(connection: Any, listed: int) -> None:
    """A measurement of something that did not happen is none."""
    from kogge.amazon.offers.models import Listing

    mine = Listing.objects.of_id(connection.merchant_id).filter(state=Listing.State.SENT)
    if mine.count() != listed or _shown(0) != UNITS - 1:
        raise RuntimeError("Amazon was not told of the changes")


def _shown(number: int) -> int:
    """The units Amazon has of an offer, by its control plane."""
    sku = _sku(number)
    answer: Any = _simulator[0].control("POST", f"listings/{sku}", {})
    return int(answer["listing"]["stock"])


@contextmanager
def _counted() -> Iterator[list[str]]:
    """The statements sent to the database."""
    from django.db import connection

    statements: list[str] = []

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield statements


def _sku(number: int) -> str:
    return f"TEE-{number:07d}"


def _now() -> datetime:
    return datetime.now(UTC)
