"""Commands that need no database of ours: the simulator and the benchmarks."""

from __future__ import annotations

import contextlib
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
@click.option("--orders", "--rows", "--offers", "--tries", "size", type=click.IntRange(min=1))
@json_option
def bench(scenario: str, size: int | None, as_json: bool) -> None:
    from kogge.benchmarks import DEFAULT_SIZE, DEFAULT_SIZES, SCENARIOS

    if scenario not in SCENARIOS:
        refuse(f"{scenario}: ? ({', '.join(SCENARIOS)})")
    figures = SCENARIOS[scenario](size or DEFAULT_SIZES.get(scenario, DEFAULT_SIZE))
    answer(figures, "\n".join(f"{name}: {value}" for name, value in figures.items()), as_json=as_json)
