"""Benchmarks: commands that print figures, never timed tests. `kogge bench SCENARIO` runs them.

Each scenario works on a data directory and a database of its own that are thrown away afterwards. It
measures once; `measured` repeats it and answers the medians, so that all figures have one shape.
"""

from __future__ import annotations

from collections.abc import Mapping

from kogge.benchmarks import asking, dispatching, fulfillment, importing, offers, pages, polling, products
from kogge.benchmarks.machine import facts
from kogge.benchmarks.repeating import Scenario, medians, spread

SCENARIOS: dict[str, Scenario] = {
    "import": Scenario(importing.orders_per_second),
    "dispatch": Scenario(dispatching.clicks_told, size=300, runs=1, database="postgres"),
    "fulfillment": Scenario(fulfillment.shop_orders_shipped, size=200, runs=1),
    "growth": Scenario(importing.rate_as_the_shop_grows, runs=1),
    "last-piece": Scenario(offers.last_piece, size=100, runs=1),
    "offers": Scenario(offers.one_change_among_many, size=1_000_000, runs=1),
    "poll": Scenario(polling.idle_polling, size=20_000, runs=1, database="postgres"),
    "pages": Scenario(pages.milliseconds_a_page, size=1_000_000, runs=1),
    "products": Scenario(products.products_per_second),
    "simulator": Scenario(asking.requests_per_second),
}


def measured(
    name: str,
    *,
    size: int | None = None,
    database: str = "",
    runs: int | None = None,
    wishes: Mapping[str, float] | None = None,
) -> dict[str, object]:
    """Run a scenario and answer its document; what is not said is the scenario's own choice.

    `wishes` are further ones that only this scenario knows. The figures are medians of the runs, `spread`
    holds the least and the largest of each. Raises
    `NoServer` when there is no PostgreSQL to measure on.
    """
    scenario = SCENARIOS[name]
    size, database, runs = size or scenario.size, database or scenario.database, runs or scenario.runs
    results = [scenario.measure(size, database, **(wishes or {})) for _run in range(runs)]
    return {
        "scenario": name,
        "size": size,
        "database": database,
        "runs": runs,
        **medians(results),
        "spread": spread(results),
        "machine": facts(database),
    }
