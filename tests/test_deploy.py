"""What ships for running Kogge elsewhere: it parses, and names only commands and options there are."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from kogge import cli

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = sorted(DEPLOY.glob("systemd/*.service"))


def check_command(words: list[str]) -> None:
    """Every option is one of the command's."""
    command: click.Command = cli._import(cli.COMMANDS[words[0]].place)
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.fixture
def services() -> dict[str, Any]:
    document: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return document["services"]


def test_the_compose_file_starts_what_there_is(services: dict[str, Any]) -> None:
    for name in ("migrate", "web", "worker"):
        check_command(services[name]["command"])
        assert services[name]["read_only"] is True
    assert services["web"]["deploy"]["replicas"] == services["worker"]["deploy"]["replicas"] == 2
    assert int(services["database"]["image"].partition(":")[2]) >= 15


def test_every_container_waits_for_services_that_are_there(services: dict[str, Any]) -> None:
    wanted = {other for service in services.values() for other in service.get("depends_on", {})}

    assert wanted <= set(services)


def test_the_compose_file_asks_for_no_more_than_its_example_names() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    named = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "compose.env.example").read_text(), re.MULTILINE))

    assert asked == named


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_unit_starts_a_command_of_ours(unit: Path) -> None:
    starts = re.findall(r"^ExecStart=/opt/kogge/bin/kogge (.+)$", unit.read_text(), re.MULTILINE)

    assert len(starts) == 1
    check_command(shlex.split(starts[0]))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    for unit in UNITS:
        there = unit.read_text().replace("/opt/kogge/bin/kogge", "/bin/true")
        (tmp_path / unit.name.replace("@", "@1")).write_text(there)

    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )

    assert [line for line in checked.stderr.splitlines() if str(tmp_path) in line] == []


def test_the_image_is_built_of_files_there_are() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)

    for names in copied:
        assert all((DEPLOY.parent / name).exists() for name in names.split())
