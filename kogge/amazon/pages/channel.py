"""Amazon as a channel of the back office: the one place where the shop's pages meet the app."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.amazon.catalog.cells import COLUMNS
from kogge.amazon.catalog.finding import fba_offers
from kogge.amazon.catalog.offers import (
    check_offers,
    columns_in_use,
    export_offers,
    import_offers,
    offers_of,
    products_called,
    values_of,
)
from kogge.amazon.connections import carriers, expiry
from kogge.amazon.connections.accounts import CHANNEL, DISCONNECTED
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import activation, planning, releasing
from kogge.amazon.fba.models import FulfillmentOrder, FulfillmentSettings
from kogge.amazon.journal.models import Trouble
from kogge.amazon.journal.sentences import RED, ask
from kogge.amazon.journal.words import PAUSE_REASON, word
from kogge.amazon.offers import changes
from kogge.amazon.offers.models import Agreement, Listing
from kogge.amazon.orders import cancelling
from kogge.amazon.orders.assigning import assign_product
from kogge.amazon.orders.models import AmazonOrder, AmazonOrderItem, ShipmentConfirmation
from kogge.amazon.orders.panel import amazon_side
from kogge.amazon.pages import (
    fulfilment_panel,
    installing,
    offer_panel,
    offer_shelf,
    order_panel,
    own,
    pools,
    states,
)
from kogge.amazon.pages.buttons import offers_url, prices_url
from kogge.backoffice.channels import (
    Access,
    AppCard,
    Badge,
    Checked,
    Consequence,
    Notice,
    Panel,
    Pool,
    Release,
    TimelineEntry,
)
from kogge.backoffice.installing import is_off
from kogge.backoffice.models import Order, OrderLine, Product
from kogge.backoffice.search import OrderFilter, find_orders
from kogge.engine.due import make_due
from kogge.merchants.access import may
from kogge.merchants.models import Merchant, Role

# Amazon counts a dispatch as late when it is not confirmed by the ship-by date.
SOON = timedelta(hours=4)

UNTOLD = ShipmentConfirmation.State

BANNER_FROM_DAYS = 30

# How the kinds of troubles begin that have lines of their own.
ABOUT_OFFERS = "offers_"
ABOUT_SHIPPING = "fulfillment_"

# What presses about orders Amazon ships, the worst first.
_BACK, _LATE, _SHORT, _LOOK = range(4)


class AmazonChannel:
    """What Amazon offers to the back office (see `kogge.backoffice.channels.Channel`)."""

    name = CHANNEL
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
        return Panel("amazon/_offer_panel.html", offer_panel.context(product, request))

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
            *_not_at_work(merchant, found),
            *_late(merchant, now),
            *_expiring(found, now),
            *_undecided(found),
            *_about_shipping(merchant),
            *_about_offers(merchant),
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

    def products_changed(self, merchant_id: int, product_ids: Collection[int], *, now: datetime) -> None:
        """Have Amazon hear of it within seconds."""
        changes.products_changed(merchant_id, [str(product_id) for product_id in product_ids], now=now)

    def product_columns(self) -> Sequence[str]:
        """Amazon's columns, with a price for each marketplace there is."""
        return COLUMNS

    def columns_in_use(self, merchant: Merchant) -> Sequence[str]:
        """Amazon's columns, with a price for each marketplace the merchant has to do with."""
        return columns_in_use(merchant.pk)

    def check_products(self, merchant: Merchant, rows: Mapping[int, Mapping[str, str]]) -> Checked:
        """What a product import would change in the offers."""
        by_product = {str(key): row for key, row in rows.items()}
        checked = check_offers(merchant, by_product, ask_shelf=activation.refusals)
        return Checked(
            {int(product_id): changed for product_id, changed in checked.changes.items()},
            {int(product_id): sentence for product_id, sentence in checked.refused.items()},
        )

    def import_products(
        self, merchant: Merchant, rows: Mapping[int, Mapping[str, str]], *, now: datetime
    ) -> Collection[int]:
        """Take Amazon's columns of a product import."""
        imported = import_offers(merchant, {str(key): row for key, row in rows.items()}, now)
        changes.offers_changed(merchant.pk, imported, now=now)
        offer_shelf.ticks_kept(merchant.pk, imported, now=now)
        return [int(product_id) for product_id in imported]

    def exported_products(
        self, merchant: Merchant, product_ids: Collection[int]
    ) -> Mapping[int, Mapping[str, str]]:
        """Amazon's columns of these products."""
        cells = export_offers(merchant.pk, [str(product_id) for product_id in product_ids])
        return {int(product_id): row for product_id, row in cells.items()}

    def product_states(self) -> Sequence[tuple[str, str]]:
        """Not on Amazon, ready, sent, live, problem, drift."""
        return states.choices()

    def narrow_products(
        self, merchant: Merchant, products: QuerySet[Product], state: str
    ) -> QuerySet[Product]:
        """Those of the products that are in this state at Amazon."""
        return states.narrow(merchant.pk, products, state)

    def product_badges(self, merchant: Merchant, product_ids: Collection[int]) -> Mapping[int, Badge]:
        """How each product stands at Amazon."""
        return states.badges(merchant.pk, product_ids)

    def products_called(self, merchant: Merchant, word: str) -> Collection[int]:
        """The products with this ASIN or Amazon SKU."""
        return products_called(merchant.pk, word)

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

    def access(self) -> Access:
        """What Amazon is good for, and what the app reads and writes."""
        return installing.access()

    def when_deactivated(self, merchant: Merchant) -> Sequence[Consequence]:
        """What waits here and at Amazon while the channel is off."""
        return installing.when_deactivated(merchant)

    def when_uninstalled(self, merchant: Merchant) -> Sequence[Consequence]:
        """What is gone for good, and what stays."""
        return installing.when_uninstalled(merchant)

    def deactivate(self, merchant: Merchant, *, now: datetime) -> None:
        """Stop all connections; each goes on where it stopped."""
        installing.deactivate(merchant, now=now)

    def activate(self, merchant: Merchant, *, now: datetime) -> None:
        """Let the connections go on that were stopped."""
        installing.activate(merchant, now=now)

    def uninstall(self, merchant: Merchant, *, now: datetime) -> None:
        """Disconnect all accounts and have their orders' people forgotten."""
        installing.uninstall(merchant, now=now)

    def app_card(self, merchant: Merchant) -> AppCard:
        """How the connections stand, in one word."""
        states = set(own.standing_connections(merchant.pk).values_list("state", flat=True))
        if Connection.State.PAUSED in states:
            return AppCard(_("Angehalten"), "red", reverse("amazon"))
        if states:
            return AppCard(_("Verbunden"), "green", reverse("amazon"))
        known = Connection.objects.of(merchant).filter(pause_reason=DISCONNECTED).exists()
        state = _("Getrennt") if known else _("Noch nicht verbunden")
        return AppCard(state, "gray", reverse("amazon"))

    def ships(self, merchant_id: int, units: Mapping[int, int]) -> Collection[int]:
        """The FBA products of which enough lies in Amazon's warehouse, as far as was read last.

        None while the channel is off: nobody would hand the order over.
        """
        found = pools.shelves(merchant_id, units.keys())
        if not found or not planning.has_begun(merchant_id) or is_off(merchant_id, self.name):
            return []
        return [
            product_id
            for product_id, shelf in found.items()
            if shelf.free is not None and shelf.free >= units[product_id]
        ]

    def pools(self, merchant_id: int, product_ids: Collection[int]) -> Mapping[int, Pool]:
        """What lies in Amazon's warehouse of the FBA products."""
        found = pools.shelves(merchant_id, product_ids)
        if not found:
            return {}
        settings = FulfillmentSettings.objects.of_id(merchant_id).filter(shop_sells_stock=False)
        kept = set(settings.values_list("connection_id", flat=True))
        is_on = not is_off(merchant_id, self.name)
        return {
            product_id: Pool(
                _("Amazon-Lager"), shelf.free, shelf.read_at, counts=is_on and shelf.connection_id not in kept
            )
            for product_id, shelf in found.items()
        }

    def own_orders_changed(self, merchant_id: int, *, now: datetime) -> None:
        """Have them read as soon as this transaction commits, where Amazon ships anything at all."""
        if fba_offers(merchant_id).exists() or _open_fulfillment(merchant_id).exists():
            make_due("plan_fulfillment", merchant_id, now=now)

    def release(self, order: Order, *, why: str, now: datetime) -> Release:
        """Inside the cut-off window nobody asks Amazon; later Amazon has to cancel first."""
        try:
            was_held = releasing.release(order.merchant_id, str(order.pk), why=why, by="", now=now)
        except releasing.Handed as refusal:
            return Release(refusal=str(refusal))
        return Release(was_held=was_held)

    def fulfilment_panel(self, order: Order, request: HttpRequest) -> Panel | None:
        """How Amazon ships an own order: state, preview, parcels, and what can be done."""
        return fulfilment_panel.fulfilment_panel(order, request)


