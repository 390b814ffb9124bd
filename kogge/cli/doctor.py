"""`kogge doctor`: looks at everything that must be right, and says what is not."""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import click
import django
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from kogge.amazon.connections.credentials import credentials_of
from kogge.amazon.connections.models import Connection
from kogge.backoffice import stock
from kogge.cli.answers import answer, json_option
from kogge.engine.models import Due
from kogge.merchants import vault
from kogge.merchants.models import Merchant, User
from kogge.remote.connecting import is_paused_by_merchant
from kogge.remote.models import Errand, RemoteShop

# A worker renews its leases four times a minute; one this old belongs to nobody who lives.
STUCK = timedelta(minutes=5)


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is in order, and what there is to say about it."""

    what: str
    ok: bool
    sentence: str


@click.command(help=_("Nachsehen, ob alles in Ordnung ist. Endet mit 1, wenn nicht."))
@json_option
def doctor(as_json: bool) -> None:
    findings = examine(datetime.now(UTC))
    healthy = all(finding.ok for finding in findings)
    lines = [f"{'✔' if finding.ok else '✘'} {finding.what}: {finding.sentence}" for finding in findings]
    document = {"ok": healthy, "findings": [asdict(finding) for finding in findings]}
    answer(document, "\n".join(lines), as_json=as_json)
    if not healthy:
        click.echo(_("Nicht alles ist in Ordnung, siehe oben."), err=True)
        raise SystemExit(1)


def examine(now: datetime) -> list[Finding]:
    """Look at everything. Without its tables only the installation itself is looked at."""
    findings = [_versions(), *_data_directory(), _clock(now)]
    migrations = _migrations()
    findings.append(migrations)
    if migrations.ok:
        for look in WITH_TABLES:
            findings += look(now)
    return findings


def _versions() -> Finding:
    database = f"{connection.vendor} {'.'.join(map(str, connection.get_database_version()))}"
    versions = f"Kogge {version('kogge')}, Django {django.__version__}, Python {platform.python_version()}"
    return Finding("versions", True, f"{versions}, {database}")


def _data_directory() -> Iterator[Finding]:
    directory = settings.DATA_DIR
    writable = os.access(directory, os.W_OK)
    sentence = str(directory) if writable else _("{path} ist nicht beschreibbar.").format(path=directory)
    yield Finding("data directory", writable, sentence)
    for name in ("secret_key", "keys"):
        path = directory / name
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            problem = _("{path} darf nur für dich lesbar sein: chmod 600").format(path=path)
            yield Finding("private files", False, problem)


def _clock(now: datetime) -> Finding:
    """A clock set back makes orders look early and leases endless: it is past its own installation."""
    installed = datetime.fromtimestamp(settings.PACKAGE.stat().st_mtime, UTC)
    return Finding("clock", now > installed - timedelta(days=1), now.isoformat(timespec="seconds"))


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    sentence = _("auf dem Stand") if not missing else _("{count} fehlen: kogge migrate").format(count=missing)
    return Finding("migrations", not missing, sentence)


def _key_ring(_now: datetime) -> Iterator[Finding]:
    """Every sealed credential must open with the keys at hand."""
    closed = 0
    for one in Connection.objects.everyone().exclude(sealed_credentials=b""):
        try:
            credentials_of(one)
        except vault.CannotOpen:
            closed += 1
    sentence = _("{count} Zugangsdaten lassen sich nicht öffnen: fehlt ein Schlüssel in KOGGE_KEYS?")
    good = _("{count} Schlüssel").format(count=len(settings.KOGGE_KEY_RING.keys))
    yield Finding("key ring", not closed, sentence.format(count=closed) if closed else good)


def _leases(now: datetime) -> Iterator[Finding]:
    stuck = Due.objects.filter(leased_until__lte=now - STUCK).count()
    overdue = Due.objects.filter(due_at__lte=now - STUCK, leased_until__isnull=True).count()
    sentence = _("{stuck} hängen, {overdue} überfällig: läuft kogge up oder kogge worker?")
    good = _("nichts hängt")
    late = stuck + overdue > 0
    yield Finding(
        "background work", not late, sentence.format(stuck=stuck, overdue=overdue) if late else good
    )
    for operation, error in Due.objects.exclude(last_error="").values_list("operation", "last_error"):
        yield Finding("background work", False, f"{operation}: {error}")


def _stock(_now: datetime) -> Iterator[Finding]:
    """The stock of every product is the sum of its ledger."""
    for merchant in Merchant.objects.order_by("slug"):
        differences = stock.audit(merchant.pk)
        sentence = "; ".join(differences[:5]) or _("stimmt mit dem Lagerbuch überein")
        yield Finding(f"stock of {merchant.slug}", not differences, sentence)


def _people(_now: datetime) -> Iterator[Finding]:
    users = User.objects.filter(is_active=True).count()
    yield Finding("accounts", True, _("{count} Zugänge").format(count=users))


def _mail(_now: datetime) -> Iterator[Finding]:
    """Without a server mails stay in the outbox: right for trying out, so it is told, not held against."""
    host = getattr(settings, "EMAIL_HOST", "") if "smtp" in settings.EMAIL_BACKEND else ""
    sentence = _("über {host}").format(host=host) if host else _("kein Server, Mails bleiben im Postausgang")
    yield Finding("mail", True, sentence)


def _connections(_now: datetime) -> Iterator[Finding]:
    for one in Connection.objects.everyone().select_related("merchant").order_by("pk"):
        what = f"amazon connection {one.pk} of {one.merchant.slug}"
        paused = one.state == Connection.State.PAUSED
        wanted = one.pause_reason in {"by_merchant", "disconnected", "channel_off"}
        state = f"{one.get_state_display()} {one.pause_reason}".strip()
        yield Finding(what, not paused or wanted, state)


def _shops_elsewhere(_now: datetime) -> Iterator[Finding]:
    """A paused shop, and what it was told and would not do: both wait for a human."""
    for shop in RemoteShop.objects.everyone().select_related("merchant").order_by("pk"):
        stuck = Errand.objects.of_id(shop.merchant_id).filter(state=Errand.State.STUCK).count()
        is_well = shop.state == RemoteShop.State.ACTIVE or is_paused_by_merchant(shop)
        state = f"{shop.get_state_display()} {shop.pause_reason}".strip()
        if stuck:
            state += ", " + _("{count} Meldungen brauchen dich").format(count=stuck)
        yield Finding(f"shop of {shop.merchant.slug}", is_well and not stuck, state)


WITH_TABLES: list[Callable[[datetime], Iterator[Finding]]] = [
    _key_ring, _leases, _stock, _people, _mail, _connections, _shops_elsewhere,
]  # fmt: skip
