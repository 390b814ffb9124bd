""" "Produkt zuordnen": find the product in the shop, pick it, and the orders waiting for it get it."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from kogge.amazon.journal.models import Trouble
from kogge.amazon.orders.assigning import assign_product
from kogge.amazon.orders.models import AmazonOrderItem
from kogge.amazon.pages import own
from kogge.backoffice.models import Product
from kogge.merchants.access import MerchantRequest, may, staff
from kogge.merchants.models import Merchant, Role
from kogge.shops.port import ShopRefuses

SHOWN = 25
MOST_WORDS = 8


@staff
def assign(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Search (GET) and pick (POST)."""
    trouble = own.trouble(request, pk)
    details = trouble.details
    if request.method == "POST":
        number = request.POST.get("product", "")
        product = get_object_or_404(
            Product.objects.of(request.merchant), pk=int(number) if number.isdecimal() else 0
        )
        try:
            assign_product(_item(trouble), str(product.pk), timezone.now(), by=request.user.email)
        except ShopRefuses as refused:
            messages.error(request, str(refused))
            return redirect("amazon_assign", pk)
        messages.success(request, _("„%(title)s“ ist zugeordnet.") % {"title": product.title})
        return redirect("amazon_troubles")
    words = request.GET.get("q", "").strip()
    products = _found(request.merchant, words) if "q" in request.GET else _guessed(request.merchant, details)
    context = {
        "article": details,
        "words": words,
        "products": products,
        "may_act": may(request.role, Role.STAFF),
    }
    return render(request, "amazon/assign.html", context)


def _item(trouble: Trouble) -> AmazonOrderItem:
    """The position at Amazon the trouble is about, or 404."""
    items = AmazonOrderItem.objects.of_id(trouble.connection.merchant_id).select_related("order__connection")
    return get_object_or_404(
        items,
        order__connection_id=trouble.connection_id,
        order__order_id=trouble.amazon_order_id,
        item_id=trouble.details.get("item_id", ""),
    )


def _guessed(merchant: Merchant, details: Mapping[str, str]) -> list[Product]:
    """Before anybody searched: what resembles the article, else the first products of all."""
    title = details.get("title", "").split()
    for words in (details.get("sku", ""), " ".join(title[:2]), " ".join(title[:1])):
        if words and (found := _found(merchant, words)):
            return found
    return _found(merchant, "")


def _found(merchant: Merchant, words: str) -> list[Product]:
    found: QuerySet[Product] = Product.objects.of(merchant).filter(active=True)
    for word in words.split()[:MOST_WORDS]:
        found = found.filter(Q(title__icontains=word) | Q(code__icontains=word) | Q(gtin__startswith=word))
    return list(found.order_by("title")[:SHOWN])
