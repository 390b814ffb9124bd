"""A storefront that is open, with tea in it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.storefront import opening
from kogge.backoffice.storefront.models import ShippingOption, Storefront
from kogge.merchants.models import Merchant
from tests.backoffice.pages.talking_channel import TalkingChannel
from tests.backoffice.storefront.visitor import Visitor


@pytest.fixture(autouse=True)
def channel(monkeypatch: pytest.MonkeyPatch) -> TalkingChannel:
    """The only channel: it has no goods until a test puts some into its warehouse."""
    talking: Any = TalkingChannel()
    monkeypatch.setitem(CHANNELS, "amazon", talking)
    return talking  # type: ignore[no-any-return]


@pytest.fixture
def storefront(merchant: Merchant) -> Storefront:
    """Open: 4.90 for sending, free from 49, express for 9.90; payment in advance or by invoice."""
    open_option(merchant, "Standardversand", "4.90", free_from=Decimal(49), extra_days=2)
    open_option(merchant, "Expressversand", "9.90", extra_days=1)
    front = Storefront(
        merchant=merchant,
        is_open=True,
        imprint="Teehaus Muster, Hamburg",
        privacy="Wir sind diskret.",
        withdrawal="Vierzehn Tage.",
        terms="Unsere Bedingungen.",
        bank_account="IBAN DE02 1203 0000 0000 2020 51",
        takes_invoice=True,
        countries="DE,AT",
    )
    opening.save(front)
    return front


def open_option(merchant: Merchant, title: str, price: str, **more: Any) -> ShippingOption:
    return ShippingOption.objects.everyone().create(
        merchant=merchant, title=title, price=Decimal(price), **more
    )


@pytest.fixture
def visitor(storefront: Storefront) -> Visitor:
    """Somebody who looks around."""
    return Visitor(storefront.merchant)
