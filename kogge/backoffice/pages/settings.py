"""Einstellungen: the shop's name, who works here with which role, the language."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.models import Mail
from kogge.backoffice.pages.channels import app_card
from kogge.merchants.access import MerchantRequest, owner
from kogge.merchants.models import Merchant


class ShopForm(forms.ModelForm):  # type: ignore[type-arg]
    """What the shop is called on packing slips and in mails."""

    class Meta:
        model = Merchant
        fields = ["name"]
        labels = {"name": gettext_lazy("Name des Shops")}
        help_texts = {"name": gettext_lazy("Steht auf Packzetteln und in den Mails an deine Käufer.")}


@owner
def settings(request: MerchantRequest) -> HttpResponseBase:
    """Show the settings; the owner may change the shop's name."""
    # A copy: an invalid name must not appear in the menu of the page that refuses it.
    form = ShopForm(request.POST or None, instance=Merchant.objects.get(pk=request.merchant.pk))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Der Name des Shops ist gespeichert."))
        return redirect("settings")
    return render(
        request,
        "backoffice/settings.html",
        {
            "form": form,
            "memberships": request.merchant.memberships.select_related("user").order_by("user__email"),
            "mails": Mail.objects.of(request.merchant).count(),
            "cards": [(channel, app_card(request.merchant, channel)) for channel in CHANNELS.values()],
        },
    )
