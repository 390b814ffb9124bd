"""What a merchant types into the box "Kanäle". Empty fields mean the product's own values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.amazon.catalog.finding import owners
from kogge.amazon.catalog.models import LONGEST_LEAD_TIME, Offer
from kogge.amazon.fba.activation import may_tick
from kogge.amazon.pages import offer_shelf
from kogge.backoffice.models import Product
from kogge.backoffice.stock import MOST_STOCK
from kogge.formats.money import symbol_of
from kogge.values import CENT, InvalidValue, asin, sku

PRICE = "price_"  # begins the name of a marketplace's price field

_NAMES = ("enabled", "asin", "sku", "stock", "lead_time_days", "price", "buffer", "fba", "fba_sku")

# What a browser shows on a product's page at Amazon can be pasted instead of the ASIN.
_ADDRESS = re.compile(r"/(?:dp|gp/product|gp/aw/d)/([A-Za-z0-9]{10})(?![A-Za-z0-9])")


_NO_UNITS = gettext_lazy("Gib eine ganze Zahl ab 0 ein.")
_NO_DAYS = gettext_lazy("Gib eine ganze Zahl von 0 bis 30 ein. Mehr Tage nimmt Amazon nicht an.")
_NO_PRICE = gettext_lazy("Gib einen Preis über 0 mit höchstens zwei Nachkommastellen ein.")

# What can be wrong with a number, told in one sentence.
_WRONG = ("invalid", "min_value", "max_value", "max_digits", "max_decimal_places", "max_whole_digits")


@dataclass(frozen=True, slots=True)
class Place:
    """A marketplace the merchant sells in."""

    marketplace_id: str
    name: str
    currency: str


def _units(label: Any, help_text: Any = "") -> forms.IntegerField:
    widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})
    return forms.IntegerField(
        label=label,
        help_text=help_text,
        required=False,
        localize=True,
        min_value=0,
        max_value=MOST_STOCK,
        widget=widget,
        error_messages=dict.fromkeys(_WRONG, _NO_UNITS),
    )


def _price(label: Any, help_text: Any = "") -> forms.DecimalField:
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return forms.DecimalField(
        label=label,
        help_text=help_text,
        required=False,
        localize=True,
        min_value=CENT,
        max_digits=14,
        decimal_places=2,
        widget=widget,
        error_messages=dict.fromkeys(_WRONG, _NO_PRICE),
    )


class OfferForm(forms.Form):
    """The product at Amazon: what identifies it, what is to be said otherwise than in the shop."""

    enabled = forms.BooleanField(label=gettext_lazy("Amazon"), required=False)
    asin = forms.CharField(
        label=gettext_lazy("ASIN"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    sku = forms.CharField(
        label=gettext_lazy("Amazon-SKU"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    stock = _units(gettext_lazy("Abweichender Warenbestand"))
    lead_time_days = forms.IntegerField(
        label=gettext_lazy("Abweichende Lieferzeitangabe"),
        help_text=gettext_lazy("In Werktagen, höchstens 30."),
        required=False,
        localize=True,
        min_value=0,
        max_value=LONGEST_LEAD_TIME,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages=dict.fromkeys(_WRONG, _NO_DAYS),
    )
    price = _price(gettext_lazy("Abweichender Preis"))
    buffer = _units(
        gettext_lazy("Sicherheitsbestand"),
        gettext_lazy(
            "So viele Stück nennt Kogge Amazon nicht, damit das letzte nicht doppelt verkauft wird."
        ),
    )
    fba = forms.BooleanField(
        label=gettext_lazy("FBA: Amazon lagert und versendet"),
        required=False,
        help_text=gettext_lazy(
            "Bestellungen deines Shops versendet dann Amazon aus seinem Lager, solange dort genug liegt. "
            "Für die FBA-SKU sendet Kogge keinen Bestand und keine Lieferzeit."
        ),
    )
    fba_sku = forms.CharField(
        label=gettext_lazy("FBA-SKU"),
        max_length=50,
        required=False,
        help_text=gettext_lazy("Die SKU, unter der die Ware im Amazon-Lager liegt."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "list": "amazon-fba-skus"}
        ),
    )

    def __init__(
        self,
        typed: Mapping[str, Any] | None,
        *,
        product: Product,
        offer: Offer | None,
        places: Sequence[Place] = (),
        buffer: int = 0,
    ) -> None:
        super().__init__(typed, auto_id="amazon_%s")
        self.product = product
        self.offer = offer
        self.places = _priced_apart(places, product.currency)
        self._show_own_values(buffer)
        self._add_prices()
        self.initial = _stored(offer)

    def prices(self) -> list[BoundField]:
        """The price fields of single marketplaces."""
        return [self[PRICE + place.marketplace_id] for place in self.places]

    def values(self) -> dict[str, object]:
        """What was typed, by the names of the offer's fields."""
        return {name: self.cleaned_data[name] for name in _NAMES}

    def typed_prices(self) -> dict[str, Decimal | None]:
        """The price of each marketplace that has a field; None: none of its own."""
        return {
            place.marketplace_id: self.cleaned_data[PRICE + place.marketplace_id] for place in self.places
        }

    def clean_asin(self) -> str:
        """The ASIN in its own spelling, also out of a pasted address."""
        typed = self.cleaned_data["asin"]
        pasted = _ADDRESS.search(typed)
        try:
            return asin(pasted[1] if pasted else typed) if typed else ""
        except InvalidValue:
            raise forms.ValidationError(
                _("„%s“ ist keine ASIN: Sie besteht aus zehn Großbuchstaben und Ziffern.") % typed[:40]
            ) from None

    def clean_sku(self) -> str:
        """The SKU, which belongs to one product only."""
        typed = self.cleaned_data["sku"]
        try:
            found = sku(typed) if typed else ""
        except InvalidValue:
            raise forms.ValidationError(
                _("„%s“ ist keine Amazon-SKU: höchstens 40 Zeichen.") % typed[:40]
            ) from None
        if found and is_taken(self.product, found):
            raise forms.ValidationError(_("Diese Amazon-SKU gehört schon zu einem anderen Produkt."))
        return found

    def clean_fba_sku(self) -> str:
        """The SKU in the warehouse, which belongs to one product only."""
        typed = str(self.cleaned_data["fba_sku"]).strip()
        if typed and owners(self.product.merchant_id, {typed}).get(typed, set()) - {str(self.product.pk)}:
            raise forms.ValidationError(_("Diese FBA-SKU gehört schon zu einem anderen Produkt."))
        return typed

    def clean(self) -> dict[str, Any]:
        """FBA can be ticked once Amazon has the product to ship; a tick that is there stays."""
        values = super().clean() or self.cleaned_data
        if not values.get("fba") or not values.get("enabled") or (self.offer and self.offer.fba):
            return values
        standing = may_tick(self.product.merchant_id, self.typed_offer(), str(values.get("fba_sku", "")))
        if standing.may_tick:
            values["fba_sku"] = standing.sku
        else:
            self.add_error("fba", offer_shelf.sentence(standing))
        return values

    def typed_offer(self) -> Offer:
        """The offer as it would be, as far as it says which article it is."""
        known = self.offer
        typed = self.cleaned_data if self.is_bound else {}
        return Offer(
            merchant_id=self.product.merchant_id,
            product_id=str(self.product.pk),
            asin=typed.get("asin", known.asin if known else ""),
            sku=typed.get("sku", known.sku if known else ""),
            fba_sku=typed.get("fba_sku", known.fba_sku if known else ""),
        )

    def _show_own_values(self, buffer: int) -> None:
        """What is meant by an empty field stands in it, pale."""
        product = self.product
        available = max(0, product.stock - product.reserved - product.oversold)
        own = {
            "sku": _("wird aus der ASIN ermittelt"),
            "fba_sku": (self.offer.sku if self.offer else "") or _("wird im Amazon-Lager gesucht"),
            "stock": formats.number_format(available),
            "lead_time_days": str(product.lead_time_days),
            "price": amount(product.price),
            "buffer": formats.number_format(buffer),
        }
        for name, text in own.items():
            self.fields[name].widget.attrs["placeholder"] = text
        if self.places:
            self.fields["price"].label = _("Abweichender Preis (%s)") % symbol_of(product.currency)

    def _add_prices(self) -> None:
        general = self.offer.price if self.offer and self.offer.price is not None else self.product.price
        for place in self.places:
            field = _price(f"{place.name} ({symbol_of(place.currency)})")
            if place.currency == self.product.currency:
                field.widget.attrs["placeholder"] = amount(general)
            else:
                field.help_text = _("Leer: Kogge sendet dorthin keinen Preis.")
            self.fields[PRICE + place.marketplace_id] = field


def is_taken(product: Product, sku: str) -> bool:
    """Whether another product of the merchant has this SKU, here or in Amazon's warehouse."""
    return bool(owners(product.merchant_id, {sku}).get(sku, set()) - {str(product.pk)})


def amount(price: Decimal) -> str:
    """A price as it is typed."""
    return str(formats.number_format(price, 2, force_grouping=False, use_l10n=True))


def _priced_apart(places: Sequence[Place], currency: str) -> list[Place]:
    """The marketplaces with a price field of their own: one alone in the shop's currency needs none."""
    if len(places) == 1 and places[0].currency == currency:
        return []
    return list(places)


def _stored(offer: Offer | None) -> dict[str, Any]:
    """What the fields hold before anybody typed; a product that was never at Amazon is not ticked."""
    if offer is None:
        return {"enabled": False}
    prices = {PRICE + price.marketplace_id: price.price for price in offer.prices.all()}
    return {name: getattr(offer, name) for name in _NAMES} | prices
