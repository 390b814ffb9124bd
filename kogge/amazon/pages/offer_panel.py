"""The box "Kanäle" of a product: what identifies it at Amazon."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from kogge.amazon.catalog.offers import WrongOffer, import_offer, offers_of
from kogge.amazon.pages.forms import OfferForm
from kogge.backoffice.models import Product
from kogge.merchants.access import MerchantRequest, staff


def context(product: Product, *, may_act: bool) -> dict[str, Any]:
    """What the box shows; the form holds what can be edited here."""
    offer = offers_of(product.merchant_id, [str(product.pk)]).get(str(product.pk))
    initial = {"asin": offer.asin, "sku": offer.sku, "fba": offer.fba} if offer else {}
    form = OfferForm(initial=initial, auto_id="amazon_%s")
    return {"product": product, "offer": offer, "offer_form": form, "may_act": may_act}


@require_POST
@staff
def save_offer(request: MerchantRequest, pk: int) -> HttpResponse:
    """Keep ASIN, SKU and the FBA tick; the overrides stay as they are."""
    product = get_object_or_404(Product.objects.of(request.merchant), pk=pk)
    row = {
        "asin": request.POST.get("asin", ""),
        "amazon_sku": request.POST.get("sku", ""),
        "fba": "yes" if request.POST.get("fba") else "no",
        "amazon": "yes",
    }
    try:
        import_offer(request.merchant, str(product.pk), row, timezone.now())
    except WrongOffer as wrong:
        messages.error(request, str(wrong))
    else:
        messages.success(request, _("Die Angaben für Amazon sind gespeichert."))
    return redirect("product", pk)
