"""`kogge api-keys`: access to the shop's API, through the same doors as its page."""

from __future__ import annotations

import click
from django.utils import timezone
from django.utils.translation import gettext as _

from kogge.backoffice.api import keys
from kogge.backoffice.api.models import ApiKey
from kogge.cli.answers import answer, json_option, merchant_named, merchant_option, refuse


@click.group("api-keys")
def api_keys() -> None:
    """Zugänge zur API des Shops anlegen, auflisten, widerrufen."""


@api_keys.command("create")
@merchant_option
@click.option("--name", required=True, help="Wofür der Zugang ist")
@click.option(
    "--app", "is_app", is_flag=True, help="Eine App, gleich bestätigt; sonst ein Schlüssel des Shops"
)
@click.option("--redirect-url", default="", metavar="URL", help="Wohin der Browser nach der Bestätigung geht")
@click.option("--write", is_flag=True, help="Darf schreiben")
@click.option("--write-orders", is_flag=True, help="Darf auch Bestellungen schreiben")
@json_option
def create(  # noqa: PLR0917
    merchant_slug: str,
    name: str,
    is_app: bool,
    redirect_url: str,
    write: bool,
    write_orders: bool,
    as_json: bool,
) -> None:
    """Einen Zugang anlegen und seine Zugangsdaten zeigen, dieses eine Mal."""
    owner, now = merchant_named(merchant_slug), timezone.now()
    if is_app:
        made = keys.make_app(
            owner,
            name=name,
            redirect_url=redirect_url,
            may_write=write,
            may_write_orders=write_orders,
            now=now,
        )
        shown = keys.register(made.key, now=now)
        document = _shown(shown, api_key=shown.key.key, secret=made.secret)
    else:
        shown = keys.make_shop_key(owner, name=name, may_write=write, may_write_orders=write_orders, now=now)
        document = _shown(shown, api_key=shown.password, secret="")
    answer(document, f"{shown.user}:{shown.password}", as_json=as_json)


@api_keys.command("list")
@merchant_option
@json_option
def list_keys(merchant_slug: str, as_json: bool) -> None:
    """Alle Zugänge auflisten, ohne ihre Geheimnisse."""
    found = list(ApiKey.objects.of(merchant_named(merchant_slug)).order_by("id"))
    lines = [f"{key.pk}  {key.kind}  {_state(key)}  {key.name}" for key in found]
    answer([_listed(key) for key in found], "\n".join(lines), as_json=as_json)


@api_keys.command("revoke")
@merchant_option
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
@json_option
def revoke(merchant_slug: str, number: int, as_json: bool) -> None:
    """Einen Zugang widerrufen; NUMBER steht in der Liste."""
    found = ApiKey.objects.of(merchant_named(merchant_slug)).filter(pk=number).first()
    if found is None:
        refuse(_("Einen Zugang mit der Nummer {number} gibt es nicht.").format(number=number))
    keys.revoke(found, now=timezone.now())
    answer({"id": number, "state": "revoked"}, found.name, as_json=as_json)


def _shown(shown: keys.Shown, *, api_key: str, secret: str) -> dict[str, object]:
    return {
        "id": shown.key.pk,
        "kind": shown.key.kind,
        "api_key": api_key,
        "secret": secret,
        "token": shown.key.token,
        "user": shown.user,
        "password": shown.password,
    }


def _listed(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.pk,
        "kind": key.kind,
        "name": key.name,
        "state": _state(key),
        "may_write": key.may_write,
        "may_write_orders": key.may_write_orders,
        "used_at": key.used_at,
    }


def _state(key: ApiKey) -> str:
    if key.revoked_at:
        return "revoked"
    return "active" if key.registered_at else "new"
