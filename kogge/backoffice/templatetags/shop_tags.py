"""What the templates need to say: icons, state badges, money, moments, form fields."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from django import template
from django.forms import BoundField, CheckboxInput, RadioSelect, Select
from django.templatetags.static import static
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from kogge.backoffice import elsewhere
from kogge.backoffice.carriers import tracking_url
from kogge.backoffice.channels import Notice, Pool, channel_title
from kogge.backoffice.models import Mail, Order, Parcel, Product
from kogge.backoffice.pages import states
from kogge.backoffice.pages.addresses import address_lines
from kogge.backoffice.pages.states import State
from kogge.backoffice.pictures import small_name
from kogge.formats.money import money
from kogge.values import Address

register = template.Library()

SPRITE = "kogge/icons.svg"
TEXT_COLUMNS = {"code", "title", "description", "parent", "option"}
YES_AND_NO = {"True": True, "yes": True, "False": False, "no": False}

# Words for tones that people and Bootstrap use, and the colours the style sheet knows.
TONES = {
    "success": "green",
    "info": "blue",
    "primary": "blue",
    "warning": "amber",
    "yellow": "amber",
    "orange": "amber",
    "danger": "red",
    "error": "red",
    "secondary": "gray",
    "muted": "gray",
    "neutral": "gray",
    "purple": "violet",
}


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """A Tabler icon out of the sprite. Decoration only: the text beside it carries the meaning."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        classes,
        static(SPRITE),
        name,
    )


@register.simple_tag
def badge(tone: str, icon_name: str, text: str) -> SafeString:
    """A state: colour, icon and text, so that colour alone never carries it."""
    return format_html('<span class="state tone-{}">{}{}</span>', colour(tone), icon(icon_name), text)


@register.filter
def colour(tone: str) -> str:
    """The style sheet's colour for a tone: gray, blue, green, amber, red or violet."""
    return TONES.get(tone, tone or "gray")


register.filter(money)


@register.filter
def cell(value: object, column: str) -> str:
    """A value of a product file as the reader would write it there: `12,90` and `ja` in German."""
    plain = "" if value is None else str(value)
    if column in TEXT_COLUMNS:
        return plain
    if plain in YES_AND_NO:
        return _("ja") if YES_AND_NO[plain] else _("nein")
    if "price" in column or column == "vat_rate":
        return plain.replace(".", formats.get_format("DECIMAL_SEPARATOR"))
    return plain


@register.filter
def leading_elsewhere(notices: Iterable[Notice], path: str) -> list[Notice]:
    """The notices a page needs: it says itself what a milder one, that only leads to it, would say."""
    return [notice for notice in notices if colour(notice.tone) == "red" or urlsplit(notice.url).path != path]


@register.filter
def moment(at: datetime | None) -> str:
    """A moment in the merchant's time zone: `23.11.2026, 09:12 Uhr`."""
    return formats.date_format(timezone.localtime(at), "DATETIME_FORMAT") if at else "–"


@register.filter
def day(at: datetime | date | None) -> str:
    """The day of a moment in the merchant's time zone: `23.11.2026`."""
    if at is None:
        return "–"
    return formats.date_format(timezone.localtime(at) if isinstance(at, datetime) else at, "DATE_FORMAT")


@register.filter
def clock(at: datetime | None) -> str:
    """The time of day in the merchant's time zone: `09:12`."""
    return formats.date_format(timezone.localtime(at), "TIME_FORMAT") if at else ""


@register.filter
def ago(at: datetime | None) -> str:
    """How long ago a moment was, in words: `gerade eben`, `vor 3 Minuten`."""
    if at is None:
        return "–"
    passed = timezone.now() - at
    if passed < timedelta(minutes=1):
        return _("gerade eben")
    return _("vor %(time)s") % {"time": states.duration(passed)}


@register.simple_tag
def thumbnail(product: Product | None) -> SafeString:
    """A small picture of a product, or a frame without one. The title beside it says what it shows."""
    if product is None or not product.image:
        return format_html('<span class="picture">{}</span>', icon("photo"))
    address = reverse("picture", args=[small_name(product.image)])
    return format_html('<span class="picture"><img src="{}" alt="" loading="lazy"></span>', address)


@register.simple_tag
def order_place(order: Order) -> elsewhere.Place | None:
    """Where an order is in the shop its merchant works in; None if it is worked off here."""
    return elsewhere.order_place(order)


@register.simple_tag
def product_place(product: Product) -> elsewhere.Place | None:
    """Where a product is in the shop its merchant works in; None if it is kept here."""
    return elsewhere.product_place(product)