def _open_fulfillment(merchant_id: int) -> QuerySet[FulfillmentOrder]:
    return FulfillmentOrder.objects.of_id(merchant_id).filter(state__in=FulfillmentOrder.OPEN_STATES)


def _not_at_work(merchant: Merchant, connections: Collection[Connection]) -> list[Notice]:
    """That the channel is off, or which connections are paused."""
    if is_off(merchant.pk, CHANNEL):
        sentence = _(
            "Der Verkaufskanal Amazon ist deaktiviert: Es kommen keine Bestellungen an, und Amazon erfährt "
            "nichts von deinem Versand."
        )
        return [Notice("amber", sentence, reverse("channels"), _("Zum Verkaufskanal"))]
    return [_paused(connection) for connection in connections if connection.state == Connection.State.PAUSED]


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


def _undecided(connections: Collection[Connection]) -> list[Notice]:
    """Connections with offers of which nothing is sent yet, for want of the merchant's word."""
    known = [connection.pk for connection in connections]
    decided = Agreement.objects.everyone().filter(connection__in=known).exclude(agreed_at=None)
    waiting = set(known) - set(decided.values_list("pk", flat=True))
    offered = Listing.objects.everyone().filter(connection=OuterRef("pk"))
    rows = Connection.objects.everyone().filter(
        Exists(offered), pk__in=waiting, state=Connection.State.ACTIVE
    )
    sentence = _(
        "Der Abgleich von „%(name)s“ wartet auf dich: Bis dahin sendet Kogge weder Bestand noch Preis."
    )
    return [
        Notice(
            "amber",
            sentence % {"name": one.store_name or one.seller_id},
            reverse("amazon_agree", args=[one.pk]),
            _("Zum Abgleich"),
        )
        for one in rows.order_by("pk")
    ]


