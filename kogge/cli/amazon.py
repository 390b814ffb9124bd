"""`kogge amazon`: connecting a seller account, and how it stands."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import click
from django.utils import timezone
from django.utils.translation import gettext as _

from kogge.amazon.connections import accounts, limits
from kogge.amazon.connections.accounts import NotNow, WrongSetting
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import Run, Trouble
from kogge.amazon.pages import states
from kogge.backoffice import installing
from kogge.backoffice.models import Installation
from kogge.cli import offers
from kogge.cli.answers import answer, json_option, merchant_named, merchant_option, refuse, secret_from
from kogge.engine.buckets import Level
from kogge.engine.models import Due
from kogge.spapi.marketplaces import REGIONS

CHECK = "check_orders"

# Which option a wrong value came in by.
_OPTIONS = {
    "region": "--region",
    "seller_id": "--seller-id",
    "client_id": "--client-id",
    "client_secret": "--client-secret-env",
    "refresh_token": "--refresh-token-env",
    "marketplace_ids": "--marketplace",
    "start_from": "--start-from",
}


@click.group()
def amazon() -> None:
    """Amazon verbinden, prüfen, Zustand ansehen."""


@amazon.command("connect")
@merchant_option
@click.option("--region", required=True, type=click.Choice(list(REGIONS)), help="Region des Verkäuferkontos")
@click.option(
    "--marketplace", "marketplace_ids", required=True, multiple=True, metavar="ID", help="Marktplatz"
)
@click.option("--seller-id", required=True, metavar="ID", help="Händler-ID (Merchant Token)")
@click.option("--client-id", required=True, metavar="ID", help="Client-ID der App")
@click.option(
    "--client-secret-env", required=True, metavar="VAR", help="Umgebungsvariable mit dem Client Secret"
)
@click.option(
    "--refresh-token-env", required=True, metavar="VAR", help="Umgebungsvariable mit dem Refresh-Token"
)
@click.option(
    "--dispatch-mail", required=True, type=click.Choice(["yes", "no"]), help="Versandmail an Käufer"
)
@click.option(
    "--start-from", type=click.DateTime(["%Y-%m-%d"]), help="Bestellungen ab diesem Tag (sonst 30 Tage)"
)
@json_option
def connect_command(
    *,
    merchant_slug: str,
    region: str,
    marketplace_ids: tuple[str, ...],
    seller_id: str,
    client_id: str,
    client_secret_env: str,
    refresh_token_env: str,
    dispatch_mail: str,
    start_from: datetime | None,
    as_json: bool,
) -> None:
    """Ein Verkäuferkonto verbinden: die Zugangsdaten prüfen, versiegelt ablegen, mit der Arbeit beginnen."""
    try:
        connection = accounts.connect(
            merchant_named(merchant_slug),
            region=region,
            seller_id=seller_id,
            client_id=client_id,
            client_secret=secret_from(client_secret_env),
            refresh_token=secret_from(refresh_token_env),
            marketplace_ids=marketplace_ids,
            dispatch_mail=dispatch_mail == "yes",
            start_from=_midnight(start_from),
            now=timezone.now(),
        )
    except WrongSetting as wrong:
        refuse(" ".join(filter(None, (_option(wrong.field), wrong.sentence))))
    except NotNow as later:
        refuse(later.sentence)
    text = _("Verbunden mit {store} (Verbindung {number}).").format(
        store=connection.store_name or connection.seller_id, number=connection.pk
    )
    answer({"connection": connection.pk}, text, as_json=as_json)


@amazon.command("status")
@click.argument("connection_id", metavar="CONNECTION", type=click.IntRange(1, 2**63 - 1))
@json_option
def status_command(connection_id: int, as_json: bool) -> None:
    """Wie es um eine Verbindung steht: Prüfungen, offene Aufgaben, Spielraum bei Amazons Grenzen."""
    connection = Connection.objects.everyone().filter(pk=connection_id).first()
    if connection is None:
        refuse(_("Es gibt keine Verbindung {number}.").format(number=connection_id))
    standing = status(connection, now=timezone.now())
    answer(standing, _in_words(standing), as_json=as_json)


@amazon.command("deactivate")
@merchant_option
@json_option
def deactivate_command(merchant_slug: str, as_json: bool) -> None:
    """Den Verkaufskanal anhalten: nichts geht mehr an Amazon, nichts kommt an, alles bleibt."""
    installation = installing.deactivate(merchant_named(merchant_slug), accounts.CHANNEL, now=timezone.now())
    answer(_channel(installation), _("Der Verkaufskanal Amazon ist deaktiviert."), as_json=as_json)


@amazon.command("activate")
@merchant_option
@json_option
def activate_command(merchant_slug: str, as_json: bool) -> None:
    """Den Verkaufskanal aktivieren: die App installieren, oder weitermachen, wo er angehalten wurde."""
    installation = installing.activate(merchant_named(merchant_slug), accounts.CHANNEL, now=timezone.now())
    answer(_channel(installation), _("Der Verkaufskanal Amazon ist aktiv."), as_json=as_json)


def _channel(installation: Installation) -> dict[str, object]:
    return {
        "channel": installation.channel,
        "active": installation.deactivated_at is None,
        "installed_at": installation.installed_at,
        "registered_at": installation.registered_at,
        "deactivated_at": installation.deactivated_at,
    }


def status(connection: Connection, *, now: datetime) -> dict[str, Any]:
    """How a connection stands, ready for JSON."""
    checks = Run.objects.everyone().filter(connection=connection, kind=Run.Kind.CHECK)
    troubles = Trouble.objects.everyone().filter(connection=connection, closed_at__isnull=True)
    due = Due.objects.filter(operation=CHECK, subject=connection.pk).first()
    is_active = connection.state == Connection.State.ACTIVE
    return {
        "connection": connection.pk,
        "state": connection.state,
        "pause_reason": connection.pause_reason,
        "shop_problem": accounts.shop_of(connection).health(),
        "store_name": connection.store_name,
        "region": connection.region,
        "seller_id": connection.seller_id,
        "marketplaces": _marketplaces(connection),
        "last_check": _run(checks.order_by("-started_at", "-pk").first()),
        "next_check_at": due.due_at if due and is_active else None,
        "troubles": [_trouble(trouble) for trouble in troubles.order_by("opened_at", "pk")],
        "budget": [_level(level, now) for level in limits.budget(connection.pk, now)],
        "secret_expires_on": _iso(connection.secret_expires_on),
        "consent_expires_on": _iso(connection.consent_expires_on),
        **offers.summary(connection),
    }


def _marketplaces(connection: Connection) -> list[dict[str, object]]:
    return [
        {
            "id": place.marketplace_id,
            "name": place.name,
            "store_name": place.store_name,
            "active": place.active,
        }
        for place in connection.marketplaces.order_by("-active", "name")
    ]


def _run(run: Run | None) -> dict[str, object] | None:
    if run is None:
        return None
    names = ("calls", "pages", "seen", "new", "updated", "failed", "started_at", "finished_at", "reason")
    figures = {name: getattr(run, name) for name in (*names, "looks", "since")}
    return {"run": run.pk, "state": run.state, **figures, "watermark": run.watermark}


def _trouble(trouble: Trouble) -> dict[str, object]:
    return {
        "kind": trouble.kind,
        "key": trouble.key,
        "amazon_order_id": trouble.amazon_order_id,
        "opened_at": trouble.opened_at,
    }


def _level(level: Level, now: datetime) -> dict[str, object]:
    """One of Amazon's limits; `next_at` is when one call more may be made, null when nothing is used."""
    wait = level.next_token
    return {
        "operation": level.operation,
        "tokens": round(level.tokens, 2),
        "burst": level.burst,
        "rate": level.rate,
        "used": level.burst - level.left,
        "left": level.left,
        "next_at": None if wait is None else now + timedelta(seconds=max(wait, level.paused)),
        "paused_until": now + timedelta(seconds=level.paused) if level.paused else None,
        "calls": level.calls,
        "throttled": level.throttled,
    }


