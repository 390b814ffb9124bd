"""The built-in shop: products and their stock ledger, orders, parcels, mails, and what happened."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from kogge.merchants.models import Merchant
from kogge.merchants.scoping import ScopedManager


class ShopCounter(models.Model):
    """The next order number of a merchant; its row lock puts a shop's writes in one order.

    Whoever writes orders, stock or events locks this row first. So events are committed in the
    order of their ids, and a reader that remembers the last id misses none.
    """

    merchant = models.OneToOneField(Merchant, on_delete=models.CASCADE, primary_key=True)
    next_number = models.PositiveBigIntegerField(default=10001)


class Product(models.Model):
    """Something the merchant sells. `stock`, `reserved` and `oversold` are the sums of the stock ledger.

    `stock` counts down when an order is placed and never falls below zero. What was sold beyond it is
    `oversold`, and is taken first from whatever comes in. A variant is a product of its own under a parent.
    """

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    code = models.CharField(_("Artikelnummer"), max_length=80)
    title = models.CharField(_("Titel"), max_length=500)
    gtin = models.CharField(_("GTIN"), max_length=14, blank=True)
    price = models.DecimalField(_("Preis"), max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    vat_rate = models.DecimalField(_("MwSt.-Satz"), max_digits=4, decimal_places=2, default=19)
    lead_time_days = models.PositiveSmallIntegerField(_("Lieferzeit in Werktagen"), default=2)
    description = models.TextField(_("Beschreibung"), blank=True)
    image = models.CharField(max_length=80, blank=True)  # file name in the data directory, see pictures.py
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="variants"
    )
    option = models.CharField(_("Ausführung"), max_length=100, blank=True)  # of a variant: "Größe M"
    stock = models.IntegerField(_("Warenbestand"), default=0)
    reserved = models.IntegerField(_("Reserviert"), default=0)
    oversold = models.IntegerField(_("Überverkauft"), default=0)
    # Whether the shop's own orders may sell more than there is. A channel's orders always arrive.
    may_oversell = models.BooleanField(_("Überverkauf zulassen"), default=False)
    active = models.BooleanField(_("Aktiv"), default=True)
    changed_at = models.DateTimeField()

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "code"], name="article_number_once"),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_not_negative"),
            models.CheckConstraint(condition=Q(stock__gte=0), name="stock_not_negative"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="reserved_not_negative"),
            models.CheckConstraint(condition=Q(oversold__gte=0), name="oversold_not_negative"),
        ]
        indexes = [models.Index(fields=["merchant", "gtin"], name="product_gtin")]

    @property
    def available(self) -> int:
        """What can be sold now: neither held back for an order on its way nor owed to one that is here."""
        return max(0, self.stock - self.reserved - self.oversold)


class StockEntry(models.Model):
    """One movement of the stock ledger. `key` makes it happen at most once."""

    class Kind(models.TextChoices):
        IMPORT = "import", _("Import")
        CORRECTION = "correction", _("Korrektur")
        RESERVE = "reserve", _("Reserviert")
        RELEASE = "release", _("Reservierung aufgehoben")
        TAKE = "take", _("Bestellung")
        GIVE_BACK = "give_back", _("Storno")
        RETURN = "return", _("Retoure")
        COVER = "cover", _("Überverkauf gedeckt")
        SHIPPED_UNCOUNTED = "uncounted", _("Ohne gezählten Bestand versendet")
        HANDED_OVER = "handed_over", _("Versand abgegeben")
        TAKEN_BACK = "taken_back", _("Versand zurückgenommen")

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, db_index=False)  # covered below
    product = models.ForeignKey(
        Product,
        on_delete=models.CASCADE,
        related_name="stock_entries",
        db_index=False,  # covered below
    )
    key = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    stock_change = models.IntegerField(default=0)
    reserved_change = models.IntegerField(default=0)
    oversold_change = models.IntegerField(default=0)
    line = models.ForeignKey("OrderLine", null=True, on_delete=models.SET_NULL, related_name="stock_entries")
    at = models.DateTimeField()
    actor = models.CharField(max_length=200, default="")  # e-mail of a user, or the name of a channel

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "key"], name="stock_moves_once")]
        indexes = [models.Index(fields=["product", "-id"], name="stock_newest")]


# What `Order.channel` says of orders the shop took itself: in its storefront, by hand. Else it is a channel.
OWN_CHANNELS = ("shop", "manual")
# What `Order.delivery_status` says while something is to be sent.
WAITING_DELIVERIES = ("open", "packing", "partially_shipped")


class Order(models.Model):
    """An order of the shop, whatever channel it came over."""

    class Status(models.TextChoices):
        OPEN = "open", _("Neu")
        IN_PROGRESS = "in_progress", _("In Bearbeitung")
        CLOSED = "closed", _("Versandt und bezahlt")
        CANCELLED = "cancelled", _("Storniert")
        RETURNED = "returned", _("Zurückgegeben")

    class Payment(models.TextChoices):
        OPEN = "open", _("Offen")
        PAID = "paid", _("Bezahlt")
        REFUNDED = "refunded", _("Erstattet")

    class Delivery(models.TextChoices):
        OPEN = "open", _("Offen")
        PACKING = "packing", _("Packen")
        PARTIALLY_SHIPPED = "partially_shipped", _("Teilweise versendet")
        SHIPPED = "shipped", _("Versendet")
        CANCELLED = "cancelled", _("Storniert")

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, db_index=False)  # covered below
    number = models.PositiveBigIntegerField(_("Bestellnummer"))
    channel = models.CharField(max_length=20, default="shop")  # "shop", "manual", "amazon" …
    origin = models.CharField(_("Quelle"), max_length=100, default="")
    external_id = models.CharField(max_length=80, default="")  # the channel's own order id
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.OPEN)
    payment_status = models.CharField(max_length=10, choices=Payment.choices, default=Payment.OPEN)
    delivery_status = models.CharField(max_length=20, choices=Delivery.choices, default=Delivery.OPEN)
    placed_at = models.DateTimeField()
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    total = models.DecimalField(max_digits=14, decimal_places=2)
    # What is missing between the lines' sum and the total: not zero only in flagged orders.
    rounding = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    payment_method = models.CharField(max_length=80, default="")
    ship_by = models.DateTimeField(null=True)
    deliver_by = models.DateTimeField(null=True)
    service_level = models.CharField(max_length=40, default="")
    programmes = models.CharField(max_length=200, default="")  # comma separated, the channel's words
    locale = models.CharField(max_length=5, default="de")
    notify_buyer = models.BooleanField(default=True)
    moves_stock = models.BooleanField(default=True)
    note = models.TextField(default="", blank=True)
    cancel_reason = models.CharField(max_length=30, default="")
    # The channel that ships everything still open ("amazon"); empty: the merchant has something to ship,
    # or nothing is open. Follows from the lines, see progress.py.
    fulfiller = models.CharField(max_length=20, default="")
    # Buyer, addresses, mail, gift texts: one sealed JSON document, see backoffice/people.py.
    sealed_people = models.BinaryField(null=True)
    people_forgotten_at = models.DateTimeField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "number"], name="order_number_once"),
            models.UniqueConstraint(
                fields=["merchant", "channel", "external_id"],
                name="channel_order_once",
                condition=~Q(external_id=""),
            ),
            models.CheckConstraint(
                condition=Q(fulfiller="") | Q(channel__in=OWN_CHANNELS), name="fulfilled_for_the_shop_itself"
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "-placed_at", "-id"], name="order_newest"),
            # Those of a few days are in it. `WAITING` asks for them.
            models.Index(
                fields=["merchant", "fulfiller", "ship_by", "delivery_status"],
                name="order_to_ship",
                condition=Q(delivery_status__in=WAITING_DELIVERIES),
            ),
            models.Index(fields=["merchant", "status", "-placed_at", "-id"], name="order_of_status"),
            models.Index(fields=["merchant", "channel", "-placed_at", "-id"], name="order_of_channel"),
            # Few orders are ever in it. `BY_CHANNEL` asks for them.
            models.Index(
                fields=["merchant", "-placed_at", "-id"],
                name="order_by_channel",
                condition=Q(fulfiller__gt=""),
            ),
            # By its characters, whatever the database sorts by: ids are looked for by their beginnings.
            models.Index(
                fields=["merchant", "external_id"],
                name="order_external",
                opclasses=["int8_ops", "varchar_pattern_ops"],
            ),
        ]

    @property
    def is_own(self) -> bool:
        """Whether the shop took the order itself."""
        return self.channel in OWN_CHANNELS


# Orders of which a channel ships all that is open. Nothing is a literal: else SQLite does not see that the
# index of them fits.
BY_CHANNEL = Q(fulfiller__gt=Func(template="''", output_field=models.CharField()))
# Orders of which something is to be sent, by whomever; literals for the same reason.
WAITING = Q(
    delivery_status__in=[
        Func(template=f"'{each}'", output_field=models.CharField()) for each in WAITING_DELIVERIES
    ]
)


class OrderLine(models.Model):
    """One position. `total` is what the buyer pays for it, all parts together."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, db_index=False)  # covered below
    order = models.ForeignKey(
        Order,
        on_delete=models.CASCADE,
        related_name="lines",
        db_index=False,  # covered below
    )
    position = models.PositiveSmallIntegerField()
    product = models.ForeignKey(Product, null=True, on_delete=models.SET_NULL, related_name="order_lines")
    external_id = models.CharField(max_length=80, default="")
    code = models.CharField(max_length=80, default="")
    channel_product_id = models.CharField(max_length=40, default="")
    title = models.CharField(max_length=500)
    quantity = models.PositiveIntegerField()
    shipped = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    # Units whose cancellation was taken back, in total so far: they were given back and taken again.
    reinstated = models.PositiveIntegerField(default=0)
    returned = models.PositiveIntegerField(default=0)
    oversold = models.PositiveIntegerField(default=0)  # open units that no stock is there for yet
    # The channel that ships the open units out of its own warehouse; empty: the merchant. What somebody
    # else ships holds none of the shop's own stock.
    fulfilled_by = models.CharField(max_length=20, default="")
    # How often the open units went to a fulfiller or came back: names the movements of stock.
    handovers = models.PositiveSmallIntegerField(default=0)
    unit_price = models.DecimalField(max_digits=14, decimal_places=2)
    goods = models.DecimalField(max_digits=14, decimal_places=2)
    shipping = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    gift_wrap = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    other = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    discount = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    tax = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    total = models.DecimalField(max_digits=14, decimal_places=2)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="line_position_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("shipped") + F("cancelled")), name="no_more_than_ordered"
            ),
            models.CheckConstraint(
                condition=Q(fulfilled_by="") | Q(oversold=0), name="fulfilled_elsewhere_owes_no_stock"
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "code", "order"], name="line_code"),
            # Few lines are ever in it. `OVERSOLD` asks for them.
            models.Index(
                fields=["merchant", "product", "id"], name="line_oversold", condition=Q(oversold__gt=0)
            ),
            # Neither in this one. `LEFT_TO_CHANNEL` asks for them.
            models.Index(
                fields=["merchant", "product", "id"],
                name="line_left_to_channel",
                condition=Q(fulfilled_by__gt="", quantity__gt=F("shipped") + F("cancelled")),
            ),
        ]


