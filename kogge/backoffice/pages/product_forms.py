"""The forms of a product: its data, its count, its picture."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.backoffice import pictures, stock
from kogge.backoffice.models import Product
from kogge.backoffice.product_csv import (
    LONGEST_CODE,
    LONGEST_DESCRIPTION,
    LONGEST_LEAD_TIME,
    LONGEST_OPTION,
    LONGEST_TITLE,
    VAT_RATES,
    canonical_gtin,
    is_a_variant,
)
from kogge.backoffice.refusal import Refusal

# What can be wrong with a number, told in one sentence.
_WRONG = ("invalid", "min_value", "max_value", "max_digits", "max_decimal_places", "max_whole_digits")
_NO_PRICE = gettext_lazy("Gib einen Preis ab 0 mit höchstens zwei Nachkommastellen ein.")
_NO_DAYS = gettext_lazy("Gib eine ganze Zahl von 0 bis 365 ein.")
_NO_UNITS = gettext_lazy("Gib eine ganze Zahl von 0 bis 10.000.000 ein.")


class ProductForm(forms.Form):
    """The merchant's own data of a product. Stock is not among them: it only moves in the ledger."""

    title = forms.CharField(label=gettext_lazy("Titel"), max_length=LONGEST_TITLE)
    code = forms.CharField(label=gettext_lazy("Artikelnummer"), max_length=LONGEST_CODE)
    gtin = forms.CharField(
        label=gettext_lazy("GTIN"),
        max_length=20,
        required=False,
        help_text=gettext_lazy("Die Nummer unter dem Strichcode (EAN), 8 bis 14 Ziffern."),
    )
    price = forms.DecimalField(
        label=gettext_lazy("Preis (brutto)"),
        min_value=Decimal(0),
        max_digits=14,
        decimal_places=2,
        localize=True,
        error_messages=dict.fromkeys(_WRONG, _NO_PRICE),
    )
    vat_rate = forms.TypedChoiceField(label=gettext_lazy("MwSt.-Satz"), coerce=Decimal)
    lead_time_days = forms.IntegerField(
        label=gettext_lazy("Lieferzeit in Werktagen"),
        min_value=0,
        max_value=LONGEST_LEAD_TIME,
        error_messages=dict.fromkeys(_WRONG, _NO_DAYS),
        help_text=gettext_lazy("So viele Werktage brauchst du, bis die Ware das Haus verlässt."),
    )
    description = forms.CharField(
        label=gettext_lazy("Beschreibung"),
        max_length=LONGEST_DESCRIPTION,
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    parent_code = forms.CharField(
        label=gettext_lazy("Hauptprodukt"),
        max_length=LONGEST_CODE,
        required=False,
        help_text=gettext_lazy("Artikelnummer des Produkts, von dem dieses eine Variante ist. Sonst leer."),
    )
    option = forms.CharField(
        label=gettext_lazy("Ausführung"),
        max_length=LONGEST_OPTION,
        required=False,
        help_text=gettext_lazy("Was diese Variante unterscheidet, zum Beispiel „Größe M“."),
    )
    active = forms.BooleanField(
        label=gettext_lazy("Aktiv"),
        required=False,
        help_text=gettext_lazy("Nur aktive Produkte werden verkauft."),
    )
    may_oversell = forms.BooleanField(
        label=gettext_lazy("Überverkauf zulassen"),
        required=False,
        help_text=gettext_lazy(
            "Eigene Bestellungen dürfen mehr verkaufen, als da ist; sie werden gekennzeichnet. Bestellungen "
            "der Verkaufskanäle kommen immer an."
        ),
    )

    def __init__(self, typed: Any, product: Product) -> None:
        known = {name: getattr(product, name) for name in self.base_fields if name != "parent_code"}
        known["vat_rate"] = _rate(product.vat_rate)
        known["parent_code"] = product.parent.code if product.parent else ""
        super().__init__(typed, initial=known)
        self.product = product
        rates = dict.fromkeys([*map(_rate, VAT_RATES), known["vat_rate"]])
        field: Any = self.fields["vat_rate"]
        field.choices = [(rate, f"{rate} %") for rate in rates]

    def clean_gtin(self) -> str:
        """The GTIN with its check digit right, or nothing."""
        typed = self.cleaned_data["gtin"].strip()
        try:
            return canonical_gtin(typed) if typed else ""
        except Refusal as refusal:
            raise forms.ValidationError(refusal.sentence) from refusal

    def clean_code(self) -> str:
        """The article number, which a shop has once."""
        code: str = self.cleaned_data["code"]
        others = Product.objects.of_id(self.product.merchant_id).exclude(pk=self.product.pk)
        if others.filter(code=code).exists():
            raise forms.ValidationError(_("Diese Artikelnummer gibt es schon."))
        return code

    def clean_parent_code(self) -> Product | None:
        """The main product, if there is one. Variants of variants there are none."""
        code: str = self.cleaned_data["parent_code"]
        if not code:
            return None
        own = Product.objects.of_id(self.product.merchant_id)
        parent = own.filter(code=code).first()
        if parent is None:
            raise forms.ValidationError(
                _("Ein Produkt mit der Artikelnummer %(code)s gibt es nicht.") % {"code": code}
            )
        if parent.pk == self.product.pk:
            raise forms.ValidationError(_("Ein Produkt kann nicht seine eigene Variante sein."))
        if parent.parent_id:
            raise forms.ValidationError(is_a_variant(code))
        if self.product.pk and own.filter(parent=self.product).exists():
            raise forms.ValidationError(_("Dieses Produkt hat selbst Varianten."))
        return parent

    def clean(self) -> dict[str, Any]:
        """A variant says what it differs in."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("parent_code") and not cleaned.get("option"):
            self.add_error("option", _("Sag, was diese Variante unterscheidet."))
        return cleaned

    def fill_product(self) -> list[str]:
        """Give the product what was typed; the names of the columns."""
        values = {**self.cleaned_data, "parent": self.cleaned_data["parent_code"]}
        del values["parent_code"]
        for name, value in values.items():
            setattr(self.product, name, value)
        return list(values)


class StockForm(forms.Form):
    """What was counted."""

    counted = forms.IntegerField(
        label=gettext_lazy("Gezählter Warenbestand"),
        min_value=0,
        max_value=stock.MOST_STOCK,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        error_messages=dict.fromkeys(_WRONG, _NO_UNITS),
    )


class PictureForm(forms.Form):
    """A picture from the merchant's disk."""

    picture = forms.FileField(
        label=gettext_lazy("Bilddatei"),
        max_length=255,
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/gif"}),
        help_text=gettext_lazy("JPEG, PNG, WebP oder GIF, höchstens 10 MB."),
    )

    def store(self, product: Product) -> bool:
        """Store what was chosen; False with the reason in the form if it is no picture."""
        try:
            pictures.store_picture(product, self.cleaned_data["picture"].read(pictures.MOST_BYTES + 1))
        except Refusal as refusal:
            self.add_error("picture", refusal.sentence)
            return False
        return True


def _rate(rate: Decimal | int) -> str:
    """A rate as the select box names it: 19, 7, 0, 10.5."""
    return format(Decimal(rate).normalize(), "f")
