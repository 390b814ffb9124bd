"""Every text of the interface, as the translator finds it in code and templates."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract
from django.utils.translation.template import templatize

PACKAGE = Path(__file__).parents[3] / "kogge"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
}

Message = str | tuple[str, ...]


def messages_of(*apps: str) -> dict[Message, str]:
    """Each message of these apps with the place where it was found first."""
    found: dict[Message, str] = {}
    for app in apps:
        for path, source in _sources(PACKAGE / app):
            for line, message in _messages(source):
                found.setdefault(message, f"{path.relative_to(PACKAGE.parent)}:{line}")
    return found


def _sources(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        if _has_own_catalogue(path.parent, folder):
            continue
        if path.suffix == ".py" and "migrations" not in path.parts:
            yield path, path.read_text()
        elif "templates" in path.parts and path.suffix in {".html", ".txt"}:
            yield path, templatize(path.read_text(), origin=str(path))


def _has_own_catalogue(place: Path, app: Path) -> bool:
    """Whether a place inside an app belongs to an app within it, such as the storefront."""
    while place != app:
        if (place / "locale").is_dir():
            return True
        place = place.parent
    return False


def _messages(source: str) -> Iterator[tuple[int, Message]]:
    for line, message, _comments, _context in extract(
        "python", io.BytesIO(source.encode()), keywords=KEYWORDS
    ):
        yield line, message if isinstance(message, str) else tuple(str(part) for part in message)
