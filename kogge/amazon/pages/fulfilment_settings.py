"""How Amazon ships for the merchant: settings of each connection, and the speed of each shipping method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from kogge.amazon.connections.accounts import WrongSetting
from kogge.amazon.connections.models import Connection, ConnectionMarketplace
from kogge.amazon.fba import speeds
from kogge.amazon.fba.models import LONGEST_CUT_OFF_MINUTES, FulfillmentSettings, ShippingSpeed
from kogge.amazon.fba.preferences import settings_of
from kogge.amazon.fba.stock import read_anew
from kogge.amazon.pages import own
from kogge.backoffice.pages import shipping_methods
from kogge.backoffice.pages.order_acts import REFUSED
from kogge.merchants.access import MerchantRequest, may, owner, reader, staff
from kogge.merchants.models import Merchant, Role
from kogge.spapi.marketplaces import MARKETPLACES

Speed = ShippingSpeed.Speed


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a merchant chooses for a connection."""

    origin = forms.ChoiceField(
        label=gettext_lazy("Lager"),
        required=False,
        help_text=gettext_lazy(
            "Aus den Lagern dieses Marktplatzes wird versendet. Bestände in Großbritannien und auf dem "
            "Kontinent sind getrennt."
        ),
    )

    class Meta:
        model = FulfillmentSettings
        fields = ("cut_off_minutes", "origin", "allow_partial", "unbranded", "comment", "shop_sells_stock")
        help_texts = {
            "cut_off_minutes": gettext_lazy(
                "So lange wartet Kogge nach der Zahlung, bevor die Bestellung an Amazon geht. Bis dahin "
                "kannst du sie anhalten, ändern oder stornieren. Gilt für neue Bestellungen."
            ),
            "allow_partial": gettext_lazy(
                "Fehlt etwas, versendet Amazon, was da ist, und der Rest kommt zu dir zurück. "
                "Ohne Haken versendet Amazon alles oder nichts."
            ),
            "unbranded": gettext_lazy(
                "Karton ohne Amazon-Logo. Nicht für jedes Konto und jede Ware möglich: Geht es nicht, lehnt "
                "Amazon den Auftrag ab, und Kogge sagt es dir."
            ),
            "comment": gettext_lazy(
                "Steht auf dem Lieferschein im Paket, zum Beispiel ein Dank. Leer: ein Standardtext."
            ),
            "shop_sells_stock": gettext_lazy(
                "Von Hand angelegte und Shop-Bestellungen für FBA-Produkte werden auch angenommen, wenn nur "
                "im Amazon-Lager genug liegt."
            ),
        }
        widgets = {
            "cut_off_minutes": forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        }

    def __init__(self, *args: Any, places: Sequence[ConnectionMarketplace], **kwargs: Any) -> None:
        kwargs["auto_id"] = f"versand-{kwargs['instance'].pk}-%s"  # several forms may be on the page
        super().__init__(*args, **kwargs)
        first = places[0].name if places else "–"
        origin = self.fields["origin"]
        assert isinstance(origin, forms.ChoiceField)
        origin.choices = [
            ("", _("automatisch (%(place)s)") % {"place": first}),
            *((place.marketplace_id, place.name) for place in places),
        ]
        self.fields["cut_off_minutes"].error_messages |= dict.fromkeys(
            ("invalid", "min_value", "max_value", "required"), _("Gib eine ganze Zahl von 0 bis 1440 ein.")
        )

    def clean_cut_off_minutes(self) -> int:
        """At most a day."""
        minutes = int(self.cleaned_data["cut_off_minutes"])
        if minutes > LONGEST_CUT_OFF_MINUTES:
            raise forms.ValidationError(_("Gib eine ganze Zahl von 0 bis 1440 ein."))
        return minutes


class SpeedForm(forms.Form):
    """The speed of one shipping method."""

    shop_method = forms.CharField(
        label=gettext_lazy("Versandart im Shop"),
        max_length=40,
        widget=forms.TextInput(attrs={"list": "versandarten", "autocomplete": "off"}),
    )
    speed = forms.ChoiceField(label=gettext_lazy("Geschwindigkeit bei Amazon"), choices=Speed.choices)


@dataclass(frozen=True, slots=True)
class Card:
    """A connection's settings as the page shows them."""

    connection: Connection
    form: SettingsForm

    @property
    def name(self) -> str:
        return self.connection.store_name or self.connection.seller_id


@dataclass(frozen=True, slots=True)
class Line:
    """A shipping method and its speed: while it is undecided, the one it probably means.

    `undo`: what the button says that takes the speed back; empty: nothing can be.
    """

    method: str
    speed: str
    undo: str = ""
    is_undecided: bool = False

    @property
    def speed_in_words(self) -> str:
        return str(Speed(self.speed).label)


