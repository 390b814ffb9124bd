"""The ids of fulfilment orders: short, in Amazon's letters, and never the same for two attempts."""

from __future__ import annotations

import re
from itertools import product

import pytest

from kogge.amazon.fba.numbering import order_id

PREFIX = "KABCDEF2"


def test_a_plain_number_stays_readable() -> None:
    assert order_id(PREFIX, "10240", 1) == "KABCDEF2-10240-1"
    assert order_id(PREFIX, "AB-10240", 2) == "KABCDEF2-AB-10240-2"


@pytest.mark.parametrize(
    "number",
    [
        "10240",
        "R/2026/17",
        "ab",
        "Größe 3",
        "-1",
        "1-",
        "A--B",
        "#",
        "",
        "1" * 26,
        "1" * 27,
        "x" * 40,
        "ß" * 40,
    ],
)
def test_every_number_has_an_id_that_amazon_takes(number: str) -> None:
    assert re.fullmatch(r"[A-Z0-9-]{1,40}", order_id(PREFIX, number, 9999))


def test_no_two_attempts_share_an_id() -> None:
    numbers = ["1", "1-1", "1-2", "a", "A", "A--1", "A/1", "A 1", "A-1", "-1", "1-", "", "#", "##", "X", "x"]
    numbers += ["1" * 26, "1" * 27, "1" * 28]
    attempts = list(product(numbers, [1, 2, 11]))

    assert len({order_id(PREFIX, number, attempt) for number, attempt in attempts}) == len(attempts)


def test_the_same_attempt_has_the_same_id_for_ever() -> None:
    assert (
        order_id(PREFIX, "R/2026/17", 1)
        == order_id(PREFIX, "R/2026/17", 1)
        != order_id(PREFIX, "r/2026/17", 1)
    )
