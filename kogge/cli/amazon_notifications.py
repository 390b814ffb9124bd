"""`kogge amazon notifications`: whether Amazon tells by itself what has changed, and since when."""

from __future__ import annotations

import click
from django.utils import timezone
from django.utils.translation import gettext as _

from kogge.amazon.connections.models import Connection
from kogge.amazon.notifications import subscribing
from kogge.amazon.notifications.models import Subscription
from kogge.amazon.notifications.standing import Standing, Type, standing
from kogge.cli.answers import answer, json_option, refuse


@click.command(help=_("Benachrichtigungen von Amazon ansehen, ein- oder ausschalten."))
@click.argument("connection_id", metavar="CONNECTION", type=click.IntRange(1, 2**63 - 1))
@click.option("--on/--off", "wanted", default=None, help=_("Benachrichtigungen bestellen oder abbestellen"))
@json_option
def notifications(connection_id: int, wanted: bool | None, as_json: bool) -> None:
    connection = Connection.objects.everyone().filter(pk=connection_id).first()
    if connection is None:
        refuse(_("Es gibt keine Verbindung {number}.").format(number=connection_id))
    if wanted is not None:
        subscribing.switch(connection, on=wanted, now=timezone.now())
    found = standing(connection)
    document = {
        "connection": connection.pk,
        "configured": found.has_queue,
        "on": found.is_on,
        "since": found.since,
        "received_at": found.received_at,
        "types": [_document(each) for each in found.types],
    }
    answer(document, _in_words(found), as_json=as_json)


def _document(each: Type) -> dict[str, object]:
    return {
        "type": each.kind,
        "state": each.state,
        "reason": each.reason,
        "since": each.since,
        "received_at": each.received_at,
    }


def _in_words(found: Standing) -> str:
    if not found.has_queue:
        return _("Diese Installation hat keine Warteschlange für Benachrichtigungen (KOGGE_SQS_QUEUE_URL).")
    if not found.is_on:
        return _("Die Benachrichtigungen sind für diese Verbindung ausgeschaltet.")
    return "\n".join(f"{each.name}: {_state(each)}" for each in found.types)


def _state(each: Type) -> str:
    if not each.state:
        return _("wird eingerichtet")
    label = str(Subscription.State(each.state).label)
    return f"{label} ({each.reason})" if each.reason else label