@register.inclusion_tag("backoffice/_elsewhere.html", takes_context=True)
def worked_on_elsewhere(context: template.Context) -> dict[str, object]:
    """For pages with orders and products: that the merchant works on them in another shop, and where."""
    merchant = context["request"].merchant
    shop = elsewhere.shop_of(merchant)
    return {"title": shop.title, "url": shop.home(merchant)} if shop else {}


@register.simple_tag
def oversold(units: int) -> SafeString | str:
    """That so many units were sold which are not there; nothing for none."""
    return state(states.oversold(units)) if units else ""


@register.inclusion_tag("backoffice/_field.html")
def field(bound: BoundField, classes: str = "") -> dict[str, object]:
    """A form field with its label, help and errors, in Tabler's dress."""
    widget = bound.field.widget
    tick = isinstance(widget, CheckboxInput)
    css = "form-check-input" if tick else "form-select" if isinstance(widget, Select) else "form-control"
    attributes: dict[str, str | bool] = (
        {} if isinstance(widget, RadioSelect) else {"class": f"{css} is-invalid" if bound.errors else css}
    )
    if bound.errors:
        if next(iter(bound.form.errors)) == bound.name:
            attributes["autofocus"] = True  # also where the page is long, it opens at what is wrong
        attributes["aria-describedby"] = f"{bound.auto_id}_error"
    elif bound.help_text:
        attributes["aria-describedby"] = f"{bound.auto_id}_helptext"
    return {"field": bound, "control": bound.as_widget(attrs=attributes), "tick": tick, "classes": classes}


@register.simple_tag
def state(shown: State | None) -> SafeString | str:
    """The badge of a state that a page worked out."""
    return badge(shown.tone, shown.icon, shown.text) if shown else ""


@register.filter
def status(order: Order) -> State:
    """Bestellstatus of an order, for `{% state %}`."""
    return states.order_status(order)


@register.filter
def payment(order: Order) -> State:
    """Bezahlstatus of an order, for `{% state %}`."""
    return states.payment_status(order)


@register.filter
def goods(order: Order) -> State:
    """Warenstatus of an order, for `{% state %}`."""
    return states.goods_status(order)


@register.filter
def delivery(order: Order) -> State:
    """Lieferstatus of an order, for `{% state %}`."""
    return states.delivery_status(order)


@register.filter
def fulfilled_by(channel: str) -> State | None:
    """The channel that ships an order or a line, for `{% state %}`; None: the merchant does."""
    return states.fulfilled_by(channel) if channel else None


@register.filter
def sender(parcel: Parcel) -> State:
    """Who sent a parcel, for `{% state %}`."""
    return states.sender(parcel)


@register.inclusion_tag("backoffice/_pool.html")
def pool(lies: Pool | None) -> dict[str, Pool | None]:
    """What of a product lies in a channel's warehouse, and when that was read; nothing for none."""
    return {"pool": lies}


@register.inclusion_tag("backoffice/_ship_by.html")
def ship_by(order: Order) -> dict[str, State | None]:
    """Versenden bis, with what is late in red and what is due today in amber."""
    return {"due": states.ship_by(order, timezone.now())}


@register.inclusion_tag("backoffice/_source.html")
def source(order: Order) -> dict[str, str]:
    """Quelle: where the order came from."""
    return {"name": order.origin or channel_title(order.channel), "icon_name": channel_icon(order.channel)}


register.filter(channel_title)


@register.filter
def channel_icon(channel: str) -> str:
    """The icon of a channel."""
    return states.CHANNEL_ICONS.get(channel, states.OTHER_CHANNEL)


@register.filter
def mail_state(mail: Mail) -> State:
    """Whether a mail left the house, for `{% state %}`."""
    return states.mail_state(mail)


@register.filter
def lines(address: Address) -> list[str]:
    """An address line by line, as it stands on a parcel."""
    return address_lines(address)


@register.filter
def tracking_page(parcel: Parcel) -> str:
    """Where a parcel can be followed: where its sender says, or on its carrier's page; else empty."""
    if urlsplit(parcel.tracking_url).scheme in {"http", "https"}:
        return parcel.tracking_url
    return tracking_url(parcel.carrier, parcel.tracking_number)


@register.filter
def signed(change: int) -> str:
    """A movement with its sign: `+3`, `−2`; nothing for none."""
    return f"+{change}" if change > 0 else f"−{-change}" if change < 0 else "–"
