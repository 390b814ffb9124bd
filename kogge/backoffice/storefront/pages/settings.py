"""Einstellungen › Storefront: open or close it, its texts, how it is paid, how it sends."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from kogge.backoffice.pages.addresses import COUNTRIES
from kogge.backoffice.pages.order_acts import REFUSED
from kogge.backoffice.refusal import Refusal
from kogge.backoffice.storefront import opening
from kogge.backoffice.storefront.models import ShippingOption, Storefront
from kogge.merchants.access import MerchantRequest, owner


class StorefrontForm(forms.ModelForm):  # type: ignore[type-arg]
    """What the storefront says and how it is paid."""

    deliver_to = forms.MultipleChoiceField(
        label=gettext_lazy("Lieferländer"),
        choices=[(country, COUNTRIES[country]) for country in opening.COUNTRIES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Storefront
        fields = [
            "takes_prepayment", "bank_account", "takes_invoice",
            "imprint", "privacy", "withdrawal", "terms",
        ]  # fmt: skip
        widgets = {
            name: forms.Textarea(attrs={"rows": rows})
            for name, rows in {
                "imprint": 5,
                "terms": 5,
                "privacy": 5,
                "withdrawal": 5,
                "bank_account": 3,
            }.items()
        }
        help_texts = {
            "bank_account": gettext_lazy("Kontoinhaber, IBAN und Bank. Steht in der Bestellbestätigung."),
            "takes_invoice": gettext_lazy(
                "Bestellungen bleiben offen, bis du sie als bezahlt kennzeichnest. Versenden kannst du sie "
                "sofort; was in einem fremden Lager liegt, geht dort erst nach der Zahlung los."
            ),
            "withdrawal": gettext_lazy("Steht auch in der Bestellbestätigung."),
            "terms": gettext_lazy("Wenn hier etwas steht, müssen Käufer zustimmen."),
        }

    def __init__(self, typed: Any, storefront: Storefront) -> None:
        super().__init__(typed, instance=storefront, initial={"deliver_to": storefront.countries.split(",")})

    def save(self, commit: bool = True) -> Storefront:
        """Keep it. Raises `Refusal`."""
        storefront: Storefront = self.instance
        storefront.countries = ",".join(self.cleaned_data["deliver_to"])
        opening.save(storefront)
        return storefront


class ShippingOptionForm(forms.Form):
    """A way of sending, or one to be."""

    title = forms.CharField(
        label=gettext_lazy("Versandart"),
        max_length=40,
        widget=forms.TextInput(attrs={"list": "shipping-methods", "autocomplete": "off"}),
    )
    price = forms.DecimalField(
        label=gettext_lazy("Versandkosten"), min_value=0, max_digits=8, decimal_places=2, localize=True
    )
    free_from = forms.DecimalField(
        label=gettext_lazy("Versandkostenfrei ab"),
        min_value=0,
        max_digits=10,
        decimal_places=2,
        localize=True,
        required=False,
    )
    extra_days = forms.IntegerField(
        label=gettext_lazy("Laufzeit in Werktagen"), min_value=0, max_value=60, initial=2
    )

    def __init__(self, option: ShippingOption, typed: Any = None) -> None:
        known = {name: getattr(option, name) for name in self.base_fields} if option.pk else {}
        super().__init__(typed, initial=known, prefix=f"option{option.pk or ''}")
        self.option = option

    def save(self) -> bool:
        """Keep it; False with the reason in the form if its name is taken."""
        for name, value in self.cleaned_data.items():
            setattr(self.option, name, value)
        try:
            opening.save_option(self.option)
        except Refusal as refusal:
            self.add_error("title", refusal.sentence)
            return False
        return True


@owner
def settings(request: MerchantRequest) -> HttpResponseBase:
    """Show how the storefront is set up; the owner may change it, open it and close it."""
    storefront = opening.storefront_of(request.merchant)
    if request.method != "POST" or not opening.has_storefront(request.merchant):
        return _show(request, StorefrontForm(None, storefront))
    if "open" in request.POST or "close" in request.POST:
        return _set_open(request, is_open="open" in request.POST)
    form = StorefrontForm(request.POST, storefront)
    if not form.is_valid():
        return _show(request, form)
    try:
        form.save()
    except Refusal as refusal:
        form.add_error(None, refusal.sentence)
        return _show(request, form)
    messages.success(request, _("Gespeichert."))
    return redirect("storefront_settings")


@require_POST
@owner
def shipping(request: MerchantRequest) -> HttpResponseBase:
    """Add a way of sending, change one, or remove one."""
    asked = request.POST.get("option", "")
    known = ShippingOption.objects.of(request.merchant)
    option = known.filter(pk=int(asked)).first() if asked.isdecimal() and len(asked) < 19 else None
    if option and "remove" in request.POST:
        return _remove(request, option)
    fresh = ShippingOption(merchant=request.merchant, position=known.count())
    form = ShippingOptionForm(option or fresh, request.POST)
    if not (form.is_valid() and form.save()):
        return _show(request, StorefrontForm(None, opening.storefront_of(request.merchant)), form)
    messages.success(request, _("Die Versandart ist gespeichert."))
    return redirect(reverse("storefront_settings") + "#shipping-title")


def _set_open(request: MerchantRequest, *, is_open: bool) -> HttpResponseBase:
    try:
        opening.set_open(request.merchant, is_open=is_open)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(
            request, _("Der Laden ist geöffnet.") if is_open else _("Der Laden ist geschlossen.")
        )
    return redirect("storefront_settings")


def _remove(request: MerchantRequest, option: ShippingOption) -> HttpResponseBase:
    try:
        opening.remove_option(request.merchant, option.pk)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, _("Die Versandart ist entfernt."))
    return redirect(reverse("storefront_settings") + "#shipping-title")


def _show(
    request: MerchantRequest, form: StorefrontForm, wrong: ShippingOptionForm | None = None
) -> HttpResponse:
    """The page; of a POST, which was not carried out then, with its status."""
    merchant = request.merchant
    storefront = opening.storefront_of(merchant)  # as it is stored: the form may hold something else
    options = [
        wrong if wrong and wrong.option.pk == option.pk else ShippingOptionForm(option)
        for option in opening.options_of(merchant)
    ]
    fresh = wrong if wrong and not wrong.option.pk else ShippingOptionForm(ShippingOption(merchant=merchant))
    context = {
        "form": form,
        "storefront": storefront,
        "missing": opening.missing(storefront),
        "options": options,
        "fresh": fresh,
        "has_storefront": opening.has_storefront(merchant),
        "address": request.build_absolute_uri(reverse("storefront", args=[merchant.slug])),
    }
    status = REFUSED if request.method == "POST" else 200
    return render(request, "storefront/settings.html", context, status=status)
