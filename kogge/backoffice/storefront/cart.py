"""The cart: in the visitor's session, with the price that was last told of each article.

What changed since is said once, when the cart is looked at: another price, fewer left, gone. Besides the
goods a session knows how far the checkout is (sealed: it names a person) and what was ordered in it.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypedDict

import msgspec
from django.contrib.sessions.backends.base import SessionBase
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.backoffice.storefront.assortment import MOST_UNITS, Article, articles
from kogge.backoffice.storefront.checkout import Checkout
from kogge.formats.money import money
from kogge.merchants.models import Merchant
from kogge.merchants.vault import CannotOpen, seal, unseal

SESSION_KEY = "storefront"
COLUMN = "storefront.checkout"
MOST_ARTICLES = 100
ORDERS_REMEMBERED = 20


class Kept(TypedDict, total=False):
    """What a session keeps of one storefront."""

    goods: dict[str, tuple[int, str]]  # units and the price that was told, by product
    checkout: str
    token: str
    ordered: dict[str, int]  # order numbers by the token of their checkout


@dataclass(frozen=True, slots=True)
class CartLine:
    """An article in the cart, with as many units as can be bought."""

    article: Article
    units: int

    @property
    def total(self) -> Decimal:
        return self.article.price.times(self.units).amount


class Cart:
    """The cart of one session at one storefront."""

    def __init__(self, session: SessionBase, merchant: Merchant) -> None:
        self.session = session
        self.merchant = merchant

    # --- goods -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many units are in it."""
        return sum(units for units, _price in self._goods.values())

    def put(self, article: Article, units: int) -> int:
        """Put units of an article into it, at most what can be bought; how many were put."""
        before = self.units_of(article)
        if before == 0 and len(self._goods) >= MOST_ARTICLES:
            return 0
        self.set(article, before + units)
        return self.units_of(article) - before

    def set(self, article: Article, units: int) -> None:
        """Let it hold exactly so many, at most what can be bought; none removes the article."""
        goods = dict(self._goods)
        units = min(units, article.limit, MOST_UNITS)
        if units > 0:
            goods[str(article.product.pk)] = (units, str(article.product.price))
        else:
            goods.pop(str(article.product.pk), None)
        self._keep({"goods": goods})

    def units_of(self, article: Article) -> int:
        """How many of an article are in it."""
        return self._goods.get(str(article.product.pk), (0, ""))[0]

    def look(self) -> tuple[list[CartLine], list[str]]:
        """What is in it now, and a sentence for each thing that changed since it was looked at last."""
        known = articles(self.merchant, map(int, self._goods))
        lines, told, goods = [], [], {}
        for key, (units, price) in self._goods.items():
            article = known.get(int(key))
            told += _changes(article, units, Decimal(price))
            if article and not article.is_sold_out:
                lines.append(CartLine(article, min(units, article.limit)))
                goods[key] = (lines[-1].units, str(article.product.price))
        if told:
            self._keep({"goods": goods})
        return lines, told

    # --- the checkout ----------------------------------------------------------------------------

    @property
    def checkout(self) -> Checkout | None:
        """What the visitor typed; None before that, or when it cannot be opened any more."""
        sealed = self._kept.get("checkout", "")
        try:
            plain = unseal(self.merchant.pk, COLUMN, base64.b64decode(sealed)) if sealed else b""
        except CannotOpen:
            return None
        return msgspec.json.decode(plain, type=Checkout) if plain else None

    def keep_checkout(self, typed: Checkout) -> None:
        """Remember what the visitor typed, and give the checkout the token that lets it end once."""
        sealed = base64.b64encode(seal(self.merchant.pk, COLUMN, msgspec.json.encode(typed))).decode()
        self._keep({"checkout": sealed, "token": self.token or secrets.token_urlsafe(24)})

    @property
    def token(self) -> str:
        return self._kept.get("token", "")

    def ordered(self, token: str) -> int | None:
        """The number of the order with which the checkout of this token ended."""
        return self._kept.get("ordered", {}).get(token)

    def has_ordered(self, number: int) -> bool:
        """Whether this order was placed in this session."""
        return number in self._kept.get("ordered", {}).values()

    def close(self, token: str, number: int) -> None:
        """The checkout ended: the goods are ordered, and the buyer's data is the order's alone."""
        ordered = {**self._kept.get("ordered", {}), token: number}
        kept: Kept = {"ordered": dict(list(ordered.items())[-ORDERS_REMEMBERED:])}
        self.session[SESSION_KEY] = {**self._all, str(self.merchant.pk): kept}

    # --- in the session --------------------------------------------------------------------------

    @property
    def _all(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.session.get(SESSION_KEY, {})
        return found

    @property
    def _kept(self) -> Kept:
        found: Kept = self._all.get(str(self.merchant.pk), {})
        return found

    @property
    def _goods(self) -> Mapping[str, tuple[int, str]]:
        return self._kept.get("goods", {})

    def _keep(self, new: Kept) -> None:
        self.session[SESSION_KEY] = {**self._all, str(self.merchant.pk): {**self._kept, **new}}


def _changes(article: Article | None, units: int, price: Decimal) -> list[str]:
    """What became of an article since its price was told."""
    if article is None:
        return [_("Ein Artikel in deinem Warenkorb wird nicht mehr angeboten.")]
    named = {"title": article.title}
    if article.is_sold_out:
        return [_("%(title)s ist ausverkauft und nicht mehr im Warenkorb.") % named]
    told = []
    if units > article.limit:
        fewer = ngettext(
            "Von %(title)s ist nur noch %(left)s Stück da; so viel ist jetzt im Warenkorb.",
            "Von %(title)s sind nur noch %(left)s Stück da; so viele sind jetzt im Warenkorb.",
            article.limit,
        )
        told.append(fewer % {**named, "left": article.limit})
    if price != article.product.price:
        prices = {"before": money(price), "now": money(article.product.price)}
        told.append(
            _("Der Preis von %(title)s hat sich geändert: %(now)s statt %(before)s.") % {**named, **prices}
        )
    return told
