"""`kogge move-to`: everything from the embedded SQLite into an empty PostgreSQL, with one command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from django.conf import settings
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kogge.cli.answers import answer, json_option, refuse
from kogge.moving import mark, moving
from kogge.moving.refusal import MoveRefused
from kogge.moving.source import Source
from kogge.moving.target import Target


@click.command(
    help=_(
        "Alles aus der eingebauten SQLite-Datenbank in ein leeres PostgreSQL umziehen. Unterbrochen? Noch "
        "einmal starten: Es geht weiter. DATABASE_URL: postgres://benutzer:passwort@rechner/name, oder „-“: "
        "dann steht sie in KOGGE_MOVE_TO."
    )
)
@click.argument("database_url", required=False)
@click.option("--undo-mark", is_flag=True, help=_("Die alte Datenbank soll wieder gelten"))
@json_option
def move_to(database_url: str | None, undo_mark: bool, as_json: bool) -> None:
    path = _present_database()
    if undo_mark:
        _undo(path, as_json=as_json)
        return
    url = os.environ.get("KOGGE_MOVE_TO", "") if database_url == "-" else database_url
    if not url or not url.startswith(("postgres://", "postgresql://")):
        refuse(_("Wohin? Nenne die neue Datenbank: kogge move-to postgres://benutzer:passwort@rechner/name"))
    try:
        _move(path, url, as_json=as_json)
    except MoveRefused as why:
        refuse(str(why))


def _present_database() -> Path:
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        refuse(
            _(
                "Kogge arbeitet schon mit PostgreSQL: DATABASE_URL ist gesetzt. "
                "Von dort nach dort zieht pg_dump um."
            )
        )
    return Path(database["NAME"])


def _undo(path: Path, *, as_json: bool) -> None:
    undone = mark.unmark(path)
    text = (
        _(
            "Diese Datenbank gilt wieder. Was seit dem Umzug in der neuen geschah, weiß sie nicht: "
            "Arbeite nie mit beiden, sie würden dieselben Verkäufer doppelt bedienen."
        )
        if undone
        else _("Diese Datenbank ist nicht umgezogen; zu tun ist nichts.")
    )
    answer({"undone": undone}, text, as_json=as_json)


def _move(path: Path, url: str, *, as_json: bool) -> None:
    began = time.monotonic()
    source = Source(path)
    with closing(Target(url)) as target:
        if moving.take_up_the_end(source, target):
            moved: list[moving.Moved] = []
        else:
            moved = _with_progress(source, target, url, hidden=as_json)
        seconds = time.monotonic() - began
        total = sum(one.rows for one in moved)
        document = {
            "moved": True,
            "target": target.place,
            "rows": total,
            "seconds": round(seconds, 1),
            "tables": {one.table: asdict(one) for one in moved},
            "next": _next_steps(),
        }
        text = (
            _("{rows} Zeilen in {tables} Tabellen umgezogen; beide Seiten sind gleich ({seconds:.0f} s).")
            if moved
            else _("Der Umzug war schon fertig, nur das Ende fehlte noch.")
        )
        lines = [text.format(rows=total, tables=len(moved), seconds=seconds), "", *_next_steps()]
        answer(document, "\n".join(lines), as_json=as_json)


def _with_progress(source: Source, target: Target, url: str, *, hidden: bool) -> list[moving.Moved]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=hidden) as bar:
        task = bar.add_task(_("Vorbereiten"), total=None)

        return moving.move(
            source,
            target,
            migrate=lambda: _migrate(url),
            now=datetime.now(UTC),
            begin=lambda total: bar.update(task, total=total),
            progress=lambda table, rows: bar.update(task, description=table, advance=rows),
        )


def _migrate(url: str) -> None:
    """What `kogge migrate` does with these settings: in a process of its own, which has them."""
    done = subprocess.run(
        [sys.executable, "-m", "kogge.cli", "migrate", "--json"],
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [str(done.returncode)]
        sentence = _("Die neue Datenbank ließ sich nicht vorbereiten: {reason}")
        raise MoveRefused(sentence.format(reason=reason[0]))


def _next_steps() -> list[str]:
    directory = settings.DATA_DIR
    steps = [
        _("Setze auf jedem Rechner DATABASE_URL auf die neue Datenbank."),
        _secrets_step(directory),
    ]
    if (directory / "pictures").is_dir():
        steps.append(
            _(
                "Produktbilder liegen in {directory}/pictures: Leg den Ordner dahin, wo jeder Rechner ihn "
                "als KOGGE_DATA_DIR/pictures sieht."
            ).format(directory=directory)
        )
    steps += [
        _("Sieh auf jedem Rechner nach: kogge doctor. Dann starte kogge web und kogge worker."),
        _("Die alte Datenbank ({path}) gilt nicht mehr. Lösche sie, wenn du sicher bist.").format(
            path=settings.DATABASES["default"]["NAME"]
        ),
    ]
    return steps


def _secrets_step(directory: Path) -> str:
    if os.environ.get("KOGGE_KEYS") and os.environ.get("KOGGE_SECRET_KEY"):
        return _(
            "Setze auf jedem Rechner dieselben KOGGE_KEYS und KOGGE_SECRET_KEY wie hier. Ohne KOGGE_KEYS "
            "lassen sich Zugangsdaten und Adressen nicht öffnen."
        )
    return _(
        "Setze auf jedem Rechner dieselben Geheimnisse: KOGGE_KEYS (der Inhalt von {directory}/keys) "
        "und KOGGE_SECRET_KEY (der Inhalt von {directory}/secret_key). Ohne KOGGE_KEYS lassen sich "
        "Zugangsdaten und Adressen nicht öffnen."
    ).format(directory=directory)
