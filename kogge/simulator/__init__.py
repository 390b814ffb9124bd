"""A small Amazon for tests, demo and development: SP-API, Login with Amazon, uploads and consent by HTTP.

with Simulator(quotas="off", seed=1) as amazon:
    amazon.place_orders(3, kind="gift")
    amazon.advance(121)
    …point the client at amazon.api_url and amazon.lwa_url
"""

from __future__ import annotations

from kogge.simulator.amazon import Amazon
from kogge.simulator.catalogue import tea_shop
from kogge.simulator.clock import Clock
from kogge.simulator.credentials import (
    APPLICATION_ID,
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    SELLER_ID,
    STORE_NAME,
)
from kogge.simulator.generate import demo_world
from kogge.simulator.listings import Listing
from kogge.simulator.server import Simulator, serve
from kogge.simulator.wire import Request, Response
from kogge.simulator.world import Order, World

__all__ = [
    "APPLICATION_ID",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "REFRESH_TOKEN",
    "SELLER_ID",
    "STORE_NAME",
    "Amazon",
    "Clock",
    "Listing",
    "Order",
    "Request",
    "Response",
    "Simulator",
    "World",
    "demo_world",
    "serve",
    "tea_shop",
]
