"""What there is to see of the demo's offers at the simulated Amazon."""

from __future__ import annotations

from decimal import Decimal

from kogge.cli import demo_offers
from kogge.simulator import Simulator, tea_shop


def test_amazon_knows_most_products_and_differs_a_little_from_the_shop() -> None:
    amazon = Simulator()
    demo_offers.set_up(amazon)
    shop = {each.sku: each for each in tea_shop()}
    offered = amazon.world.demo.listings

    differing = [
        sku
        for sku in offered
        if (offered[sku].stock, offered[sku].price, offered[sku].lead_time_days)
        != (shop[sku].stock, shop[sku].price, shop[sku].lead_time_days)
    ]

    assert len(shop) - len(demo_offers.NOT_ON_AMAZON) == 30
    assert 5 <= len(differing) <= 15
    assert sum(1 for sku in offered if offered[sku].issues) == 1
    assert [sku for sku in offered if offered[sku].is_fba] == ["BE-THERMO"]
    jumps = [sku for sku in offered if shop[sku].price > offered[sku].price * Decimal("1.5")]
    assert jumps == ["TK-12-WEISS"]


def test_products_that_are_new_to_amazon_are_in_its_catalogue_and_nowhere_on_offer() -> None:
    amazon = Simulator()
    demo_offers.set_up(amazon)
    missing = [each for each in tea_shop() if each.sku not in amazon.world.demo.listings]

    hits = {each.sku: amazon.world.articles_with_gtin(each.gtin) for each in missing}

    assert len(missing) == 8
    assert all(hits.values())
    assert len(hits["TA-CHAWAN"]) == 3
    assert any(article.restriction for article in hits["MA-BIO-30"])
    assert {each.sku for each in missing} <= demo_offers.NOT_ON_AMAZON
