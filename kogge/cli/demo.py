"""`kogge demo`: a shop, an Amazon and thirty orders that arrive while one watches.

Everything lives in a directory of its own, which is emptied at each start. Amazon is the simulator; it
keeps Amazon's limits but for `searchOrders`, which refills every 10 s instead of every 3 minutes, so
that Kogge may ask every 15 s instead of every 10 minutes and people see orders come in.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import platformdirs

from kogge.cli import demo_fulfillment, demo_offers, demo_storefront
from kogge.cli.answers import answer, json_option, refuse
from kogge.cli.demo_fulfillment import ShopOrders
from kogge.cli.processes import LOOPBACK, Household, free_port, is_free
from kogge.cli.tea_house import open_tea_house
from kogge.moving import mark
from kogge.simulator import Simulator, tea_shop
from kogge.simulator.quotas import Plan

if TYPE_CHECKING:
    from kogge.amazon.connections.models import Connection

logger = logging.getLogger(__name__)

DEFAULT_PORT = 8000
EMAIL = "demo@kogge.example"
MARKER = "kogge-demo"
GERMANY, FRANCE = "A1PA6795UKMFR9", "A13V1IB3VIYZZH"

CHECK_SECONDS = 15.0
SEARCH_PLAN = Plan(rate=0.1, burst=20)

# Amazon shows an order to searches two minutes after it was placed; these are old enough at once.
VISIBLE_SECONDS = 150
AT_ONCE = (
    "standard", "multi", "gift", "prime", "business", "pickup", "standard", "foreign", "pending",
    "unknown_sku",
)  # fmt: skip
ONE_BY_ONE = (
    "multi", "standard", "discount", "cancel_request", "austria", "fba", "standard", "replacement", "multi",
    "partially_shipped", "standard", "net", "shipped", "gift", "no_address", "standard", "cancelled", "multi",
    "ship_plus", "nasty",
)  # fmt: skip
ARRIVAL_SECONDS = 6.0
SHOP_ORDER_SECONDS = 2.0
ORDERS_PER_MINUTE = 0.5

# Settings that would let the demo touch what is not the demo's.
FOREIGN_SETTINGS = (
    "DATABASE_URL", "KOGGE_EMAIL_URL", "KOGGE_ALLOWED_HOSTS", "KOGGE_SECRET_KEY", "KOGGE_KEYS",
)  # fmt: skip


@click.command(
    help="Alles zum Ausprobieren: ein Shop mit Produkten und ein Amazon, von dem Bestellungen kommen."
)
@click.option("--port", type=click.IntRange(1, 65535), help="sonst 8000 oder ein freier")
@json_option
def demo(port: int | None, as_json: bool) -> None:
    if port and not is_free(port):
        refuse(f"Port {port} ist belegt / is taken.")
    port = port or (DEFAULT_PORT if is_free(DEFAULT_PORT) else free_port())
    directory = _fresh_directory()
    with Simulator(orders_per_minute=ORDERS_PER_MINUTE) as amazon:
        amazon.world.limiter.set_plan("searchOrders", SEARCH_PLAN)
        demo_offers.set_up(amazon)
        demo_fulfillment.set_up(amazon)
        for kind in AT_ONCE:
            amazon.place_orders(1, kind=kind, age_s=VISIBLE_SECONDS)
        _point_at(amazon, directory)
        _run_shop(amazon, port, as_json=as_json)


def _fresh_directory() -> Path:
    """The demo's own directory, empty. One that we did not make is never emptied."""
    chosen = os.environ.get("KOGGE_DATA_DIR")
    directory = (
        Path(chosen) if chosen else Path(platformdirs.user_data_dir("kogge", appauthor=False)) / "demo"
    )
    if directory.is_dir() and any(directory.iterdir()):
        if not (directory / MARKER).is_file():
            refuse(f"{directory} ist nicht leer und keine Demo / is neither empty nor a demo.")
        if target := mark.moved_to(directory / "kogge.sqlite3"):
            refuse(f"{directory}: umgezogen nach / was moved to {target} (kogge move-to --undo-mark)")
        for entry in directory.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != MARKER:
                entry.unlink()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    (directory / MARKER).write_text("kogge demo\n")
    return directory


