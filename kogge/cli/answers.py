"""How commands answer: one JSON document with --json, a few plain lines without, one sentence on failure."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from kogge.values import Money

if TYPE_CHECKING:
    from kogge.merchants.models import Merchant

Command = TypeVar("Command", bound=Callable[..., Any])

# Every command takes it; the parameter is called `as_json`.
json_option = click.option("--json", "as_json", is_flag=True, help="Ausgabe als ein JSON-Dokument")

merchant_option = click.option(
    "--merchant", "merchant_slug", required=True, metavar="SLUG", help="Kurzname des Händlers"
)


def answer(document: object, text: str, *, as_json: bool) -> None:
    """Print the document as JSON, or the text for people."""
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, default=_plain))
    elif text:
        click.echo(text)


def refuse(sentence: str) -> NoReturn:
    """End the command with one sentence on stderr and exit code 1."""
    raise click.ClickException(sentence)


def merchant_named(slug: str) -> Merchant:
    """The merchant with this short name; ends the command when there is none."""
    from django.utils.translation import gettext as _

    from kogge.merchants.models import Merchant

    found = Merchant.objects.filter(slug=slug).first()
    if found is None:
        refuse(_("Es gibt keinen Händler „{slug}“.").format(slug=slug))
    return found


def secret_from(variable: str) -> str:
    """A secret out of the environment, so that it stands in no command line and no shell history."""
    from django.utils.translation import gettext as _

    secret = os.environ.get(variable, "")
    if not secret:
        refuse(_("Die Umgebungsvariable {variable} ist leer oder fehlt.").format(variable=variable))
    return secret


def _plain(value: object) -> str:
    match value:
        case Decimal():
            return f"{value:.2f}"
        case Money():
            return str(value)
        case datetime():
            return value.isoformat()
    raise TypeError(f"not for JSON: {type(value).__name__}")
