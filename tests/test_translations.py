"""German is the source; English is complete: every sentence of the code has its translation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

PACKAGE = Path(__file__).parents[1] / "kogge"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
}
CATALOGUES = sorted(PACKAGE.rglob("locale/en/LC_MESSAGES/django.po"))
TEMPLATES = [path for path in sorted(PACKAGE.rglob("templates/**/*.*")) if path.suffix in {".html", ".txt"}]

# What Django's templatize makes of {% trans %} and {% blocktrans %}: calls with string literals.
_LITERAL = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CALL = re.compile(
    rf"\b(?:n?gettext|_)\(\s*({_LITERAL})|\bn?pgettext\(\s*{_LITERAL}\s*,\s*({_LITERAL})", re.DOTALL
)
_PLACEHOLDER = re.compile(r"\{\w*\}|%\(\w+\)[sd]|%[sd]")


def test_there_are_catalogues() -> None:
    assert len(CATALOGUES) > 3


def test_every_sentence_in_python_is_translated() -> None:
    known = english()

    missing = [
        f"{path.relative_to(PACKAGE)}: {text}" for path, text in sentences_in_python() if text not in known
    ]

    assert missing == []


def test_every_sentence_in_templates_is_translated() -> None:
    known = english()

    missing = [
        f"{path.relative_to(PACKAGE)}: {text}" for path, text in sentences_in_templates() if text not in known
    ]

    assert missing == []


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-5])
def test_translations_keep_the_placeholders(catalogue: Path) -> None:
    wrong = []
    for source, translation in messages(catalogue):
        if sorted(set(_PLACEHOLDER.findall(source))) != sorted(set(_PLACEHOLDER.findall(translation))):
            wrong.append(source)

    assert wrong == []


def english() -> set[str]:
    return {source for catalogue in CATALOGUES for source, translation in messages(catalogue) if translation}


def messages(catalogue: Path) -> Iterator[tuple[str, str]]:
    """Source and translation; of a plural both its forms."""
    with catalogue.open("rb") as file:
        for message in read_po(file, locale="en"):
            sources = [message.id] if isinstance(message.id, str) else message.id
            strings = [message.string] if isinstance(message.string, str) else message.string or []
            yield from (
                (source, translation) for source, translation in zip(sources, strings, strict=True) if source
            )


def sentences_in_python() -> Iterator[tuple[Path, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        with path.open("rb") as file:
            for _line, found, _comments, _context in extract("python", file, keywords=KEYWORDS):
                yield path, found if isinstance(found, str) else found[0]


def sentences_in_templates() -> Iterator[tuple[Path, str]]:
    for path in TEMPLATES:
        for plain, with_context in _CALL.findall(templatize(path.read_text(), origin=str(path))):
            yield path, ast.literal_eval(plain or with_context)