@require_GET
@reader
def settings(request: MerchantRequest) -> HttpResponse:
    """The settings of all standing connections, and the speeds."""
    return _show(request)


@require_POST
@owner
def save(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Keep a connection's settings."""
    connection = own.connection(request, pk)
    form = _form(connection, request.POST)
    if not form.is_valid():
        return _show(request, typed={pk: form})
    with transaction.atomic():
        form.instance.save(update_fields=list(form.cleaned_data))
        if "origin" in form.changed_data:
            read_anew(connection, now=timezone.now())
    messages.success(request, _("Die Einstellungen sind gespeichert."))
    return redirect("amazon_fulfillment_settings")


@require_POST
@staff
def save_speed(request: MerchantRequest) -> HttpResponseBase:
    """Say how fast Amazon sends orders with a shipping method from now on."""
    form = SpeedForm(request.POST)
    if not form.is_valid():
        return _show(request, speed_form=form)
    try:
        speeds.save(request.merchant.pk, speeds.Mapping(**form.cleaned_data), now=timezone.now())
    except WrongSetting as wrong:
        form.add_error(wrong.field, wrong.sentence)
        return _show(request, speed_form=form)
    messages.success(request, _("Die Versandart ist gespeichert."))
    return redirect("amazon_fulfillment_settings")


@require_POST
@staff
def save_suggestions(request: MerchantRequest) -> HttpResponse:
    """Give every shipping method that has no speed yet the one it probably means."""
    now = timezone.now()
    with transaction.atomic():
        for line in (undecided := [line for line in _lines(request.merchant) if line.is_undecided]):
            speeds.save(request.merchant.pk, speeds.Mapping(line.method, line.speed), now=now)
    told = ngettext(
        "%(count)s Versandart ist gespeichert.", "%(count)s Versandarten sind gespeichert.", len(undecided)
    )
    messages.success(request, told % {"count": len(undecided)})
    return redirect("amazon_fulfillment_settings")


@require_POST
@staff
def remove_speed(request: MerchantRequest) -> HttpResponse:
    """Take a shipping method out of the table; a default returns to its pre-filled speed."""
    speeds.remove(request.merchant.pk, request.POST.get("shop_method", ""))
    messages.success(request, _("Der Eintrag ist entfernt."))
    return redirect("amazon_fulfillment_settings")


def _show(
    request: MerchantRequest,
    *,
    typed: Mapping[int, SettingsForm] | None = None,
    speed_form: SpeedForm | None = None,
) -> HttpResponse:
    connections = list(own.standing_connections(request.merchant.pk).order_by("pk"))
    cards = [_card(connection, (typed or {}).get(connection.pk)) for connection in connections]
    lines = _lines(request.merchant)
    context = {
        "connected": bool(connections),
        "cards": cards,
        "several": len(cards) > 1,
        "lines": lines,
        "undecided": sum(line.is_undecided for line in lines),
        "speeds": Speed.choices,
        "speed_form": speed_form
        or SpeedForm(initial=_known(request.merchant, request.GET.get("versandart", ""))),
        "is_owner": may(request.role, Role.OWNER),
        "may_act": may(request.role, Role.STAFF),
    }
    status = REFUSED if request.method == "POST" else 200
    return render(request, "amazon/fulfilment_settings.html", context, status=status)


def _known(merchant: Merchant, method: str) -> dict[str, str]:
    """What the table says about a method, to be edited; a new one starts with what it probably means."""
    speed = speeds.speed_of(merchant.pk, method) or speeds.suggestion(method)
    return {"shop_method": method, "speed": speed}


def _card(connection: Connection, typed: SettingsForm | None) -> Card:
    return Card(connection, typed or _form(connection, None))


def _form(connection: Connection, typed: Mapping[str, Any] | None) -> SettingsForm:
    known = connection.marketplaces.filter(active=True).order_by("pk")
    places = [place for place in known if place.marketplace_id in MARKETPLACES]
    return SettingsForm(typed, instance=settings_of(connection), places=places)


def _lines(merchant: Merchant) -> list[Line]:
    """The table, and the methods that orders use but that stand nowhere in it."""
    known = {line.shop_method.casefold(): line for line in speeds.table(merchant.pk)}
    used = [one for one in shipping_methods.suggestions(merchant) if one.casefold() not in known]
    lines = [Line(one.shop_method, one.speed, _undo(one)) for one in known.values()]
    lines += [Line(one, speeds.suggestion(one), is_undecided=True) for one in used]
    return sorted(lines, key=lambda line: line.method.casefold())


def _undo(line: speeds.Mapping) -> str:
    """What can be taken back: nothing of a default that was not edited."""
    default = speeds.DEFAULTS.get(line.shop_method)
    if default is None:
        return _("Entfernen")
    return "" if line.speed == default else _("Zurücksetzen")