# Lines that wait for stock. Zero is a literal for the same reason.
OVERSOLD = Q(oversold__gt=Func(template="0", output_field=models.IntegerField()))
# Lines with open units that a channel ships; the empty word is a literal for the same reason.
LEFT_TO_CHANNEL = Q(
    fulfilled_by__gt=Func(template="''", output_field=models.CharField()),
    quantity__gt=F("shipped") + F("cancelled"),
)


class OrderWord(models.Model):
    """A keyed fingerprint of a word in the buyer's name, so that encrypted names can be found."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, db_index=False)  # covered below
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="words")
    fingerprint = models.BinaryField(max_length=8)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        # With the order: a frequent name is looked up in the index alone.
        indexes = [models.Index(fields=["merchant", "fingerprint", "order"], name="word_of_buyer")]


class Parcel(models.Model):
    """A parcel of an order that left the shop, or a fulfiller's warehouse. Numbers count from 1."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="parcels")
    number = models.PositiveSmallIntegerField()
    carrier = models.CharField(_("Versender"), max_length=80, blank=True)
    tracking_number = models.CharField(_("Trackingnummer"), max_length=100, blank=True)
    sent_at = models.DateTimeField()
    # The channel that sent it (empty: the merchant), its name for the parcel, against recording it twice,
    # and where it says that the parcel can be followed.
    fulfilled_by = models.CharField(max_length=20, default="")
    key = models.CharField(max_length=120, default="")
    tracking_url = models.CharField(max_length=500, default="")

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="parcel_number_once"),
            models.UniqueConstraint(fields=["order", "key"], name="parcel_key_once", condition=~Q(key="")),
            models.CheckConstraint(
                condition=Q(fulfilled_by="", key="") | (~Q(fulfilled_by="") & ~Q(key="")),
                name="fulfillers_parcel_has_a_key",
            ),
        ]


