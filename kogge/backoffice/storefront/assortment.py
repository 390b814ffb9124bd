"""What the storefront shows and sells: active products with a price, variants under their main product."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q, QuerySet

from kogge.backoffice.channels import Pool, pools_of
from kogge.backoffice.models import Product
from kogge.merchants.models import Merchant
from kogge.values import Money

CURRENCY = "EUR"
MOST_UNITS = 999  # of one article in a cart
FEW = 5  # from here on the page says how many are left
MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class Article:
    """Something one can put into the cart. `limit`: how many of it can be bought now."""

    product: Product
    limit: int

    @property
    def price(self) -> Money:
        return Money(self.product.price, self.product.currency)

    @property
    def title(self) -> str:
        """With its variant, as it stands in cart and order; a title may name the variant already."""
        title, option = self.product.title, self.product.option
        says_it = re.search(rf"(?<!\w){re.escape(option)}(?!\w)", title) if option else True
        return title if says_it else f"{title}, {option}"

    @property
    def image(self) -> str:
        """A variant without a picture of its own looks like its main product."""
        main = self.product.parent
        return self.product.image or (main.image if main else "")

    @property
    def is_sold_out(self) -> bool:
        return self.limit == 0

    @property
    def few_left(self) -> int:
        """How many are left, if it is worth saying."""
        return self.limit if self.limit <= FEW and not self.product.may_oversell else 0


@dataclass(frozen=True, slots=True)
class Group:
    """A product as the list shows it, with the articles one can choose between: itself, or its variants."""

    product: Product
    articles: Sequence[Article]

    @property
    def has_choice(self) -> bool:
        return self.articles[0].product.pk != self.product.pk

    @property
    def from_price(self) -> Money:
        return min((article.price for article in self.articles), key=lambda price: price.amount)

    @property
    def has_prices(self) -> bool:
        """Whether the articles differ in price, so that the list says "from"."""
        return len({article.product.price for article in self.articles}) > 1

    @property
    def vat_rate(self) -> Decimal | None:
        """The VAT within every price; None where the articles differ."""
        rates = {article.product.vat_rate for article in self.articles}
        return rates.pop() if len(rates) == 1 else None

    @property
    def is_sold_out(self) -> bool:
        return all(article.is_sold_out for article in self.articles)

    @property
    def few_left(self) -> int:
        """How many are left of a product without variants."""
        return 0 if self.has_choice else self.articles[0].few_left


def shown(merchant: Merchant, words: str = "") -> QuerySet[Product]:
    """The main products of the list in which, or in whose variants, every word occurs."""
    variants = _sold(merchant).filter(parent=OuterRef("pk"))
    mains = Product.objects.of(merchant).filter(active=True, parent=None)
    products = mains.filter(_HAS_PRICE | Q(Exists(variants)))
    for word in words.split()[:MOST_WORDS]:
        variant = variants.filter(_says(word))
        products = products.filter(_says(word) | Q(Exists(variant)))
    return products.order_by("title", "pk")


def groups(merchant: Merchant, products: Iterable[Product]) -> list[Group]:
    """These main products with what can be bought of them: two queries and those of the warehouses."""
    mains = list(products)
    variants: dict[int, list[Product]] = {}
    for variant in _sold(merchant).filter(parent__in=mains).order_by("code"):
        variants.setdefault(variant.parent_id or 0, []).append(variant)
    families = [(main, variants.get(main.pk, [main])) for main in mains]
    known = {
        each.product.pk: each for each in _articles(merchant, [p for _main, of_it in families for p in of_it])
    }
    return [Group(main, [known[product.pk] for product in of_it]) for main, of_it in families]


def articles(merchant: Merchant, keys: Iterable[int]) -> Mapping[int, Article]:
    """Those of the products that can be put into a cart; a main product with variants cannot."""
    variants = _sold(merchant).filter(parent=OuterRef("pk"))
    sold = _sold(merchant).filter(Q(parent=None) | Q(parent__active=True), ~Q(Exists(variants)))
    return {
        each.product.pk: each
        for each in _articles(merchant, sold.filter(pk__in=list(keys)).select_related("parent"))
    }


def _articles(merchant: Merchant, products: Iterable[Product]) -> list[Article]:
    found = list(products)
    pools = pools_of(merchant.pk, [product.pk for product in found])
    return [Article(product, _limit(product, pools.get(product.pk))) for product in found]


def _limit(product: Product, pool: Pool | None) -> int:
    """One place must have all that is wanted: the own storeroom, or a warehouse the shop may sell from."""
    if product.may_oversell:
        return MOST_UNITS
    elsewhere = pool.units or 0 if pool and pool.counts else 0
    return min(MOST_UNITS, max(product.available, elsewhere))


# A product that nobody gave a price to is not given away.
_HAS_PRICE = Q(currency=CURRENCY, price__gt=0)


def _sold(merchant: Merchant) -> QuerySet[Product]:
    return Product.objects.of(merchant).filter(_HAS_PRICE, active=True)


def _says(word: str) -> Q:
    return Q(title__icontains=word) | Q(code__icontains=word) | Q(option__icontains=word)
