"""Which of the seller's SKUs on an ASIN is the product."""

from kogge.amazon.catalog.matching import choose
from kogge.spapi.listings_items_2021_08_01 import ListingsItem, Summary

DE = "A1PA6795UKMFR9"
FR = "A13V1IB3VIYZZH"


def item(sku: str, *, condition: str = "new_new", channel: str = "DEFAULT", place: str = DE) -> ListingsItem:
    summary = Summary(place, "B00EXAMPL1", "KITCHEN", condition, ("BUYABLE",), "Teekanne", "")
    return ListingsItem(sku, summaries=(summary,), availability={channel: 3})


def test_the_sku_called_like_the_product_is_it() -> None:
    own = item("TK-12", condition="used_good", channel="AMAZON_EU")

    assert choose([item("A"), own, item("B")], "TK-12") is own


def test_upper_and_lower_case_are_different_skus() -> None:
    assert choose([item("tk-12"), item("A")], "TK-12") is None


def test_the_only_new_one_that_the_seller_ships_is_it() -> None:
    plain = item("B")
    others = [item("A", condition="used_good"), item("C", channel="AMAZON_EU")]

    assert choose([*others, plain], "TK-12") is plain


def test_between_two_plain_ones_a_human_picks() -> None:
    assert choose([item("A"), item("B"), item("C", condition="used_good")], "TK-12") is None


def test_between_two_that_are_not_plain_a_human_picks() -> None:
    assert choose([item("A", condition="used_good"), item("C", channel="AMAZON_EU")], "TK-12") is None


def test_a_sku_that_amazon_ships_as_well_is_not_plain() -> None:
    """A leftover DEFAULT entry beside Amazon's warehouse: Amazon ships it (reference 10.5)."""
    both = ListingsItem("A", summaries=item("A").summaries, availability={"DEFAULT": 3, "AMAZON_EU": None})

    assert choose([both, item("B", condition="used_good")], "TK-12") is None


def test_the_only_one_is_it_whatever_it_is() -> None:
    used = item("A", condition="used_good", channel="AMAZON_EU")

    assert choose([used], "TK-12") is used


def test_one_that_is_not_described_is_it_only_when_it_is_alone() -> None:
    bare = ListingsItem("A")

    assert choose([bare], "") is bare
    assert choose([bare, ListingsItem("B")], "") is None


def test_nothing_is_nothing() -> None:
    assert choose([], "TK-12") is None
