"""What deploy/ shows and alarms about is what Kogge really tells."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from kogge.engine import observing
from kogge.metrics import figures
from kogge.metrics.figures import DatabaseFigures

DEPLOY = Path(__file__).parents[2] / "deploy"
# Of Prometheus' client itself, and of Prometheus.
OF_OTHERS = {"process_resident_memory_bytes", "process_cpu_seconds_total", "up"}


def exported(clock: Any) -> set[str]:
    """The names of all series: of the families, and what histograms and counters make of them."""
    names = set()
    families = [*figures.read(clock.now), *DatabaseFigures(clock).collect()]
    for family in [*families, *observing.RUNS.collect(), *observing.RUN_SECONDS.collect()]:
        suffix = {"counter": ["_total"], "gaugehistogram": ["_bucket"], "histogram": ["_bucket"]}
        names |= {family.name + end for end in suffix.get(family.type, [""])}
    return names


def named(text: str) -> set[str]:
    return set(re.findall(r"\b(kogge_[a-z_]+|process_[a-z_]+)\b", text))


def test_every_figure_of_the_dashboard_exists_and_every_figure_is_shown(db: None, clock: Any) -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "kogge-dashboard.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    asked = named(" ".join(target["expr"] for panel in panels for target in panel["targets"]))

    assert asked - OF_OTHERS == exported(clock)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource"]


def test_every_figure_of_the_alerts_exists(db: None, clock: Any) -> None:
    alerts = (DEPLOY / "prometheus" / "alerts.yml").read_text()
    expressions = re.findall(r"^ +expr: (.+)$", alerts, re.MULTILINE)

    assert len(expressions) == len(re.findall(r"- alert: ", alerts)) > 8
    assert named(" ".join(expressions)) - OF_OTHERS <= exported(clock)


def test_the_series_have_these_names_on_the_wire(db: None, clock: Any) -> None:
    registry = CollectorRegistry()
    registry.register(DatabaseFigures(clock))
    text = generate_latest(registry).decode()

    assert 'kogge_import_latency_seconds_bucket{le="+Inf"} 0.0' in text
    assert "# TYPE kogge_calls_total counter" in text
