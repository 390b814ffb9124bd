"""Which database Kogge may work on: not one that was left, nor one that is not complete yet.

Both sides of a move hold a table `kogge_move` of one row. It goes from the new database once all is there
and stays in the old one.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

TABLE = "kogge_move"


def moved_to(path: Path) -> str:
    """Where the content of this SQLite file was moved, as `host/name`; empty if it was not."""
    if not path.exists():
        return ""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as database:
        try:
            there = database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [TABLE]).fetchone()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return ""  # no database at all
        marked = f"SELECT target FROM {TABLE} WHERE moved_at IS NOT NULL"  # noqa: S608
        found = database.execute(marked).fetchone() if there else None
        return str(found[0]) if found else ""


def unmark(path: Path) -> bool:
    """Let Kogge work on this file again. False: nothing was marked."""
    if not moved_to(path):
        return False
    with closing(sqlite3.connect(path, timeout=5)) as database, database:
        database.execute(f"UPDATE {TABLE} SET moved_at = NULL")  # noqa: S608
    return True


def why_not_here() -> str:
    """A sentence why Kogge must not work on the database of the settings; empty if it may.

    Raises what the database raises when it does not answer.
    """
    if connection.vendor == "sqlite":
        target = moved_to(Path(settings.DATABASES["default"]["NAME"]))
        sentence = _(
            "Diese Datenbank ist nach {target} umgezogen: Setze DATABASE_URL. Zurück zu ihr führt "
            "„kogge move-to --undo-mark“."
        )
        return sentence.format(target=target) if target else ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [TABLE])
        is_unfinished = cursor.fetchone()[0] is not None
    if not is_unfinished:
        return ""
    return _(
        "Ein Umzug in diese Datenbank ist nicht zu Ende. Starte „kogge move-to“ bei der alten Datenbank "
        "noch einmal: Es macht da weiter, wo es aufgehört hat."
    )
