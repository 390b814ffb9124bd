"""Produkte: the list, the page of a product, its stock and every movement of it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.backoffice import stock
from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.models import Product, StockEntry
from kogge.backoffice.pages.order_acts import REFUSED
from kogge.backoffice.products import LONGEST_CODE, LONGEST_LEAD_TIME, LONGEST_TITLE, canonical_gtin
from kogge.backoffice.refusal import Refusal
from kogge.merchants.access import MerchantRequest, reader, staff
from kogge.merchants.models import Merchant

PAGE_SIZE = 50
MOVEMENTS_SHOWN = 30
MOST_WORDS = 8


class ProductForm(forms.Form):
    """The merchant's own data of a product. Stock is not among them: it only moves in the ledger."""

    title = forms.CharField(label=gettext_lazy("Titel"), max_length=LONGEST_TITLE)
    code = forms.CharField(label=gettext_lazy("Artikelnummer"), max_length=LONGEST_CODE)
    gtin = forms.CharField(
        label=gettext_lazy("GTIN"),
        max_length=20,
        required=False,
        help_text=gettext_lazy("Die Nummer unter dem Strichcode (EAN), 8 bis 14 Ziffern."),
    )
    price = forms.DecimalField(
        label=gettext_lazy("Preis"), min_value=Decimal(0), max_digits=14, decimal_places=2, localize=True
    )
    vat_rate = forms.DecimalField(
        label=gettext_lazy("MwSt.-Satz"), min_value=Decimal(0), max_digits=4, decimal_places=2, localize=True
    )
    lead_time_days = forms.IntegerField(
        label=gettext_lazy("Lieferzeit in Werktagen"),
        min_value=0,
        max_value=LONGEST_LEAD_TIME,
        help_text=gettext_lazy("So viele Werktage brauchst du, bis die Ware das Haus verlässt."),
    )
    active = forms.BooleanField(
        label=gettext_lazy("Aktiv"),
        required=False,
        help_text=gettext_lazy("Nur aktive Produkte werden verkauft."),
    )

    def __init__(self, typed: Any, product: Product) -> None:
        known = {name: getattr(product, name) for name in self.base_fields}
        super().__init__(typed, initial=known)
        self.product = product

    def clean_gtin(self) -> str:
        """The GTIN with its check digit right, or nothing."""
        typed = self.cleaned_data["gtin"].strip()
        try:
            return canonical_gtin(typed) if typed else ""
        except Refusal as refusal:
            raise forms.ValidationError(refusal.sentence) from refusal

    def clean_code(self) -> str:
        """The article number, which a shop has once."""
        code: str = self.cleaned_data["code"]
        others = Product.objects.of_id(self.product.merchant_id).exclude(pk=self.product.pk)
        if others.filter(code=code).exists():
            raise forms.ValidationError(_("Diese Artikelnummer gibt es schon."))
        return code


class StockForm(forms.Form):
    """What was counted."""

    counted = forms.IntegerField(
        label=gettext_lazy("Gezählter Warenbestand"),
        min_value=-stock.MOST_STOCK,
        max_value=stock.MOST_STOCK,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


@reader
def products(request: MerchantRequest) -> HttpResponse:
    """The products by article number, found by number, title or GTIN."""
    words = request.GET.get("q", "").strip()
    found = Product.objects.of(request.merchant).order_by("code")
    for word in words.split()[:MOST_WORDS]:
        found = found.filter(Q(code__icontains=word) | Q(title__icontains=word) | Q(gtin=word))
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = _with_channels(request.merchant, list(page.object_list))
    return render(request, "backoffice/products.html", {"page": page, "words": words, "rows": rows})


@staff
def new_product(request: MerchantRequest) -> HttpResponseBase:
    """A product is born without stock; the first count gives it some."""
    form = ProductForm(request.POST or None, Product(merchant=request.merchant))
    if request.method == "POST" and _saved(form):
        messages.success(request, _("Das Produkt ist angelegt. Trage jetzt den Warenbestand ein."))
        return redirect("product", form.product.pk)
    status = REFUSED if request.method == "POST" else 200
    return render(request, "backoffice/product_new.html", {"form": form}, status=status)


@staff
def product(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """One product: its data, its stock, its channels."""
    found = get_object_or_404(Product.objects.of(request.merchant), pk=pk)
    form = ProductForm(request.POST or None, found)
    if request.method == "POST" and _saved(form):
        messages.success(request, _("Das Produkt ist gespeichert."))
        return redirect("product", pk)
    return _show(request, found, form=form)


@staff
def correct_stock(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Set the stock to what was counted."""
    found = get_object_or_404(Product.objects.of(request.merchant), pk=pk)
    if request.method != "POST":
        return redirect("product", pk)
    form = StockForm(request.POST)
    if not form.is_valid():
        return _show(request, found, stock_form=form)
    try:
        stock.correct_stock(found, form.cleaned_data["counted"], actor=request.user.email, now=timezone.now())
    except Refusal as refusal:
        form.add_error("counted", refusal.sentence)
        return _show(request, found, stock_form=form)
    messages.success(request, _("Der Warenbestand ist jetzt %(stock)s.") % {"stock": found.stock})
    return redirect("product", pk)


def _saved(form: ProductForm) -> bool:
    """Save what is valid. The shop's lock comes first, so that an import cannot write in between."""
    product = form.product
    with transaction.atomic():
        stock.lock_shop(product.merchant_id)
        if not form.is_valid():
            return False
        for name, value in form.cleaned_data.items():
            setattr(product, name, value)
        product.changed_at = timezone.now()
        # Never the stock: it may have moved since the page was drawn.
        product.save(update_fields=[*form.cleaned_data, "changed_at"] if product.pk else None)
    return True


def _show(
    request: MerchantRequest,
    found: Product,
    *,
    form: ProductForm | None = None,
    stock_form: StockForm | None = None,
) -> HttpResponse:
    movements = StockEntry.objects.of(request.merchant).filter(product=found).select_related("line__order")
    context = {
        "product": found,
        "form": form or ProductForm(None, found),
        "stock_form": stock_form or StockForm(initial={"counted": found.stock}),
        "available": found.stock - found.reserved,
        "movements": movements.order_by("-id")[:MOVEMENTS_SHOWN],
        "panels": _panels(request, found),
    }
    status = REFUSED if request.method == "POST" else 200
    return render(request, "backoffice/product.html", context, status=status)


def _panels(request: MerchantRequest, found: Product) -> list[str]:
    """What each channel adds to the page of a product: the box "Kanäle"."""
    drawn: list[str] = []
    for channel in CHANNELS.values():
        panel = channel.product_panel(found, request)
        if panel is not None:
            drawn.append(render_to_string(panel.template, dict(panel.context), request))
    return drawn


def _with_channels(merchant: Merchant, found: Sequence[Product]) -> list[tuple[Product, list[str]]]:
    """Each product with the channels that sell it."""
    ids = [product.pk for product in found]
    sold = {name: channel.product_details(merchant, ids) for name, channel in CHANNELS.items()} if ids else {}
    return [(product, [name for name, details in sold.items() if product.pk in details]) for product in found]
