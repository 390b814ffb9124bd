"""Commands that run things: web server, worker, both together, due work once, migrations."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import click
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from kogge.cli.answers import answer, json_option, refuse
from kogge.cli.processes import LOOPBACK, Child, Household, call_when_parent_is_gone, is_a_child, is_free
from kogge.merchants.models import User

if TYPE_CHECKING:
    from kogge.engine.distributed import Crew
    from kogge.engine.worker import Worker

DEFAULT_PORT = 8000
EVERYWHERE = {"0.0.0.0", "::", ""}  # noqa: S104  (compared with, not listened on)

port_option = click.option("--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(1, 65535))
host_option = click.option(
    "--host", default=LOOPBACK, show_default=True, help=_("Adresse, auf der gehört wird")
)


@click.command(help=_("Web-Server und Hintergrundarbeit starten, bis Strg-C oder SIGTERM sie beendet."))
@port_option
@host_option
@json_option
def up(port: int, host: str, as_json: bool) -> None:
    refuse_taken(port)
    bring_up_to_date()
    url = address(host, port)
    text = _("Kogge läuft: {url}").format(url=url)
    if not User.objects.exists():
        text += "\n" + _(
            "Es gibt noch keinen Händler. So legst du einen an:\n"
            "  KOGGE_PASSWORD=… kogge merchant create --name NAME --email ADRESSE "
            "--password-env KOGGE_PASSWORD"
        )
    connection.close()
    household = Household([web_child(host, port), worker_child()])
    if not household.run(url=health(url), when_up=lambda: answer({"url": url}, text, as_json=as_json)):
        refuse(_("Der Web-Server ist unerwartet zu Ende gegangen."))


@click.command(help=_("Nur den Web-Server starten."))
@port_option
@host_option
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 32), help=_("Prozesse"))
@json_option
def web(port: int, host: str, workers: int, as_json: bool) -> None:
    from kogge.cli.web import WebServer

    refuse_taken(port)
    WebServer(f"{host}:{port}", workers, lambda: _say_address(address(host, port), as_json)).run()


@click.command(help=_("Nur die Hintergrundarbeit starten."))
@click.option(
    "--threads", type=click.IntRange(1, 64), help=_("Arbeiten zugleich (SQLite: 4, PostgreSQL: 16)")
)
@click.option("--metrics-port", type=click.IntRange(1, 65535), help=_("Zahlen und Zustand auf diesem Port"))
@click.option("--metrics-host", default=LOOPBACK, show_default=True, help=_("Adresse dieses Ports"))
@json_option
def worker(threads: int | None, metrics_port: int | None, metrics_host: str, as_json: bool) -> None:
    from kogge.amazon.notifications.receiving import start_receiving
    from kogge.engine.clock import production_clock

    if metrics_port is not None:
        serve_metrics(metrics_host, metrics_port)
    crew = _crew(threads)
    crew.stop_on_signals()
    call_when_parent_is_gone(crew.stop)
    if not is_a_child():
        answer({"worker": crew.owner}, _("Die Hintergrundarbeit läuft."), as_json=as_json)
    start_receiving(production_clock())
    if not crew.run():
        # Threads that stand still would hold up the end of the process; others take over what they had.
        os._exit(1)


def _crew(threads: int | None) -> Worker | Crew:
    """Who does the work here: on PostgreSQL one of many, on SQLite the only one."""
    from kogge.engine.distributed import Crew
    from kogge.engine.worker import Worker
    from kogge.schedule import OPERATIONS

    if connection.vendor == "postgresql":
        return Crew(OPERATIONS, threads=threads or 16)
    return Worker(OPERATIONS, threads=threads or 4)


@click.command(help=_("Fällige Hintergrundarbeit erledigen und enden."))
@click.option(
    "--until-idle", is_flag=True, help=_("Auch erledigen, was in den nächsten Sekunden fällig wird")
)
@click.option("--timeout", default=600.0, show_default=True, type=click.FloatRange(min=0), metavar="S")
@json_option
def work(until_idle: bool, timeout: float, as_json: bool) -> None:
    from kogge.engine.clock import production_clock
    from kogge.engine.worker import work_until_idle
    from kogge.schedule import OPERATIONS

    patience = timedelta(seconds=10) if until_idle else timedelta(0)
    tally = work_until_idle(
        OPERATIONS, clock=production_clock(), timeout=timedelta(seconds=timeout), patience=patience
    )
    document = {"done": tally.done, "failed": tally.failed, "waiting": tally.waiting}
    text = _("{done} erledigt, {failed} fehlgeschlagen, {waiting} warten").format(**document)
    answer(document, text, as_json=as_json)


@click.command(help=_("Die Datenbank auf den Stand dieser Version bringen."))
@json_option
def migrate(as_json: bool) -> None:
    applied = bring_up_to_date()
    answer({"applied": applied}, _("{count} Migrationen ausgeführt.").format(count=applied), as_json=as_json)


def bring_up_to_date() -> int:
    """Apply the migrations that are missing; how many were."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    call_command("migrate", verbosity=0, interactive=False)
    return len(plan)


def refuse_taken(port: int) -> None:
    """End the command with a sentence when somebody listens on the port already."""
    if not is_free(port):
        refuse(_("Port {port} ist belegt. Wähle mit --port einen anderen.").format(port=port))


def serve_metrics(host: str, port: int) -> None:
    """The worker's own figures and health, from a thread; ends the command when the port is taken."""
    from kogge.engine.worker import utc_now
    from kogge.metrics.serving import WorkerServer

    try:
        WorkerServer(host, port, clock=utc_now)
    except OSError:
        refuse(_("Port {port} ist belegt. Wähle mit --metrics-port einen anderen.").format(port=port))


def web_child(host: str, port: int) -> Child:
    return Child(["web", "--host", host, "--port", str(port)])


def worker_child() -> Child:
    """The worker is started again when it dies: what it had in hand is taken over at once."""
    return Child(["worker"], restarts=True)


def address(host: str, port: int) -> str:
    """Where a browser on this machine reaches the server."""
    return f"http://{LOOPBACK if host in EVERYWHERE else host}:{port}/"


def health(url: str) -> str:
    return f"{url}health/live"


def _say_address(url: str, as_json: bool) -> None:
    if not is_a_child():
        answer({"url": url}, _("Der Web-Server läuft: {url}").format(url=url), as_json=as_json)
