"""Bestellung bearbeiten: where an own order goes, how it is sent, and fewer units of what is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.backoffice import orders
from kogge.backoffice.changing import why_not_change
from kogge.backoffice.channels import channel_title
from kogge.backoffice.models import Order, OrderLine
from kogge.backoffice.pages import shipping_methods
from kogge.backoffice.pages.delivery_forms import DeliveryForm
from kogge.backoffice.pages.order_acts import REFUSED
from kogge.backoffice.pages.order_forms import UnitsForm
from kogge.backoffice.pages.order_page import fulfiller_of, order_of
from kogge.backoffice.people import people_of
from kogge.backoffice.progress import open_units
from kogge.backoffice.refusal import Refusal
from kogge.merchants.access import MerchantRequest, staff
from kogge.values import Address

PARTS = ("name", "company", "line1", "line2", "line3", "postal_code", "city", "state", "country", "phone")


class EditForm(DeliveryForm, UnitsForm):
    """What may still change of an own order. The units of a line are all that are ordered of it.

    What is known may not be emptied; what never was known need not be filled in to change something else.
    """

    field_order = ("name",)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    line3 = forms.CharField(label=gettext_lazy("Weiterer Adresszusatz"), max_length=200, required=False)
    state = forms.CharField(label=gettext_lazy("Bundesland oder Region"), max_length=100, required=False)

    def __init__(self, *args: Any, lines: Sequence[OrderLine], **kwargs: Any) -> None:
        limits = [(line, line.quantity - line.cancelled) for line in lines if open_units(line)]
        super().__init__(*args, limits=limits, filled=True, **kwargs)
        for part in PARTS:
            self.fields[part].required &= bool(self.initial.get(part))

    def fewer(self) -> dict[int, int]:
        """The units of those lines where a number was typed; an empty field changes nothing."""
        typed = {line.position: self.cleaned_data[f"units_{line.position}"] for line, _most in self.limits}
        return {position: units for position, units in typed.items() if units is not None}

    def address(self, before: Address) -> Address | None:
        """As typed, None if it is the same; whether it is a pickup point is not asked here and stays.

        Blanks around what was known are no change: they would take the order away from who ships it.
        """
        typed = {part: self.cleaned_data[part] for part in PARTS}
        new = {part: text for part, text in typed.items() if text != getattr(before, part).strip()}
        return replace(before, **new) if new else None


@staff
def edit(request: MerchantRequest, number: int) -> HttpResponseBase:
    """Show the form with what is known, and carry out what was typed. A refusal keeps it."""
    order = order_of(request.merchant, number)
    lines = list(order.lines.all())
    if reason := why_not_change(order, lines):
        messages.warning(request, reason)
        return redirect("order", number)
    before = people_of(order).shipping
    known = {part: getattr(before, part) for part in PARTS} | {"shipping_method": order.service_level}
    form = EditForm(request.POST or None, lines=lines, initial=known)
    refusal = ""
    if form.is_valid():
        try:
            _change(request, order, form, before)
            return redirect("order", number)
        except Refusal as refused:
            refusal = refused.sentence
    context = {
        "order": order,
        "form": form,
        "refusal": refusal,
        "fulfiller": fulfiller_of(order),
        "shipping_methods": shipping_methods.suggestions(request.merchant),
    }
    status = REFUSED if request.method == "POST" else 200
    return render(request, "backoffice/order_edit.html", context, status=status)


def _change(request: MerchantRequest, order: Order, form: EditForm, before: Address) -> None:
    """Raises `Refusal`."""
    held = _with_a_channel(order)
    changed = orders.change_order(
        order,
        address=form.address(before),
        shipping_method=form.cleaned_data["shipping_method"],
        quantities=form.fewer(),
        actor=request.user.email,
        now=timezone.now(),
    )
    if not changed:
        messages.info(request, _("Es war nichts zu ändern."))
        return
    messages.success(request, _("Bestellung %(number)s ist geändert.") % {"number": order.number})
    if let_go := held - _with_a_channel(order):
        told = _(
            "Die Übergabe an %(channel)s ist angehalten. Versende selbst, oder übergib die Bestellung auf "
            "dieser Seite neu."
        )
        messages.warning(request, told % {"channel": ", ".join(sorted(let_go))})


def _with_a_channel(order: Order) -> set[str]:
    """The channels that are to ship something of it, for people; read afresh."""
    lines = OrderLine.objects.of_id(order.merchant_id).filter(order=order).exclude(fulfilled_by="")
    return {channel_title(line.fulfilled_by) for line in lines if open_units(line)}
