"""Everything that runs by clock: each operation and what does it.

The rows that say when an operation runs next, and for whom, are in the due table (`kogge.engine`).
Each handler names its next time itself:

    check_orders        connection   every 10 minutes, and at once when somebody asks
    backfill_orders     connection   while older orders are still to be fetched
    check_fba_orders    connection   hourly
    compare_orders      connection   nightly: is anything missing?
    read_shop           connection   at once after a change in the shop; safety net every 10 minutes
    confirm_shipments   connection   at once after a dispatch
    send_feeds          connection   when messages wait, and while Amazon works on a feed
    send_offers         connection   2 s after a change of stock, price or lead time
    read_offers         connection   a quarter of an hour after Amazon accepted a change
    read_fba_stock      connection   every half hour what changed in Amazon's warehouse, daily all of it
    plan_fulfillment    merchant     at once after a shop order was paid; safety net every 10 minutes
    hand_over           connection   when the cut-off window of a shop order ends, or a cancellation is wished
    follow_fulfillment  connection   while Amazon ships shop orders: each is looked at every 25 minutes
    watch_expiry        connection   daily
    purge_people        connection   daily
    send_mails          merchant     at once after a dispatch; else daily
    import_products     merchant     when a large file was uploaded or agreed to; to forget it after a day
    tell_webhooks       merchant     at once after a change of orders or products, if anybody wants to know
    forget_drafts       merchant     when a connection begun but not finished expires; else daily
    read_shop_products  merchant     of a remote shop: at once after a hint; else every 10 minutes
    read_shop_orders    merchant     of a remote shop: at once after a hint; else every 3 minutes
    run_errands         merchant     of a remote shop: at once when it must be told something
"""

from __future__ import annotations

from kogge.amazon.connections.expiry import watch_expiry
from kogge.amazon.fba.following import follow_fulfillment
from kogge.amazon.fba.handing_over import hand_over
from kogge.amazon.fba.planning import plan_fulfillment
from kogge.amazon.fba.stock import read_fba_stock
from kogge.amazon.feeds.sending import send_feeds
from kogge.amazon.offers.reading import read_offers
from kogge.amazon.offers.sending import send_offers
from kogge.amazon.orders.backfill import backfill_orders
from kogge.amazon.orders.check import check_orders
from kogge.amazon.orders.compare import compare_orders
from kogge.amazon.orders.confirm import confirm_shipments
from kogge.amazon.orders.fba import check_fba_orders
from kogge.amazon.orders.purge import purge_people
from kogge.amazon.orders.shop_changes import read_shop
from kogge.amazon.pages.drafts import forget_drafts
from kogge.backoffice.api.telling import tell_webhooks
from kogge.backoffice.mail import send_mails
from kogge.backoffice.product_files import import_products
from kogge.engine.work import Handler
from kogge.remote.errands import run_errands
from kogge.remote.orders import read_shop_orders
from kogge.remote.products import read_shop_products

OPERATIONS: dict[str, Handler] = {
    "check_orders": check_orders,
    "backfill_orders": backfill_orders,
    "check_fba_orders": check_fba_orders,
    "compare_orders": compare_orders,
    "read_shop": read_shop,
    "confirm_shipments": confirm_shipments,
    "send_feeds": send_feeds,
    "send_offers": send_offers,
    "read_offers": read_offers,
    "read_fba_stock": read_fba_stock,
    "plan_fulfillment": plan_fulfillment,
    "hand_over": hand_over,
    "follow_fulfillment": follow_fulfillment,
    "watch_expiry": watch_expiry,
    "purge_people": purge_people,
    "send_mails": send_mails,
    "import_products": import_products,
    "tell_webhooks": tell_webhooks,
    "forget_drafts": forget_drafts,
    "read_shop_products": read_shop_products,
    "read_shop_orders": read_shop_orders,
    "run_errands": run_errands,
}
