"""The command `kogge`: the list of all commands, and how they fail.

A command's module is imported when the command is used, after Django is set up; `kogge --help` and
`kogge simulator` need no database.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import click


class Entry(NamedTuple):
    """Where a command lives, and what it does, in both languages: the list needs no catalogues."""

    place: str
    german: str
    english: str
    django: bool = True


COMMANDS = {
    "up": Entry(
        "kogge.cli.run:up", "Web-Server und Hintergrundarbeit starten", "Start web server and worker"
    ),
    "demo": Entry(
        "kogge.cli.demo:demo",
        "Alles zum Ausprobieren, mit einem Amazon-Simulator",
        "Everything to try it out, with a simulated Amazon",
        django=False,
    ),
    "web": Entry("kogge.cli.run:web", "Nur den Web-Server starten", "Start the web server only"),
    "worker": Entry("kogge.cli.run:worker", "Nur die Hintergrundarbeit starten", "Start the worker only"),
    "work": Entry(
        "kogge.cli.run:work", "Fällige Arbeit erledigen und enden", "Do the work that is due and end"
    ),
    "migrate": Entry(
        "kogge.cli.run:migrate", "Die Datenbank auf den Stand bringen", "Bring the database up to date"
    ),
    "move-to": Entry(
        "kogge.cli.move_to:move_to",
        "Von SQLite zu PostgreSQL umziehen",
        "Move from SQLite to PostgreSQL",
    ),
    "doctor": Entry(
        "kogge.cli.doctor:doctor", "Nachsehen, ob alles in Ordnung ist", "See whether all is well"
    ),
    "simulator": Entry(
        "kogge.cli.aside:simulator",
        "Ein kleines Amazon zum Probieren",
        "A small Amazon to try things",
        django=False,
    ),
    "merchant": Entry("kogge.cli.shop:merchant", "Händler anlegen", "Create merchants"),
    "products": Entry(
        "kogge.cli.shop:products", "Produkte einlesen und auflisten", "Import and list products"
    ),
    "orders": Entry(
        "kogge.cli.shop:orders",
        "Bestellungen ansehen, anlegen, versenden, stornieren",
        "Show, create, dispatch and cancel orders",
    ),
    "api-keys": Entry(
        "kogge.cli.api_keys:api_keys",
        "Zugänge zur API des Shops anlegen, auflisten, widerrufen",
        "Create, list and revoke access to the shop's API",
    ),
    "shop": Entry(
        "kogge.cli.remote_shop:shop",
        "Einen Shop in einem anderen System verbinden und lesen",
        "Connect and read a shop in another system",
    ),
    "amazon": Entry(
        "kogge.cli.amazon:amazon",
        "Amazon verbinden, prüfen, Zustand ansehen",
        "Connect Amazon, check for orders, see how it stands",
    ),
    "offers": Entry(
        "kogge.cli.offers:offers",
        "Angebote bei Amazon: auflisten, abgleichen, noch einmal versuchen",
        "Offers at Amazon: list, compare, try again",
    ),
    "fulfillment": Entry(
        "kogge.cli.fulfillment:fulfillment",
        "Versand durch Amazon: auflisten, anhalten, stornieren, Bestand im Amazon-Lager",
        "Shop orders that Amazon ships: list, stop, cancel, stock in its warehouses",
    ),
    "bench": Entry(
        "kogge.cli.aside:bench", "Messen, wie schnell es ist", "Measure how fast it is", django=False
    ),
}

# These run on and log what they do; all others say what went wrong in one sentence, and nothing else.
RUNNING_ON = {"up", "web", "worker"}

# These look at any database, also at one that was moved or is just being filled.
ANYWHERE = {"migrate", "move-to", "doctor"}

# Commands of a group that live in a module of their own.
FURTHER = {
    "amazon": {
        "check": "kogge.cli.amazon_check:check",
        "notifications": "kogge.cli.amazon_notifications:notifications",
    }
}

# What these say is a sentence for people; anything else is a bug and shows its traceback.
EXPECTED = {
    "kogge.merchants.accounts.AccountRefused",
    "kogge.backoffice.refusal.Refusal",
    "kogge.amazon.connections.accounts.WrongSetting",
    "kogge.amazon.connections.accounts.NotNow",
    "kogge.amazon.fba.wishes.TooLate",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        if cmd_name not in RUNNING_ON:
            os.environ.setdefault("KOGGE_LOG_LEVEL", "WARNING")
        if entry.django:
            set_up_django()
            if cmd_name not in ANYWHERE:
                _refuse_other_places()
        command = _import(entry.place)
        for name, place in FURTHER.get(cmd_name, {}).items():
            command.add_command(_import(place), name)
        found: click.Command = command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        german = language() == "de"
        rows = [(name, entry.german if german else entry.english) for name, entry in COMMANDS.items()]
        with formatter.section("Befehle" if german else "Commands"):
            formatter.write_dl(rows)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kogge", message="kogge %(version)s")
def kogge() -> None:
    """Kogge: Amazon als Verkaufskanal deines Shops / Amazon as a sales channel of your shop."""


def main(arguments: list[str] | None = None) -> None:
    """The console script. Expected failures end with one sentence on stderr and exit code 1."""
    try:
        kogge.main(arguments, prog_name="kogge", standalone_mode=False)
    except click.Abort:
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.format_message())
        sys.exit(1)
    except click.ClickException as failed:
        fail(failed.format_message())
    except Exception as failed:
        if _needs_migrating(failed):
            fail(
                _in_words(
                    "Die Datenbank ist nicht auf dem Stand. Führe zuerst „kogge migrate“ aus.",
                    "The database is not up to date. Run `kogge migrate` first.",
                )
            )
        if not _is_expected(failed):
            raise
        fail(str(failed))


def fail(sentence: str) -> NoReturn:
    """Say why on stderr and end with exit code 1."""
    click.echo(sentence, err=True)
    sys.exit(1)


def set_up_django() -> None:
    """Make models and translations usable, and speak the terminal's language."""
    import django
    from django.apps import apps
    from django.utils import translation

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kogge.settings")
    if not apps.ready:
        django.setup()
    translation.activate(language())


