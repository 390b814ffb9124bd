"""`kogge shop`: a shop elsewhere from the command line, through the same doors as its pages."""

from __future__ import annotations

from typing import Any

import click
from django.utils import timezone
from django.utils.translation import gettext as _

from kogge.cli.answers import answer, json_option, merchant_named, merchant_option, refuse, secret_from
from kogge.engine import due
from kogge.remote import connecting, errands
from kogge.remote.access import Access
from kogge.remote.connecting import OPERATIONS, NotNow, WrongSetting
from kogge.remote.models import Errand, RemoteShop
from kogge.remote.pages import Standing, Work, standing

# Which option a wrong value came in by.
_OPTIONS = {
    "url": "--url",
    "api_key": "--api-key",
    "secret": "--secret-env",
    "token": "--token-env",
    "shop_key": "--shop-key-env",
}
KEY = click.IntRange(1, 2**63 - 1)


@click.group()
def shop() -> None:
    """Einen Shop in einem anderen System verbinden, lesen, Meldungen an ihn ansehen."""


@shop.command("connect")
@merchant_option
@click.option("--url", required=True, help="Adresse des Shops")
@click.option("--api-key", default="", metavar="K", help="Schlüssel der App")
@click.option("--secret-env", metavar="VAR", help="Umgebungsvariable mit dem Secret der App")
@click.option("--token-env", metavar="VAR", help="Umgebungsvariable mit dem Token der App in diesem Shop")
@click.option("--shop-key-env", metavar="VAR", help="Umgebungsvariable mit dem Schlüssel des Shops")
@json_option
def connect_command(
    *,
    merchant_slug: str,
    url: str,
    api_key: str,
    secret_env: str | None,
    token_env: str | None,
    shop_key_env: str | None,
    as_json: bool,
) -> None:
    """Den Zugang prüfen, versiegelt ablegen, mit dem Lesen beginnen: als App oder mit dem Shop-Schlüssel."""
    merchant = merchant_named(merchant_slug)
    if bool(shop_key_env) == bool(api_key and secret_env and token_env):
        refuse(_("Gib entweder --api-key, --secret-env und --token-env an oder --shop-key-env."))
    access = Access(
        url,
        api_key,
        secret_from(secret_env) if secret_env else "",
        secret_from(token_env) if token_env else "",
        secret_from(shop_key_env) if shop_key_env else "",
    )
    try:
        found = connecting.connect(merchant, access, now=timezone.now())
    except WrongSetting as wrong:
        refuse(" ".join(filter(None, (_OPTIONS.get(wrong.field, ""), wrong.sentence))))
    except NotNow as later:
        refuse(later.sentence)
    text = _("Verbunden mit {shop}.").format(shop=found.name or found.url)
    if not found.may_write_orders:
        text += " " + _("Bestellungen darf Kogge dort noch nicht schreiben.")
    document = {"shop": found.name, "url": found.url, "may_write_orders": found.may_write_orders}
    answer(document, text, as_json=as_json)


@shop.command("status")
@merchant_option
@json_option
def status_command(merchant_slug: str, as_json: bool) -> None:
    """Wie es um den Shop steht: zuletzt gelesen, wartende Meldungen, was dich braucht."""
    stands = standing(_shop_of(merchant_slug), now=timezone.now())
    answer(_status(stands), _in_words(stands), as_json=as_json)


@shop.command("read")
@merchant_option
@json_option
def read_command(merchant_slug: str, as_json: bool) -> None:
    """Produkte und Bestellungen so bald wie möglich lesen; die Hintergrundarbeit tut es."""
    found = _shop_of(merchant_slug)
    if found.state != RemoteShop.State.ACTIVE:
        refuse(_("Die Verbindung ist angehalten, der Shop wird gerade nicht gefragt."))
    for operation in OPERATIONS:
        due.make_due(operation, found.merchant_id, now=timezone.now())
    answer({"due": list(OPERATIONS)}, _("Der Shop wird gelesen."), as_json=as_json)


@shop.command("errands")
@merchant_option
@click.option("--retry", type=KEY, metavar="ID", help="Diese Meldung noch einmal versuchen")
@click.option("--dismiss", type=KEY, metavar="ID", help="Diese Meldung als erledigt vermerken")
@json_option
def errands_command(merchant_slug: str, retry: int | None, dismiss: int | None, as_json: bool) -> None:
    """Was dem Shop noch zu melden ist."""
    found = _shop_of(merchant_slug)
    mine = Errand.objects.of_id(found.merchant_id)
    for key, act in ((retry, errands.retry), (dismiss, errands.dismiss)):
        if key is not None:
            errand = mine.filter(pk=key).first()
            if errand is None:
                refuse(_("Es gibt keine Meldung {number}.").format(number=key))
            act(errand, now=timezone.now())
    open_ones = mine.exclude(state=Errand.State.DONE).select_related("order", "product").order_by("pk")
    rows = [_errand(errand) for errand in open_ones]
    lines = [f"{row['id']:>6}  {row['state']:<8} {row['title']}  {row['error']}".rstrip() for row in rows]
    answer(rows, "\n".join(lines) or _("Dem Shop ist nichts zu melden."), as_json=as_json)


def _shop_of(merchant_slug: str) -> RemoteShop:
    found = connecting.shop_of(merchant_named(merchant_slug).pk)
    if found is None:
        refuse(_("{slug} arbeitet in keinem anderen Shop.").format(slug=merchant_slug))
    return found


def _status(stands: Standing) -> dict[str, Any]:
    shop = stands.shop
    return {
        "system": shop.system,
        "shop": shop.name,
        "url": shop.url,
        "state": "cut" if stands.is_cut else str(shop.state),
        "pause_reason": shop.pause_reason,
        "may_write_orders": shop.may_write_orders,
        "orders": _work(stands.orders),
        "products": _work(stands.products)
        | {"count": stands.linked_products, "left_out": shop.products_left_out},
        "errands": _work(stands.telling) | {"waiting": stands.waiting, "stuck": stands.stuck_count},
        "orders_in_trouble": stands.troubled_count,
    }


def _work(work: Work) -> dict[str, Any]:
    return {"last": work.last, "next": work.next, "error": work.error}


def _in_words(stands: Standing) -> str:
    shop = stands.shop
    paused = "" if shop.state == RemoteShop.State.ACTIVE else f" ({stands.paused_because})"
    return "\n".join(
        (
            f"{stands.title}: {shop.name} {shop.url}",
            f"{shop.get_state_display()}{paused}",
            _("Meldungen: {waiting} warten, {stuck} brauchen dich").format(
                waiting=stands.waiting, stuck=stands.stuck_count
            ),
            _("Produkte: {count}, Hinweise: {left_out}").format(
                count=stands.linked_products, left_out=shop.products_left_out
            ),
        )
    )


def _errand(errand: Errand) -> dict[str, Any]:
    return {
        "id": errand.pk,
        "kind": errand.kind,
        "title": str(errand.get_kind_display()),
        "state": errand.state,
        "order": errand.order.number if errand.order else None,
        "product": errand.product.code if errand.product else None,
        "attempts": errand.attempts,
        "not_before": errand.not_before,
        "error": errand.last_error,
    }
