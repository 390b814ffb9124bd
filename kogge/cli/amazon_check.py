"""`kogge amazon check`: the check for orders, done here and now, under the same lease as the worker's."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import timedelta

import click
from django.utils.translation import gettext as _

from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import Run
from kogge.amazon.journal.words import error_in_words
from kogge.amazon.orders.backfill import backfill_orders, is_finished
from kogge.amazon.orders.check import check_orders_now
from kogge.amazon.orders.models import OrderCursor
from kogge.cli.answers import answer, json_option, refuse
from kogge.engine import due
from kogge.engine.clock import production_clock
from kogge.engine.owner import this_process
from kogge.engine.work import Handler
from kogge.engine.worker import perform

PATIENCE = timedelta(seconds=30)  # with another process that checks just now
LOOK_AGAIN = 0.5  # seconds


@click.command()
@click.argument("connection_id", metavar="CONNECTION", type=int)
@json_option
def check(connection_id: int, *, as_json: bool) -> None:
    """Jetzt nach Bestellungen sehen; beim ersten Mal alle seit dem gewählten Beginn holen."""
    connection = Connection.objects.everyone().filter(pk=connection_id).first()
    if connection is None:
        refuse(_("Es gibt keine Amazon-Verbindung {id}.").format(id=connection_id))
    if connection.state != Connection.State.ACTIVE:
        refuse(_("Die Amazon-Verbindung ist angehalten. Prüfe die Zugangsdaten in den Einstellungen."))
    runs = _check_everything(connection)
    state = _state(runs)
    document = _document(connection, runs, state)
    answer(document, _sentence(document), as_json=as_json)
    if remark := _remark(runs, state):
        click.echo(remark, err=True)
    if state == Run.State.FAILED:
        sys.exit(1)


def _check_everything(connection: Connection) -> list[Run]:
    """The regular check, and the orders from before it that are not here yet."""
    last = Run.objects.everyone().order_by("-pk").values_list("pk", flat=True).first() or 0
    has_checked = _perform("check_orders", check_orders_now, connection)
    while has_checked and not is_finished(connection):
        before = _runs_since(connection, last)
        if not before or before[-1].state != Run.State.DONE:
            break
        if not _perform("backfill_orders", backfill_orders, connection):
            break
        if len(_runs_since(connection, last)) == len(before):
            break  # it has to wait for something else
    return _runs_since(connection, last) if has_checked else []


def _perform(operation: str, handler: Handler, connection: Connection) -> bool:
    """Do the operation in this process. False: another one has it in hand and does not finish in time."""
    deadline = time.monotonic() + PATIENCE.total_seconds()
    clock = production_clock()
    while True:
        lease = due.claim_one(operation, connection.pk, this_process(), now=clock())
        if lease is not None:
            perform(handler, lease, clock)
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_AGAIN)


def _runs_since(connection: Connection, last: int) -> list[Run]:
    kinds = [Run.Kind.CHECK, Run.Kind.BACKFILL]
    runs = Run.objects.everyone().filter(connection=connection, kind__in=kinds, pk__gt=last)
    return list(runs.order_by("pk"))


def _state(runs: Sequence[Run]) -> str:
    states = {run.state for run in runs}
    if Run.State.FAILED in states:
        return Run.State.FAILED.value
    return Run.State.DONE.value if states == {Run.State.DONE} else Run.State.WAITING.value


def _document(connection: Connection, runs: Sequence[Run], state: str) -> dict[str, object]:
    checks = [run for run in runs if run.kind == Run.Kind.CHECK]
    latest = checks[-1] if checks else _latest_check(connection)
    return {
        "run": latest.pk if latest else None,
        "state": state,
        "calls": sum(run.calls for run in runs),
        "seen": sum(run.seen for run in runs),
        "new": sum(run.new for run in runs),
        "updated": sum(run.updated for run in runs),
        "failed": sum(run.failed for run in runs),
        "checked_at": latest.finished_at if latest else None,
        "watermark": _watermark(connection),
    }


def _watermark(connection: Connection) -> str:
    """How far the checks have got: also while this one waits."""
    cursors = OrderCursor.objects.everyone().filter(connection=connection, kind=Run.Kind.CHECK)
    return cursors.values_list("watermark", flat=True).first() or ""


def _latest_check(connection: Connection) -> Run | None:
    checks = Run.objects.everyone().filter(connection=connection, kind=Run.Kind.CHECK)
    return checks.order_by("-pk").first()


def _sentence(document: dict[str, object]) -> str:
    return _("{seen} Bestellungen gesehen, {new} neu, {updated} geändert, {failed} mit Problemen.").format(
        **document
    )


def _remark(runs: Sequence[Run], state: str) -> str:
    """Why it is not done, or what waits although it is; "" when there is nothing to say."""
    reason = next((run.reason for run in reversed(runs) if run.reason), "")
    if reason:
        return error_in_words(reason)
    if state == Run.State.FAILED:
        return _("Die Prüfung ist fehlgeschlagen.")
    return "" if state == Run.State.DONE else _("Eine andere Prüfung läuft noch.")
