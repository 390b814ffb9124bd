"""Where orders are placed. Ids, names and currencies as Amazon documents them under marketplace-ids."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Marketplace:
    """One Amazon store. `vat_percent` is the normal rate, used to split taxes out of prices."""

    id: str
    country: str
    name: str
    currency: str
    language: str
    domain: str
    vat_percent: int


_EUROPE = [
    Marketplace("A1PA6795UKMFR9", "DE", "Amazon.de", "EUR", "de_DE", "www.amazon.de", 19),
    Marketplace("A13V1IB3VIYZZH", "FR", "Amazon.fr", "EUR", "fr_FR", "www.amazon.fr", 20),
    Marketplace("APJ6JRA9NG5V4", "IT", "Amazon.it", "EUR", "it_IT", "www.amazon.it", 22),
    Marketplace("A1RKKUPIHCS9HS", "ES", "Amazon.es", "EUR", "es_ES", "www.amazon.es", 21),
    Marketplace("A1805IZSGTT6HS", "NL", "Amazon.nl", "EUR", "nl_NL", "www.amazon.nl", 21),
    Marketplace("AMEN7PMS3EDWL", "BE", "Amazon.com.be", "EUR", "fr_BE", "www.amazon.com.be", 21),
    Marketplace("A2NODRKZP88ZB9", "SE", "Amazon.se", "SEK", "sv_SE", "www.amazon.se", 25),
    Marketplace("A1C3SOZRARQ6R3", "PL", "Amazon.pl", "PLN", "pl_PL", "www.amazon.pl", 23),
    Marketplace("A28R8C7NBKEWEA", "IE", "Amazon.ie", "EUR", "en_IE", "www.amazon.ie", 23),
    Marketplace("A1F83G8C2ARO7P", "GB", "Amazon.co.uk", "GBP", "en_GB", "www.amazon.co.uk", 20),
]

MARKETPLACES = {marketplace.id: marketplace for marketplace in _EUROPE}
BY_COUNTRY = {marketplace.country: marketplace for marketplace in _EUROPE}

# Amazon lists such pseudo-marketplaces among the participations (amzn/selling-partner-api-models issue 1367).
NON_AMAZON_DE = Marketplace(
    "A38D8NSA03LJTC", "DE", "Non-Amazon DE", "EUR", "de_DE", "siprod.stores.amazon.de", 19
)
