"""Addresses that programs know from VersaCommerce's back office, by the ids of the API."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from kogge.backoffice.models import Order, Product
from kogge.merchants.access import MerchantRequest, reader


@reader
def order(request: MerchantRequest, pk: int) -> HttpResponse:
    """The page of an order."""
    return redirect("order", get_object_or_404(Order.objects.of(request.merchant), pk=pk).number)


@reader
def product(request: MerchantRequest, pk: int) -> HttpResponse:
    """The page of a product."""
    return redirect("product", get_object_or_404(Product.objects.of(request.merchant), pk=pk).pk)
