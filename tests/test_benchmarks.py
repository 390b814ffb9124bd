"""The benchmarks that prove something besides measuring: they run, and nothing is lost or doubled."""

from __future__ import annotations

import pytest

from kogge.benchmarks import DEFAULT_SIZES, SCENARIOS


def test_sizes_belong_to_scenarios() -> None:
    assert DEFAULT_SIZES.keys() <= SCENARIOS.keys()


@pytest.mark.parametrize("orders", [5])
def test_shop_orders_are_shipped_by_amazon_each_once(orders: int) -> None:
    figures = SCENARIOS["fulfillment"](orders)

    assert {name: figures[name] for name in ("made", "doubled", "lost", "unknown", "tracked")} == {
        "made": orders,
        "doubled": 0,
        "lost": 0,
        "unknown": 0,
        "tracked": orders,
    }
    assert (figures["broken_rules"], figures["refused_for_limits"]) == (0, 0)
    delays = figures["sent_to_tracking_s"]
    assert isinstance(delays, dict)
    assert delays["max"] <= 30 * 60