def _in_words(standing: dict[str, Any]) -> str:
    active = [place["name"] for place in standing["marketplaces"] if place["active"]]
    check, following = standing["last_check"], standing["next_check_at"]
    lines = [
        _("{store}: {state}").format(
            store=standing["store_name"] or standing["seller_id"], state=_state(standing)
        ),
        _("Marktplätze: {names}").format(names=", ".join(active) or "–"),
        _("Letzte Prüfung: {at}").format(at=_local(check["started_at"]) if check else "–"),
        _("Nächste Prüfung: {at}").format(at=_local(following) if following else "–"),
        _("Angebote: {states}").format(states=_offers(standing)),
        _("Offene Aufgaben: {count}").format(count=len(standing["troubles"])),
    ]
    if standing["shop_problem"]:
        lines.insert(1, _("Dein Shop: {problem}").format(problem=standing["shop_problem"]))
    lines += [
        f"  {level['operation']}: {level['tokens']:.0f}/{level['burst']}" for level in standing["budget"]
    ]
    return "\n".join(lines)


def _state(standing: dict[str, Any]) -> str:
    state = str(Connection.State(standing["state"]).label)
    return f"{state} ({standing['pause_reason']})" if standing["pause_reason"] else state


def _offers(standing: dict[str, Any]) -> str:
    """The offers by state; states nothing is in are left out."""
    labels = dict(states.choices())
    return (
        ", ".join(f"{labels[state]} {count}" for state, count in standing["offers"].items() if count) or "–"
    )


def _local(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%d.%m.%Y, %H:%M")


def _iso(day: Any) -> str | None:
    return day.isoformat() if day else None


def _option(field: str) -> str:
    return f"{_OPTIONS[field]}:" if field in _OPTIONS else ""


def _midnight(day: datetime | None) -> datetime | None:
    return timezone.make_aware(datetime.combine(day.date(), time())) if day else None
