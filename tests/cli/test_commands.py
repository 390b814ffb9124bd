"""The command line as scripts use it: one JSON document, one sentence, an exit code."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kogge import cli
from kogge.cli import demo, doctor
from kogge.cli.answers import merchant_named, secret_from
from kogge.engine import due
from kogge.merchants.models import Merchant


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has an own data directory and a German terminal."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KOGGE_", "DATABASE_URL", "LC_"))
    }
    return {**kept, "KOGGE_DATA_DIR": str(tmp_path / "data"), "LANG": "de_DE.UTF-8"}


def kogge(*arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kogge.cli", *arguments]
    return subprocess.run(command, env=dict(env), capture_output=True, text=True, timeout=120, check=False)


def test_the_first_steps_on_a_fresh_machine(home: dict[str, str]) -> None:
    home["PASSWORD"] = "Sieben-Fässer-Tee"

    first = kogge("migrate", "--json", env=home)
    again = kogge("migrate", "--json", env=home)
    created = kogge(
        *("merchant", "create", "--name", "Teehaus", "--email", "anna@example.org"),
        *("--password-env", "PASSWORD", "--json"),
        env=home,
    )
    idle = kogge("work", "--until-idle", "--json", env=home)
    health = kogge("doctor", "--json", env=home)

    assert json.loads(first.stdout)["applied"] > 8
    assert json.loads(again.stdout) == {"applied": 0}
    assert json.loads(created.stdout) == {"merchant": "teehaus"}
    assert json.loads(idle.stdout) == {"done": 0, "failed": 0, "waiting": 0}
    assert json.loads(health.stdout)["ok"] is True
    assert [run.returncode for run in (first, again, created, idle, health)] == [0] * 5


def test_a_database_that_is_not_there_yet_is_said_in_a_sentence(home: dict[str, str]) -> None:
    home["PASSWORD"] = "Sieben-Fässer-Tee"

    created = kogge(
        *("merchant", "create", "--name", "Teehaus", "--email", "anna@example.org"),
        *("--password-env", "PASSWORD", "--json"),
        env=home,
    )

    assert created.returncode == 1
    assert created.stdout == ""
    assert (
        created.stderr.strip() == "Die Datenbank ist nicht auf dem Stand. Führe zuerst „kogge migrate“ aus."
    )


def test_help_needs_no_data_directory_and_lists_every_command(home: dict[str, str], tmp_path: Path) -> None:
    shown = kogge("--help", env=home)

    assert shown.returncode == 0
    assert all(f"  {name} " in shown.stdout for name in cli.COMMANDS)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nonsense"], "nonsense"),
        (["migrate", "--nonsense"], "--nonsense"),
        (["merchant", "create", "--name", "x"], "--email"),
        (["bench", "nonsense"], "nonsense"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_one(
    home: dict[str, str], arguments: list[str], word: str
) -> None:
    failed = kogge(*arguments, env=home)

    assert failed.returncode == 1
    assert failed.stdout == ""
    assert word in failed.stderr
    assert "Traceback" not in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1


def test_doctor_says_what_is_missing_and_ends_with_one(home: dict[str, str]) -> None:
    sick = kogge("doctor", "--json", env=home)

    assert sick.returncode == 1
    findings = {finding["what"]: finding["ok"] for finding in json.loads(sick.stdout)["findings"]}
    assert findings["migrations"] is False


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "de_DE.UTF-8"}, "de"),
        ({"LANG": "de_AT.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "de_CH.UTF-8", "LC_ALL": ""}, "de"),
        ({}, "en"),
    ],
)
def test_sentences_come_in_the_terminals_language(
    variables: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert cli.language() == language


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_in_the_list_exists_and_answers_in_json(name: str) -> None:
    command = cli.kogge.get_command(None, name)  # type: ignore[arg-type]

    assert command is not None
    leaves = list(getattr(command, "commands", {name: command}).values())
    assert all("as_json" in {parameter.name for parameter in leaf.params} for leaf in leaves)


@pytest.mark.django_db
def test_expected_refusals_are_sentences_and_bugs_are_not_hidden(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from kogge.backoffice.refusal import Refusal

    def refusing(*_arguments: Any, **_options: Any) -> None:
        raise Refusal("Schon versendet.")

    monkeypatch.setattr(cli.kogge, "main", refusing)
    with pytest.raises(SystemExit) as ended:
        cli.main(["anything"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "Schon versendet.\n"

    monkeypatch.setattr(cli.kogge, "main", lambda *_arguments, **_options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["anything"])


@pytest.mark.django_db
def test_an_unknown_merchant_is_named(merchant: Merchant) -> None:
    assert merchant_named("teehaus-muster") == merchant
    with pytest.raises(Exception, match="anderswo"):
        merchant_named("anderswo")


def test_secrets_come_from_the_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEA_SECRET", "Kandis")
    assert secret_from("TEA_SECRET") == "Kandis"

    with pytest.raises(Exception, match="TEA_NOTHING"):
        secret_from("TEA_NOTHING")


@pytest.mark.django_db
def test_doctor_finds_work_that_is_overdue_and_work_that_failed(clock: Any) -> None:
    assert all(finding.ok for finding in doctor.examine(later(clock)))

    due.schedule("check_orders", 1, at=clock.now)

    sick = [finding for finding in doctor.examine(later(clock)) if not finding.ok]
    assert [finding.what for finding in sick] == ["background work"]


@pytest.mark.django_db
def test_doctor_finds_stock_that_differs_from_its_ledger(merchant: Merchant, clock: Any) -> None:
    from kogge.backoffice.models import Product

    Product(merchant=merchant, code="TS-01", title="Teesieb", price=9, stock=3, changed_at=clock.now).save()

    sick = [finding for finding in doctor.examine(later(clock)) if not finding.ok]

    assert [finding.what for finding in sick] == ["stock of teehaus-muster"]
    assert "TS-01" in sick[0].sentence


@pytest.fixture
def demo_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KOGGE_DATA_DIR", str(tmp_path))
    return tmp_path


def test_the_demo_never_empties_a_shop_that_was_moved(demo_home: Path) -> None:
    (demo_home / demo.MARKER).touch()
    with closing(sqlite3.connect(demo_home / "kogge.sqlite3")) as old, old:
        old.execute("CREATE TABLE kogge_move (id text, target text, moved_at text)")
        old.execute("INSERT INTO kogge_move VALUES ('x', 'db/kogge', '2026-11-24')")

    refused = CliRunner().invoke(demo.demo, ["--json"])

    assert refused.exit_code == 1
    assert "db/kogge" in refused.output


def test_the_demo_never_empties_a_directory_it_did_not_make(demo_home: Path) -> None:
    (demo_home / "kogge.sqlite3").write_text("precious")

    refused = CliRunner().invoke(demo.demo, ["--json"])

    assert refused.exit_code == 1
    assert (demo_home / "kogge.sqlite3").read_text() == "precious"


def test_the_demo_begins_afresh_in_its_own_directory(demo_home: Path) -> None:
    (demo_home / demo.MARKER).touch()
    (demo_home / "kogge.sqlite3").write_text("of yesterday")
    (demo_home / "uploads").mkdir()

    directory = demo._fresh_directory()

    assert [path.name for path in directory.iterdir()] == [demo.MARKER]


def later(clock: Any) -> Any:
    """A time the installation's own files are not newer than."""
    import datetime

    return max(clock.now, datetime.datetime.now(datetime.UTC)) + datetime.timedelta(days=1)
