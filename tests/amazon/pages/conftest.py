"""Browsers of the cast, and the demo seller of a simulator to connect."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from kogge.amazon.connections.accounts import CHANNEL
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.book import open_trouble
from kogge.amazon.journal.models import Trouble
from kogge.amazon.orders.models import AmazonOrder
from kogge.backoffice import installing
from kogge.merchants.models import Merchant
from tests.amazon.account import amazon, connection, post

__all__ = ["amazon", "connection", "post"]


def browser(user: Any) -> Client:
    """A browser somebody is signed in with, on the address the simulator may send it back to."""
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    return client


@pytest.fixture
def merchant(merchant: Merchant) -> Merchant:
    """Teehaus Muster, whose owner has registered the app: else its pages lead there."""
    installing.set_up(merchant, CHANNEL, by="Anna", now=merchant.created_at)
    return merchant


@pytest.fixture
def other_merchant(other_merchant: Merchant) -> Merchant:
    """Anderswo, which has registered the app, too."""
    installing.set_up(other_merchant, CHANNEL, by="Mallory", now=other_merchant.created_at)
    return other_merchant


@pytest.fixture
def owner(anna: Any) -> Client:
    return browser(anna)


@pytest.fixture
def staff(ben: Any) -> Client:
    return browser(ben)


@pytest.fixture
def reader(rita: Any) -> Client:
    return browser(rita)


@pytest.fixture
def stranger(mallory: Any) -> Client:
    return browser(mallory)


@pytest.fixture
def trouble(connection: Connection, post: Any) -> Trouble:
    """Something to be looked at in an order of the connection."""
    order = AmazonOrder.objects.everyone().create(
        connection=connection,
        order_id="305-1182244-9021001",
        intake=AmazonOrder.Intake.IGNORED,
        marketplace_id="A1PA6795UKMFR9",
        first_seen_at=post.now,
    )
    open_trouble(
        connection.pk,
        "unknown_status",
        "unknown_status:1",
        now=post.now,
        amazon_order_id=order.order_id,
        status="ON_HOLD",
    )
    return connection.troubles.get()
