"""What holds for every address of the Amazon app: others find nothing there, readers change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from kogge.amazon.connections.models import Connection
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.journal.models import Trouble
from kogge.amazon.pages.buttons import ACTS as TROUBLE_ACTS
from kogge.amazon.pages.fulfilment_acts import ACTS as FULFILMENT_ACTS
from kogge.amazon.pages.offer_panel import ACTS as OFFER_ACTS
from kogge.backoffice.models import Product
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from kogge.urls import urlpatterns
from tests.amazon.pages.offering import listing, product
from tests.amazon.pages.shipping import fulfilment, own_order

pytestmark = pytest.mark.django_db

NAMES = [
    (str(pattern.name), "<" in str(pattern.pattern))
    for pattern in urlpatterns
    if str(pattern.name).startswith("amazon")
]
# Whose word may change something by POST without being of the staff: nobody's.
LOOKED_AT_ONLY = {"amazon_state", "amazon_connected", "amazon_offer_state", "amazon_agree_csv"}


@pytest.fixture
def tea(connection: Connection) -> Product:
    """A product of the merchant that is offered at the account."""
    tea = product(connection.merchant, "TEE-1")
    listing(connection, tea, "live")
    return tea


@pytest.fixture
def shipped(connection: Connection, tea: Product) -> FulfillmentOrder:
    """An own order for it that Amazon is to ship."""
    return fulfilment(connection, own_order(connection.merchant, tea))


@pytest.fixture
def addresses(
    connection: Connection, trouble: Trouble, tea: Product, shipped: FulfillmentOrder
) -> list[tuple[str, str]]:
    """Every address that names something of the merchant's, with its name."""
    return [
        (name, reverse(name, args=arguments))
        for name, has_arguments in NAMES
        if has_arguments
        for arguments in _arguments(name, connection, trouble, tea, shipped)
    ]


def test_what_belongs_to_another_merchant_is_not_there(
    addresses: list[tuple[str, str]], stranger: Client
) -> None:
    before = _everything()

    for _name, url in addresses:
        assert stranger.get(url).status_code in {404, 405}, url
        assert stranger.post(url).status_code in {404, 405}, url

    assert _everything() == before


def test_nobody_gets_in_without_signing_in(addresses: list[tuple[str, str]], client: Client) -> None:
    for _name, url in [
        *addresses,
        *((name, reverse(name)) for name, has_arguments in NAMES if not has_arguments),
    ]:
        answer = client.get(url)

        assert answer.status_code == 405 or answer["Location"].startswith(reverse("login")), url


def test_readers_change_nothing(addresses: list[tuple[str, str]], reader: Client) -> None:
    before = _everything()

    for name, url in addresses:
        refused = {405} if name in LOOKED_AT_ONLY else {403}
        assert reader.post(url).status_code in refused, url

    assert _everything() == before


def test_an_account_and_a_product_of_two_merchants_do_not_meet(
    connection: Connection, tea: Product, other_merchant: Merchant, stranger: Client
) -> None:
    foreign = product(other_merchant, "KAFFEE")

    for act in OFFER_ACTS:
        url = reverse("amazon_offer_act", args=[foreign.pk, connection.pk, act])
        assert stranger.post(url).status_code == 404, url


def _arguments(
    name: str, connection: Connection, trouble: Trouble, tea: Product, shipped: FulfillmentOrder
) -> Iterator[list[object]]:
    if name == "amazon_trouble_act":
        yield from ([trouble.pk, act] for act in TROUBLE_ACTS.values())
    elif name == "amazon_assign":
        yield [trouble.pk]
    elif name == "amazon_fulfillment_act":
        yield from ([shipped.pk, act] for act in FULFILMENT_ACTS)
    elif name == "amazon_fulfillment_cancel":
        yield [shipped.pk]
    elif name == "amazon_fulfillment_ship":
        yield [shipped.shop_number]
    elif name == "amazon_offer_act":
        yield from ([tea.pk, connection.pk, act] for act in OFFER_ACTS)
    elif name == "amazon_work_run":
        yield [Due.objects.filter(operation="check_orders", subject=connection.pk).get().pk]
    elif name.startswith("amazon_offer"):
        yield [tea.pk]
    else:
        yield [connection.pk]


def _everything() -> dict[str, list[Any]]:
    """All rows of the app, as they stand."""
    models = [
        model
        for app in apps.get_app_configs()
        if app.label.startswith("amazon")
        for model in app.get_models()
    ]
    return {model.__name__: list(model._base_manager.order_by("pk").values()) for model in models}
