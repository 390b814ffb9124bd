"""Amazon's regions and marketplaces (pages sp-api-endpoints, marketplace-ids, seller-central-urls).

The table is an allow-list: Amazon also reports pseudo-marketplaces for orders from elsewhere
(selling-partner-api-models#1367); what is not in it is not a shop we can sell in.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from kogge.values import InvalidValue, amazon_order_id


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the world with its own API host; one authorisation covers all its marketplaces."""

    code: str
    api_url: str
    consent_url: str


@dataclass(frozen=True, slots=True)
class Marketplace:
    """One of Amazon's shops, e.g. Amazon.de."""

    id: str
    country: str
    region: str
    currency: str
    domain: str
    seller_central: str

    @property
    def name(self) -> str:
        return self.domain.capitalize()


REGIONS = {
    "eu": Region("eu", "https://sellingpartnerapi-eu.amazon.com", "https://sellercentral-europe.amazon.com"),
    "na": Region("na", "https://sellingpartnerapi-na.amazon.com", "https://sellercentral.amazon.com"),
    "fe": Region("fe", "https://sellingpartnerapi-fe.amazon.com", "https://sellercentral.amazon.co.jp"),
}

_EUROPE = "sellercentral-europe.amazon.com"

MARKETPLACES = {
    marketplace.id: marketplace
    for marketplace in (
        Marketplace("A1PA6795UKMFR9", "DE", "eu", "EUR", "amazon.de", _EUROPE),
        Marketplace("A13V1IB3VIYZZH", "FR", "eu", "EUR", "amazon.fr", _EUROPE),
        Marketplace("APJ6JRA9NG5V4", "IT", "eu", "EUR", "amazon.it", _EUROPE),
        Marketplace("A1RKKUPIHCS9HS", "ES", "eu", "EUR", "amazon.es", _EUROPE),
        Marketplace("A1805IZSGTT6HS", "NL", "eu", "EUR", "amazon.nl", "sellercentral.amazon.nl"),
        Marketplace("AMEN7PMS3EDWL", "BE", "eu", "EUR", "amazon.com.be", "sellercentral.amazon.com.be"),
        Marketplace("A2NODRKZP88ZB9", "SE", "eu", "SEK", "amazon.se", "sellercentral.amazon.se"),
        Marketplace("A1C3SOZRARQ6R3", "PL", "eu", "PLN", "amazon.pl", "sellercentral.amazon.pl"),
        Marketplace("A28R8C7NBKEWEA", "IE", "eu", "EUR", "amazon.ie", _EUROPE),
        Marketplace("A1F83G8C2ARO7P", "GB", "eu", "GBP", "amazon.co.uk", _EUROPE),
        Marketplace("A33AVAJ2PDY3EV", "TR", "eu", "TRY", "amazon.com.tr", "sellercentral.amazon.com.tr"),
        Marketplace("A21TJRUUN4KGV", "IN", "eu", "INR", "amazon.in", "sellercentral.amazon.in"),
        Marketplace("A2VIGQ35RCS4UG", "AE", "eu", "AED", "amazon.ae", "sellercentral.amazon.ae"),
        Marketplace("A17E79C6D8DWNP", "SA", "eu", "SAR", "amazon.sa", "sellercentral.amazon.sa"),
        Marketplace("ARBP9OOSHTCHU", "EG", "eu", "EGP", "amazon.eg", _EUROPE),
        Marketplace("AE08WJ6YKNBMC", "ZA", "eu", "ZAR", "amazon.co.za", "sellercentral.amazon.co.za"),
        Marketplace("ATVPDKIKX0DER", "US", "na", "USD", "amazon.com", "sellercentral.amazon.com"),
        Marketplace("A2EUQ1WTGCTBG2", "CA", "na", "CAD", "amazon.ca", "sellercentral.amazon.ca"),
        Marketplace("A1AM78C64UM0Y8", "MX", "na", "MXN", "amazon.com.mx", "sellercentral.amazon.com.mx"),
        Marketplace("A2Q3Y263D00KWC", "BR", "na", "BRL", "amazon.com.br", "sellercentral.amazon.com.br"),
        Marketplace("A1VC38T7YXB528", "JP", "fe", "JPY", "amazon.co.jp", "sellercentral.amazon.co.jp"),
        Marketplace("A39IBJ37TRP1C6", "AU", "fe", "AUD", "amazon.com.au", "sellercentral.amazon.com.au"),
        Marketplace("A19VAU5U5O7RUS", "SG", "fe", "SGD", "amazon.sg", "sellercentral.amazon.sg"),
    )
}


def marketplace(marketplace_id: str) -> Marketplace:
    """The marketplace with this id. Raises `InvalidValue` for one that is not on the list."""
    try:
        return MARKETPLACES[marketplace_id]
    except KeyError:
        raise InvalidValue(f"not an Amazon marketplace: {marketplace_id[:40]!r}") from None


def seller_central_order_url(marketplace_id: str, order_id: str) -> str:
    """Where the seller sees this order at Amazon. Raises `InvalidValue` for an unknown marketplace or id."""
    host = marketplace(marketplace_id).seller_central
    return f"https://{host}/orders-v3/order/{quote(amazon_order_id(order_id))}"
