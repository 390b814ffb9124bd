"""`kogge doctor`: looks at everything that must be right, and says what is not."""

from __future__ import annotations

import os
import platform
import shutil
import smtplib
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import click
import django
import httpx2
from django.apps import apps
from django.conf import settings
from django.core import mail
from django.db import OperationalError, connection, models
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from kogge.amazon.connections.accounts import endpoints
from kogge.amazon.connections.credentials import credentials_of
from kogge.amazon.connections.models import Connection
from kogge.backoffice import stock
from kogge.backoffice.models import Product
from kogge.backoffice.pictures import picture_file
from kogge.cli.answers import answer, json_option
from kogge.engine import due
from kogge.engine.models import Due
from kogge.merchants import vault
from kogge.merchants.models import Merchant, User
from kogge.moving import mark
from kogge.remote.connecting import is_paused_by_merchant
from kogge.remote.models import Errand, RemoteShop

# A worker renews its leases four times a minute; one this old belongs to nobody who lives.
STUCK = timedelta(minutes=5)
OLDEST_DATABASE = {"sqlite": (3, 35), "postgresql": (14,)}
FREE_BYTES = 200 * 1024 * 1024
PATIENCE_SECONDS = 5.0
SKEW = timedelta(seconds=30)  # a minute off, and the partners refuse signatures and tokens look expired
SAMPLE = 100
MOST_ERRORS = 20


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is in order, and what there is to say about it."""

    what: str
    ok: bool
    sentence: str


@click.command(help=_("Nachsehen, ob alles in Ordnung ist. Endet mit 1, wenn nicht."))
@click.option("--offline", is_flag=True, help=_("Nicht bei Amazon und beim Mailserver anklopfen"))
@json_option
def doctor(offline: bool, as_json: bool) -> None:
    findings = examine(datetime.now(UTC), network=not offline)
    healthy = all(finding.ok for finding in findings)
    lines = [f"{'✔' if finding.ok else '✘'} {finding.what}: {finding.sentence}" for finding in findings]
    document = {"ok": healthy, "findings": [asdict(finding) for finding in findings]}
    answer(document, "\n".join(lines), as_json=as_json)
    if not healthy:
        click.echo(_("Nicht alles ist in Ordnung, siehe oben."), err=True)
        raise SystemExit(1)


def examine(now: datetime, *, network: bool = False) -> list[Finding]:
    """Look at everything that can be looked at. Without its tables that is the installation itself.

    `network`: also whether the mail server and Amazon answer, which takes a few seconds if they do not.
    """
    findings = [*_data_directory(), _disk(), _hosts()]
    reached = _database()
    findings.append(reached)
    if reached.ok:
        findings += [_clock(now), *_moved()]
        migrations = _migrations()
        findings.append(migrations)
        if migrations.ok:
            for look in [*WITH_TABLES, *(AT_OTHERS if network else [])]:
                findings += look(now)
    return findings


def _database() -> Finding:
    """The versions of all that Kogge stands on, or why the database does not answer."""
    versions = f"Kogge {version('kogge')}, Django {django.__version__}, Python {platform.python_version()}"
    try:
        found = connection.get_database_version()
    except OperationalError as failed:
        # The server's words name the address and the user, never the password.
        reason = str(failed).strip().splitlines()[0]
        sentence = _("Die Datenbank antwortet nicht ({reason}). Läuft sie, und stimmt DATABASE_URL?")
        return Finding("versions", False, sentence.format(reason=reason))
    versions = f"{versions}, {connection.vendor} {'.'.join(map(str, found))}"
    oldest = OLDEST_DATABASE[connection.vendor]
    if tuple(found) >= oldest:
        return Finding("versions", True, versions)
    needed = ".".join(map(str, oldest))
    return Finding(
        "versions",
        False,
        _("{versions}: nötig ist mindestens {needed}.").format(versions=versions, needed=needed),
    )


def _disk() -> Finding:
    free = shutil.disk_usage(settings.DATA_DIR).free if settings.DATA_DIR.exists() else 0
    sentence = _("{free} MB frei").format(free=free // 1024**2)
    if free >= FREE_BYTES:
        return Finding("disk", True, sentence)
    return Finding(
        "disk", False, sentence + ": " + _("Schaff Platz in {path}.").format(path=settings.DATA_DIR)
    )


def _hosts() -> Finding:
    """Under which names pages are served, and that the outside world gets them by HTTPS only."""
    names = ", ".join(settings.ALLOWED_HOSTS)
    if "*" in settings.ALLOWED_HOSTS:
        problem = _(
            "KOGGE_ALLOWED_HOSTS lässt jeden Namen zu: Nenne die Namen, unter denen Kogge erreichbar ist."
        )
        return Finding("hosts", False, problem)
    secure = settings.SESSION_COOKIE_SECURE and settings.SECURE_SSL_REDIRECT
    return Finding("hosts", True, names + (", " + _("nur über HTTPS") if secure else ""))


def _moved() -> Iterator[Finding]:
    why = mark.why_not_here()
    if why:
        yield Finding("moved", False, why)


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
    """A clock set back makes orders look early and leases endless: it is past its own installation, and
    agrees with the database's where that is another machine."""
    installed = datetime.fromtimestamp(settings.PACKAGE.stat().st_mtime, UTC)
    said = now.isoformat(timespec="seconds")
    if now <= installed - timedelta(days=1):
        return Finding("clock", False, _("{moment}: Stell die Uhr dieses Rechners.").format(moment=said))
    return _compared("clock", _database_time(), said)


