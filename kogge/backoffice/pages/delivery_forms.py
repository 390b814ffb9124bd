"""Where an order of the shop's own goes and how it is sent: the fields that entering and editing share."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from kogge.backoffice.changing import LONGEST_METHOD


class DeliveryForm(forms.Form):
    """Everything of an address but the name, and the shipping method."""

    company = forms.CharField(label=gettext_lazy("Firma"), max_length=200, required=False)
    line1 = forms.CharField(label=gettext_lazy("Straße und Hausnummer"), max_length=200)
    line2 = forms.CharField(label=gettext_lazy("Adresszusatz"), max_length=200, required=False)
    postal_code = forms.CharField(label=gettext_lazy("PLZ"), max_length=20)
    city = forms.CharField(label=gettext_lazy("Ort"), max_length=100)
    country = forms.CharField(
        label=gettext_lazy("Land"),
        min_length=2,
        max_length=2,
        initial="DE",
        help_text=gettext_lazy("Zwei Buchstaben, zum Beispiel DE oder AT."),
    )
    phone = forms.CharField(label=gettext_lazy("Telefon"), max_length=40, required=False)
    shipping_method = forms.CharField(
        label=gettext_lazy("Versandart"),
        max_length=LONGEST_METHOD,
        required=False,
        help_text=gettext_lazy("Zum Beispiel Standardversand oder Expressversand."),
        widget=forms.TextInput(attrs={"list": "shipping-methods", "autocomplete": "off"}),
    )

    def clean_country(self) -> str:
        """In capitals, as everybody writes it."""
        return str(self.cleaned_data["country"]).upper()
