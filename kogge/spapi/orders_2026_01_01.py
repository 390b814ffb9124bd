"""Orders API 2026-01-01: find orders, read one.

https://developer-docs.amazon.com/sp-api/docs/orders-api
A page's orders are handed out undecoded, so that one that cannot be understood does not spoil the others.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Self
from urllib.parse import quote

import msgspec

from kogge.spapi.client import Amazon
from kogge.spapi.transport import Answer
from kogge.values import MAX_AMOUNT, InvalidValue, Money, aware

VERSION = "2026-01-01"
PAGE_SIZE = 100

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class OrderUnreadable(ValueError):
    """An order that is not what the API promises. `order_id` if at least that could be read.

    The text says where and why, never what stood there.
    """

    def __init__(self, explanation: str, order_id: str | None = None) -> None:
        self.order_id = order_id
        super().__init__(f"order {order_id or 'without a readable id'}: {explanation}")


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    """Part of an order. Absent texts are "", absent lists empty, absent parts None; unknown words stay.

    The repr shows no content, for nearly every part may hold something personal.
    """

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Amount(_Part, frozen=True):
    amount: Decimal
    currency_code: str

    def __repr__(self) -> str:
        return f"<Amount {self.amount} {self.currency_code}>"

    def __post_init__(self) -> None:
        if not self.amount.is_finite() or abs(self.amount) > MAX_AMOUNT:
            raise ValueError("not an amount of money")

    def money(self) -> Money:
        """As money to the cent. Raises `InvalidValue` if it is not."""
        return Money(self.amount, self.currency_code)


class TimeWindow(_Part, frozen=True):
    earliest: Moment | None = msgspec.field(default=None, name="earliestDateTime")
    latest: Moment | None = msgspec.field(default=None, name="latestDateTime")


class Alias(_Part, frozen=True):
    alias_id: str = ""
    alias_type: str = ""


class AssociatedOrder(_Part, frozen=True):
    """`REPLACEMENT_ORIGINAL_ID` marks a free replacement of the order named here."""

    order_id: str = ""
    association_type: str = ""


class SalesChannel(_Part, frozen=True):
    channel_name: str
    marketplace_id: str = ""
    marketplace_name: str = ""


class Buyer(_Part, frozen=True):
    """`buyer_email` is Amazon's relay address."""

    buyer_name: str = ""
    buyer_email: str = ""
    buyer_company_name: str = ""
    buyer_purchase_order_number: str = ""


class DeliveryAddress(_Part, frozen=True):
    """`address_type` PICKUP_POINT is a locker or a shop."""

    name: str = ""
    company_name: str = ""
    address_line1: str = ""
    address_line2: str = ""
    address_line3: str = ""
    city: str = ""
    district_or_county: str = ""
    state_or_region: str = ""
    municipality: str = ""
    postal_code: str = ""
    country_code: str = ""
    phone: str = ""
    address_type: str = ""


class DeliveryPreference(_Part, frozen=True):
    drop_off_location: str = ""
    address_instruction: str = ""


class Recipient(_Part, frozen=True):
    delivery_address: DeliveryAddress | None = None
    delivery_preference: DeliveryPreference | None = None


class DetailedBreakdown(_Part, frozen=True):
    subtype: str = ""
    value: Amount | None = None


class Breakdown(_Part, frozen=True):
    """`type` is ITEM, SHIPPING, GIFT_WRAP, COD_FEE, OTHER, TAX, DISCOUNT or something new."""

    type: str
    subtotal: Amount
    detailed_breakdowns: tuple[DetailedBreakdown, ...] = ()


class OrderProceeds(_Part, frozen=True):
    grand_total: Amount | None = None
    breakdowns: tuple[Breakdown, ...] = ()


class OrderFulfillment(_Part, frozen=True):
    fulfillment_status: str
    fulfilled_by: str = ""
    fulfillment_service_level: str = ""
    ship_by_window: TimeWindow | None = None
    deliver_by_window: TimeWindow | None = None


class Condition(_Part, frozen=True):
    condition_type: str = ""
    condition_subtype: str = ""
    condition_note: str = ""


class Price(_Part, frozen=True):
    unit_price: Amount | None = None
    price_designation: str = ""


class Product(_Part, frozen=True):
    asin: str = ""
    title: str = ""
    seller_sku: str = ""
    condition: Condition | None = None
    price: Price | None = None


class ItemProceeds(_Part, frozen=True):
    proceeds_total: Amount | None = None
    breakdowns: tuple[Breakdown, ...] = ()


class CancellationRequest(_Part, frozen=True):
    """The buyer asks; nothing is cancelled yet."""

    requester: str = ""
    cancel_reason: str = ""


