"""Compiles every translation (.po) to the form gettext reads (.mo).

hatchling runs it for every build, also for editable installs; `python build_translations.py` runs it
by hand, and with `--check` only says whether every message is translated and compiles.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = Path(__file__).resolve().parent / "kogge"


class TranslationsHook(BuildHookInterface):
    """Named in pyproject.toml under [tool.hatch.build.hooks.custom]."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        for source in catalogues():
            compile_catalogue(source)


def catalogues() -> list[Path]:
    return sorted(PACKAGE.rglob("locale/*/LC_MESSAGES/*.po"))


def compile_catalogue(source: Path) -> None:
    with source.open("rb") as text:
        catalogue = read_po(text, locale=source.parts[-3], abort_invalid=True)
    draft = source.with_suffix(f".{os.getpid()}.new")  # several may compile at once
    with draft.open("wb") as compiled:
        write_mo(compiled, catalogue)
    draft.replace(source.with_suffix(".mo"))


def complaints(source: Path) -> list[str]:
    """What is wrong with a catalogue: untranslated, doubtful or contradictory messages."""
    with source.open("rb") as text:
        catalogue = read_po(text, locale=source.parts[-3], abort_invalid=True)
    found = []
    for message in catalogue:
        if not message.id:
            continue
        strings = message.string if isinstance(message.string, (list, tuple)) else [message.string]
        if message.fuzzy or not all(strings):
            found.append(f"{source}:{message.lineno}: not translated: {message.id!r}")
        found += [f"{source}:{message.lineno}: {error}" for error in message.check(catalogue)]
    return found


def main() -> int:
    if "--check" in sys.argv[1:]:
        wrong = [sentence for source in catalogues() for sentence in complaints(source)]
        sys.stderr.write("".join(f"{sentence}\n" for sentence in wrong))
        return 1 if wrong else 0
    for source in catalogues():
        compile_catalogue(source)
    return 0


if __name__ == "__main__":
    sys.exit(main())
