"""What is told of a parcel Amazon sent."""

from __future__ import annotations

import pytest

from kogge.amazon.fba.parcels import carrier_name
from kogge.backoffice.carriers import TRACKING_PAGES


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("AMZN_DE", "Amazon Logistics"),
        ("AMZN_US", "Amazon Logistics"),
        ("amzl", "Amazon Logistics"),
        ("DHL", "DHL"),
        ("dhl_de", "DHL"),
        ("DPD-AT", "DPD"),
        ("GLS", "GLS"),
        ("UPS", "UPS"),
        ("HERMES", "Hermes"),
        ("Hermes DE", "Hermes"),
        ("FEDEX", "FedEx"),
        ("DHL EXPRESS", "DHL EXPRESS"),  # another company, whose parcels are followed elsewhere
        ("DHLE", "DHLE"),
        ("AMZNIA", "AMZNIA"),
        ("Österreichische Post", "Österreichische Post"),
        ("", ""),
    ],
)
def test_a_carrier_is_called_as_people_call_it(code: str, name: str) -> None:
    assert carrier_name(code) == name


@pytest.mark.parametrize("code", ["DHL", "DPD", "GLS", "UPS", "HERMES", "FEDEX"])
def test_the_shop_can_follow_what_it_knows(code: str) -> None:
    assert carrier_name(code) in TRACKING_PAGES
