"""Produkte: the list, the page of a product, its stock and every movement of it."""

from __future__ import annotations

from collections.abc import Sequence

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
from kogge.backoffice.channels import CHANNELS, Panel
from kogge.backoffice.models import Product, StockEntry
from kogge.backoffice.pages.order_acts import REFUSED
from kogge.backoffice.products import LONGEST_LEAD_TIME, canonical_gtin
from kogge.backoffice.refusal import Refusal
from kogge.merchants.access import MerchantRequest, reader, staff
from kogge.merchants.models import Merchant

PAGE_SIZE = 50
MOVEMENTS_SHOWN = 30
MOST_WORDS = 8


class ProductForm(forms.ModelForm):  # type: ignore[type-arg]
    """The merchant's own data of a product. Stock is not among them: it only moves in the ledger."""

    lead_time_days = forms.IntegerField(
        label=gettext_lazy("Lieferzeit in Werktagen"),
        min_value=0,
        max_value=LONGEST_LEAD_TIME,
        initial=2,
        help_text=gettext_lazy("So viele Werktage brauchst du, bis die Ware das Haus verlässt."),
    )

    class Meta:
        model = Product
        fields = ["title", "code", "gtin", "price", "vat_rate", "lead_time_days", "active"]
        localized_fields = ["price", "vat_rate"]
        help_texts = {
            "gtin": gettext_lazy("Die Nummer unter dem Strichcode (EAN), 8 bis 14 Ziffern."),
            "active": gettext_lazy("Nur aktive Produkte werden verkauft."),
        }

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
        others = Product.objects.of_id(self.instance.merchant_id).exclude(pk=self.instance.pk)
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
    form = ProductForm(request.POST or None, instance=Product(merchant=request.merchant))
    if request.method == "POST" and _saved(form):
        messages.success(request, _("Das Produkt ist angelegt. Trage jetzt den Warenbestand ein."))
        return redirect("product", form.instance.pk)
    status = REFUSED if request.method == "POST" else 200
    return render(request, "backoffice/product_new.html", {"form": form}, status=status)


@staff
def product(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """One product: its data, its stock, its channels."""
    found = get_object_or_404(Product.objects.of(request.merchant), pk=pk)
    form = ProductForm(request.POST or None, instance=found)
    if request.method == "POST" and _saved(form):
        messages.success(request, _("Das Produkt ist gespeichert."))
        return redirect("product", pk)
    # A refused form has changed its instance already; the page shows what is stored.
    return _show(request, Product.objects.of(request.merchant).get(pk=pk), form=form)


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
    with transaction.atomic():
        stock.lock_shop(form.instance.merchant_id)
        if not form.is_valid():
            return False
        changed = form.save(commit=False)
        changed.changed_at = timezone.now()
        if changed.pk is None:
            changed.save()
        else:
            changed.save(update_fields=[*form.changed_data, "changed_at"])
    return True


def _show(
    request: MerchantRequest, found: Product, *, form: ProductForm | None = None, stock_form: StockForm | None = None
) -> HttpResponse:
    movements = StockEntry.objects.of(request.merchant).filter(product=found).select_related("line__order")
    context = {
        "product": found,
        "form": form or ProductForm(instance=found),
        "stock_form": stock_form or StockForm(initial={"counted": found.stock}),
        "available": found.stock - found.reserved,
        "movements": movements.order_by("-id")[:MOVEMENTS_SHOWN],
        "panels": _panels(request, found),
    }
    status = REFUSED if request.method == "POST" else 200
    return render(request, "backoffice/product.html", context, status=status)


def _panels(request: MerchantRequest, found: Product) -> list[str]:
    """What each channel adds to the page of a product: the box "Kanäle"."""
    drawn = []
    for channel in CHANNELS.values():
        offer = getattr(channel, "product_panel", None)
        panel: Panel | None = offer(found, request) if offer else None
        if panel:
            drawn.append(render_to_string(panel.template, dict(panel.context), request))
    return drawn


def _with_channels(merchant: Merchant, found: Sequence[Product]) -> list[tuple[Product, list[str]]]:
    """Each product with the channels that sell it."""
    ids = [product.pk for product in found]
    sold = {name: channel.product_details(merchant, ids) for name, channel in CHANNELS.items()} if ids else {}
    return [(product, [name for name, details in sold.items() if product.pk in details]) for product in found]
