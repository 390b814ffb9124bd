"""What `pip install .` installs: everything the product needs, nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = target.glob("*.whl")
    with zipfile.ZipFile(built) as opened:
        yield opened


@pytest.mark.parametrize(
    "pattern",
    [
        "kogge/**/*.py",
        "kogge/**/templates/**/*.*",
        "kogge/**/static/**/*.*",
        "kogge/**/locale/**/*.po",
        "kogge/py.typed",
    ],
)
def test_all_of_it_is_inside(wheel: zipfile.ZipFile, pattern: str) -> None:
    ours = {
        path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern) if "__pycache__" not in path.parts
    }

    assert ours
    assert ours <= set(wheel.namelist())


def test_every_translation_is_compiled(wheel: zipfile.ZipFile) -> None:
    sources = {name for name in wheel.namelist() if name.endswith(".po")}

    assert sources
    assert {name.removesuffix(".po") + ".mo" for name in sources} <= set(wheel.namelist())


def test_every_app_brings_exactly_one_migration(wheel: zipfile.ZipFile) -> None:
    names = [name for name in wheel.namelist() if "/migrations/0" in name]
    folders = [os.path.dirname(name) for name in names]  # noqa: PTH120  (names inside an archive)

    assert len(folders) >= 8
    assert sorted(folders) == sorted(set(folders))


def test_no_tests_and_no_leftovers_are_inside(wheel: zipfile.ZipFile) -> None:
    strangers = [name for name in wheel.namelist() if not name.startswith(("kogge/", "kogge-"))]
    leftovers = [name for name in wheel.namelist() if name.endswith((".pyc", ".po~", ".orig", ".new"))]

    assert strangers == []
    assert leftovers == []


def test_the_console_script_is_declared(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]

    assert "kogge = kogge.cli:main" in wheel.read(entry_points).decode()
