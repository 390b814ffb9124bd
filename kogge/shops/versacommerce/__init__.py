"""The only code that speaks to a VersaCommerce shop.

system        a shop as a `RemoteSystem` (`kogge/shops/remote.py`)
registering   becoming an app of a shop
client        one call: who we are, how often, what is tried again, what an answer means
transport     one exchange, bounded, and the pace of all of them
reading       documents nobody can rely on the form of
orders, products, metafields, addresses    the documents in our words
writing       an order in theirs
"""

from kogge.shops.versacommerce import registering
from kogge.shops.versacommerce.system import Settings, VersaCommerceShop
from kogge.shops.versacommerce.transport import Pace, open_http

__all__ = ["Pace", "Settings", "VersaCommerceShop", "open_http", "registering"]
