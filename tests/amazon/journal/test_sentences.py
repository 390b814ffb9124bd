import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

import kogge.amazon
from kogge.amazon.journal.sentences import JOURNAL, TROUBLES, Button, ask, tell
from kogge.amazon.journal.words import error_in_words
from kogge.amazon.pages.retrying import RETRIES
from kogge.spapi.errors import (
    AmazonError,
    AskHuman,
    FixSettings,
    OutcomeUnknown,
    Throttled,
    TryLater,
)

SOURCE = Path(kogge.amazon.__file__).parent
ICONS = Path(kogge.__file__).parent / "backoffice/static/kogge/icons.svg"

WRITES_JOURNAL = {"Entry", "_note"}
WRITES_TROUBLE = {"Matter", "_ask", "open_trouble"}
TELLS_OF = {"happened": "journal", "trouble_met": "trouble"}  # the signals of connections/news.py
TABLES = {"_ACCEPTED_ENTRY": "journal", "_REJECTED_ENTRY": "journal", "_REJECTED_TROUBLE": "trouble"}


def used() -> set[tuple[str, str, str]]:
    """(journal or trouble, kind, file) of every kind that is written down anywhere in the app."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        constants = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        }
        for node in ast.walk(tree):
            for book, kind in kinds_in(node, constants):
                found.add((book, kind, path.name))
    return found


def kinds_in(node: ast.AST, constants: dict[str, str]) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        if isinstance(target, ast.Name) and target.id in TABLES:
            for value in node.value.values:
                yield from ((TABLES[target.id], word) for word in words(value, constants))
    if not isinstance(node, ast.Call):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in WRITES_JOURNAL | WRITES_TROUBLE:
        book = "journal" if name in WRITES_JOURNAL else "trouble"
        named = next((word.value for word in node.keywords if word.arg == "kind"), None)
        candidates = [named] if named else node.args
        spoken = [word for argument in candidates for word in words(argument, constants)]
        yield from ((book, word) for word in spoken[: 2 if len(spoken) > 1 and has_choice(node) else 1])
    if name == "send" and isinstance(node.func, ast.Attribute):
        signal = getattr(node.func.value, "attr", "")
        for keyword in node.keywords:
            if signal in TELLS_OF and keyword.arg == "kind":
                yield from ((TELLS_OF[signal], word) for word in words(keyword.value, constants))


def has_choice(call: ast.Call) -> bool:
    return any(isinstance(argument, ast.IfExp) for argument in call.args)


def words(node: ast.AST, constants: dict[str, str]) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        return [node.value]
    if isinstance(node, ast.Name) and node.id in constants:
        return [constants[node.id]]
    if isinstance(node, ast.IfExp):
        return words(node.body, constants) + words(node.orelse, constants)
    return []


def test_the_scan_finds_what_is_known_to_be_used() -> None:
    found = {(book, kind) for book, kind, _file in used()}

    assert {("journal", "imported"), ("journal", "cancel_queued"), ("journal", "paused")} <= found
    assert {("trouble", "assign_product"), ("trouble", "settings"), ("trouble", "shipment_rejected")} <= found


def test_every_kind_that_is_used_has_a_sentence() -> None:
    known = {("journal", kind) for kind in JOURNAL} | {("trouble", kind) for kind in TROUBLES}

    missing = {(book, kind, file) for book, kind, file in used() if (book, kind) not in known}

    assert missing == set()


@pytest.mark.parametrize("kind", sorted(JOURNAL))
def test_a_sentence_is_whole_also_without_details(kind: str) -> None:
    told = tell(kind, {})

    assert told.sentence.endswith(".")
    assert "%(" not in told.sentence


@pytest.mark.parametrize("kind", sorted(TROUBLES))
def test_a_trouble_says_what_to_do_and_has_a_button(kind: str) -> None:
    asked = ask(kind, {})

    assert asked.advice.endswith(".")
    assert "%(" not in asked.sentence
    assert asked.buttons


@pytest.mark.parametrize(
    "kind", sorted(kind for kind, one in TROUBLES.items() if Button.RETRY in one.buttons)
)
def test_what_can_be_retried_has_something_to_retry(kind: str) -> None:
    assert kind.partition(":")[0] in RETRIES


def test_every_icon_is_in_the_sprite() -> None:
    drawn = set(re.findall(r'id="([^"]+)"', ICONS.read_text()))

    assert {telling.icon for telling in JOURNAL.values()} - drawn == set()


def test_details_fill_the_sentence() -> None:
    told = tell("imported", {"number": "10001", "status": "UNSHIPPED"})

    assert told.sentence == "Als Bestellung 10001 in den Shop übernommen."


def test_codes_and_times_and_amounts_are_told_in_words() -> None:
    late = ask("shipment_late", {"ship_by": "2026-11-23T22:59:59+00:00"})
    sums = ask("sum_differs", {"sum": "1023.90 EUR", "total": "1024.00 EUR"})

    assert "23.11.2026, 23:59 Uhr" in late.sentence
    assert "1.023,90 EUR" in sums.sentence
    assert (
        tell("seen", {"status": "UNSHIPPED"}).sentence
        == "Bei Amazon gefunden. Zustand dort: noch nicht versendet."
    )


def test_an_order_without_a_total_is_not_said_to_differ_from_one() -> None:
    asked = ask("sum_differs", {"case": "no_total", "sum": "1018.50 EUR"})

    assert asked.sentence == "Amazon nennt keine Summe. Die Positionen ergeben 1.018,50 EUR."
    with translation.override("en"):
        assert "names no total" in ask("sum_differs", {"case": "no_total", "sum": "1.00 EUR"}).sentence


def test_without_prices_no_orders_are_said_to_arrive() -> None:
    details = {"data_sets": ["PROCEEDS"], "case": "no_prices", "count": 12}

    asked = ask("data_set_broken", details)

    assert "Bestellungen warten auf ihre Preise: 12." in asked.sentence
    assert "kommen weiter an" not in asked.advice
    with translation.override("en"):
        assert "Orders waiting for their prices: 12." in ask("data_set_broken", details).sentence
    assert "kommen weiter an" in ask("data_set_broken", {"data_sets": ["BUYER"]}).advice


@pytest.mark.parametrize(
    ("error", "german"),
    [
        (Throttled(operation="getOrder", retry_after=3), "„Bestellung ansehen“ wartet: Das Kontingent"),
        (TryLater(operation="getOrder"), "„Bestellung ansehen“ ist gescheitert: Amazon ist nicht erreichbar"),
        (TryLater("no JSON", operation="getFeed"), "„Feed abfragen“ ist gescheitert: no JSON."),
        (OutcomeUnknown(operation="createFeed"), "Ob „Feed übergeben“ bei Amazon angekommen ist"),
        (AskHuman("too late", operation="getFeed", code="Late"), "„Feed abfragen“ ab: Late: too late."),
        (FixSettings(operation="getOrder", reason="access_denied"), "nicht an: deiner Amazon-App fehlt"),
    ],
)  # fmt: skip
def test_errors_of_the_client_are_told_in_the_readers_language(error: AmazonError, german: str) -> None:
    assert german in error_in_words(str(error))


def test_an_unknown_code_stays_visible() -> None:
    assert "ON_HOLD" in ask("unknown_status", {"status": "ON_HOLD"}).sentence


def test_an_unknown_kind_is_shown_with_its_details() -> None:
    assert tell("weather", {"what": "rain"}).sentence == "weather (what: rain)"
    assert ask("weather", {}).buttons == (Button.DONE,)


def test_text_from_outside_is_never_a_pattern() -> None:
    told = tell("acknowledge_rejected", {"reason": "100 % %(number)s {x}"})

    assert told.sentence.endswith("abgelehnt: 100 % %(number)s {x}")


def test_every_sentence_is_there_in_english() -> None:
    german = {kind: tell(kind, {}).sentence for kind in JOURNAL} | {
        kind: ask(kind, {}).sentence for kind in TROUBLES
    }

    with translation.override("en"):
        english = {kind: tell(kind, {}).sentence for kind in JOURNAL} | {
            kind: ask(kind, {}).sentence for kind in TROUBLES
        }

    assert {kind for kind, sentence in english.items() if sentence == german[kind]} == set()


def test_one_offer_is_told_as_one() -> None:
    assert ask("offers_refused", {"count": 1}).sentence == "Amazon hat die Werte eines Angebots abgelehnt."
    assert ask("offers_refused", {"count": 7}).sentence == "Amazon hat die Werte von 7 Angeboten abgelehnt."
