"""A visitor of the storefront, over HTTP: puts into the cart, goes to the checkout, buys."""

from __future__ import annotations

import re
from typing import Any

import lxml.html
from django.test import Client
from django.urls import reverse

from kogge.backoffice.models import Product
from kogge.merchants.models import Merchant

ERIKA = {
    "name": "Erika Muster",
    "line1": "Beispielweg 7",
    "postal_code": "20095",
    "city": "Hamburg",
    "country": "DE",
    "email": "erika@example.org",
    "payment": "prepayment",
}


class Visitor:
    """A browser at one storefront."""

    def __init__(self, merchant: Merchant, language: str = "de") -> None:
        self.merchant = merchant
        self.browser = Client(headers={"Accept-Language": language})

    def url(self, page: str, *args: object) -> str:
        """`url("product", 7)`"""
        name = f"storefront_{page}" if page else "storefront"
        return reverse(name, args=[self.merchant.slug, *args])

    def see(self, page: str, *args: object, status: int = 200, **query: str) -> str:
        """What a page says, without its markup."""
        return words(self.browser.get(self.url(page, *args), query), status)

    def put(self, product: Product, units: object = 1) -> str:
        """Put it into the cart; what the page says that follows."""
        typed = {"put": "1", "article": product.pk, "units": units}
        return words(self.browser.post(self.url("cart"), typed, follow=True))

    def change(self, **typed: object) -> str:
        """Change the cart: `change(units_7=3)`."""
        return words(self.browser.post(self.url("cart"), typed, follow=True))

    def check_out(self, status: int = 200, **changed: object) -> str:
        """Type the address and choose; the summary, or the checkout with what is wrong."""
        typed = {**ERIKA, "shipping_option": self.option("Standardversand"), **changed}
        return words(self.browser.post(self.url("checkout"), typed, follow=True), status)

    def option(self, title: str) -> int:
        return int(self.merchant.shipping_options.get(title=title).pk)

    def button(self) -> dict[str, str]:
        """What the button of the summary sends."""
        page: Any = lxml.html.fromstring(self.browser.get(self.url("summary")).content.decode())
        [form] = [form for form in page.forms if "seen" in form.fields]
        return {"token": form.fields["token"], "seen": form.fields["seen"], "terms": "on"}

    def buy(self, button: dict[str, str] | None = None) -> Any:
        """Click on "Zahlungspflichtig bestellen"."""
        return self.browser.post(self.url("summary"), button or self.button())


def words(answer: Any, status: int = 200) -> str:
    """The text of a page, each gap one space."""
    assert answer.status_code == status, (answer.status_code, answer.headers)
    page: Any = lxml.html.fromstring(answer.content.decode())
    return re.sub(r" (?=[.,:])", "", re.sub(r"\s+", " ", " ".join(page.itertext())))
