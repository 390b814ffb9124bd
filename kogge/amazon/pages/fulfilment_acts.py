"""What a merchant does with an order Amazon ships: send it now, stop it, have it cancelled, hand it over."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from kogge.amazon.fba import wishes
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.fba.wishes import TooLate
from kogge.amazon.fba.words import consequence
from kogge.amazon.pages.fulfilment_panel import badge, why_back, why_not_cancellable
from kogge.backoffice.models import Order
from kogge.backoffice.orders import CANCEL_REASONS
from kogge.backoffice.pages.order_acts import REFUSED
from kogge.merchants.access import MerchantRequest, may, staff
from kogge.merchants.models import Role

Wish = FulfillmentOrder.Wish


class CancelForm(forms.Form):
    """What shall become of the order once Amazon has cancelled; why, if the customer's order ends too."""

    wish = forms.ChoiceField(
        label=gettext_lazy("Was soll danach geschehen?"), choices=Wish.choices, initial=Wish.SHIP_SELF
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Stornogrund"),
        choices=list(CANCEL_REASONS.items()),
        required=False,
        help_text=gettext_lazy("Nur nötig, wenn auch die Bestellung storniert wird."),
    )


@require_POST
@staff
def act(request: MerchantRequest, pk: int, act: str) -> HttpResponse:
    """One thing done to an order inside its cut-off window, see `ACTS`."""
    order = own_fulfilment(request, pk)
    if act not in ACTS:
        raise Http404
    try:
        ACTS[act](request, order)
    except TooLate as refusal:
        messages.error(request, str(refusal))
    return to_shop_order(order)


@require_POST
@staff
def ship(request: MerchantRequest, number: int) -> HttpResponse:
    """ "Durch Amazon versenden": what is open of a shop order, by the merchant's own click."""
    order, now = get_object_or_404(Order.objects.of(request.merchant), number=number), timezone.now()
    try:
        wishes.plan_again(request.merchant.pk, str(order.pk), by=request.user.email, now=now)
    except TooLate as refusal:
        messages.error(request, str(refusal))
        return redirect("order", number)
    if refused := why_back(request.merchant.pk, str(order.pk), now):
        messages.error(request, refused)
    else:
        messages.success(request, _("Die Bestellung ist für den Versand durch Amazon vorgemerkt."))
    return redirect("order", number)


@staff
def cancel(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """The page that asks what Amazon's cancellation is for (GET), and asking Amazon for it (POST)."""
    order = own_fulfilment(request, pk)
    form = CancelForm(
        request.POST if request.method == "POST" else None,
        initial={"wish": request.GET.get("danach", Wish.SHIP_SELF)},
    )
    refusal = why_not_cancellable(order)
    if request.method == "POST" and form.is_valid():
        try:
            _ask_to_cancel(request, order, form)
        except TooLate as too_late:
            refusal = str(too_late)
        else:
            messages.success(
                request, _("Amazon wird gebeten, den Auftrag zu stornieren. Die Antwort steht gleich hier.")
            )
            return to_shop_order(order)
    context = {
        "order": order,
        "badge": badge(order),
        "form": form,
        "wishes": [(wish, label, consequence(wish)) for wish, label in Wish.choices],
        "chosen": form["wish"].value(),
        "refusal": refusal,
        "may_act": may(request.role, Role.STAFF),
    }
    status = REFUSED if request.method == "POST" else 200
    return render(request, "amazon/fulfilment_cancel.html", context, status=status)


def own_fulfilment(request: MerchantRequest, pk: int) -> FulfillmentOrder:
    """One fulfilment order of the merchant, or 404."""
    orders = FulfillmentOrder.objects.of(request.merchant).select_related("connection")
    return get_object_or_404(orders, pk=pk)


def to_shop_order(order: FulfillmentOrder) -> HttpResponse:
    """Back to the page of the shop's order; a remote shop has none here."""
    if order.shop_number.isascii() and order.shop_number.isdecimal():
        return redirect("order", int(order.shop_number))
    return redirect("amazon_fulfillment")


def _ask_to_cancel(request: MerchantRequest, order: FulfillmentOrder, form: CancelForm) -> None:
    wish = form.cleaned_data["wish"]
    reason = (form.cleaned_data["reason"] or "other") if wish == Wish.CANCEL_ORDER else ""
    wishes.ask_to_cancel(order, wish, reason=reason, by=request.user.email, now=timezone.now())


def _send_now(request: MerchantRequest, order: FulfillmentOrder) -> None:
    wishes.send_now(order, by=request.user.email, now=timezone.now())
    messages.success(request, _("Kogge übergibt die Bestellung jetzt an Amazon."))


def _stop(request: MerchantRequest, order: FulfillmentOrder) -> None:
    wishes.stop(order, by=request.user.email, now=timezone.now())
    messages.success(request, _("Angehalten: Die Bestellung geht nicht an Amazon. Versende sie selbst."))


ACTS: Mapping[str, Callable[[MerchantRequest, FulfillmentOrder], None]] = {
    "uebergeben": _send_now,
    "anhalten": _stop,
}
