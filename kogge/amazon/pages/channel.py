"""Amazon as a channel of the back office: the one place where the shop's pages meet the app."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.amazon.catalog.offers import WrongOffer, import_offer, offers_of, values_of
from kogge.amazon.connections import carriers, expiry
from kogge.amazon.connections.accounts import DISCONNECTED
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import Trouble
from kogge.amazon.journal.words import PAUSE_REASON, word
from kogge.amazon.orders import cancelling
from kogge.amazon.orders.assigning import assign_product
from kogge.amazon.orders.models import AmazonOrder, AmazonOrderItem, ShipmentConfirmation
from kogge.amazon.orders.panel import amazon_side
from kogge.amazon.pages import offer_panel, order_panel, own
from kogge.backoffice.channels import AppCard, Notice, Panel, TimelineEntry
from kogge.backoffice.models import Order, OrderLine, Product
from kogge.backoffice.refusal import Refusal
from kogge.backoffice.search import OrderFilter, find_orders
from kogge.engine.due import make_due
from kogge.merchants.access import may
from kogge.merchants.models import Merchant, Role

# Amazon counts a dispatch as late when it is not confirmed by the ship-by date.
SOON = timedelta(hours=4)

UNTOLD = ShipmentConfirmation.State

BANNER_FROM_DAYS = 30


class AmazonChannel:
    """What Amazon offers to the back office (see `kogge.backoffice.channels.Channel`)."""

    name = "amazon"
    title = "Amazon"

    def shop_changed(self, merchant_id: int, *, now: datetime) -> None:
        """Have the merchant's connections read the shop's changes as soon as this transaction commits."""
        make_due(
            "read_shop", list(own.standing_connections(merchant_id).values_list("pk", flat=True)), now=now
        )

    def refuse_cancel(self, order: Order, *, now: datetime) -> str | None:
        """Amazon never takes back what was shipped."""
        return cancelling.refuse_cancel(order.merchant_id, order.external_id, now)

    def refuse_ship(self, order: Order, *, now: datetime) -> str | None:
        """What Amazon shows as cancelled, or is about to cancel, must not leave the house."""
        found = AmazonOrder.objects.of_id(order.merchant_id).filter(order_id=order.external_id).first()
        if found is not None and found.status == "CANCELLED":
            return _("Diese Bestellung ist bei Amazon storniert. Versende sie nicht.")
        return None

    def cancel_warning(self, order: Order) -> str:
        """Cancelling cannot be undone."""
        return _(
            "Diese Stornierung lässt sich bei Amazon nicht rückgängig machen: "
            "Der Käufer wird benachrichtigt und bekommt sein Geld zurück. "
            "Häufige Stornierungen verschlechtern deine Verkäuferleistung."
        )

    def order_panel(self, order: Order, request: HttpRequest) -> Panel | None:
        """The Amazon side of an order, with the open troubles and their buttons."""
        side = amazon_side(order.merchant_id, order.external_id)
        if side is None:
            return None
        may_act = may(getattr(request, "role", Role.READER), Role.STAFF)
        return Panel("amazon/_order_panel.html", order_panel.context(order, side, may_act=may_act))

    def product_panel(self, product: Product, request: HttpRequest) -> Panel | None:
        """The box "Kanäle" of a product."""
        may_act = may(getattr(request, "role", Role.READER), Role.STAFF)
        return Panel("amazon/_offer_panel.html", offer_panel.context(product, may_act=may_act))

    def timeline(self, order: Order) -> Sequence[TimelineEntry]:
        """What happened between Kogge and Amazon, in plain sentences."""
        return order_panel.timeline(order)

    def notices(self, merchant: Merchant) -> Sequence[Notice]:
        """Paused connections, what runs out, late parcels, open troubles; the most pressing first."""
        found = list(own.standing_connections(merchant.pk))
        if not found:
            return []
        now = timezone.now()
        return [
            *[_paused(connection) for connection in found if connection.state == Connection.State.PAUSED],
            *_late(merchant, now),
            *_expiring(found, now),
            *_open_troubles(merchant),
        ]

    def carrier_warning(self, merchant: Merchant, carrier: str) -> str | None:
        """A carrier without a code at Amazon: the tracking does not count for the merchant."""
        if not own.standing_connections(merchant.pk).exists() or carriers.is_mapped(merchant.pk, carrier):
            return None
        return _(
            "Für „%(carrier)s“ ist kein Code bei Amazon eingetragen. "
            "Die Sendung geht als „Other“ an Amazon und zählt dort nicht als verfolgt. "
            "Du kannst den Versender unter Apps › Amazon › Versender zuordnen."
        ) % {"carrier": carrier}

    def import_product(
        self, merchant: Merchant, product_id: int, row: Mapping[str, str], *, now: datetime
    ) -> None:
        """Take Amazon's columns of a product import. Raises `Refusal`."""
        try:
            import_offer(merchant, str(product_id), row, now)
        except WrongOffer as wrong:
            raise Refusal(str(wrong)) from wrong

    def product_details(
        self, merchant: Merchant, product_ids: Collection[int]
    ) -> Mapping[int, Mapping[str, object]]:
        """The offers of these products."""
        offers = offers_of(merchant.pk, [str(product_id) for product_id in product_ids])
        return {int(product_id): values_of(offer) for product_id, offer in offers.items()}

    def product_assigned(self, line: OrderLine, product: Product, *, actor: str, now: datetime) -> None:
        """A product was named on the order page: remember its SKU, and settle what waited for it.

        Lines that get their product because Amazon's side asked for it need no answer.
        """
        if actor == self.name:
            return
        items = AmazonOrderItem.objects.of_id(line.merchant_id).select_related("order__connection")
        item = items.filter(order__order_id=line.order.external_id, item_id=line.external_id).first()
        if item is not None:
            assign_product(item, str(product.pk), now, by=actor)

    def app_card(self, merchant: Merchant) -> AppCard:
        """How the app stands, in one word."""
        states = set(own.standing_connections(merchant.pk).values_list("state", flat=True))
        if Connection.State.PAUSED in states:
            return AppCard(_("Angehalten"), "red", reverse("amazon"))
        if states:
            return AppCard(_("Verbunden"), "green", reverse("amazon"))
        known = Connection.objects.of(merchant).filter(pause_reason=DISCONNECTED).exists()
        return AppCard(_("Getrennt") if known else _("Nicht verbunden"), "gray", reverse("amazon"))


