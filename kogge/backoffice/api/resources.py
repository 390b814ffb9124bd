"""Every resource of the API, in one list."""

from __future__ import annotations

from typing import Any

from kogge.backoffice.api.addresses import BillingAddresses, ShippingAddresses
from kogge.backoffice.api.carriers import Carriers
from kogge.backoffice.api.events import Events
from kogge.backoffice.api.items import Items
from kogge.backoffice.api.metafields import Metafields
from kogge.backoffice.api.orders import Orders
from kogge.backoffice.api.payments import PaymentMethods, Payments
from kogge.backoffice.api.people import Customers
from kogge.backoffice.api.products import Products, Variants
from kogge.backoffice.api.properties import ProductImages, Properties
from kogge.backoffice.api.shipments import Shipments
from kogge.backoffice.api.shop import Account, Shop
from kogge.backoffice.api.webhooks import Webhooks

# By the name in the address. `views.py` serves them, `docs.py` describes them.
RESOURCES: dict[str, Any] = {
    "products": Products(),
    "variants": Variants(),
    "properties": Properties(),
    "product_images": ProductImages(),
    "orders": Orders(),
    "items": Items(),
    "payments": Payments(),
    "payment_methods": PaymentMethods(),
    "shipments": Shipments(),
    "customers": Customers(),
    "billing_addresses": BillingAddresses(),
    "shipping_addresses": ShippingAddresses(),
    "metafields": Metafields(),
    "carriers": Carriers(),
    "events": Events(),
    "webhooks": Webhooks(),
    "shop": Shop(),
    "account": Account(),
}