def _about_shipping(merchant: Merchant) -> list[Notice]:
    """One line each for orders that came back from Amazon, that hang there, and that ask for a look.

    An order with several troubles is counted once, where it presses most.
    """
    open_ones = Trouble.objects.of(merchant).filter(closed_at=None, kind__startswith=ABOUT_SHIPPING)
    worst: dict[str, int] = {}
    for key, kind, details in open_ones.values_list("key", "kind", "details"):
        number = str(details.get("number") or key)
        worst[number] = min(worst.get(number, _LOOK), _group(kind, details.get("reason")))
    met = Counter(worst.values())
    sentences = {
        _BACK: ngettext(
            "%(count)s Bestellung versendet Amazon nicht: Sie ist wieder bei dir.",
            "%(count)s Bestellungen versendet Amazon nicht: Sie sind wieder bei dir.",
            met[_BACK],
        ),
        _LATE: ngettext(
            "%(count)s Bestellung hängt beim Versand durch Amazon.",
            "%(count)s Bestellungen hängen beim Versand durch Amazon.",
            met[_LATE],
        ),
        _SHORT: ngettext(
            "Für %(count)s Bestellung liegt im Amazon-Lager nicht genug: Sie ist wieder bei dir.",
            "Für %(count)s Bestellungen liegt im Amazon-Lager nicht genug: Sie sind wieder bei dir.",
            met[_SHORT],
        ),
        _LOOK: ngettext(
            "%(count)s Bestellung mit Versand durch Amazon braucht einen Blick.",
            "%(count)s Bestellungen mit Versand durch Amazon brauchen einen Blick.",
            met[_LOOK],
        ),
    }
    return [
        Notice(
            "red" if group in (_BACK, _LATE) else "amber",
            sentence % {"count": met[group]},
            reverse("amazon_troubles"),
            _("Aufgaben ansehen"),
        )
        for group, sentence in sentences.items()
        if met[group]
    ]


def _group(kind: str, reason: object) -> int:
    """Amazon refused it, it hangs, the goods are missing, or anything else."""
    if kind == "fulfillment_no_stock" or reason == "no_stock":
        return _SHORT
    return {
        "fulfillment_refused": _BACK,
        "fulfillment_returned": _BACK,
        "fulfillment_stuck": _LATE,
        "fulfillment_late": _LATE,
    }.get(kind, _LOOK)


def _about_offers(merchant: Merchant) -> list[Notice]:
    """One line for each kind of problem with offers: refused, not found, held prices, other values."""
    open_ones = Trouble.objects.of(merchant).filter(closed_at=None, kind__startswith=ABOUT_OFFERS)
    found = [_offers_notice(trouble) for trouble in open_ones.order_by("opened_at", "pk")]
    return sorted(found, key=lambda notice: notice.tone != "red")


def _offers_notice(trouble: Trouble) -> Notice:
    asked = ask(trouble.kind, trouble.details)
    tone = "red" if asked.tone == RED else "amber"
    if trouble.kind == "offers_price_held":
        return Notice(tone, asked.sentence, prices_url(trouble), _("Preise bestätigen"))
    return Notice(tone, asked.sentence, offers_url(trouble), _("Angebote ansehen"))


def _open_troubles(merchant: Merchant) -> list[Notice]:
    open_ones = Trouble.objects.of(merchant).filter(closed_at=None)
    told = Q(kind__startswith=ABOUT_OFFERS) | Q(kind__startswith=ABOUT_SHIPPING)
    count = open_ones.exclude(told).count()
    if not count:
        return []
    sentence = ngettext(
        "%(count)s Aufgabe bei Amazon-Bestellungen wartet auf dich.",
        "%(count)s Aufgaben bei Amazon-Bestellungen warten auf dich.",
        count,
    )
    return [Notice("amber", sentence % {"count": count}, reverse("amazon_troubles"), _("Aufgaben ansehen"))]