class CancellationExecution(_Part, frozen=True):
    """It is cancelled, by BUYER, MERCHANT or AMAZON."""

    cancelled_by: str = ""
    cancel_reason: str = ""


class Cancellation(_Part, frozen=True):
    cancellation_request: CancellationRequest | None = None
    cancellation_execution: CancellationExecution | None = None


class GiftOption(_Part, frozen=True):
    gift_message: str = ""
    gift_wrap_level: str = ""


class Packing(_Part, frozen=True):
    gift_option: GiftOption | None = None


class InternationalShipping(_Part, frozen=True):
    ioss_number: str = ""


class Shipping(_Part, frozen=True):
    scheduled_delivery_window: TimeWindow | None = None
    international_shipping: InternationalShipping | None = None


class ItemFulfillment(_Part, frozen=True):
    quantity_fulfilled: int | None = None
    quantity_unfulfilled: int | None = None
    packing: Packing | None = None
    shipping: Shipping | None = None


class OrderItem(_Part, frozen=True):
    order_item_id: str
    quantity_ordered: int
    product: Product = Product()
    programs: tuple[str, ...] = ()
    proceeds: ItemProceeds | None = None
    cancellation: Cancellation | None = None
    fulfillment: ItemFulfillment | None = None


class PackageStatus(_Part, frozen=True):
    status: str = ""
    detailed_status: str = ""


class PackageItem(_Part, frozen=True):
    order_item_id: str
    quantity: int


class Package(_Part, frozen=True):
    package_reference_id: str
    created_time: Moment | None = None
    package_status: PackageStatus | None = None
    carrier: str = ""
    ship_time: Moment | None = None
    shipping_service: str = ""
    tracking_number: str = ""
    package_items: tuple[PackageItem, ...] = ()


