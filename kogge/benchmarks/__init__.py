"""Benchmarks: commands that print figures, never timed tests. `kogge bench SCENARIO` runs them.

Each scenario works on a data directory of its own that is thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

from kogge.benchmarks import importing, searching

# A scenario takes its size (number of orders) and prints progress on stderr; it answers its figures.
SCENARIOS: dict[str, Callable[[int], dict[str, object]]] = {
    "import": importing.orders_per_second,
    "growth": importing.rate_as_the_shop_grows,
    "simulator": searching.requests_per_second,
}
