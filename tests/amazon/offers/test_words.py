"""Why an offer stands as it does, in words; Amazon's own message and code always stay visible."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from kogge.amazon.offers import words
from kogge.amazon.offers.models import HeldPrice, Listing, Values, stored
from kogge.amazon.offers.words import issue_sentence, sentence

DE = "A1PA6795UKMFR9"


def listing(reason: str, **values: Any) -> Listing:
    return Listing(reason=reason, **values)


def issue(code: str, **values: Any) -> dict[str, Any]:
    return {"code": code, "message": "As Amazon says.", "severity": "ERROR", **values}


@pytest.mark.parametrize(
    ("code", "categories", "ours"),
    [
        ("90220", [], "Pflichtangabe"),
        ("4000001", [], "Aufbau"),
        ("8541", [], "ASIN"),
        ("8542", [], "GTIN"),
        ("99022", [], "zusammen mit einer anderen"),
        ("5461", [], "Freigabe"),
        ("18027", ["INVALID_IMAGE"], "Bild"),
        ("77777", ["QUALIFICATION_REQUIRED"], "Freigabe"),
        ("77777", ["INVALID_PRICE"], "Preis für falsch"),
        ("77777", ["UNHEARD_OF", "MISSING_ATTRIBUTE"], "Pflichtangabe"),
    ],
)
def test_usual_codes_have_plain_words_and_amazons_own_follow(
    code: str, categories: list[str], ours: str
) -> None:
    told = issue_sentence(code, "As Amazon says.", categories=categories)

    assert ours in told
    assert told.endswith(f"Amazon: „As Amazon says.“ ({code})")


@pytest.mark.parametrize("code", ["77777", "18027", "NEW_CODE", ""])
def test_an_unknown_code_stays_visible_as_it_is(code: str) -> None:
    assert issue_sentence(code, "Something new.") == f"Amazon: „Something new.“ ({code})"


def test_the_attributes_are_named() -> None:
    told = issue_sentence("90220", "Missing.", attribute_names=["purchasable_offer", "unheard_of"])

    assert "Es geht um: Preis, unheard_of." in told


def test_every_error_of_a_refused_offer_is_told_and_warnings_are_not() -> None:
    issues = [issue("90220"), issue("1", severity="WARNING", message="Only a warning."), issue("77777")]

    told = sentence(listing("invalid", details={"issues": issues}))

    assert "(90220)" in told
    assert "(77777)" in told
    assert "Only a warning." not in told


@pytest.mark.parametrize("details", [{}, {"issues": []}, {"issues": ["odd"]}, {"issues": [{}]}])
def test_a_refusal_without_a_reason_is_a_sentence_as_well(details: dict[str, Any]) -> None:
    assert sentence(listing("invalid", details=details))


@pytest.mark.parametrize(
    ("reason", "details", "part"),
    [
        ("not_found", {}, "kein Angebot"),
        ("no_identity", {}, "ASIN oder Amazon-SKU"),
        ("lead_time_too_long", {}, "30 Tage"),
        ("ambiguous", {"skus": ["A-1", "B-2"]}, "A-1, B-2"),
        ("unsure", {"reason": "patchListingsItem may or may not have taken effect: cut off"}, "cut off"),
        ("restricted", {"restrictions": [{"code": "APPROVAL_REQUIRED", "message": "Ask."}]}, "„Ask.“"),
        ("create_refused", {"issues": [{"code": "8541", "message": "No."}]}, "(8541)"),
        ("brand_new", {}, "brand_new"),
    ],
)
def test_each_reason_has_its_sentence(reason: str, details: dict[str, Any], part: str) -> None:
    assert part in sentence(listing(reason, details=details))


def test_nothing_to_say_is_empty() -> None:
    assert sentence(listing("")) == ""


def test_drift_shows_shop_last_sent_and_amazon() -> None:
    found = listing(
        "drift",
        wanted_json=stored(Values(12, 2, {DE: Decimal("19.90")})),
        accepted_json=stored(Values(10, 2, {DE: Decimal("18.90")})),
        shown_json=stored(Values(7, 2, {DE: Decimal("1017.90")})),
    )

    told = sentence(found)

    assert "Warenbestand: im Shop 12, zuletzt gesendet 10, bei Amazon 7." in told
    prices = "im Shop 19,90\u00a0€, zuletzt gesendet 18,90\u00a0€, bei Amazon 1.017,90\u00a0€."
    assert f"Preis bei Amazon.de: {prices}" in told
    assert "Lieferzeit" not in told


def test_what_was_noted_with_the_drift_counts() -> None:
    details = {"wanted": {"quantity": 3}, "accepted": {"quantity": 2}, "shown": {"quantity": 1}}

    told = sentence(listing("drift", details=details, shown_json=stored(Values(99))))

    assert "im Shop 3, zuletzt gesendet 2, bei Amazon 1." in told


@pytest.mark.parametrize(
    ("why", "limit", "part"),
    [
        ("jump", None, "von 8,00\u00a0€ auf 19,90\u00a0€ springen"),
        ("below_minimum", "25.00", "unter deinem Mindestpreis bei Amazon.de (25,00\u00a0€)"),
        ("above_maximum", "15.00", "über deinem Höchstpreis bei Amazon.de (15,00\u00a0€)"),
        ("something_new", None, "wartet auf deine Bestätigung"),
    ],
)
def test_a_held_price_says_why(why: str, limit: str | None, part: str) -> None:
    held = HeldPrice(Decimal("19.90"), Decimal("8.00"), why, Decimal(limit) if limit else None)

    assert part in sentence(listing("price_held", held_json=stored({DE: held})))


def test_an_unknown_marketplace_is_its_own_word() -> None:
    assert words.place("A0UNKNOWN") == "A0UNKNOWN"
    assert words.amount(Decimal("1.50"), "A0UNKNOWN") == "1,50"
    assert words.amount(None, DE) == "–"


def test_all_of_it_is_there_in_english() -> None:
    plain = [words.CODES, words.CATEGORIES, words.REASONS, words.ATTRIBUTES]
    german = {str(text) for table in plain for text in table.values()}

    with translation.override("en"):
        english = {str(text) for table in plain for text in table.values()}

    assert german & english <= {"ASIN", "GTIN"}


def test_amazons_text_is_never_a_pattern() -> None:
    assert "100 % %(code)s" in issue_sentence("90220", "100 % %(code)s")
