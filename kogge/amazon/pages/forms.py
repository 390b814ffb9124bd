"""What a merchant types in: each field says where its value is found. Secrets are never sent back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from kogge.amazon.connections.accounts import FIRST_LOOK_BACK, LONGEST_LOOK_BACK, WrongSetting

REGIONS = [
    ("eu", _("Europa")),
    ("na", _("Nordamerika und Brasilien")),
    ("fe", _("Japan, Australien, Singapur")),
]


def _secret(label: Any, help_text: Any) -> forms.CharField:
    """A field whose value never comes back in HTML, not even after an error elsewhere."""
    widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(label=label, help_text=help_text, widget=widget, max_length=2000)


def _plain(label: Any, help_text: Any, placeholder: str) -> forms.CharField:
    attributes = {"autocomplete": "off", "spellcheck": "false", "placeholder": placeholder}
    return forms.CharField(
        label=label, help_text=help_text, max_length=120, widget=forms.TextInput(attrs=attributes)
    )


class AmazonForm(forms.Form):
    """A form whose values Amazon may refuse one by one."""

    def show(self, wrong: WrongSetting) -> None:
        """Put the sentence beside the field it is about, or on top if the form has no such field."""
        self.add_error(wrong.field if wrong.field in self.fields else None, wrong.sentence)


class SecretsForm(AmazonForm):
    """The values that expire: entered anew for a connection that stands."""

    client_id = _plain(
        _("Client-ID"),
        _("Seller Central › Partner Network › Apps entwickeln › deine App › LWA-Anmeldedaten."),
        "amzn1.application-oa2-client.…",
    )
    client_secret = _secret(
        _("Client Secret"),
        _("Steht neben der Client-ID. Amazon lässt es nach 180 Tagen ablaufen; Kogge erinnert dich vorher."),
    )
    refresh_token = _secret(
        _("Refresh-Token"),
        _(
            "Bei deiner App unter „Autorisieren“ › „App autorisieren“. "
            "Amazon zeigt ihn nur ein einziges Mal, er beginnt mit „Atzr|“."
        ),
    )


class PrivateAppForm(SecretsForm):
    """A private application: the merchant's own, authorised by themselves."""

    seller_id = _plain(
        _("Händler-ID"),
        _("Seller Central › Einstellungen › Kontoinformationen › „Dein Händler-Token“ (Merchant Token)."),
        "A2…",
    )
    region = forms.ChoiceField(
        label=_("Region"),
        choices=REGIONS,
        help_text=_("Wo dein Verkäuferkonto geführt wird. Konten auf Amazon.de gehören zu Europa."),
    )

    field_order = ["region", "seller_id", "client_id", "client_secret", "refresh_token"]


class ConsentForm(AmazonForm):
    """A public application: the merchant agrees on Amazon's own page."""

    region = forms.ChoiceField(
        label=_("Region"), choices=REGIONS, help_text=_("Wo dein Verkäuferkonto geführt wird.")
    )
    application_id = _plain(
        _("Application-ID"),
        _("Seller Central › Partner Network › Apps entwickeln: die ID unter dem Namen der App."),
        "amzn1.sellerapps.app.…",
    )
    client_id = SecretsForm.base_fields["client_id"]
    client_secret = SecretsForm.base_fields["client_secret"]
    draft = forms.BooleanField(
        label=_("Die App ist bei Amazon noch ein Entwurf (beta)"), required=False, initial=True
    )


class ChoiceForm(AmazonForm):
    """The last step: where to sell, from when on, and whether buyers get the shop's mail."""

    marketplace_ids = forms.MultipleChoiceField(label=_("Marktplätze"), widget=forms.CheckboxSelectMultiple)
    start_from = forms.DateField(
        label=_("Bestellungen übernehmen ab"),
        help_text=_("Höchstens zwei Jahre zurück; älteres gibt Amazon nicht mehr heraus."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    dispatch_mail = forms.TypedChoiceField(
        label=_("Versandbestätigung an Amazon-Käufer"),
        choices=[("no", _("Nicht senden (empfohlen)")), ("yes", _("Senden"))],
        coerce=lambda answer: answer == "yes",
        widget=forms.RadioSelect,
        initial="no",
    )

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str]], now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        today = timezone.localdate(now)
        self.now = now
        self.earliest = today - LONGEST_LOOK_BACK + timedelta(days=1)
        marketplaces = self.fields["marketplace_ids"]
        assert isinstance(marketplaces, forms.MultipleChoiceField)
        marketplaces.choices = list(choices)
        marketplaces.initial = [marketplace_id for marketplace_id, _name in choices]
        start = self.fields["start_from"]
        start.initial = today - FIRST_LOOK_BACK
        start.widget.attrs |= {"min": self.earliest.isoformat(), "max": today.isoformat()}

    def clean_start_from(self) -> datetime:
        """The first moment of the chosen day."""
        chosen: date = self.cleaned_data["start_from"]
        if not self.earliest <= chosen <= timezone.localdate(self.now):
            raise forms.ValidationError(_("Wähle einen Tag innerhalb der letzten zwei Jahre."))
        return timezone.make_aware(datetime.combine(chosen, time.min))


class MarketplacesForm(AmazonForm):
    """Which marketplaces of a connection are asked for orders."""

    marketplace_ids = forms.MultipleChoiceField(
        label=_("Marktplätze"), widget=forms.CheckboxSelectMultiple, required=False
    )

    def __init__(
        self, *args: Any, choices: Sequence[tuple[str, str]], chosen: Sequence[str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        marketplaces = self.fields["marketplace_ids"]
        assert isinstance(marketplaces, forms.MultipleChoiceField)
        marketplaces.choices = list(choices)
        marketplaces.initial = list(chosen)


class CarrierForm(forms.Form):
    """How one carrier of the shop is spelled at Amazon."""

    shop_carrier = forms.CharField(label=_("Versender im Shop"), max_length=80)
    carrier_code = forms.CharField(
        label=_("Code bei Amazon"),
        max_length=80,
        required=False,
        help_text=_("Genau so geschrieben, wie Amazon ihn kennt. Leer: „Other“, ohne Sendungsverfolgung."),
        widget=forms.TextInput(attrs={"list": "amazon-codes", "autocomplete": "off"}),
    )
    shipping_method = forms.CharField(
        label=_("Versandart bei Amazon"), max_length=80, required=False, help_text=_("Zum Beispiel „Paket“.")
    )
