"""Zur Kasse: where it goes and how it is paid, the summary with the button that buys, and thank you."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from kogge.backoffice.models import Order
from kogge.backoffice.pages.addresses import COUNTRIES, address_lines
from kogge.backoffice.people import people_of
from kogge.backoffice.refusal import Refusal
from kogge.backoffice.storefront import buying, opening
from kogge.backoffice.storefront.buying import Click, TooManyOrders, countries, payments
from kogge.backoffice.storefront.checkout import INVOICE, PREPAYMENT, Checkout
from kogge.backoffice.storefront.models import ShippingOption, Storefront
from kogge.backoffice.storefront.pages.entrance import Visit, visitors
from kogge.backoffice.storefront.quoting import Quote, quote
from kogge.formats.money import money
from kogge.merchants.login import client_address

REFUSED = 422
TOO_MANY = 429
DIGITS = {"DE": 5, "AT": 4}  # of a post code


class CheckoutForm(forms.Form):
    """Everything that is asked of a guest."""

    name = forms.CharField(label=gettext_lazy("Vor- und Nachname"), max_length=100)
    company = forms.CharField(label=gettext_lazy("Firma"), max_length=100, required=False)
    line1 = forms.CharField(label=gettext_lazy("Straße und Hausnummer"), max_length=100)
    line2 = forms.CharField(label=gettext_lazy("Adresszusatz"), max_length=100, required=False)
    postal_code = forms.CharField(label=gettext_lazy("PLZ"), max_length=10)
    city = forms.CharField(label=gettext_lazy("Ort"), max_length=60)
    country = forms.ChoiceField(label=gettext_lazy("Land"))
    email = forms.EmailField(
        label=gettext_lazy("E-Mail-Adresse"),
        max_length=200,
        help_text=gettext_lazy("Dorthin geht deine Bestellbestätigung."),
    )
    phone = forms.CharField(
        label=gettext_lazy("Telefon"),
        max_length=30,
        required=False,
        help_text=gettext_lazy("Nur für Rückfragen zur Lieferung."),
    )
    shipping_option = forms.TypedChoiceField(
        label=gettext_lazy("Versandart"), coerce=int, widget=forms.RadioSelect
    )
    payment = forms.ChoiceField(label=gettext_lazy("Zahlart"), widget=forms.RadioSelect)

    FILLED_IN_AS = {
        "name": "name",
        "company": "organization",
        "line1": "address-line1",
        "line2": "address-line2",
        "postal_code": "postal-code",
        "city": "address-level2",
        "country": "country",
        "email": "email",
        "phone": "tel",
    }

    def __init__(
        self, storefront: Storefront, quotes: Sequence[Quote], typed: Any, known: Checkout | None
    ) -> None:
        initial = msgspec.structs.asdict(known) if known else {}
        super().__init__(typed, initial=initial)
        ways = [(each.option.pk, _way(each)) for each in quotes]
        words = {PREPAYMENT: _("Vorkasse (Überweisung)"), INVOICE: _("Rechnung")}
        self._choose("shipping_option", ways)
        self._choose("payment", [(each, words[each]) for each in payments(storefront)])
        self._choose("country", [(each, COUNTRIES[each]) for each in countries(storefront)])
        for name, meaning in self.FILLED_IN_AS.items():
            self.fields[name].widget.attrs["autocomplete"] = meaning

    def clean(self) -> dict[str, Any]:
        """A post code looks like those of its country."""
        typed = self.cleaned_data
        digits = DIGITS.get(typed.get("country", ""))
        code = typed.get("postal_code", "")
        if digits and code and not re.fullmatch(rf"[0-9]{{{digits}}}", code):
            self.add_error("postal_code", _("Die Postleitzahl hat %(digits)s Ziffern.") % {"digits": digits})
        return typed

    def checkout(self) -> Checkout:
        """What was typed."""
        return Checkout(**self.cleaned_data)

    def _choose(self, name: str, choices: Sequence[tuple[object, object]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
        if choices:
            field.initial = choices[0][0]


@visitors
def checkout(visit: Visit) -> HttpResponseBase:
    """Ask for address, sending and payment; what is typed is kept, sealed, for the summary."""
    lines, told = visit.cart.look()
    if not lines:
        return _back_to_cart(visit, told)
    quotes = [quote(lines, option) for option in opening.options_of(visit.merchant)]
    typed = visit.request.POST if visit.request.method == "POST" else None
    form = CheckoutForm(visit.storefront, quotes, typed, visit.cart.checkout)
    if typed is not None and form.is_valid():
        visit.cart.keep_checkout(form.checkout())
        for sentence in told:
            messages.warning(visit.request, sentence)
        return redirect("storefront_summary", visit.merchant.slug)
    context = {"form": form, "lines": lines, "told": told, "quotes": quotes, "quote": quotes[0]}
    return visit.show("checkout", context, status=REFUSED if typed is not None else 200)


@visitors
def summary(visit: Visit) -> HttpResponseBase:
    """All of the order once more; POST is the click that buys."""
    if visit.request.method == "POST":
        return _buy(visit)
    return _summary(visit, [])


@visitors
def thanks(visit: Visit, number: int) -> HttpResponseBase:
    """What was ordered, for the session that ordered it."""
    if not visit.cart.has_ordered(number):
        return visit.nothing_here()
    order = Order.objects.of(visit.merchant).filter(number=number).first()
    if order is None:  # deleted since, by the API
        return visit.nothing_here()
    context = {
        "order": order,
        "number": str(number),
        "email": people_of(order).email,
        "is_prepayment": order.payment_method == buying.PAYMENT_METHODS[PREPAYMENT],
    }
    return visit.show("thanks", context)


def _buy(visit: Visit) -> HttpResponseBase:
    posted = visit.request.POST
    token = posted.get("token", "")
    if number := visit.cart.ordered(token):
        return _thank(visit, number)
    if not token or token != visit.cart.token:
        return _back_to_cart(visit, [])
    if visit.storefront.terms.strip() and not posted.get("terms"):
        return _summary(visit, [_("Bitte bestätige, dass du den AGB zustimmst.")], status=REFUSED)
    click = Click(token, posted.get("seen", ""), client_address(visit.request))
    try:
        order = buying.buy(visit.storefront, visit.cart, click, now=timezone.now())
    except TooManyOrders as refused:
        return visit.show("too_many", {"sentence": refused.sentence}, status=TOO_MANY)
    except Refusal as refused:
        return _summary(visit, [refused.sentence], status=REFUSED)
    visit.cart.close(token, order.number)
    return _thank(visit, order.number)


def _summary(visit: Visit, refusals: list[str], *, status: int = 200) -> HttpResponseBase:
    typed, wanted, told = buying.quoted(visit.storefront, visit.cart)
    if not (typed and wanted):
        return _unfinished(visit, [*refusals, *told])
    context = {
        "quote": wanted,
        "address": address_lines(typed.address),
        "typed": typed,
        "is_prepayment": typed.payment == PREPAYMENT,
        "told": list(dict.fromkeys([*refusals, *told])),
        "token": visit.cart.token,
        "seen": wanted.digest(typed),
    }
    return visit.show("summary", context, status=status)


def _unfinished(visit: Visit, told: Sequence[str]) -> HttpResponseBase:
    """Something of the checkout is missing, or the cart is empty."""
    for sentence in told:
        messages.warning(visit.request, sentence)
    return redirect("storefront_checkout", visit.merchant.slug)


def _back_to_cart(visit: Visit, told: Sequence[str]) -> HttpResponse:
    for sentence in told:
        messages.warning(visit.request, sentence)
    return redirect("storefront_cart", visit.merchant.slug)


def _thank(visit: Visit, number: int) -> HttpResponse:
    return redirect("storefront_thanks", visit.merchant.slug, number)


def _way(each: Quote) -> str:
    """An option of sending with its price and how long it takes."""
    option: ShippingOption = each.option
    costs = money(each.shipping) if each.shipping else _("kostenlos")
    sentence = ngettext(
        "%(title)s: %(costs)s, in %(days)s Werktag bei dir",
        "%(title)s: %(costs)s, in %(days)s Werktagen bei dir",
        each.days,
    )
    return sentence % {"title": option.title, "costs": costs, "days": each.days}
