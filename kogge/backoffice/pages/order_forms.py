"""The forms of the order page. They read what was typed; whether it may be done is the domain's word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.backoffice.channels import channel_title
from kogge.backoffice.dispatch import LONGEST_CARRIER, LONGEST_NUMBER
from kogge.backoffice.models import OrderLine
from kogge.backoffice.orders import CANCEL_REASONS
from kogge.backoffice.progress import own_units


class TrackingForm(forms.Form):
    """Trackingdaten: carrier and number."""

    carrier = forms.CharField(
        label=gettext_lazy("Versender"),
        max_length=LONGEST_CARRIER,
        widget=forms.TextInput(attrs={"list": "carriers", "autocomplete": "off"}),
    )
    tracking_number = forms.CharField(
        label=gettext_lazy("Trackingnummer"),
        max_length=LONGEST_NUMBER,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class UnitsForm(forms.Form):
    """Units by line position, as fields named `units_1`, `units_2` …"""

    def __init__(
        self, *args: Any, limits: Sequence[tuple[OrderLine, int]], filled: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.limits = [(line, most) for line, most in limits if most]
        for line, most in self.limits:
            self.fields[f"units_{line.position}"] = forms.IntegerField(
                label=_("Stück von Position %(position)s") % {"position": line.position},
                min_value=0,
                max_value=most,
                required=False,
                initial=most if filled else 0,
                widget=forms.NumberInput(
                    attrs={"class": "form-control quantity-input", "inputmode": "numeric"}
                ),
            )

    def quantities(self) -> dict[int, int]:
        """Units by line position; an empty field is none."""
        return {
            line.position: self.cleaned_data[f"units_{line.position}"] or 0 for line, _most in self.limits
        }

    def rows(self) -> list[tuple[OrderLine, int, forms.BoundField]]:
        """Each line that has units left, how many, and its field."""
        return [(line, most, self[f"units_{line.position}"]) for line, most in self.limits]


class ParcelForm(TrackingForm, UnitsForm):
    """A parcel of the merchant's: what is inside, and how it can be followed."""

    def __init__(self, *args: Any, lines: Sequence[OrderLine], **kwargs: Any) -> None:
        limits = [(line, own_units(line)) for line in lines]
        super().__init__(*args, limits=limits, filled=True, **kwargs)


class ReturnForm(UnitsForm):
    """A return: what came back, and whether it can be sold again."""

    restock = forms.BooleanField(
        label=gettext_lazy("Wieder einlagern: der Warenbestand steigt um diese Stückzahl"),
        required=False,
        initial=True,
    )

    def __init__(self, *args: Any, lines: Sequence[OrderLine], **kwargs: Any) -> None:
        limits = [(line, line.shipped - line.returned) for line in lines]
        super().__init__(*args, limits=limits, filled=False, **kwargs)
        if names := {channel_title(line.fulfilled_by) for line, most in self.limits if line.fulfilled_by}:
            restock = self.fields["restock"]
            restock.initial = False
            restock.help_text = _(
                "Was %(channel)s versendet hat, geht meist dorthin zurück und zählt dann nicht zu deinem "
                "Bestand."
            ) % {"channel": ", ".join(sorted(names))}


class CancelForm(forms.Form):
    """Why the order is cancelled. There is no reason chosen beforehand: the buyer will read it."""

    reason = forms.ChoiceField(
        label=gettext_lazy("Grund"),
        choices=[("", gettext_lazy("Bitte wählen …")), *CANCEL_REASONS.items()],
        error_messages={"required": gettext_lazy("Wähle einen Grund.")},
    )


class AssignForm(forms.Form):
    """Which product a free line is."""

    position = forms.IntegerField(min_value=1)
    code = forms.CharField(label=gettext_lazy("Artikelnummer"), max_length=80)
