"""Commands that need no database of ours: the simulator and the benchmarks."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Literal

import click

from kogge.cli.answers import answer, json_option, refuse


@click.command(help="Ein kleines Amazon auf diesem Rechner: SP-API, Anmeldung, Seller Central.")
@click.option("--port", default=8001, show_default=True, type=click.IntRange(0, 65535))
@click.option("--quotas", default="amazon", show_default=True, type=click.Choice(["amazon", "off"]))
@click.option("--seed", default=1, show_default=True)
@click.option("--orders-per-minute", default=0.0, show_default=True, type=click.FloatRange(min=0))
@json_option
def simulator(
    port: int, quotas: Literal["amazon", "off"], seed: int, orders_per_minute: float, as_json: bool
) -> None:
    from kogge.simulator import Simulator

    amazon = Simulator(port=port, quotas=quotas, seed=seed, orders_per_minute=orders_per_minute)
    with amazon:
        addresses = {
            "KOGGE_AMAZON_API_URL": amazon.api_url,
            "KOGGE_AMAZON_LWA_URL": amazon.lwa_url,
            "KOGGE_AMAZON_CONSENT_URL": amazon.consent_url,
        }
        text = "\n".join(f"{name}={value}" for name, value in addresses.items())
        answer({"url": amazon.url, **addresses}, text, as_json=as_json)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            amazon.wait()


@click.command(help="Messen, wie schnell es ist. SCENARIO: import, growth, …")
@click.argument("scenario")
@click.option(
    "--orders", "--rows", "--offers", "--tries", "--connections", "--size", "size", type=click.IntRange(min=1)
)
@click.option("--database", type=click.Choice(["sqlite", "postgres"]))
@click.option("--runs", type=click.IntRange(1, 100))
@click.option("--minutes", type=click.FloatRange(min=0.5), help="poll")
@click.option("--workers", type=click.IntRange(1, 32), help="poll")
@click.option("--latency-ms", type=click.FloatRange(min=0), help="poll")
@json_option
def bench(
    scenario: str,
    size: int | None,
    database: str | None,
    runs: int | None,
    as_json: bool,
    **wishes: float | None,
) -> None:
    from kogge.benchmarks import SCENARIOS, measured
    from kogge.benchmarks.databases import NoServer

    if scenario not in SCENARIOS:
        refuse(f"{scenario}: ? ({', '.join(SCENARIOS)})")
    named = {name: value for name, value in wishes.items() if value is not None}
    if named and scenario != "poll":
        refuse(f"{scenario}: {', '.join(named)}?")
    # Ended from outside, it still takes its processes and its database away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = database or ("postgres" if os.environ.get("DATABASE_URL") else "")
    try:
        figures = measured(scenario, size=size, database=chosen, runs=runs, wishes=named)
    except NoServer as sentence:
        refuse(str(sentence))
    answer(figures, "\n".join(f"{name}: {value}" for name, value in figures.items()), as_json=as_json)