def _database_time() -> datetime | None:
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment


def _compared(what: str, other: datetime | None, sentence: str) -> Finding:
    """This machine's clock beside another's."""
    off = datetime.now(UTC) - other if other else timedelta(0)
    if abs(off) <= SKEW:
        return Finding(what, True, sentence)
    problem = _("Die Uhr dieses Rechners geht um {seconds:.0f} Sekunden anders: Schalte NTP ein.")
    return Finding(what, False, problem.format(seconds=off.total_seconds()))


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    sentence = _("auf dem Stand") if not missing else _("{count} fehlen: kogge migrate").format(count=missing)
    return Finding("migrations", not missing, sentence)


def _key_ring(_now: datetime) -> Iterator[Finding]:
    """Every sealed credential must open with the keys at hand, and of all else the oldest and the latest."""
    closed = 0
    for one in Connection.objects.everyone().exclude(sealed_credentials=b""):
        try:
            credentials_of(one)
        except vault.CannotOpen:
            closed += 1
    strange = [name for name, sealed in _sealed_samples() if not vault.has_key_of(sealed)]
    if closed:
        problem = _("{count} Zugangsdaten lassen sich nicht öffnen: fehlt ein Schlüssel in KOGGE_KEYS?")
        yield Finding("key ring", False, problem.format(count=closed))
    elif strange:
        problem = _("Mit den Schlüsseln dieses Rechners geht nicht auf: {names}. Fehlt einer in KOGGE_KEYS?")
        yield Finding("key ring", False, problem.format(names=", ".join(sorted(set(strange)))))
    else:
        good = _("{count} Schlüssel").format(count=len(settings.KOGGE_KEY_RING.keys))
        yield Finding("key ring", True, good)


def _sealed_samples() -> Iterator[tuple[str, bytes]]:
    """Sealed values of every kind there is, each with the name of its column."""
    for model in apps.get_models():
        for column in model._meta.local_concrete_fields:
            if not isinstance(column, models.BinaryField) or not column.name.startswith("sealed_"):
                continue
            rows = model._base_manager.filter(**{f"{column.name}__isnull": False})
            for order in ("pk", "-pk"):
                for sealed in rows.order_by(order).values_list(column.name, flat=True)[:SAMPLE]:
                    if sealed:
                        yield f"{model._meta.db_table}.{column.name}", bytes(sealed)


def _leases(now: datetime) -> Iterator[Finding]:
    stuck = Due.objects.filter(leased_until__lte=now - STUCK).count()
    waiting = Due.objects.filter(
        due_at__lte=now - STUCK, leased_until__isnull=True, parked_at__isnull=True
    ).order_by("due_at")
    longest = waiting.first()
    latest = Due.objects.aggregate(latest=models.Max("finished_at"))["latest"]
    lately = (
        _("zuletzt erledigt: {moment}").format(moment=_told(latest))
        if latest
        else _("noch nie etwas erledigt")
    )
    if stuck or longest:
        problem = _("{stuck} hängen, {overdue} überfällig: läuft kogge up oder kogge worker?")
        since = (
            _("am längsten {operation} seit {moment}").format(
                operation=longest.operation, moment=_told(longest.due_at)
            )
            if longest
            else ""
        )
        said = [problem.format(stuck=stuck, overdue=waiting.count()), since, lately]
        yield Finding("background work", False, "; ".join(part for part in said if part))
    else:
        yield Finding("background work", True, _("nichts hängt") + ", " + lately)
    errors = Due.objects.exclude(last_error="").filter(parked_at__isnull=True).order_by("pk")
    for operation, error in errors.values_list("operation", "last_error")[:MOST_ERRORS]:
        yield Finding("background work", False, f"{operation}: {error}")


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _dead_letters(_now: datetime) -> Iterator[Finding]:
    """What was given up waits for a human on the page of the work."""
    parked = due.parked()
    count = parked.count()
    if count:
        names = ", ".join(
            sorted(set(parked.order_by("operation").values_list("operation", flat=True).distinct()))
        )
        problem = _(
            "{count} aufgegeben ({names}): Sieh ins Protokoll und starte sie unter "
            "Einstellungen › Hintergrundarbeit neu."
        )
        yield Finding("dead letters", False, problem.format(count=count, names=names))