class Order(_Part, frozen=True):
    """One order as Amazon tells it. What Amazon leaves out depends on the data sets asked for."""

    order_id: str
    created_time: Moment
    last_updated_time: Moment
    sales_channel: SalesChannel
    order_items: tuple[OrderItem, ...]
    aliases: tuple[Alias, ...] = msgspec.field(default=(), name="orderAliases")
    programs: tuple[str, ...] = ()
    associated_orders: tuple[AssociatedOrder, ...] = ()
    buyer: Buyer | None = None
    recipient: Recipient | None = None
    proceeds: OrderProceeds | None = None
    fulfillment: OrderFulfillment | None = None
    packages: tuple[Package, ...] = ()

    def __repr__(self) -> str:
        return f"<Order {self.order_id}>"


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """What to look for. Times are UTC, `…_before` at least two minutes ago, exactly one `…_after`.

    Amazon refuses the token of a next page if anything in the query is spelled differently
    (models#5144): keep `dumps()` beside the token and ask again with `loads()`.
    """

    last_updated_after: datetime | str | None = None
    created_after: datetime | str | None = None
    last_updated_before: datetime | str | None = None
    created_before: datetime | str | None = None
    marketplace_ids: tuple[str, ...] = ()
    fulfilled_by: tuple[str, ...] = ()
    fulfillment_statuses: tuple[str, ...] = ()
    included_data: tuple[str, ...] = ()
    max_results: int = PAGE_SIZE

    def __post_init__(self) -> None:
        for name in ("last_updated_after", "created_after", "last_updated_before", "created_before"):
            moment = getattr(self, name)
            if isinstance(moment, datetime):
                object.__setattr__(self, name, amazon_time(moment))
        for name in ("marketplace_ids", "fulfilled_by", "fulfillment_statuses", "included_data"):
            words = getattr(self, name)
            object.__setattr__(self, name, (words,) if isinstance(words, str) else tuple(words))
        self._check()

    def as_params(self) -> tuple[tuple[str, str], ...]:
        """The parameters, always in the same order and spelling."""
        spelled = (
            ("createdAfter", self.created_after),
            ("createdBefore", self.created_before),
            ("lastUpdatedAfter", self.last_updated_after),
            ("lastUpdatedBefore", self.last_updated_before),
            ("fulfillmentStatuses", ",".join(self.fulfillment_statuses)),
            ("marketplaceIds", ",".join(self.marketplace_ids)),
            ("fulfilledBy", ",".join(self.fulfilled_by)),
            ("maxResultsPerPage", str(self.max_results)),
            ("includedData", ",".join(self.included_data)),
        )
        return tuple((name, str(text)) for name, text in spelled if text)

    def dumps(self) -> str:
        """The query as text, to be stored beside a page token."""
        return msgspec.json.encode(asdict(self)).decode()

    @classmethod
    def loads(cls, text: str) -> Self:
        """The query that `dumps` wrote. Raises `InvalidValue` for anything else."""
        try:
            return cls(**msgspec.json.decode(text, type=dict[str, Any]))
        except (msgspec.MsgspecError, TypeError):
            raise InvalidValue("not a stored order query") from None

    def _check(self) -> None:
        if (self.last_updated_after is None) == (self.created_after is None):
            raise InvalidValue("an order query needs either last_updated_after or created_after")
        if self.created_after is None and self.created_before is not None:
            raise InvalidValue("created_before goes with created_after only")
        if self.last_updated_after is None and self.last_updated_before is not None:
            raise InvalidValue("last_updated_before goes with last_updated_after only")
        if not 1 <= self.max_results <= PAGE_SIZE:
            raise InvalidValue(f"a page has 1 to {PAGE_SIZE} orders, not {self.max_results}")


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One page of a search; each order is JSON for `read_order`.

    `upper_bound` is Amazon's own text of the time up to which the answer is complete: the next
    search starts there (promise 1). Later pages may leave it out; then it is "".
    """

    orders: list[bytes]
    next_token: str | None
    upper_bound: str
    served_at: datetime | None

    def __repr__(self) -> str:
        return f"<OrderPage with {len(self.orders)} orders up to {self.upper_bound}>"


def search_orders(client: Amazon, query: OrderQuery, page_token: str | None = None) -> OrderPage:
    """One page of the orders that match. Raises `AmazonError`.

    A first page that does not say up to when it is complete counts as unanswered (`TryLater`), because the
    watermark could not be moved by it.
    """
    params = query.as_params()
    if page_token:
        params += (("paginationToken", page_token),)
    answer = client.get("searchOrders", f"/orders/{VERSION}/orders", params)
    found = answer.read(_search_answer)
    next_token = (found.pagination.next_token if found.pagination else None) or None
    if next_token is not None and next_token == page_token:
        raise answer.trouble("the next page is the same page again")
    return OrderPage(
        orders=[bytes(raw) for raw in found.orders],
        next_token=next_token,
        upper_bound=_upper_bound(query, found, answer, is_first=not page_token),
        served_at=answer.served_at,
    )


def get_order(client: Amazon, order_id: str, included_data: tuple[str, ...] = ()) -> bytes:
    """One order as JSON for `read_order`. Raises `NotFound` and the other `AmazonError`s."""
    params = (("includedData", ",".join(included_data)),) if included_data else ()
    answer = client.get("getOrder", f"/orders/{VERSION}/orders/{quote(order_id, safe='')}", params)
    raw = bytes(answer.read(_get_answer).order)
    if not raw.startswith(b"{"):
        raise answer.trouble("the answer is incomplete or unreadable")
    return raw


def read_order(raw: bytes) -> Order:
    """Understand one order. Raises `OrderUnreadable`."""
    try:
        return _order.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _read_tolerantly(raw)


def amazon_time(moment: datetime) -> str:
    """A moment in the one spelling we use for Amazon: UTC, milliseconds, rounded down."""
    utc = aware(moment).astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


class _Pagination(_Part, frozen=True):
    next_token: str | None = None


class _SearchAnswer(_Part, frozen=True):
    orders: list[msgspec.Raw]
    pagination: _Pagination | None = None
    last_updated_before: str | None = None
    created_before: str | None = None


class _GetAnswer(_Part, frozen=True):
    order: msgspec.Raw


class _OrderId(_Part, frozen=True):
    order_id: str


_search_answer = msgspec.json.Decoder(_SearchAnswer)
_get_answer = msgspec.json.Decoder(_GetAnswer)
_order = msgspec.json.Decoder(Order)
_order_id = msgspec.json.Decoder(_OrderId)
_anything = msgspec.json.Decoder(float_hook=Decimal)


def _upper_bound(query: OrderQuery, found: _SearchAnswer, answer: Answer, *, is_first: bool) -> str:
    if query.last_updated_after is not None:
        bound = found.last_updated_before or query.last_updated_before
    else:
        bound = found.created_before or query.created_before
    if not bound and is_first:
        raise answer.trouble("the answer is incomplete: it does not say up to when")
    return str(bound or "")


def _read_tolerantly(raw: bytes) -> Order:
    """The slow way for an order with null where it should say nothing: as if it had said nothing."""
    explanation = ""
    try:
        return msgspec.convert(_without_nulls(_anything.decode(raw)), Order)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if not isinstance(error, UnicodeDecodeError):
            explanation = str(error)
    raise OrderUnreadable(explanation or "text that is not UTF-8", _find_order_id(raw))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_without_nulls(part) for part in value if part is not None]
    return value


def _find_order_id(raw: bytes) -> str | None:
    try:
        return _order_id.decode(raw).order_id
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