def _point_at(amazon: Simulator, directory: Path) -> None:
    """Make this process and its children use the demo's directory and its Amazon, and nothing else."""
    from kogge.cli import set_up_django

    for name in FOREIGN_SETTINGS:
        os.environ.pop(name, None)
    os.environ["KOGGE_DATA_DIR"] = str(directory)
    os.environ.setdefault("KOGGE_LOG_LEVEL", "WARNING")  # the page shows what happens
    os.environ["KOGGE_AMAZON_API_URL"] = amazon.api_url
    os.environ["KOGGE_AMAZON_LWA_URL"] = amazon.lwa_url
    os.environ["KOGGE_AMAZON_CONSENT_URL"] = amazon.consent_url
    set_up_django()


def _run_shop(amazon: Simulator, port: int, *, as_json: bool) -> None:
    from django.db import connection
    from django.utils.translation import gettext as _

    from kogge.cli.run import address, bring_up_to_date, health, web_child, worker_child

    bring_up_to_date()
    password = "-".join(secrets.token_hex(2) for _part in range(4))
    opened = open_tea_house(
        tea_shop(),
        email=EMAIL,
        password=password,
        marketplace_ids=[GERMANY, FRANCE],
        dispatch_mail=True,
        now=datetime.now(UTC),
        not_on_amazon=demo_offers.NOT_ON_AMAZON,
    )
    demo_offers.hang_pictures(opened.merchant)
    demo_fulfillment.tick(opened, now=datetime.now(UTC))
    storefront = demo_storefront.open_storefront(opened.merchant, now=datetime.now(UTC))
    connection.close()
    url = address(LOOPBACK, port)
    document = {
        "url": url,
        "email": EMAIL,
        "password": password,
        "amazon": amazon.url,
        "storefront": url.rstrip("/") + storefront,
    }
    text = _(
        "\nKogge läuft:        {url}\n  E-Mail-Adresse:   {email}\n  Passwort:         {password}\n\n"
        "Laden für Kunden:   {storefront}\n"
        "Amazon (Simulator): {amazon}\n  Was Amazon weiß, zeigt sein Seller Central.\n\n"
        "Dreißig Bestellungen kommen in den nächsten Minuten an. Strg-C beendet die Demo.\n"
    ).format(**document)
    household = Household([web_child(LOOPBACK, port), worker_child()])
    ended_well = household.run(
        url=health(url),
        when_up=lambda: answer(document, text, as_json=as_json),
        now_and_then=_Bustle(amazon, opened).go_on,
    )
    if not ended_well:
        refuse(_("Der Web-Server ist unerwartet zu Ende gegangen."))


class _Bustle:
    """What makes the demo lively: the rest of the thirty orders one by one, some orders of the shop's own
    customers, and frequent checks."""

    def __init__(self, amazon: Simulator, connection: Connection) -> None:
        self.amazon = amazon
        self.connection_id = connection.pk
        self.shop_orders = ShopOrders(connection)
        self.to_come = list(ONE_BY_ONE)
        self.next_arrival = self.next_check = self.next_shop_order = time.monotonic()

    def go_on(self) -> None:
        now = time.monotonic()
        if self.to_come and now >= self.next_arrival:
            self.next_arrival = now + ARRIVAL_SECONDS
            self.amazon.place_orders(1, kind=self.to_come.pop(0), age_s=VISIBLE_SECONDS)
        if now >= self.next_check:
            self.next_check = now + CHECK_SECONDS
            self._at_the_database(self._check_soon)
        if now >= self.next_shop_order:
            self.next_shop_order = now + SHOP_ORDER_SECONDS
            self._at_the_database(self.shop_orders.go_on)

    def _check_soon(self, *, now: datetime) -> None:
        from kogge.engine import due

        due.make_due("check_orders", self.connection_id, now=now)
        self.shop_orders.look_soon(now=now)

    def _at_the_database(self, act: Callable[..., None]) -> None:
        from django.db import OperationalError, connection

        try:
            act(now=datetime.now(UTC))
        except OperationalError as busy:
            logger.warning("the database is busy, a little later again: %s", busy)
        finally:
            connection.close()
