"""Einstellungen › API: the keys of the shop's API and the addresses that are told of changes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.backoffice.api import keys
from kogge.backoffice.api.models import ApiKey, Webhook
from kogge.backoffice.pages.order_acts import REFUSED
from kogge.backoffice.refusal import Refusal
from kogge.merchants.access import MerchantRequest, owner_only

MOST_SHOWN = 200


class KeyForm(forms.Form):
    """A name, and what the key may do."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=keys.LONGEST_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    may_write = forms.BooleanField(
        label=gettext_lazy("Darf schreiben"),
        required=False,
        help_text=gettext_lazy("Produkte, Bestände und Metafelder."),
    )
    may_write_orders = forms.BooleanField(
        label=gettext_lazy("Darf Bestellungen schreiben"),
        required=False,
        help_text=gettext_lazy("Auch Zahlungen, Sendungen, Kunden und Adressen."),
    )


class AppForm(KeyForm):
    """An app also says where the browser goes when the owner has agreed."""

    redirect_url = forms.CharField(
        label=gettext_lazy("Rücksprungadresse"),
        max_length=keys.LONGEST_URL,
        required=False,
        help_text=gettext_lazy(
            "Adresse der App, die das Token erhält. Leer, wenn du die App hier bestätigst."
        ),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )

    field_order = ["name", "redirect_url", "may_write", "may_write_orders"]


class WebhookForm(forms.Form):
    """An address that is told of changes."""

    url = forms.CharField(
        label=gettext_lazy("Adresse"),
        max_length=keys.LONGEST_URL,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )


@owner_only
def api_keys(request: MerchantRequest) -> HttpResponseBase:
    """All keys, and the forms to make some."""
    return _page(request)


@owner_only
def new_app(request: MerchantRequest) -> HttpResponseBase:
    """Make an app and show its secret, this once."""
    form = AppForm(request.POST or None, prefix="app")
    if request.method != "POST":
        return redirect("api_keys")
    if form.is_valid():
        try:
            made = keys.make_app(request.merchant, **form.cleaned_data, now=timezone.now())
        except Refusal as refusal:
            form.add_error("redirect_url", refusal.sentence)
        else:
            return _shown(request, made)
    return _page(request, app_form=form)


@owner_only
def new_shop_key(request: MerchantRequest) -> HttpResponseBase:
    """Make a shop key and show it, this once."""
    form = KeyForm(request.POST or None, prefix="key")
    if request.method != "POST":
        return redirect("api_keys")
    if form.is_valid():
        try:
            made = keys.make_shop_key(request.merchant, **form.cleaned_data, now=timezone.now())
        except Refusal as refusal:
            form.add_error("name", refusal.sentence)
        else:
            return _shown(request, made)
    return _page(request, key_form=form)


@owner_only
def register(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Agree to an app without leaving the shop, and show its password."""
    key = _key(request, pk)
    if request.method != "POST" or key.kind != ApiKey.Kind.APP:
        return redirect("api_keys")
    try:
        return _shown(request, keys.register(key, now=timezone.now()))
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return redirect("api_keys")


@owner_only
def revoke(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Ask, naming the consequence; then the key opens nothing any more."""
    key = _key(request, pk)
    if request.method != "POST":
        return render(request, "shop_api/revoke.html", {"key": key})
    keys.revoke(key, now=timezone.now())
    messages.success(request, _("„%(name)s“ ist widerrufen.") % {"name": key.name})
    return redirect("api_keys")


@owner_only
def new_webhook(request: MerchantRequest) -> HttpResponseBase:
    """Tell another address of changes."""
    form = WebhookForm(request.POST or None, prefix="hook")
    if request.method != "POST":
        return redirect("api_keys")
    if form.is_valid():
        try:
            keys.add_webhook(
                request.merchant,
                form.cleaned_data["url"],
                base_url=request.build_absolute_uri("/").rstrip("/"),
                now=timezone.now(),
            )
        except Refusal as refusal:
            form.add_error("url", refusal.sentence)
        else:
            messages.success(request, _("Die Adresse wird ab jetzt benachrichtigt."))
            return redirect("api_keys")
    return _page(request, hook_form=form)


@owner_only
def remove_webhook(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Tell an address no longer."""
    found = get_object_or_404(Webhook.objects.of(request.merchant), pk=pk)
    if request.method == "POST":
        found.delete()
        messages.success(request, _("Die Adresse wird nicht mehr benachrichtigt."))
    return redirect("api_keys")


def _key(request: MerchantRequest, pk: int) -> ApiKey:
    return get_object_or_404(ApiKey.objects.of(request.merchant), pk=pk)


def _shown(request: MerchantRequest, shown: keys.Shown) -> HttpResponse:
    response = render(request, "shop_api/shown.html", {"shown": shown, "key": shown.key})
    response.headers["Cache-Control"] = "no-store"
    return response


def _page(request: MerchantRequest, **forms_with_errors: Any) -> HttpResponse:
    known = ApiKey.objects.of(request.merchant).order_by("revoked_at", "-id")
    context = {
        "keys": known[:MOST_SHOWN],
        "webhooks": Webhook.objects.of(request.merchant).order_by("id"),
        "app_form": AppForm(prefix="app"),
        "key_form": KeyForm(prefix="key"),
        "hook_form": WebhookForm(prefix="hook"),
        "base_url": request.build_absolute_uri("/api/"),
        **forms_with_errors,
    }
    return render(request, "shop_api/keys.html", context, status=REFUSED if forms_with_errors else 200)