class ParcelItem(models.Model):
    """How many units of a line are in a parcel."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    parcel = models.ForeignKey(Parcel, on_delete=models.CASCADE, related_name="items")
    line = models.ForeignKey(OrderLine, on_delete=models.CASCADE, related_name="parcel_items")
    quantity = models.PositiveIntegerField()

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["parcel", "line"], name="line_once_in_parcel"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="something_in_it"),
        ]


class OrderEvent(models.Model):
    """The shop's append-only log: what happened to an order, when, by whom.

    The log is the order page's timeline and, read by id, the channel's list of changes.
    `details` holds no personal data.
    """

    class Kind(models.TextChoices):
        PLACED = "placed", _("Bestellung eingegangen")
        PAID = "paid", _("Als bezahlt gekennzeichnet")
        PACKING = "packing", _("Sendung wird gepackt")
        PACKING_RESET = "packing_reset", _("Packstatus zurückgesetzt")
        PARCEL_SENT = "parcel_sent", _("Sendung versendet")
        TRACKING_CORRECTED = "tracking_corrected", _("Trackingdaten korrigiert")
        CANCELLED = "cancelled", _("Storniert")
        REINSTATED = "reinstated", _("Stornierung zurückgenommen")
        RETURNED = "returned", _("Retoure erfasst")
        MAIL_SENT = "mail_sent", _("Mail an den Käufer gesendet")
        MAIL_FAILED = "mail_failed", _("Mail an den Käufer nicht gesendet")
        CHANGED_BY_CHANNEL = "changed_by_channel", _("Vom Verkaufskanal geändert")
        PRODUCT_ASSIGNED = "product_assigned", _("Produkt zugeordnet")
        PEOPLE_FORGOTTEN = "people_forgotten", _("Personenbezogene Daten gelöscht")
        CHANGED = "changed", _("Bestellung geändert")
        HANDED_OVER = "handed_over", _("Versand abgegeben")
        TAKEN_BACK = "taken_back", _("Versand zurückgenommen")

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, db_index=False)  # covered below
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    at = models.DateTimeField()
    actor = models.CharField(max_length=200, default="")
    # For the channel's list of changes, without a join: the order's channel at the time of writing.
    channel = models.CharField(max_length=20)
    parcel = models.ForeignKey(Parcel, null=True, on_delete=models.SET_NULL)
    details = models.JSONField(default=dict)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["merchant", "channel", "id"], name="events_of_channel")]


class Mail(models.Model):
    """A mail to a buyer: a row before it is sent, kept as the outbox."""

    class Kind(models.TextChoices):
        DISPATCH = "dispatch", _("Versandbestätigung")
        CONFIRMATION = "confirmation", _("Bestellbestätigung")

    class State(models.TextChoices):
        WAITING = "waiting", _("Wartet")
        SENT = "sent", _("Gesendet")
        FAILED = "failed", _("Fehlgeschlagen")

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="mails")
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.DISPATCH)
    parcel = models.OneToOneField(Parcel, null=True, on_delete=models.SET_NULL)  # one mail a parcel
    sealed_message = models.BinaryField(null=True)  # to, subject, text, html as sealed JSON
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField()
    last_error = models.TextField(default="")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order"], name="order_confirmed_once", condition=Q(kind="confirmation")
            )
        ]
        indexes = [models.Index(fields=["state", "not_before"], name="mail_waiting")]


class Installation(models.Model):
    """The app of a channel at a merchant's shop: installed by activating the channel, then registered.

    Uninstalling deletes the row; what the channel did stays in the orders' history.
    """

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="installations")
    channel = models.CharField(max_length=20)  # a key of `channels.CHANNELS`
    installed_at = models.DateTimeField()
    registered_at = models.DateTimeField(null=True)  # the owner agreed to what the app reads and writes
    registered_by = models.CharField(max_length=200, default="")
    deactivated_at = models.DateTimeField(null=True)  # the channel is switched off: no traffic

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "channel"], name="app_installed_once")]


class ProductFile(models.Model):
    """A file of products on its way in: looked at first, written when the merchant agrees.

    Kept in the database, where web server and worker both find it; deleted after a day.
    """

    class State(models.TextChoices):
        CHECKING = "checking", _("Wird geprüft")
        CHECKED = "checked", _("Geprüft")
        WRITING = "writing", _("Wird übernommen")
        DONE = "done", _("Übernommen")
        REFUSED = "refused", _("Abgelehnt")

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    name = models.CharField(max_length=200)
    packed = models.BinaryField(null=True)  # the text, compressed; gone when it is done with
    state = models.CharField(max_length=10, choices=State.choices, default=State.CHECKING)
    actor = models.CharField(max_length=200)
    language = models.CharField(max_length=5)  # of who reads the sentences about it
    rows_done = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    outcome = models.JSONField(default=dict)  # what it does or did, or what is wrong, see product_files.py
    uploaded_at = models.DateTimeField()

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()
