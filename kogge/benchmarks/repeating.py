"""Several runs of one measurement become one document: medians, and how far the runs lie apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

# What one run found: numbers by name, also nested; anything else is taken from the last run.
Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Scenario:
    """`measure(size, database)` measures once and shows progress on stderr.

    `database` is "sqlite" or "postgres". `runs` is 1 where one run takes many samples by itself.
    """

    measure: Callable[..., Figures]
    size: int = 5_000
    runs: int = 3
    database: str = "sqlite"


def medians(results: Sequence[Figures]) -> dict[str, Any]:
    """The figures in the shape of one run, every number the median of all runs."""
    return {name: _median([result[name] for result in results]) for name in results[-1]}


def spread(results: Sequence[Figures]) -> dict[str, list[float]]:
    """The least and the largest of every number that differed, by its dotted name."""
    found: dict[str, list[float]] = {}
    for result in results:
        for name, value in _numbers(result):
            found.setdefault(name, []).append(value)
    return {name: [min(values), max(values)] for name, values in found.items() if min(values) < max(values)}


def _median(values: list[Any]) -> Any:
    if isinstance(values[-1], Mapping):
        return medians(values)
    return round(median(values), 3) if all(map(_is_number, values)) else values[-1]


def _numbers(result: Figures, prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in result.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}.")
        elif _is_number(value):
            yield f"{prefix}{name}", value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
