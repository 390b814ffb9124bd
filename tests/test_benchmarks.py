"""The benchmarks that prove something besides measuring: they run, and nothing is lost or doubled."""

from __future__ import annotations

import pytest

from kogge.benchmarks import measured
from kogge.benchmarks.repeating import medians, spread


def test_a_document_holds_the_median_of_every_figure_and_how_far_the_runs_lie_apart() -> None:
    runs = [{"rate": rate, "reference": {"rate": 2 * rate}, "size": 5, "word": "a"} for rate in (3, 1, 8)]

    assert medians(runs) == {"rate": 3, "reference": {"rate": 6}, "size": 5, "word": "a"}
    assert spread(runs) == {"rate": [1, 8], "reference.rate": [2, 16]}


@pytest.mark.parametrize("orders", [5])
def test_shop_orders_are_shipped_by_amazon_each_once(orders: int) -> None:
    figures = measured("fulfillment", size=orders)

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
