"""Benchmarks: commands that print figures, never timed tests. `kogge bench SCENARIO` runs them.

Each scenario works on a data directory of its own that is thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

from kogge.benchmarks.asking import requests_per_second
from kogge.benchmarks.fulfillment import shop_orders_shipped
from kogge.benchmarks.importing import orders_per_second, rate_as_the_shop_grows
from kogge.benchmarks.offers import last_piece, one_change_among_many
from kogge.benchmarks.products import products_per_second

# A scenario takes its size (orders or requests), shows progress on stderr and answers its figures.
SCENARIOS: dict[str, Callable[[int], dict[str, object]]] = {
    "import": orders_per_second,
    "fulfillment": shop_orders_shipped,
    "growth": rate_as_the_shop_grows,
    "last-piece": last_piece,
    "offers": one_change_among_many,
    "products": products_per_second,
    "simulator": requests_per_second,
}

# How large a scenario is when nobody says; the others take `DEFAULT_SIZE`.
DEFAULT_SIZES = {"fulfillment": 200, "offers": 1_000_000, "last-piece": 100}
DEFAULT_SIZE = 5_000
