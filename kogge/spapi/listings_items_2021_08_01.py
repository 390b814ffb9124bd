"""Listings Items API 2021-08-01: what the seller offers, read and changed SKU by SKU.

https://developer-docs.amazon.com/sp-api/docs/listings-items-api-v2021-08-01-reference
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from kogge.spapi.client import Amazon
from kogge.spapi.errors import NotFound
from kogge.spapi.transport import web_link
from kogge.values import InvalidValue, plain_text

VERSION = "2021-08-01"
MOST_IDENTIFIERS = 20  # of one search
PAGE_SIZE = 20  # the most Amazon gives
EVERYTHING = "summaries,attributes,issues,offers,fulfillmentAvailability"

_ITEMS = f"/listings/{VERSION}/items"
_TEXT_LIMIT = 1000

# An entry of an attribute as Amazon keeps it. We understand few of its fields and must lose none;
# numbers with a point are Decimal, so that they go back exactly as they came.
AttributeEntry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Issue:
    """What Amazon says about a listing or a change. `severity` is ERROR, WARNING or INFO."""

    code: str
    message: str
    severity: str
    attribute_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    marketplace_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A listing in one marketplace. `status` holds BUYABLE and DISCOVERABLE."""

    marketplace_id: str
    asin: str
    product_type: str
    condition: str
    status: tuple[str, ...]
    title: str
    image_url: str


