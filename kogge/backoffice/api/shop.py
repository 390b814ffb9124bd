"""The shop itself and its account. Nothing here is a secret."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar
from urllib.parse import urlsplit

from msgspec import UNSET, Struct, UnsetType

from kogge.backoffice.api.models import ApiKey
from kogge.backoffice.api.resource import Caller, Query


class ShopIn(Struct, kw_only=True):
    """What clients write of a shop. The designs are of no use here and are ignored."""

    current_design: str | int | UnsetType | None = UNSET
    current_mobile_design: str | int | UnsetType | None = UNSET
    current_preview_design: str | int | UnsetType | None = UNSET


class ShopOut(Struct, kw_only=True):
    """The shop. `api_key` is a secret and missing."""

    id: int
    name: str
    url: str
    subdomain: str
    domain: str
    domain_aliases: str | None
    currency_code: str
    locale: str
    price_includes_tax: bool
    tax_rate: Decimal
    reduced_tax_rate: Decimal
    online: bool
    app_registrations_count: int
    subscription_id: int | None
    created_on: date
    updated_at: datetime


class Shop:
    """The caller's shop."""

    name: ClassVar[str] = "shop"
    singular: ClassVar[str] = "shop"
    output: ClassVar[type[Struct]] = ShopOut
    input: ClassVar[type[Struct] | None] = ShopIn
    is_order_side: ClassVar[bool] = False
    singleton: ClassVar[bool] = True

    def show(self, caller: Caller, pk: int, query: Query) -> Struct:
        merchant = caller.merchant
        apps = ApiKey.objects.of(merchant).filter(
            kind=ApiKey.Kind.APP, registered_at__isnull=False, revoked_at=None
        )
        return ShopOut(
            id=merchant.pk,
            name=merchant.name,
            url=caller.base_url,
            subdomain=merchant.slug,
            domain=urlsplit(caller.base_url).netloc,
            domain_aliases=None,
            currency_code="EUR",
            locale="de",
            price_includes_tax=True,
            tax_rate=Decimal(19),
            reduced_tax_rate=Decimal(7),
            online=True,
            app_registrations_count=apps.count(),
            subscription_id=None,
            created_on=merchant.created_at.date(),
            updated_at=merchant.created_at,
        )

    def update(self, caller: Caller, pk: int, document: Struct, query: Query) -> Struct:
        """Nothing a client may write has a meaning here; it is taken without a word."""
        return self.show(caller, pk, query)


class AccountOut(Struct, kw_only=True):
    """The business behind the shop."""

    id: int
    name: str
    created_at: datetime


class Account:
    """The caller's account."""

    name: ClassVar[str] = "account"
    singular: ClassVar[str] = "account"
    output: ClassVar[type[Struct]] = AccountOut
    input: ClassVar[type[Struct] | None] = None
    is_order_side: ClassVar[bool] = False
    singleton: ClassVar[bool] = True

    def show(self, caller: Caller, pk: int, query: Query) -> Struct:
        merchant = caller.merchant
        return AccountOut(id=merchant.pk, name=merchant.name, created_at=merchant.created_at)
