"""Secrets at rest: what was sealed opens in its own place with its own key, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from kogge.merchants import vault
from kogge.merchants.keyring import KeyRing

OLD, NEW = KeyRing.new_key(), KeyRing.new_key()


@pytest.fixture(autouse=True)
def _old_key(settings: Any) -> None:
    settings.KOGGE_KEY_RING = KeyRing.parse(OLD)


def test_what_was_sealed_can_be_opened() -> None:
    sealed = vault.seal(1, "order.people", b"Erika Mustermann")

    assert b"Erika" not in sealed
    assert vault.unseal(1, "order.people", sealed) == b"Erika Mustermann"


def test_sealing_twice_looks_different() -> None:
    assert vault.seal(1, "column", b"secret") != vault.seal(1, "column", b"secret")


@pytest.mark.parametrize(("merchant_id", "column"), [(2, "column"), (1, "another"), (11, "column")])
def test_a_value_moved_to_another_merchant_or_column_does_not_open(merchant_id: int, column: str) -> None:
    sealed = vault.seal(1, "column", b"secret")

    with pytest.raises(vault.CannotOpen):
        vault.unseal(merchant_id, column, sealed)


def test_a_value_that_was_tampered_with_does_not_open() -> None:
    sealed = bytearray(vault.seal(1, "column", b"secret"))
    sealed[-1] ^= 1

    with pytest.raises(vault.CannotOpen):
        vault.unseal(1, "column", bytes(sealed))


@pytest.mark.parametrize("garbage", [b"", b"\x01", b"secret in the clear"])
def test_what_was_never_sealed_does_not_open(garbage: bytes) -> None:
    with pytest.raises(vault.CannotOpen):
        vault.unseal(1, "column", garbage)


def test_a_new_key_in_front_seals_and_the_old_one_still_opens(settings: Any) -> None:
    before = vault.seal(1, "column", b"secret")

    settings.KOGGE_KEY_RING = KeyRing.parse(f"{NEW},{OLD}")
    after = vault.seal(1, "column", b"secret")
    assert vault.unseal(1, "column", before) == b"secret"

    settings.KOGGE_KEY_RING = KeyRing.parse(NEW)
    assert vault.unseal(1, "column", after) == b"secret"
    with pytest.raises(vault.CannotOpen):
        vault.unseal(1, "column", before)


def test_a_refusal_names_the_place_and_not_the_secret() -> None:
    sealed = vault.seal(1, "column", b"secret")

    with pytest.raises(vault.CannotOpen, match="column of merchant 2") as refused:
        vault.unseal(2, "column", sealed)

    assert "secret" not in str(refused.value)


def test_fingerprints_of_words_stay_while_keys_are_added_and_differ_between_merchants(settings: Any) -> None:
    before = vault.blind_index(1, "mustermann")

    settings.KOGGE_KEY_RING = KeyRing.parse(f"{NEW},{OLD}")

    assert vault.blind_index(1, "mustermann") == before
    assert vault.blind_index(2, "mustermann") != before
    assert vault.blind_index(1, "musterfrau") != before


@pytest.mark.parametrize("text", ["", " , ", "c2hvcnQ=", "not base64!"])
def test_a_key_ring_that_is_no_key_ring_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        KeyRing.parse(text)


def test_keys_are_not_shown_when_a_key_ring_is_printed() -> None:
    assert OLD not in repr(KeyRing.parse(OLD))
    assert repr(KeyRing.parse(OLD).keys[0]) not in repr(KeyRing.parse(OLD))
