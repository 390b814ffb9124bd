""" "Noch einmal versuchen": what it means for each kind of trouble, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from django.utils.translation import gettext as _

from kogge.amazon.connections import accounts
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.fba.wishes import TooLate, plan_again
from kogge.amazon.feeds.messages import send_again
from kogge.amazon.journal.book import close_troubles
from kogge.amazon.journal.models import Trouble
from kogge.amazon.offers import wishes
from kogge.amazon.offers.outcomes import ALARMS
from kogge.amazon.orders.confirm import retry_confirmation
from kogge.amazon.orders.models import AmazonOrder, ShipmentConfirmation
from kogge.amazon.orders.placing import retry_placing, retry_unreadable
from kogge.amazon.pages.fulfilment_panel import why_back
from kogge.backoffice.models import Order
from kogge.engine.due import make_due

Retry = Callable[[Trouble, str, datetime], str]


class CannotRetry(Exception):
    """Trying again brought nothing; the message is a sentence for the merchant."""


def retry(trouble: Trouble, *, actor: str, now: datetime) -> str:
    """Try again what the trouble is about and say what came of it. Raises `CannotRetry`."""
    again = RETRIES.get(trouble.kind)
    if again is None:
        raise CannotRetry(_("Hier gibt es nichts, was Kogge noch einmal versuchen könnte."))
    return again(trouble, actor, now)


def _read_order(trouble: Trouble, actor: str, now: datetime) -> str:
    if not retry_unreadable(_order(trouble), now=now):
        raise CannotRetry(_("Die Bestellung ist noch immer nicht lesbar. Bearbeite sie bitte bei Amazon."))
    return _settled(trouble, actor, now, _("Die Bestellung ist jetzt lesbar und wird übernommen."))


def _place_order(trouble: Trouble, actor: str, now: datetime) -> str:
    if not retry_placing(_order(trouble), now=now):
        raise CannotRetry(_("Der Shop nimmt die Bestellung noch immer nicht an."))
    return _settled(trouble, actor, now, _("Die Bestellung ist jetzt im Shop."))


def _look_again(trouble: Trouble, _actor: str, now: datetime) -> str:
    retry_unreadable(_order(trouble), now=now)
    return _("Kogge hat die Bestellung bei Amazon noch einmal abgefragt.")


def _confirm(trouble: Trouble, _actor: str, now: datetime) -> str:
    rejected = _order(trouble).confirmations.filter(state=ShipmentConfirmation.State.REJECTED)
    if "confirmation" in trouble.details:
        rejected = rejected.filter(pk=trouble.details["confirmation"])
    for confirmation in rejected:
        retry_confirmation(confirmation.pk, now=now)
    make_due("confirm_shipments", trouble.connection_id, now=now)
    return _("Die Sendung wird Amazon noch einmal gemeldet.")


def _say_again(trouble: Trouble, actor: str, now: datetime) -> str:
    feed, message = trouble.details.get("feed", 0), trouble.details.get("message", 0)
    if not send_again(trouble.connection_id, feed=feed, message=message, actor=actor, now=now):
        raise CannotRetry(_("Die Meldung ist schon unterwegs oder wird nicht mehr gebraucht."))
    return _("Die Meldung geht noch einmal an Amazon.")


def _resume(trouble: Trouble, _actor: str, now: datetime) -> str:
    connection = trouble.connection
    if connection.state == Connection.State.ACTIVE:
        for operation in filter(None, connection.denied_operations.split(",")):
            make_due(operation, connection.pk, now=now)
        return _("Kogge versucht den Vorgang jetzt noch einmal.")
    try:
        accounts.resume(connection, now)
    except accounts.WrongSetting as wrong:
        raise CannotRetry(wrong.sentence) from None
    return _("Die Verbindung läuft wieder. Lehnt Amazon weiter ab, hält sie von selbst an.")


def _compare(trouble: Trouble, _actor: str, now: datetime) -> str:
    make_due("compare_orders", trouble.connection_id, now=now)
    return _("Die Vollständigkeitsprüfung läuft gleich noch einmal.")


def _offers(trouble: Trouble, _actor: str, now: datetime) -> str:
    if not wishes.retry(trouble.connection, reasons=ALARMS[trouble.kind], now=now):
        raise CannotRetry(_("Bei diesen Angeboten läuft schon ein neuer Versuch."))
    return _("Kogge versucht es bei diesen Angeboten jetzt noch einmal.")


def _read_stock(trouble: Trouble, _actor: str, now: datetime) -> str:
    make_due("read_fba_stock", trouble.connection_id, now=now)
    return _("Kogge fragt Amazon jetzt noch einmal nach dem Bestand.")


def _ship_again(trouble: Trouble, actor: str, now: datetime) -> str:
    merchant_id, order_id = trouble.connection.merchant_id, _own_order_id(trouble)
    try:
        plan_again(merchant_id, order_id, by=actor, now=now)
    except TooLate as too_late:
        raise CannotRetry(str(too_late)) from None
    if refused := why_back(merchant_id, order_id, now):
        raise CannotRetry(refused)
    return _settled(trouble, actor, now, _("Die Bestellung ist für den Versand durch Amazon vorgemerkt."))


def _own_order_id(trouble: Trouble) -> str:
    """The shop order Amazon ships or shall ship."""
    merchant_id = trouble.connection.merchant_id
    shipped = FulfillmentOrder.objects.of_id(merchant_id).filter(
        connection_id=trouble.connection_id, order_id=trouble.amazon_order_id
    )
    if found := shipped.first():
        return found.shop_order_id
    number = str(trouble.details.get("number", ""))
    orders = Order.objects.of_id(merchant_id).filter(number=int(number) if number.isdecimal() else 0)
    if known := orders.first():
        return str(known.pk)
    raise CannotRetry(_("Diese Bestellung kennt Kogge nicht mehr."))


def _order(trouble: Trouble) -> AmazonOrder:
    known = AmazonOrder.objects.of_id(trouble.connection.merchant_id).select_related("connection")
    found = known.filter(connection_id=trouble.connection_id, order_id=trouble.amazon_order_id).first()
    if found is None:
        raise CannotRetry(_("Diese Bestellung kennt Kogge nicht mehr."))
    return found


def _settled(trouble: Trouble, actor: str, now: datetime, sentence: str) -> str:
    close_troubles(trouble.connection_id, [trouble.key], now=now, by=actor)
    return sentence


RETRIES: Mapping[str, Retry] = {
    "unreadable_order": _read_order,
    "refused_by_shop": _place_order,
    "unknown_status": _look_again,
    "shipment_rejected": _confirm,
    "shipment_late": _confirm,
    "acknowledge_rejected": _say_again,
    "cancel_refused": _say_again,
    "feed_failed": _say_again,
    "settings": _resume,
    "missing_orders": _compare,
    "offers_refused": _offers,
    "offers_not_found": _offers,
    "offers_drift": _offers,
    "offers_unsure": _offers,
    "fba_stock_refused": _read_stock,
    "fulfillment_no_stock": _ship_again,
    "fulfillment_address": _ship_again,
    "fulfillment_refused": _ship_again,
    "fulfillment_returned": _ship_again,
}
