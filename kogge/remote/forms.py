"""What a merchant types in to connect a shop: each field says where its value is found."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from kogge.remote.connecting import WrongSetting
from kogge.remote.models import RemoteShop


def _secret(label: Any, help_text: Any) -> forms.CharField:
    """A field whose value never comes back in HTML, not even after an error elsewhere."""
    widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(label=label, help_text=help_text, widget=widget, max_length=200)


def _plain(label: Any, help_text: Any, placeholder: str = "") -> forms.CharField:
    attributes = {"autocomplete": "off", "spellcheck": "false", "placeholder": placeholder}
    return forms.CharField(
        label=label, help_text=help_text, max_length=200, widget=forms.TextInput(attrs=attributes)
    )


class AccessForm(forms.Form):
    """A form whose values the shop may refuse one by one."""

    url = _plain(
        _("Adresse des Shops"),
        _("Wie du sie im Browser siehst. Bei mein-shop.versacommerce.de genügt mein-shop."),
        "mein-shop.versacommerce.de",
    )

    def show(self, wrong: WrongSetting) -> None:
        """Put the sentence beside the field it is about, or on top if the form has no such field."""
        self.add_error(wrong.field if wrong.field in self.fields else None, wrong.sentence)


class AppForm(AccessForm):
    """As an app: what the partner area says about it. The token comes from the shop itself."""

    api_key = _plain(_("App-Schlüssel"), _("Im Partnerbereich bei deiner App, dort „API key“."))
    secret = _secret(_("App-Secret"), _("Steht im Partnerbereich neben dem App-Schlüssel, dort „Secret“."))
    signature_required = forms.BooleanField(
        label=_("Unterschrift verlangen (empfohlen)"),
        help_text=_(
            "Der Shop unterschreibt den Weg zurück mit dem Secret. Nimm das Häkchen nur weg, wenn das "
            "Registrieren sonst nicht gelingt."
        ),
        required=False,
        initial=True,
    )


class ShopKeyForm(AccessForm):
    """With the shop's own key, which opens everything."""

    shop_key = _secret(
        _("API-Schlüssel des Shops"),
        _("40 Ziffern und Buchstaben. Zeigt dein Shop ihn nicht an, frag den Support von VersaCommerce."),
    )


class SwitchesForm(forms.ModelForm):  # type: ignore[type-arg]
    """What the shop's API leaves open. Each switch says what it means; the handbook, how to find out."""

    class Meta:
        model = RemoteShop
        fields = [
            "order_items",
            "payment",
            "orders_take_stock",
            "cancelling_gives_back",
            "handing_over_gives_back",
            "writes_email",
            "signature_required",
        ]
        labels = {
            "order_items": _("Positionen einer neuen Bestellung"),
            "payment": _("Zahlung einer neuen Bestellung"),
            "orders_take_stock": _("Der Shop bucht Bestand ab, wenn Kogge eine Bestellung schreibt"),
            "cancelling_gives_back": _("Der Shop bucht Bestand zurück, wenn eine Bestellung storniert wird"),
            "handing_over_gives_back": _("Kogge bucht Bestand zurück, wenn Amazon eine Bestellung versendet"),
            "writes_email": _("E-Mail-Adresse des Amazon-Käufers mitschreiben"),
            "signature_required": _("Beim Registrieren eine Unterschrift verlangen"),
        }
        help_texts = {
            "order_items": _(
                "Wie der Shop die Positionen annimmt, und ebenso die Adressen. Was fehlt, trägt Kogge "
                "einzeln nach. Steht „Bestellung anlegen“ still, wähle anders."
            ),
            "payment": _("Woran der Shop erkennt, dass eine Amazon-Bestellung bezahlt ist."),
            "orders_take_stock": _(
                "Wenn nicht, senkt Kogge den Bestand im Shop selbst, sobald bei Amazon verkauft wurde."
            ),
            "cancelling_gives_back": _(
                "Wenn nicht, erhöht Kogge den Bestand im Shop selbst, sobald eine Bestellung storniert ist."
            ),
            "handing_over_gives_back": _(
                "Die Ware kommt aus dem Amazon-Lager; im Shop war sie beim Verkauf schon abgebucht."
            ),
            "writes_email": _(
                "Nur wenn du bei Amazon „Versandbestätigung an Amazon-Käufer“ eingeschaltet hast. Mit ihr "
                "kann der Shop dem Käufer Mails senden; Amazon will keine zweite Versandbestätigung."
            ),
            "signature_required": _("Ohne Unterschrift ist nicht bewiesen, dass die Antwort vom Shop kommt."),
        }


class CutForm(forms.Form):
    """Where the merchant goes on after cutting."""

    works_here = forms.TypedChoiceField(
        label=_("Wo arbeitest du danach?"),
        choices=[
            (
                "no",
                _("Ich verbinde den Shop später wieder. Bestellungen und Produkte hier bleiben sein Abbild."),
            ),
            ("yes", _("Ab jetzt in Kogge: Das Abbild wird dein Shop, du bearbeitest alles hier.")),
        ],
        coerce=lambda chosen: chosen == "yes",
        widget=forms.RadioSelect,
        initial="no",
    )
