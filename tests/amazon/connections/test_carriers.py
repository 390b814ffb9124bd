"""The shop's carriers in Amazon's spelling."""

from __future__ import annotations

import pytest

from kogge.amazon.connections import carriers
from kogge.amazon.connections.accounts import WrongSetting
from kogge.amazon.connections.carriers import AmazonCarrier, Mapping, carrier_at_amazon, is_mapped
from kogge.merchants.models import Merchant

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("shop", "amazon"),
    [
        ("DHL", "DHL"),
        ("dhl", "DHL"),
        (" Deutsche  Post ", "Deutsche Post"),
        ("Hermes", "Hermes Logistik Gruppe"),
        ("DPD", "DPD"),
        ("GLS", "GLS"),
        ("UPS", "UPS"),
        ("fedex", "FedEx"),
    ],
)
def test_the_usual_carriers_are_known_in_any_spelling(merchant: Merchant, shop: str, amazon: str) -> None:
    assert carrier_at_amazon(merchant.pk, shop) == AmazonCarrier(amazon)
    assert is_mapped(merchant.pk, shop)


def test_an_unknown_carrier_is_other_with_its_name(merchant: Merchant) -> None:
    assert carrier_at_amazon(merchant.pk, "Stadtbote Nord") == AmazonCarrier("Other", "Stadtbote Nord")
    assert not is_mapped(merchant.pk, "Stadtbote Nord")


def test_the_table_can_be_edited_and_added_to(merchant: Merchant) -> None:
    carriers.save(merchant.pk, Mapping("dhl", "DHL", "DHL Paket"))
    carriers.save(merchant.pk, Mapping("Stadtbote Nord", "GO!"))

    assert carrier_at_amazon(merchant.pk, "DHL") == AmazonCarrier("DHL", method="DHL Paket")
    assert carrier_at_amazon(merchant.pk, "stadtbote nord") == AmazonCarrier("GO!")
    assert [line.shop_carrier for line in carriers.table(merchant.pk)].count("DHL") == 0


def test_saving_in_another_spelling_replaces_the_line(merchant: Merchant) -> None:
    carriers.save(merchant.pk, Mapping("Stadtbote", "GO!"))

    carriers.save(merchant.pk, Mapping("STADTBOTE", "TNT"))

    lines = [line for line in carriers.table(merchant.pk) if line.shop_carrier.casefold() == "stadtbote"]
    assert lines == [Mapping("STADTBOTE", "TNT")]


def test_a_line_that_names_no_code_is_not_mapped(merchant: Merchant) -> None:
    carriers.save(merchant.pk, Mapping("Kurier", "", "Fahrrad"))

    assert carrier_at_amazon(merchant.pk, "Kurier") == AmazonCarrier("Other", "Kurier", "Fahrrad")
    assert not is_mapped(merchant.pk, "Kurier")


def test_removing_an_edited_default_brings_the_default_back(merchant: Merchant) -> None:
    carriers.save(merchant.pk, Mapping("DHL", "Other"))

    carriers.remove(merchant.pk, "dhl")

    assert carrier_at_amazon(merchant.pk, "DHL") == AmazonCarrier("DHL")


def test_the_table_of_another_merchant_is_untouched(merchant: Merchant, other_merchant: Merchant) -> None:
    carriers.save(merchant.pk, Mapping("DHL", "TNT"))

    assert carrier_at_amazon(other_merchant.pk, "DHL") == AmazonCarrier("DHL")


def test_a_carrier_needs_a_name(merchant: Merchant) -> None:
    with pytest.raises(WrongSetting):
        carriers.save(merchant.pk, Mapping("  ", "DHL"))


@pytest.mark.parametrize("name", ["", "\x00", "x" * 500])
def test_a_strange_name_still_gives_amazon_something_to_read(merchant: Merchant, name: str) -> None:
    carrier = carrier_at_amazon(merchant.pk, name)

    assert carrier.code == "Other"
    assert carrier.name
    assert len(carrier.name) <= 80
