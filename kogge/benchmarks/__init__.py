"""Benchmarks: commands that print figures, never timed tests. `kogge bench SCENARIO` runs them.

Each scenario works on a data directory of its own that is thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

from kogge.benchmarks.asking import requests_per_second
from kogge.benchmarks.importing import orders_per_second, rate_as_the_shop_grows

# A scenario takes its size (orders or requests), shows progress on stderr and answers its figures.
SCENARIOS: dict[str, Callable[[int], dict[str, object]]] = {
    "import": orders_per_second,
    "growth": rate_as_the_shop_grows,
    "simulator": requests_per_second,
}