@dataclass(frozen=True, slots=True)
class ListingsItem:
    """A seller SKU at Amazon. `attributes` is as Amazon sent it, by attribute name."""

    sku: str
    summaries: tuple[Summary, ...] = ()
    issues: tuple[Issue, ...] = ()
    # fulfilment channel code -> units; None when Amazon names none (FBA)
    availability: Mapping[str, int | None] = field(default_factory=dict)
    prices: Mapping[str, Decimal] = field(default_factory=dict)  # marketplace -> B2C price it shows
    attributes: Mapping[str, Sequence[AttributeEntry]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Patch:
    """One change of an attribute. `value` are entries with their selectors."""

    op: Literal["add", "replace", "merge", "delete"]
    attribute: str
    value: Sequence[AttributeEntry]


@dataclass(frozen=True, slots=True)
class Submission:
    """Amazon's answer to a change: ACCEPTED means "will be processed", VALID is a preview's good word."""

    status: str
    issues: tuple[Issue, ...]
    submission_id: str

    @property
    def is_accepted(self) -> bool:
        return self.status in ("ACCEPTED", "VALID")


def get_item(
    client: Amazon, seller_id: str, sku: str, marketplace_ids: Sequence[str], *, locale: str = "de_DE"
) -> ListingsItem:
    """One SKU with summaries, attributes, issues, offers and availability. Raises `NotFound`."""
    params = (*_in(marketplace_ids), ("includedData", EVERYTHING), ("issueLocale", locale))
    return _item(client.get("getListingsItem", _path(seller_id, sku), params).read(_one))


def find_by_sku(
    client: Amazon,
    seller_id: str,
    skus: Collection[str],
    marketplace_ids: Sequence[str],
    *,
    locale: str = "de_DE",
) -> dict[str, ListingsItem]:
    """Up to twenty SKUs in one call, everything of them as in `get_item`; unknown ones are missing.

    A SKU that cannot stand in a list (with a comma) costs a call of its own.
    """
    _check_number(skus)
    listable = [sku for sku in skus if "," not in sku]
    found = _search(client, seller_id, "SKU", listable, marketplace_ids, locale=locale) if listable else []
    for sku in set(skus).difference(listable):
        try:
            found.append(get_item(client, seller_id, sku, marketplace_ids, locale=locale))
        except NotFound:
            continue
    return {item.sku: item for item in found if item.sku in skus}


def find_by_asin(
    client: Amazon,
    seller_id: str,
    asins: Collection[str],
    marketplace_ids: Sequence[str],
    *,
    locale: str = "de_DE",
) -> list[ListingsItem]:
    """The seller's SKUs on these ASINs (up to twenty), with summaries, offers, availability, attributes.

    All pages are read: an ASIN can have many SKUs.
    """
    _check_number(asins)
    return _search(client, seller_id, "ASIN", list(asins), marketplace_ids, locale=locale) if asins else []


def patch_item(
    client: Amazon,
    seller_id: str,
    sku: str,
    marketplace_ids: Sequence[str],
    patches: Sequence[Patch],
    *,
    product_type: str = "PRODUCT",
    preview: bool = False,
    locale: str = "de_DE",
) -> Submission:
    """Change attributes of a listing. May be repeated: the same values again do no harm.

    `preview` only asks whether Amazon would accept it. Raises `NotFound` for an unknown SKU,
    `OutcomeUnknown` when the change may have taken effect.
    """
    if not patches:
        raise InvalidValue("a change of a listing needs at least one patch")
    body = _PatchRequest(product_type, encodable(patches))
    params = (*_in(marketplace_ids), ("issueLocale", locale))
    return _submit(
        client, "patchListingsItem", "PATCH", _path(seller_id, sku), body, params=params, preview=preview
    )


def put_offer(
    client: Amazon,
    seller_id: str,
    sku: str,
    marketplace_id: str,
    attributes: Mapping[str, Sequence[AttributeEntry]],
    *,
    preview: bool = False,
    locale: str = "de_DE",
) -> Submission:
    """Create an offer on an existing ASIN (LISTING_OFFER_ONLY). On an existing SKU it would replace the
    whole listing: look first that `get_item` raises `NotFound`."""
    body = _PutRequest("PRODUCT", "LISTING_OFFER_ONLY", attributes)
    params = (*_in([marketplace_id]), ("issueLocale", locale))
    return _submit(
        client, "putListingsItem", "PUT", _path(seller_id, sku), body, params=params, preview=preview
    )


class EncodablePatch(msgspec.Struct):
    """A patch as it goes over the wire, in a request of its own or in a feed."""

    op: str
    path: str
    value: Sequence[AttributeEntry]


def encodable(patches: Sequence[Patch]) -> list[EncodablePatch]:
    """The patches in Amazon's form. The path names the whole attribute, never an entry of it."""
    return [EncodablePatch(patch.op, f"/attributes/{patch.attribute}", patch.value) for patch in patches]


class _PatchRequest(msgspec.Struct, rename="camel"):
    product_type: str
    patches: list[EncodablePatch]


class _PutRequest(msgspec.Struct, rename="camel"):
    product_type: str
    requirements: str
    attributes: Mapping[str, Sequence[AttributeEntry]]


class _Issue(msgspec.Struct, rename="camel"):
    code: str = ""
    message: str = ""
    severity: str = ""
    attribute_names: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    marketplace_ids: tuple[str, ...] | None = None


class _Image(msgspec.Struct):
    link: str = ""


class _Summary(msgspec.Struct, rename="camel"):
    marketplace_id: str
    asin: str | None = None
    product_type: str | None = None
    condition_type: str | None = None
    status: tuple[str, ...] | None = None
    item_name: str | None = None
    main_image: _Image | None = None


class _Money(msgspec.Struct):
    amount: Any = None  # Amazon's type is free-form: text in its examples, a number elsewhere


class _Audience(msgspec.Struct):
    value: str | None = None


class _Offer(msgspec.Struct, rename="camel"):
    marketplace_id: str
    offer_type: str | None = None
    price: _Money | None = None
    audience: _Audience | None = None


class _Availability(msgspec.Struct, rename="camel"):
    fulfillment_channel_code: str
    quantity: int | None = None


class _Item(msgspec.Struct, rename="camel"):
    sku: str
    summaries: list[_Summary] | None = None
    issues: list[_Issue] | None = None
    offers: list[_Offer] | None = None
    fulfillment_availability: list[_Availability] | None = None
    attributes: dict[str, Any] | None = None


class _Pagination(msgspec.Struct, rename="camel"):
    next_token: str | None = None


class _Page(msgspec.Struct):
    items: list[_Item]
    pagination: _Pagination | None = None


class _Submission(msgspec.Struct, rename="camel"):
    status: str
    submission_id: str = ""
    issues: list[_Issue] | None = None


_one = msgspec.json.Decoder(_Item, float_hook=Decimal)
_page = msgspec.json.Decoder(_Page, float_hook=Decimal)
_submission = msgspec.json.Decoder(_Submission)


def _path(seller_id: str, sku: str) -> str:
    quoted = quote(sku, safe="")
    if quoted in (".", ".."):  # these would lead to another address
        quoted = quoted.replace(".", "%2E")
    return f"{_ITEMS}/{quote(seller_id, safe='')}/{quoted}"


def _in(marketplace_ids: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return (("marketplaceIds", ",".join(marketplace_ids)),)


def _check_number(identifiers: Collection[str]) -> None:
    if len(identifiers) > MOST_IDENTIFIERS:
        raise InvalidValue(f"one search takes {MOST_IDENTIFIERS} identifiers, not {len(identifiers)}")


def _search(
    client: Amazon,
    seller_id: str,
    kind: Literal["SKU", "ASIN"],
    identifiers: Sequence[str],
    marketplace_ids: Sequence[str],
    *,
    locale: str,
) -> list[ListingsItem]:
    """Everything the search finds, on however many pages."""
    path = f"{_ITEMS}/{quote(seller_id, safe='')}"
    params: tuple[tuple[str, str], ...] = (
        *_in(marketplace_ids),
        ("identifiersType", kind),
        ("identifiers", ",".join(identifiers)),
        ("includedData", EVERYTHING),
        ("pageSize", str(PAGE_SIZE)),
        ("issueLocale", locale),
    )
    found: list[ListingsItem] = []
    seen: set[str] = set()
    page_of: tuple[tuple[str, str], ...] = ()
    while True:
        answer = client.get("searchListingsItems", path, (*params, *page_of))
        page = answer.read(_page)
        found += map(_item, page.items)
        token = page.pagination.next_token if page.pagination else None
        if not token:
            return found
        if token in seen:
            raise answer.trouble("the next page is a page that was read already")
        seen.add(token)
        page_of = (("pageToken", token),)


def _submit(
    client: Amazon,
    operation: str,
    method: str,
    path: str,
    body: msgspec.Struct,
    *,
    params: tuple[tuple[str, str], ...],
    preview: bool,
) -> Submission:
    """A preview has no effect of its own, so a lost answer to it leaves nothing unknown."""
    mode = (("mode", "VALIDATION_PREVIEW"),) if preview else ()
    answer = client.write(operation, method, path, body, params=(*params, *mode), repeatable=preview)
    submission = answer.read(_submission)
    return Submission(submission.status, _issues(submission.issues), submission.submission_id)


def _item(read: _Item) -> ListingsItem:
    return ListingsItem(
        sku=read.sku,
        summaries=tuple(map(_summary, read.summaries or ())),
        issues=_issues(read.issues),
        availability={
            each.fulfillment_channel_code: each.quantity for each in read.fulfillment_availability or ()
        },
        prices=_prices(read.offers or ()),
        attributes={
            name: entries for name, entries in (read.attributes or {}).items() if _are_entries(entries)
        },
    )


def _summary(read: _Summary) -> Summary:
    return Summary(
        marketplace_id=read.marketplace_id,
        asin=read.asin or "",
        product_type=read.product_type or "",
        condition=read.condition_type or "",
        status=read.status or (),
        title=plain_text(read.item_name or "", _TEXT_LIMIT),
        image_url=web_link(read.main_image.link if read.main_image else ""),
    )


def _issues(read: Sequence[_Issue] | None) -> tuple[Issue, ...]:
    return tuple(
        Issue(
            code=plain_text(each.code, _TEXT_LIMIT),
            message=plain_text(each.message, _TEXT_LIMIT),
            severity=each.severity,
            attribute_names=each.attribute_names or (),
            categories=each.categories or (),
            marketplace_ids=each.marketplace_ids or (),
        )
        for each in read or ()
    )


def _prices(offers: Sequence[_Offer]) -> dict[str, Decimal]:
    """What everybody pays, by marketplace; prices for businesses and for chosen audiences are not that."""
    prices: dict[str, Decimal] = {}
    for offer in offers:
        audience = offer.audience.value if offer.audience else None
        amount = _amount(offer.price)
        if offer.offer_type == "B2C" and audience in (None, "ALL") and amount is not None:
            prices[offer.marketplace_id] = amount
    return prices


def _amount(money: _Money | None) -> Decimal | None:
    """None for what is not a number: one odd price must not hide nineteen other listings."""
    try:
        amount = Decimal(str(money.amount)) if money else Decimal("NaN")
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _are_entries(entries: object) -> bool:
    return isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
