"""What opens a remote shop: sealed in its row, open only while it is spoken to."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import parseaddr

import httpx2
import msgspec
from django.conf import settings

from kogge.merchants import vault
from kogge.remote.models import RemoteShop
from kogge.remote.turns import SharedTurns
from kogge.shops.remote import Reason, RemoteSystem, ShopAccessLost
from kogge.shops.versacommerce import registering
from kogge.shops.versacommerce.system import Settings, VersaCommerceShop
from kogge.shops.versacommerce.transport import Pace, open_http

SECRETS = "remote_shop.secrets"


@dataclass(frozen=True, slots=True)
class Access:
    """What opens a shop: as an app its key, secret and token, or the shop's own key alone."""

    url: str
    api_key: str = ""
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    shop_key: str = field(default="", repr=False)

    @property
    def way(self) -> RemoteShop.Way:
        return RemoteShop.Way.SHOP_KEY if self.shop_key else RemoteShop.Way.APP


def sealed(merchant_id: int, access: Access) -> bytes:
    """The secrets of an access as they are stored."""
    words = {"secret": access.secret, "token": access.token, "shop_key": access.shop_key}
    return vault.seal(merchant_id, SECRETS, msgspec.json.encode(words))


def secrets_of(shop: RemoteShop) -> Access:
    """The shop's access in the clear. Raises `ShopAccessLost` after it was cut."""
    if not shop.sealed_secrets:
        raise ShopAccessLost(Reason.KEY_REFUSED)
    opened = vault.unseal(shop.merchant_id, SECRETS, bytes(shop.sealed_secrets))
    words: dict[str, str] = msgspec.json.decode(opened, type=dict[str, str])
    return Access(shop.url, shop.api_key, **words)


def versacommerce(shop: RemoteShop) -> RemoteSystem:
    """The way to a VersaCommerce shop. Raises `ShopAccessLost` after it was cut."""
    access = secrets_of(shop)
    as_app = not access.shop_key
    reached = Settings(
        shop.url,
        user=access.api_key if as_app else "api",
        password=registering.password(access.secret, access.token) if as_app else access.shop_key,
        token=access.token,
        currency=shop.currency,
        order_items=shop.order_items,
        payment=shop.payment,
        orders_take_stock=shop.orders_take_stock,
        writes_email=shop.writes_email,
        contact=_contact(),
    )
    return VersaCommerceShop(reached, _shared_http(), pace=_pace_of(shop))


def _contact() -> str:
    """Whom to write to about our requests: whoever sends our mails; nobody where nobody does."""
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    return "" if sender.endswith("@localhost") else sender


_http: list[httpx2.Client] = []


def _shared_http() -> httpx2.Client:
    """One HTTP client a process: its connections to shops are kept alive from run to run."""
    if not _http:
        _http.append(open_http())
    return _http[0]


def _pace_of(shop: RemoteShop) -> Pace:
    """One pace a shop, kept by all processes."""
    return Pace(turns=SharedTurns(shop.merchant_id))
