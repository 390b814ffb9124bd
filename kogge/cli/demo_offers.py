"""The demo's offers: at Amazon they differ a little from the shop, so that there is something to see.

Amazon and the shop agree on most of them. Of some Amazon knows other units, another handling time or
another price; one price is so far off that Kogge asks first; one offer Amazon refuses to change; one is
sent by Amazon itself. Some products are not on Amazon yet, and two are offered there without Kogge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kogge.simulator import Simulator
from kogge.simulator.pictures import picture

if TYPE_CHECKING:
    from kogge.merchants.models import Merchant

_FRANCE = "A13V1IB3VIYZZH"

# In Amazon's catalogue, offered by nobody: to try "create an offer". The bowl and the Matcha have several
# hits for their GTIN, one of them restricted.
_NEW_TO_AMAZON = frozenset({
    "TK-GUSS-09", "STV-HOLZ", "TL-MASS", "TA-CHAWAN", "GY-ASA-100", "MA-BIO-30", "DA-SF-250",
    "GS-PROBIER-12",
})  # fmt: skip
_OFFERED_WITHOUT_KOGGE = frozenset({"BE-FRIES-6", "RB-VAN-250"})
NOT_ON_AMAZON = _NEW_TO_AMAZON | _OFFERED_WITHOUT_KOGGE

SENT_BY_AMAZON = "BE-THERMO"

_REFUSED = "KL-KANDIS-BRAUN"
_ISSUE = {
    "code": "18027",
    "message": (
        "Wir glauben, dass das Hauptbild Text oder ein Logo enthält. Das ist für diese Produktart nicht "
        "zulässig. Reiche ein passendes Bild ein, damit das Angebot wieder geändert werden kann."
    ),
    "severity": "ERROR",
    "categories": ["INVALID_IMAGE"],
}

_AT_AMAZON: dict[str, dict[str, Any]] = {
    "TK-12-WEISS": {"price": "19.90"},  # the shop's is 75 % higher: Kogge asks first
    "TK-08-BLAU": {"price": "28.90", "business_price": "27.90"},
    "TS-01": {"stock": 96},
    "TS-02": {"lead_time_days": 3},
    "TF-100": {"price": "3.29", "stock": 410},
    "SE-FUKU-100": {"price": "10.90", "sale_price": "9.90"},
    "OS-BOP-250": {"stock": 12},
    "DA-FF-100": {"stock": 61, "min_price": "12.00", "max_price": "19.00"},
    "KL-KANDIS-WEISS": {"stock": 0},
    _REFUSED: {"stock": 150, "issues": [_ISSUE]},
    SENT_BY_AMAZON: {"channel": "AMAZON_EU"},
}
_IN_FRANCE = {"TK-08-BLAU": "31.90", "OS-BLATT-500": "16.50", "EG-BIO-100": "7.95"}


def set_up(amazon: Simulator) -> None:
    """Bring Amazon's offers into the state described above."""
    for sku in sorted(_NEW_TO_AMAZON):
        amazon.change_listing(sku, is_gone=True)
    for sku, change in _AT_AMAZON.items():
        amazon.change_listing(sku, **change)
    for sku, price in _IN_FRANCE.items():
        amazon.change_listing(sku, price=price, marketplace_id=_FRANCE)


def hang_pictures(merchant: Merchant) -> None:
    """Give each product the picture that Amazon's catalogue shows of it. Needs Django to be set up."""
    from kogge.backoffice.models import Product
    from kogge.backoffice.pictures import store_picture

    for product in Product.objects.of(merchant):
        store_picture(product, picture(product.title))
