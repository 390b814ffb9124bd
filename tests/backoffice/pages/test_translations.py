"""Every text has an English form, and every English form still has its text."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from tests.backoffice.pages.messages import PACKAGE, Message, messages_of

APPS = ("merchants", "backoffice", "backoffice/storefront")


@pytest.mark.parametrize("app", APPS)
def test_every_text_has_an_english_form(app: str) -> None:
    known = _english(app)

    missing = {message: place for message, place in messages_of(app).items() if not known.get(message)}

    assert missing == {}


@pytest.mark.parametrize("app", APPS)
def test_no_english_form_has_lost_its_text(app: str) -> None:
    assert set(_english(app)) - set(messages_of(app)) == set()


def test_texts_are_not_hidden_inside_f_strings() -> None:
    """There the translator does not find them."""
    for app in APPS:
        for path in (PACKAGE / app).rglob("*.py"):
            assert "{_(" not in path.read_text(), path


def _english(app: str) -> dict[Message, str]:
    """The English catalogue of an app: message to translation, empty when it is missing or doubtful."""
    path = Path(PACKAGE / app / "locale/en/LC_MESSAGES/django.po")
    with path.open("rb") as source:
        catalogue = read_po(source, locale="en", abort_invalid=True)
    known: dict[Message, str] = {}
    for message in catalogue:
        if message.id:
            name = tuple(message.id) if isinstance(message.id, list | tuple) else message.id
            forms = message.string if isinstance(message.string, list | tuple) else [message.string]
            known[name] = "" if message.fuzzy or not all(forms) else str(forms[0])
    return known