def _stock(_now: datetime) -> Iterator[Finding]:
    """The stock of every product is the sum of its ledger."""
    for merchant in Merchant.objects.order_by("slug"):
        differences = stock.audit(merchant.pk)
        sentence = "; ".join(differences[:5]) or _("stimmt mit dem Lagerbuch überein")
        yield Finding(f"stock of {merchant.slug}", not differences, sentence)


def _people(_now: datetime) -> Iterator[Finding]:
    users = User.objects.filter(is_active=True).count()
    yield Finding("accounts", True, _("{count} Zugänge").format(count=users))


def _pictures(_now: datetime) -> Iterator[Finding]:
    """Pictures are files; on several machines each must see them."""
    products = Product.objects.everyone().exclude(image="").order_by("-pk")
    named = list(products.values_list("merchant_id", "image")[:SAMPLE])
    lost = sum(picture_file(merchant_id, name) is None for merchant_id, name in named)
    if lost:
        problem = _(
            "{lost} von {count} Produktbildern fehlen hier: "
            "Jeder Rechner muss denselben Ordner als {path} sehen."
        )
        path = settings.DATA_DIR / "pictures"
        yield Finding("pictures", False, problem.format(lost=lost, count=len(named), path=path))


def _mail(_now: datetime) -> Iterator[Finding]:
    """Without a server mails stay in the outbox: right for trying out, so it is told, not held against."""
    host = getattr(settings, "EMAIL_HOST", "") if "smtp" in settings.EMAIL_BACKEND else ""
    sentence = _("über {host}").format(host=host) if host else _("kein Server, Mails bleiben im Postausgang")
    yield Finding("mail", True, sentence)


def _mail_server(_now: datetime) -> Iterator[Finding]:
    """Greets the server and signs in, as for sending; sends nothing."""
    if "smtp" not in settings.EMAIL_BACKEND:
        return
    try:
        server: Any = mail.get_connection(timeout=PATIENCE_SECONDS)
        server.open()
        server.connection.ehlo_or_helo_if_needed()
        server.close()
    except (OSError, smtplib.SMTPException) as failed:
        problem = _("{host}:{port} antwortet nicht wie nötig ({kind}). Stimmt KOGGE_EMAIL_URL?")
        words = problem.format(host=settings.EMAIL_HOST, port=settings.EMAIL_PORT, kind=type(failed).__name__)
        yield Finding("mail server", False, words)
    else:
        yield Finding("mail server", True, _("nimmt Mails an"))


def _amazon(_now: datetime) -> Iterator[Finding]:
    """Whether Amazon's hosts of the regions in use answer anything at all; no token is shown to them."""
    regions = Connection.objects.everyone().values_list("region", flat=True).order_by("region").distinct()
    places = [endpoints(region) for region in regions]
    for url in sorted({url for place in places for url in (place.api_url, place.lwa_url)}):
        yield _knocked(url)


def _knocked(url: str) -> Finding:
    host = urlsplit(url).hostname or url
    try:
        answered = httpx2.get(url, timeout=PATIENCE_SECONDS)
    except httpx2.HTTPError as failed:
        problem = _("antwortet nicht ({kind}). Lässt eine Firewall Verbindungen zu Port 443 hinaus?")
        return Finding(f"amazon {host}", False, problem.format(kind=type(failed).__name__))
    finding = Finding(f"amazon {host}", True, _("antwortet"))
    date = answered.headers.get("date", "")
    if urlsplit(url).scheme != "https" or not date:  # the simulator's clock may be anywhere
        return finding
    return _compared(finding.what, parsedate_to_datetime(date), finding.sentence)


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
    _key_ring, _leases, _dead_letters, _stock, _people, _pictures, _mail, _connections, _shops_elsewhere,
]  # fmt: skip
AT_OTHERS: list[Callable[[datetime], Iterator[Finding]]] = [_mail_server, _amazon]
