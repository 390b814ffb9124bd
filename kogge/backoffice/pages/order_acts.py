"""What can be done on the order page. Each act reads its form, makes one call, and says what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from kogge.backoffice import dispatch, fulfilment, orders, returns
from kogge.backoffice.channels import channel_of
from kogge.backoffice.models import Order, Parcel, Product
from kogge.backoffice.pages.order_forms import AssignForm, CancelForm, ParcelForm, ReturnForm, TrackingForm
from kogge.backoffice.pages.order_page import fulfiller_of, order_of, show
from kogge.backoffice.people import people_of
from kogge.backoffice.refusal import Refusal
from kogge.merchants.access import MerchantRequest, staff

REFUSED = 422  # the page of a form that was not carried out


@staff
def order_act(request: MerchantRequest, number: int, act: str) -> HttpResponseBase:
    """Carry out the act of this name (POST); acts with a page of their own show it (GET)."""
    order = order_of(request.merchant, number)
    if act in OWN_PAGE:
        return OWN_PAGE[act](request, order)
    if act not in AT_ONCE:
        raise Http404
    if request.method != "POST":
        return redirect("order", number)
    try:
        return AT_ONCE[act](request, order)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return redirect("order", number)


def _mark_paid(request: MerchantRequest, order: Order) -> HttpResponse:
    orders.mark_paid(order, actor=request.user.email, now=timezone.now())
    return _done(request, order, _("Bestellung %(number)s ist als bezahlt gekennzeichnet."))


def _start_packing(request: MerchantRequest, order: Order) -> HttpResponse:
    dispatch.start_packing(order, actor=request.user.email, now=timezone.now())
    return _done(request, order, _("Die Sendung zu Bestellung %(number)s wird gepackt."))


def _reset_packing(request: MerchantRequest, order: Order) -> HttpResponse:
    dispatch.reset_packing(order, actor=request.user.email, now=timezone.now())
    return _done(request, order, _("Der Packstatus von Bestellung %(number)s ist zurückgesetzt."))


def _ship(request: MerchantRequest, order: Order) -> HttpResponse:
    """Als versendet kennzeichnen; a refusal keeps what was typed."""
    form = ParcelForm(request.POST, lines=list(order.lines.all()))
    if not form.is_valid():
        return show(request, order, form=form, status=REFUSED)
    tracking = {name: form.cleaned_data[name] for name in ("carrier", "tracking_number")}
    try:
        dispatch.ship(
            order, **tracking, quantities=form.quantities(), actor=request.user.email, now=timezone.now()
        )
    except Refusal as refusal:
        return show(
            request,
            order_of(request.merchant, order.number),
            form=form,
            refusal=refusal.sentence,
            status=REFUSED,
        )
    warn_about_carrier(request, order, tracking["carrier"])
    return _done(request, order, _("Die Sendung zu Bestellung %(number)s ist als versendet gekennzeichnet."))


def _ship_self(request: MerchantRequest, order: Order) -> HttpResponse:
    """Doch selbst versenden: what a channel was to ship is the merchant's again."""
    fulfilment.ship_self(order, actor=request.user.email, now=timezone.now())
    return _done(request, order, _("Bestellung %(number)s versendest du jetzt selbst."))


def _correct_tracking(request: MerchantRequest, order: Order) -> HttpResponse:
    number = request.POST.get("parcel", "")
    parcel = get_object_or_404(
        Parcel.objects.of(request.merchant).select_related("order"),
        order=order,
        number=int(number) if number.isdecimal() else 0,
    )
    form = TrackingForm(request.POST)
    if not form.is_valid():
        raise Refusal(_("Gib den Versender an; Versender und Trackingnummer dürfen nicht zu lang sein."))
    dispatch.correct_tracking(parcel, **form.cleaned_data, actor=request.user.email, now=timezone.now())
    warn_about_carrier(request, order, parcel.carrier)
    return _done(request, order, _("Die Trackingdaten von Bestellung %(number)s sind korrigiert."))


def _assign_product(request: MerchantRequest, order: Order) -> HttpResponse:
    form = AssignForm(request.POST)
    if not form.is_valid():
        raise Refusal(_("Gib die Artikelnummer des Produkts an."))
    line = get_object_or_404(order.lines, position=form.cleaned_data["position"])
    product = Product.objects.of(request.merchant).filter(code=form.cleaned_data["code"]).first()
    if product is None:
        raise Refusal(_("Ein Produkt mit der Artikelnummer %(code)s gibt es nicht.") % form.cleaned_data)
    orders.assign_product(line, product, actor=request.user.email, now=timezone.now())
    return _done(request, order, _("Das Produkt ist zugeordnet, der Warenbestand ist gebucht."))


def _cancel(request: MerchantRequest, order: Order) -> HttpResponse:
    """Stornieren: a page of its own that says what it means before it is done."""
    channel = channel_of(order)
    form = CancelForm(request.POST if request.method == "POST" else None)
    refusal = ""
    if form.is_valid():
        try:
            orders.cancel(order, form.cleaned_data["reason"], actor=request.user.email, now=timezone.now())
            return _done(request, order, _("Bestellung %(number)s ist storniert."))
        except Refusal as refused:
            refusal = refused.sentence
    else:
        lines = list(order.lines.all())
        refusal = orders.why_not_cancel(order, lines, "other", now=timezone.now()) or ""
    warning = channel.cancel_warning(order) if channel else ""
    context = {
        "order": order,
        "form": form,
        "warning": warning,
        "fulfiller": fulfiller_of(order),
        "refusal": refusal,
        "people": people_of(order),
    }
    return render(request, "backoffice/order_cancel.html", context, status=_status(request))


def _return(request: MerchantRequest, order: Order) -> HttpResponse:
    """Retoure erfassen."""
    form = ReturnForm(request.POST if request.method == "POST" else None, lines=list(order.lines.all()))
    refusal = ""
    if form.is_valid():
        try:
            returns.record_return(
                order,
                form.quantities(),
                restock=form.cleaned_data["restock"],
                actor=request.user.email,
                now=timezone.now(),
            )
            return _done(request, order, _("Die Retoure zu Bestellung %(number)s ist erfasst."))
        except Refusal as refused:
            refusal = refused.sentence
    context = {"order": order, "form": form, "refusal": refusal}
    return render(request, "backoffice/order_return.html", context, status=_status(request))


def warn_about_carrier(request: MerchantRequest, order: Order, carrier: str) -> None:
    """Say when the channel of the order does not know this carrier."""
    channel = channel_of(order)
    if channel and (warning := channel.carrier_warning(request.merchant, carrier)):
        messages.warning(request, warning)


def _done(request: MerchantRequest, order: Order, sentence: str) -> HttpResponse:
    messages.success(request, sentence % {"number": order.number})
    return redirect("order", order.number)


def _status(request: MerchantRequest) -> int:
    return REFUSED if request.method == "POST" else 200


Act = Callable[[MerchantRequest, Order], HttpResponse]

AT_ONCE: Mapping[str, Act] = {
    "paid": _mark_paid,
    "pack": _start_packing,
    "reset-packing": _reset_packing,
    "ship": _ship,
    "ship-self": _ship_self,
    "tracking": _correct_tracking,
    "assign": _assign_product,
}
OWN_PAGE: Mapping[str, Act] = {
    "cancel": _cancel,
    "return": _return,
}
