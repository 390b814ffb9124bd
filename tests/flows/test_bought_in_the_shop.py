"""Bought in the shop: a guest buys in the storefront what lies at Amazon and what lies here."""

from __future__ import annotations

from decimal import Decimal

from kogge.backoffice.mail import read_message
from kogge.backoffice.models import Mail, Order
from kogge.backoffice.storefront import opening
from kogge.backoffice.storefront.models import ShippingOption, Storefront
from tests.backoffice.storefront.visitor import Visitor
from tests.flows.conftest import Stage
from tests.flows.fulfillment_stage import FulfillmentStage


def test_what_is_bought_in_the_storefront_leaves_amazons_warehouse_once_it_is_paid(stage: Stage) -> None:
    shop = FulfillmentStage(stage)
    at_amazon = shop.keep("TS-01", units=20, sku="TS-01-FBA")
    here = shop.product("KR-PFEFF-100")
    before = stage.stock("TS-01"), stage.stock("KR-PFEFF-100")
    _open_storefront(stage)
    visitor = Visitor(stage.merchant)

    visitor.put(at_amazon, 2)
    visitor.put(here, 3)
    visitor.check_out()
    visitor.buy()
    shop.hand_over_all()

    order = Order.objects.of(stage.merchant).get(channel="shop")
    lines = shop.lines(order)
    assert (lines["TS-01"].fulfilled_by, lines["KR-PFEFF-100"].fulfilled_by) == ("amazon", "")
    assert stage.stock("TS-01") == before[0]
    assert stage.stock("KR-PFEFF-100") == (before[1][0] - 3, 0)
    assert shop.amazon.fulfilment_orders == []  # nobody has paid yet
    [mail] = Mail.objects.of(stage.merchant)
    message = read_message(mail)
    assert message is not None
    assert (message.to, str(order.number) in message.subject) == ("erika@example.org", True)

    shop.pay(order)
    shop.hand_over_all()

    [sent] = shop.amazon.fulfilment_orders
    assert [(line.sku, line.quantity) for line in sent.lines] == [("TS-01-FBA", 2)]
    assert (sent.speed, sent.address["name"], sent.address["postalCode"]) == (
        "STANDARD",
        "Erika Muster",
        "20095",
    )


def _open_storefront(stage: Stage) -> None:
    ShippingOption.objects.everyone().create(
        merchant=stage.merchant, title="Standardversand", price=Decimal("4.90")
    )
    opening.save(
        Storefront(
            merchant=stage.merchant,
            is_open=True,
            imprint="Teehaus",
            privacy="Diskret.",
            withdrawal="Vierzehn Tage.",
            bank_account="IBAN DE02",
        )
    )
