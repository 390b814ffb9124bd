"""Everything that runs by clock: each operation, what does it, whom it serves and how pressing it is.

The rows that say when an operation runs next, and for whom, are in the due table (`kogge.engine`).
Each handler names its next time itself:

    check_orders        every 10 minutes, and at once when somebody asks
    backfill_orders     while older orders are still to be fetched
    check_fba_orders    hourly
    compare_orders      nightly: is anything missing?
    read_shop           at once after a change in the shop; safety net every hour
    confirm_shipments   at once after a dispatch
    send_feeds          when messages wait, and while Amazon works on a feed
    send_offers         2 s after a change of stock, price or lead time
    read_offers         a quarter of an hour after Amazon accepted a change
    read_fba_stock      every half hour what changed in Amazon's warehouse, daily all of it
    plan_fulfillment    at once after a shop order was paid; safety net every 10 minutes
    hand_over           when the cut-off window of a shop order ends, or a cancellation is wished
    follow_fulfillment  while Amazon ships shop orders: each is looked at every 25 minutes
    watch_expiry        daily
    purge_people        daily
    send_mails          at once after a dispatch; else daily
    import_products     when a large file was uploaded or agreed to; to forget it after a day
    tell_webhooks       at once after a change of orders or products, if anybody wants to know
    forget_drafts       when a connection begun but not finished expires; else daily
    read_shop_products  of a remote shop: at once after a hint; else every 10 minutes
    read_shop_orders    of a remote shop: at once after a hint; else every 3 minutes
    run_errands         of a remote shop: at once when it must be told something
    keep_subscriptions  with a queue for Amazon's notifications: daily, and at once after a change
    fetch_hinted        at once after a notification about an order

Of what is due the lowest rank goes first. `send_offers` itself says sold-out before everything else.
"""

from __future__ import annotations

from kogge.amazon.connections.expiry import watch_expiry
from kogge.amazon.fba.following import follow_fulfillment
from kogge.amazon.fba.handing_over import hand_over
from kogge.amazon.fba.planning import plan_fulfillment
from kogge.amazon.fba.stock import read_fba_stock
from kogge.amazon.feeds.sending import send_feeds
from kogge.amazon.notifications.fetching import fetch_hinted
from kogge.amazon.notifications.subscribing import keep_subscriptions
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
from kogge.engine.work import CONNECTION, MERCHANT, Operation, Rank
from kogge.remote.errands import run_errands
from kogge.remote.orders import read_shop_orders
from kogge.remote.products import read_shop_products

OPERATIONS: dict[str, Operation] = {
    "check_orders": Operation(check_orders, CONNECTION, Rank.ORDERS),
    "backfill_orders": Operation(backfill_orders, CONNECTION, Rank.BACK_FILL),
    "check_fba_orders": Operation(check_fba_orders, CONNECTION, Rank.ORDERS),
    "compare_orders": Operation(compare_orders, CONNECTION, Rank.BACK_FILL),
    "read_shop": Operation(read_shop, CONNECTION, Rank.CANCEL_AND_DISPATCH),
    "confirm_shipments": Operation(confirm_shipments, CONNECTION, Rank.CANCEL_AND_DISPATCH),
    "send_feeds": Operation(send_feeds, CONNECTION, Rank.CANCEL_AND_DISPATCH),
    "send_offers": Operation(send_offers, CONNECTION, Rank.STOCK_TO_ZERO),
    "read_offers": Operation(read_offers, CONNECTION, Rank.OFFERS),
    "read_fba_stock": Operation(read_fba_stock, CONNECTION, Rank.OFFERS),
    "plan_fulfillment": Operation(plan_fulfillment, MERCHANT, Rank.ORDERS),
    "hand_over": Operation(hand_over, CONNECTION, Rank.CANCEL_AND_DISPATCH),
    "follow_fulfillment": Operation(follow_fulfillment, CONNECTION, Rank.ORDERS),
    "watch_expiry": Operation(watch_expiry, CONNECTION, Rank.BACK_FILL),
    "purge_people": Operation(purge_people, CONNECTION, Rank.BACK_FILL),
    "send_mails": Operation(send_mails, MERCHANT, Rank.ORDERS),
    "import_products": Operation(import_products, MERCHANT, Rank.BACK_FILL),
    "tell_webhooks": Operation(tell_webhooks, MERCHANT, Rank.ORDERS),
    "forget_drafts": Operation(forget_drafts, MERCHANT, Rank.BACK_FILL),
    "read_shop_products": Operation(read_shop_products, MERCHANT, Rank.OFFERS),
    "read_shop_orders": Operation(read_shop_orders, MERCHANT, Rank.ORDERS),
    "run_errands": Operation(run_errands, MERCHANT, Rank.CANCEL_AND_DISPATCH),
    "keep_subscriptions": Operation(keep_subscriptions, CONNECTION, Rank.BACK_FILL),
    "fetch_hinted": Operation(fetch_hinted, CONNECTION, Rank.ORDERS),
}
