"""Which product an Amazon article is, answered for a whole page of orders in a constant number of queries."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import Q, QuerySet

from kogge.amazon.catalog.models import Offer, SkuLink
from kogge.amazon.connections.models import Connection
from kogge.shops.port import Shop

Article = tuple[str, str]  # seller SKU, ASIN; either may be ""

# So many words in one statement: a page of orders has fewer, so it costs one for each kind of word.
BATCH = 500


def find_products(
    connection: Connection, shop: Shop, wanted: Collection[Article]
) -> dict[Article, str | None]:
    """The shop's product of each (SKU, ASIN), None where there is none (reference 5.5).

    In this order: what the merchant assigned to the SKU, the SKU of an offer or of what Amazon keeps of it,
    the ASIN of an offer, the shop's article number. A word that fits several products decides nothing.
    """
    skus = sorted({sku for sku, _asin in wanted if sku})
    asins = sorted({asin for _sku, asin in wanted if asin})
    links = _linked(connection, skus)
    by_sku, by_asin = _offered(connection.merchant_id, skus, asins)
    by_code = {code: product.product_id for code, product in shop.find_products(skus).items()} if skus else {}
    there = _still_there(shop, [*links.values(), *by_sku.values(), *by_asin.values()])

    def find(sku: str, asin: str) -> str | None:
        candidates = (links.get(sku), by_sku.get(sku), by_asin.get(asin))
        return next((found for found in candidates if found in there), None) or by_code.get(sku)

    return {(sku, asin): find(sku, asin) for sku, asin in wanted}


def owners(merchant_id: int, skus: Collection[str]) -> dict[str, set[str]]:
    """The products that have these SKUs at Amazon, in their own offer or in Amazon's warehouse."""
    found: dict[str, set[str]] = {}
    for batch in _batches(sorted(set(skus) - {""})):
        rows = Offer.objects.of_id(merchant_id).filter(Q(sku__in=batch) | Q(fba_sku__in=batch))
        for product_id, *words in rows.values_list("product_id", "sku", "fba_sku"):
            for word in {*words} & {*batch}:
                found.setdefault(word, set()).add(product_id)
    return found


def fba_offers(merchant_id: int) -> QuerySet[Offer]:
    """The offers of products that Amazon ships when the shop sells them."""
    return Offer.objects.of_id(merchant_id).filter(fba=True, enabled=True)


def link_sku(connection: Connection, sku: str, product_id: str, now: datetime) -> None:
    """Remember what the merchant assigned: the next order with this SKU finds the product by itself."""
    SkuLink.objects.everyone().update_or_create(
        connection=connection, sku=sku, defaults={"product_id": product_id, "linked_at": now}
    )


def _linked(connection: Connection, skus: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for batch in _batches(skus):
        rows = SkuLink.objects.everyone().filter(connection=connection, sku__in=batch)
        found.update(rows.values_list("sku", "product_id"))
    return found


def _offered(merchant_id: int, skus: list[str], asins: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The products of the merchant's offers, by SKU and by ASIN."""
    offers: dict[int, Offer] = {}
    words = [Q(sku__in=batch) | Q(fba_sku__in=batch) for batch in _batches(skus)]
    words += [Q(asin__in=batch) for batch in _batches(asins)]
    for word in words:
        rows = Offer.objects.of_id(merchant_id).filter(word).only("sku", "fba_sku", "asin", "product_id")
        offers.update({offer.pk: offer for offer in rows})
    by_sku = _unambiguous(
        (sku, offer.product_id) for offer in offers.values() for sku in (offer.sku, offer.fba_sku) if sku
    )
    by_asin = _unambiguous((offer.asin, offer.product_id) for offer in offers.values() if offer.asin)
    return by_sku, by_asin


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Words that name one product. Two products with the same ASIN are a matter for the merchant."""
    products: dict[str, set[str]] = {}
    for word, product_id in pairs:
        products.setdefault(word, set()).add(product_id)
    return {word: next(iter(found)) for word, found in products.items() if len(found) == 1}


def _still_there(shop: Shop, product_ids: list[str]) -> set[str]:
    return set(shop.products(sorted(set(product_ids)))) if product_ids else set()


def _batches(words: list[str]) -> Iterable[list[str]]:
    return (words[start : start + BATCH] for start in range(0, len(words), BATCH))
