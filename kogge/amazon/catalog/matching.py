"""Which of the seller's SKUs on an ASIN is the product (reference 10.1)."""

from __future__ import annotations

from collections.abc import Sequence

from kogge.spapi.listings_items_2021_08_01 import ListingsItem

_NEW = "new_new"
_BY_SELLER = {"DEFAULT"}


def choose(candidates: Sequence[ListingsItem], article_number: str) -> ListingsItem | None:
    """The SKU that is certainly meant; None when a human has to pick.

    The one that is called like the product; else the only new one that the seller ships; else the only
    one at all. A guess between several would send the stock of one article to another.
    """
    named = [item for item in candidates if item.sku == article_number]
    plain = [item for item in candidates if _is_plain(item)]
    return next((found[0] for found in (named, plain, candidates) if len(found) == 1), None)


def _is_plain(item: ListingsItem) -> bool:
    """New, and shipped by the seller alone: what a shop sells."""
    conditions = {summary.condition for summary in item.summaries if summary.condition}
    return conditions == {_NEW} and set(item.availability) == _BY_SELLER