def _refuse_other_places() -> None:
    """Two live copies of the data would serve the same sellers twice: work on the one that counts only."""
    from django.conf import settings
    from django.db import OperationalError, connection

    from kogge.moving import mark, presence

    try:
        why = mark.why_not_here()
    except OperationalError:
        return  # what the command does about a database that does not answer is its own matter
    finally:
        if connection.vendor == "postgresql" and not connection.in_atomic_block:
            connection.close()  # processes of ours that are forked from this one must not share it
    database = settings.DATABASES["default"]["NAME"]
    if not why and connection.vendor == "sqlite" and not presence.come_in(Path(database).parent):
        why = _in_words(
            "Hier ist gerade ein Umzug im Gange (kogge move-to). Warte, bis er zu Ende ist.",
            "A move is going on here (kogge move-to). Wait until it has ended.",
        )
    if why:
        raise click.ClickException(why)


def language() -> str:
    """German where the terminal is German, else English."""
    locale = next(
        (os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), ""
    )
    return "de" if locale.lower().startswith("de") else "en"


def _is_expected(failed: Exception) -> bool:
    """By name, so that a failing command imports nothing it did not need."""
    return any(f"{kind.__module__}.{kind.__qualname__}" in EXPECTED for kind in type(failed).__mro__)


def _needs_migrating(failed: Exception) -> bool:
    """Whether a database error comes from tables or columns that are not there yet."""
    if type(failed).__module__ != "django.db.utils":
        return False
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _in_words(german: str, english: str) -> str:
    return german if language() == "de" else english


def _import(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
