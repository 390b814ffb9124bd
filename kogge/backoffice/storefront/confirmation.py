"""The mail that confirms an order of the storefront, with all that the law wants said in a lasting form."""

from __future__ import annotations

from django.template.loader import render_to_string

from kogge.backoffice.mail import Message
from kogge.backoffice.models import Order
from kogge.backoffice.pages.addresses import address_lines
from kogge.backoffice.storefront.checkout import PREPAYMENT, Checkout
from kogge.backoffice.storefront.models import Storefront
from kogge.backoffice.storefront.quoting import Quote

SUBJECTS = {"de": "Deine Bestellung {number} bei {shop}", "en": "Your order {number} at {shop}"}


def confirmation(storefront: Storefront, order: Order, typed: Checkout, bought: Quote) -> Message:
    """The mail in the language of the order. Called with that language switched on: amounts follow it."""
    language = "de" if order.locale.lower().startswith("de") else "en"
    shop = storefront.merchant.name
    facts = {
        "shop": shop,
        "storefront": storefront,
        "order": order,
        "number": str(order.number),
        "name": typed.name,
        "quote": bought,
        "address": address_lines(typed.address),
        "is_prepayment": typed.payment == PREPAYMENT,
    }
    return Message(
        to=typed.email,
        subject=SUBJECTS[language].format(number=order.number, shop=shop),
        text=render_to_string(f"mail/confirmation.{language}.txt", facts) + "",  # a plain string again
        html=render_to_string(f"mail/confirmation.{language}.html", facts) + "",
    )