def _paused(connection: Connection) -> Notice:
    if connection.pause_reason == "by_merchant":
        sentence = _("Die Amazon-Verbindung „%(name)s“ ist angehalten: Es kommen keine Bestellungen an.")
        action, url = _("Zur Verbindung"), reverse("amazon")
    else:
        sentence = _(
            "Die Amazon-Verbindung „%(name)s“ ist angehalten: %(reason)s. Es kommen keine Bestellungen an, "
            "bis du die Zugangsdaten ersetzt."
        )
        action, url = _("Zugangsdaten ersetzen"), reverse("amazon_credentials", args=[connection.pk])
    name = connection.store_name or connection.seller_id
    reason = word(PAUSE_REASON, connection.pause_reason)
    return Notice("red", sentence % {"name": name, "reason": reason}, url, action)


def _late(merchant: Merchant, now: datetime) -> list[Notice]:
    """Orders that should have left the house, and parcels that left but that Amazon does not know of."""
    return [*_not_sent(merchant, now), *_not_told(merchant, now)]


def _not_sent(merchant: Merchant, now: datetime) -> list[Notice]:
    count = find_orders(merchant, OrderFilter(channel="amazon", late=True), now=now).count()
    if not count:
        return []
    sentence = ngettext(
        "%(count)s Amazon-Bestellung hätte schon versendet sein sollen.",
        "%(count)s Amazon-Bestellungen hätten schon versendet sein sollen.",
        count,
    )
    return [
        Notice(
            "red", sentence % {"count": count}, reverse("orders") + "?state=late", _("Bestellungen ansehen")
        )
    ]


def _not_told(merchant: Merchant, now: datetime) -> list[Notice]:
    untold = ShipmentConfirmation.objects.of(merchant).filter(
        state__in=[UNTOLD.WAITING, UNTOLD.SENDING, UNTOLD.REJECTED], ship_by__lt=now + SOON
    )
    count = untold.count()
    if not count:
        return []
    sentence = ngettext(
        "%(count)s Versand ist Amazon noch nicht bestätigt, obwohl er fällig ist.",
        "%(count)s Sendungen sind Amazon noch nicht bestätigt, obwohl sie fällig sind.",
        count,
    )
    return [Notice("red", sentence % {"count": count}, reverse("amazon_troubles"), _("Aufgaben ansehen"))]


def _expiring(connections: Collection[Connection], now: datetime) -> list[Notice]:
    """What runs out within a month; 60 days ahead it is a task and stands on the settings page."""
    today = timezone.localdate(now)
    found = [
        (connection, notice) for connection in connections for notice in expiry.notices(connection, today)
    ]
    return [_expires(connection, notice) for connection, notice in found if notice.step <= BANNER_FROM_DAYS]


def _expires(connection: Connection, notice: expiry.Notice) -> Notice:
    if notice.kind == "secret_expires":
        text = ngettext(
            "Das Client Secret deiner Amazon-App läuft in %(days)s Tag ab.",
            "Das Client Secret deiner Amazon-App läuft in %(days)s Tagen ab.",
            notice.days,
        )
        over = _("Das Client Secret deiner Amazon-App ist abgelaufen.")
        url = reverse("amazon_credentials", args=[connection.pk])
    else:
        text = ngettext(
            "Deine Zustimmung bei Amazon läuft in %(days)s Tag ab.",
            "Deine Zustimmung bei Amazon läuft in %(days)s Tagen ab.",
            notice.days,
        )
        over = _("Deine Zustimmung bei Amazon ist abgelaufen.")
        url = f"{reverse('amazon_connect_consent')}?konto={connection.pk}"
    sentence = text % {"days": notice.days} if notice.days > 0 else over
    return Notice("red" if notice.days <= 7 else "amber", sentence, url, _("Erneuern"))


def _open_troubles(merchant: Merchant) -> list[Notice]:
    count = Trouble.objects.of(merchant).filter(closed_at=None).count()
    if not count:
        return []
    sentence = ngettext(
        "%(count)s Aufgabe bei Amazon-Bestellungen wartet auf dich.",
        "%(count)s Aufgaben bei Amazon-Bestellungen warten auf dich.",
        count,
    )
    return [Notice("amber", sentence % {"count": count}, reverse("amazon_troubles"), _("Aufgaben ansehen"))]
