"""Which speed a shipping method of the shop means."""

from __future__ import annotations

from typing import Any

import pytest

from kogge.amazon.connections.accounts import WrongSetting
from kogge.amazon.fba import speeds
from kogge.amazon.fba.speeds import Mapping, remove, save, speed_of, suggestion, table


def test_the_table_begins_with_the_standard_delivery(merchant: Any) -> None:
    assert table(merchant.pk) == [Mapping("Standardversand", "STANDARD")]
    assert speed_of(merchant.pk, " standardversand ") == "STANDARD"
    assert speed_of(merchant.pk, "") == "STANDARD"
    assert speed_of(merchant.pk, "Expressversand") is None


def test_a_method_is_one_in_upper_and_lower_case(merchant: Any, clock: Any) -> None:
    save(merchant.pk, Mapping("ÜBER NACHT", "EXPEDITED"), now=clock.now)
    save(merchant.pk, Mapping("über  Nacht", "STANDARD"), now=clock.now)

    assert table(merchant.pk) == [Mapping("Standardversand", "STANDARD"), Mapping("über Nacht", "STANDARD")]
    assert speed_of(merchant.pk, "Über Nacht") == "STANDARD"


def test_a_default_can_be_changed_and_returns_when_it_is_removed(merchant: Any, clock: Any) -> None:
    save(merchant.pk, Mapping("Standardversand", "EXPEDITED"), now=clock.now)
    assert speed_of(merchant.pk, "Standardversand") == "EXPEDITED"

    remove(merchant.pk, "STANDARDVERSAND")

    assert speed_of(merchant.pk, "Standardversand") == "STANDARD"


def test_another_merchants_table_is_none_of_ours(merchant: Any, other_merchant: Any, clock: Any) -> None:
    save(other_merchant.pk, Mapping("Express", "EXPEDITED"), now=clock.now)

    assert speed_of(merchant.pk, "Express") is None


@pytest.mark.parametrize(("method", "speed"), [(" ", "STANDARD"), ("Express", "SCHEDULED"), ("Express", "")])
def test_what_cannot_be_is_refused(merchant: Any, clock: Any, method: str, speed: str) -> None:
    with pytest.raises(WrongSetting):
        save(merchant.pk, Mapping(method, speed), now=clock.now)


def test_express_is_only_suggested() -> None:
    assert suggestion("DHL Express") == "EXPEDITED"
    assert suggestion("Expressversand") == "EXPEDITED"
    assert suggestion("Brieftaube") == speeds.Speed.STANDARD
