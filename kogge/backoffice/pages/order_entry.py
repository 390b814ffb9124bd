"""Bestellung anlegen: an order that came by telephone, by mail or over the counter."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.backoffice.channels import Pool, pools_of
from kogge.backoffice.models import Product
from kogge.backoffice.orders import ManualLine, ManualOrder, create_by_hand
from kogge.backoffice.pages import shipping_methods
from kogge.backoffice.pages.delivery_forms import DeliveryForm
from kogge.backoffice.pages.order_acts import REFUSED
from kogge.backoffice.refusal import Refusal
from kogge.merchants.access import MerchantRequest, staff
from kogge.merchants.models import Merchant
from kogge.values import Address

FIRST_ROWS = 3
MORE_ROWS = 5
MOST_ROWS = 100
SUGGESTED = 500  # article numbers offered while typing


class HeadForm(DeliveryForm):
    """Who bought, where it goes, how it is paid."""

    field_order = ("buyer_name",)  # the first mistake of the page gets the cursor
    buyer_name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    email = forms.EmailField(
        label=gettext_lazy("E-Mail-Adresse"),
        required=False,
        help_text=gettext_lazy("Dorthin geht die Versandbestätigung."),
    )
    shipping = forms.DecimalField(
        label=gettext_lazy("Versandkosten (brutto)"),
        min_value=Decimal(0),
        max_digits=10,
        decimal_places=2,
        required=False,
        localize=True,
    )
    payment_method = forms.CharField(
        label=gettext_lazy("Zahlart"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"list": "payment-methods"}),
    )
    paid = forms.BooleanField(label=gettext_lazy("Ist schon bezahlt"), required=False)
    locale = forms.ChoiceField(
        label=gettext_lazy("Sprache des Käufers"), choices=[("de", "Deutsch"), ("en", "English")]
    )
    note = forms.CharField(
        label=gettext_lazy("Notiz"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def address(self) -> Address:
        """Where it goes."""
        typed = self.cleaned_data
        return Address(
            name=typed["buyer_name"],
            company=typed["company"],
            line1=typed["line1"],
            line2=typed["line2"],
            postal_code=typed["postal_code"],
            city=typed["city"],
            country=typed["country"],
            phone=typed["phone"],
        )


class LineForm(forms.Form):
    """A position: by article number, or with title and price of its own."""

    quantity = forms.IntegerField(
        label=gettext_lazy("Stück"),
        min_value=1,
        max_value=99_999,
        required=False,
        widget=forms.NumberInput(attrs={"class": "form-control quantity-input"}),
    )
    code = forms.CharField(
        label=gettext_lazy("Artikelnummer"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"class": "form-control", "list": "codes", "autocomplete": "off"}),
    )
    title = forms.CharField(
        label=gettext_lazy("Titel"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"class": "form-control"}),
    )
    unit_price = forms.DecimalField(
        label=gettext_lazy("Einzelpreis"),
        min_value=Decimal(0),
        max_digits=10,
        decimal_places=2,
        required=False,
        localize=True,
        widget=forms.TextInput(attrs={"class": "form-control text-end", "inputmode": "decimal"}),
    )

    def is_used(self) -> bool:
        """Whether anything was typed into this row."""
        return any(
            self.cleaned_data.get(name) not in (None, "")
            for name in ("quantity", "code", "title", "unit_price")
        )

    def line(self) -> ManualLine:
        """The position; without a number it is one piece."""
        typed = self.cleaned_data
        return ManualLine(
            quantity=typed["quantity"] or 1,
            code=typed["code"],
            title=typed["title"],
            unit_price=typed["unit_price"],
        )


@staff
def new_order(request: MerchantRequest) -> HttpResponseBase:
    """Enter an order. "Weitere Positionen" draws the page again with more rows and all that was typed."""
    typed: Any = request.POST if request.method == "POST" else None
    rows = _rows(request)
    head = HeadForm(typed)
    lines = [LineForm(typed, prefix=f"line{row}") for row in range(1, rows + 1)]
    refusal = ""
    if typed and "more" not in typed and all([head.is_valid(), *(line.is_valid() for line in lines)]):
        try:
            order = create_by_hand(
                request.merchant, _manual_order(head, lines), actor=request.user.email, now=timezone.now()
            )
            messages.success(request, _("Bestellung %(number)s ist angelegt.") % {"number": order.number})
            return redirect("order", order.number)
        except Refusal as refused:
            refusal = refused.sentence
    context = {
        "head": head,
        "lines": lines,
        "rows": rows,
        "can_grow": rows < MOST_ROWS,
        "refusal": refusal,
        "products": _suggested(request.merchant),
        "shipping_methods": shipping_methods.suggestions(request.merchant),
    }
    is_refused = typed and "more" not in typed
    return render(request, "backoffice/order_new.html", context, status=REFUSED if is_refused else 200)


def _suggested(merchant: Merchant) -> list[tuple[Product, Pool | None]]:
    """The products offered while typing, with what lies in a channel's warehouse; two or three queries."""
    active = Product.objects.of(merchant).filter(active=True).order_by("code").defer("description")
    products = list(active[:SUGGESTED])
    pools = pools_of(merchant.pk, [product.pk for product in products])
    return [(product, pools.get(product.pk)) for product in products]


def _rows(request: MerchantRequest) -> int:
    asked = request.POST.get("rows", "")
    rows = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 4 else FIRST_ROWS
    return max(FIRST_ROWS, min(MOST_ROWS, rows + (MORE_ROWS if "more" in request.POST else 0)))


def _manual_order(head: HeadForm, lines: Sequence[LineForm]) -> ManualOrder:
    typed = head.cleaned_data
    return ManualOrder(
        lines=tuple(line.line() for line in lines if line.is_used()),
        buyer_name=typed["buyer_name"],
        email=typed["email"],
        company=typed["company"],
        address=head.address(),
        paid=typed["paid"],
        shipping=typed["shipping"] or Decimal(0),
        shipping_method=typed["shipping_method"],
        payment_method=typed["payment_method"],
        locale=typed["locale"],
        note=typed["note"],
    )
