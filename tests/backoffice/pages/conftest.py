"""The pages are tested over HTTP, signed in as one of the cast, with a channel that says what it is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils.translation.reloader import translation_file_changed

from build_translations import catalogues, compile_catalogue
from kogge.backoffice import installing, placing
from kogge.backoffice.models import Order
from kogge.merchants.models import Merchant, User
from tests.backoffice import shop
from tests.backoffice.pages.talking_channel import TalkingChannel


@pytest.fixture(scope="session", autouse=True)
def _compiled_translations() -> None:
    """Also right after cloning, before anything was built."""
    for source in catalogues():
        compile_catalogue(source)
    translation_file_changed(None, Path("django.mo"))


@pytest.fixture
def merchant(merchant: Merchant) -> Merchant:
    """Teehaus Muster, whose owner has registered the channel's app."""
    installing.set_up(merchant, "amazon", by="Anna", now=merchant.created_at)
    return merchant


@pytest.fixture(autouse=True)
def channel(monkeypatch: pytest.MonkeyPatch) -> TalkingChannel:
    """The only channel of the shop."""
    from kogge.backoffice.channels import CHANNELS

    talking = TalkingChannel()
    for name in list(CHANNELS):
        monkeypatch.delitem(CHANNELS, name)
    monkeypatch.setitem(CHANNELS, "amazon", talking)
    return talking


@pytest.fixture
def signed_in() -> Callable[..., Client]:
    """A browser of somebody: `signed_in(ben)`, `signed_in(ben, language="en")`."""

    def browser(user: User, language: str = "de") -> Client:
        client = Client()
        client.force_login(user, backend="kogge.merchants.login.ThrottledBackend")
        client.cookies["django_language"] = language
        return client

    return browser


@pytest.fixture
def order(merchant: Merchant) -> Order:
    """An order of two cups of tea and a free line, for Erika."""
    tea = shop.product(merchant, "TEE-1", counted=10)
    lines = (
        shop.new_line("1", quantity=2, product=tea, shipping=shop.euro("4.95"), gift_text="Alles Gute!"),
        shop.new_line("2", price="5.00"),
    )
    placing.place(merchant.pk, [shop.new_order("305-0000001-0000001", *lines)], now=shop.NOW)
    return shop.stored(merchant)


@pytest.fixture
def many_orders(merchant: Merchant) -> Callable[[int], list[Order]]:
    """So many more orders."""

    def place(count: int) -> list[Order]:
        first = Order.objects.of(merchant).count()
        new: list[Any] = [
            shop.new_order(f"305-0000002-{number:07d}", shop.new_line(), shop.new_line("2"))
            for number in range(first, first + count)
        ]
        placing.place(merchant.pk, new, now=shop.NOW)
        return list(Order.objects.of(merchant).order_by("number")[first:])

    return place
