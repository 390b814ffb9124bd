"""The table of carriers: how each one of the shop is spelled at Amazon."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from kogge.amazon.connections.accounts import WrongSetting
from kogge.amazon.connections.carriers import AMAZON_CODES, DEFAULTS, OTHER, Mapping, remove, save, table
from kogge.amazon.journal.book import close_troubles
from kogge.amazon.journal.models import Trouble
from kogge.amazon.orders.models import ShipmentConfirmation
from kogge.amazon.pages.forms import CarrierForm
from kogge.merchants.access import MerchantRequest, may, staff
from kogge.merchants.models import Merchant, Role


@staff
def carriers(request: MerchantRequest) -> HttpResponseBase:
    """The table (GET); one line of it saved (POST)."""
    lines = table(request.merchant.pk)
    form = CarrierForm(
        request.POST if request.method == "POST" else None,
        initial=_known(lines, request.GET.get("carrier", "")),
    )
    if request.method == "POST" and form.is_valid() and _save(request, form):
        return redirect("amazon_carriers")
    context = {
        "form": form,
        "lines": [(line, _act(line)) for line in lines],
        "codes": AMAZON_CODES,
        "unmapped": _unmapped(request.merchant, lines),
        "may_edit": may(request.role, Role.STAFF),
    }
    return render(request, "amazon/carriers.html", context)


@require_POST
@staff
def remove_carrier(request: MerchantRequest) -> HttpResponse:
    """Take a line out of the table; a default returns to its pre-filled spelling."""
    remove(request.merchant.pk, request.POST.get("shop_carrier", ""))
    messages.success(request, _("Der Eintrag ist entfernt."))
    return redirect("amazon_carriers")


def _known(lines: list[Mapping], carrier: str) -> dict[str, str]:
    """What the table says about a carrier, to be edited; a new one starts with its name."""
    line = next((line for line in lines if line.shop_carrier.casefold() == carrier.casefold()), None)
    if line is None:
        return {"shop_carrier": carrier}
    return {
        "shop_carrier": line.shop_carrier,
        "carrier_code": line.carrier_code,
        "shipping_method": line.shipping_method,
    }


def _act(line: Mapping) -> str:
    """What can be taken back: nothing of a default that was not edited."""
    default = DEFAULTS.get(line.shop_carrier)
    if default is None:
        return _("Entfernen")
    return "" if (line.carrier_code, line.shipping_method) == (default, "") else _("Zurücksetzen")


def _save(request: MerchantRequest, form: CarrierForm) -> bool:
    mapping = Mapping(**form.cleaned_data)
    try:
        save(request.merchant.pk, mapping)
    except WrongSetting as wrong:
        form.add_error(wrong.field, wrong.sentence)
        return False
    if mapping.carrier_code in ("", OTHER):
        warning = _("„%(carrier)s“ geht als „Other“ an Amazon: Die Sendungsverfolgung zählt dort dann nicht.")
        messages.warning(request, warning % {"carrier": mapping.shop_carrier})
    else:
        _settle(request, mapping.shop_carrier)
        messages.success(request, _("Der Versender ist gespeichert."))
    return True


def _settle(request: MerchantRequest, carrier: str) -> None:
    """Nothing is left to be done about a carrier that Amazon is now told by a code."""
    asked = Trouble.objects.of(request.merchant).filter(
        kind="unknown_carrier", closed_at=None, details__carrier__iexact=carrier
    )
    for trouble in asked:
        close_troubles(trouble.connection_id, [trouble.key], now=timezone.now(), by=request.user.email)


def _unmapped(merchant: Merchant, lines: list[Mapping]) -> list[str]:
    """Carriers that parcels of Amazon orders were sent with, but that Amazon is not told by a code."""
    mapped = {line.shop_carrier.casefold() for line in lines if line.carrier_code not in ("", OTHER)}
    used = ShipmentConfirmation.objects.of(merchant).exclude(carrier="").values_list("carrier", flat=True)
    return [carrier for carrier in used.distinct().order_by("carrier") if carrier.casefold() not in mapped]
