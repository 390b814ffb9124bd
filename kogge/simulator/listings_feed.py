"""The feed JSON_LISTINGS_FEED, version 2.0: many offers changed in one document, message by message.

The report names the messages with issues; all others were accepted.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from kogge.simulator import submissions
from kogge.simulator.attributes import Entry, Issue, Patch
from kogge.simulator.order_feed import Outcome
from kogge.simulator.world import Account, Feed, World

VERSION = "2.0"
MOST_MESSAGES = 25_000

UNKNOWN_SKU = "8541"
NOT_VALID = "99001"


class Header(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    seller_id: str
    version: str
    issue_locale: str = ""


class Message(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The changes of one SKU. Which of the last fields must be there depends on the operation."""

    message_id: int
    sku: str
    operation_type: Literal["UPDATE", "PARTIAL_UPDATE", "PATCH", "DELETE"]
    product_type: str = ""
    requirements: Literal["", "LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY"] = ""
    attributes: dict[str, list[Entry]] = {}
    patches: list[Patch] = []


class Document(msgspec.Struct, forbid_unknown_fields=True):
    header: Header
    messages: list[Message]


class _Unusable(Exception):
    """The whole feed cannot be processed."""


# operation: the fields it needs, the fields it must not have
_FIELDS = {
    "PATCH": ({"product_type", "patches"}, {"requirements", "attributes"}),
    "PARTIAL_UPDATE": ({"product_type", "attributes"}, {"requirements", "patches"}),
    "UPDATE": ({"product_type", "attributes"}, {"patches"}),
    "DELETE": (set[str](), {"product_type", "requirements", "attributes", "patches"}),
}


def apply(world: World, account: Account, feed: Feed, content: bytes) -> Outcome:
    """Carry out a feed for `account` and write its processing report."""
    try:
        document = _read(content, account.seller_id)
    except _Unusable as error:
        world.violation(f"listings feed not processable: {error}")
        return Outcome(_report(account, feed, 0, [(None, Issue(code=NOT_VALID, message=str(error)))]), True)
    found: list[tuple[Message | None, Issue]] = []
    twice = {sku for sku, count in Counter(message.sku for message in document.messages).items() if count > 1}
    for sku in sorted(twice):
        world.violation(f"listings feed: SKU {sku} in several messages")
    for message in document.messages:
        found += [(message, issue) for issue in _carried_out(world, account, feed, message)]
    return Outcome(_report(account, feed, len(document.messages), found))


def _read(content: bytes, seller_id: str) -> Document:
    try:
        document = msgspec.json.decode(content, type=Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _Unusable(f"not of the form of the schema: {error}") from None
    if document.header.version != VERSION:
        raise _Unusable(f"version is not {VERSION}")
    if document.header.seller_id != seller_id:
        raise _Unusable("sellerId is not the seller's")
    if not 1 <= len(document.messages) <= MOST_MESSAGES:
        raise _Unusable(f"not 1 to {MOST_MESSAGES} messages")
    ids = {message.message_id for message in document.messages}
    if len(ids) < len(document.messages) or not 1 <= min(ids) <= max(ids) <= 2_147_483_647:
        raise _Unusable("messageId must be a number of its own for each message")
    return document


def _carried_out(world: World, account: Account, feed: Feed, message: Message) -> list[Issue]:
    if wrong := _wrong_fields(message):
        world.violation(f"listings feed message {message.message_id}: {wrong}")
        return [Issue(code=NOT_VALID, message=wrong)]
    if message.operation_type == "UPDATE":
        return submissions.put(
            world,
            account,
            message.sku,
            message.attributes,
            product_type=message.product_type,
            requirements=message.requirements or "LISTING",
            marketplace_id=feed.marketplace_ids[0],
        )
    listing = account.listings.get(message.sku)
    if listing is None or set(feed.marketplace_ids).isdisjoint(listing.marketplace_ids):
        return [Issue(code=UNKNOWN_SKU, message=f"SKU '{message.sku}' does not exist in this marketplace.")]
    if message.operation_type == "DELETE":
        submissions.delete(world, account, listing, feed.marketplace_ids[0])
        return []
    return submissions.patch(
        world,
        account,
        listing,
        _patches(message),
        product_type=message.product_type,
        marketplace_ids=feed.marketplace_ids,
    )


def _patches(message: Message) -> list[Patch]:
    """A partial update is a patch that replaces each attribute it names."""
    replaced = [Patch("replace", f"/attributes/{name}", value) for name, value in message.attributes.items()]
    return message.patches or replaced


def _wrong_fields(message: Message) -> str:
    needed, forbidden = _FIELDS[message.operation_type]
    for name in sorted(needed):
        if not getattr(message, name):
            return f"{name} is missing in {message.operation_type}"
    for name in sorted(forbidden):
        if getattr(message, name):
            return f"{name} is not allowed in {message.operation_type}"
    return "" if message.sku else "sku is empty"


def _report(account: Account, feed: Feed, count: int, found: list[tuple[Message | None, Issue]]) -> bytes:
    errors = [message for message, issue in found if issue.severity == "ERROR"]
    invalid = len({message.message_id for message in errors if message is not None})
    report = {
        "header": {"sellerId": account.seller_id, "version": VERSION, "feedId": feed.feed_id},
        "issues": [_issue(message, issue) for message, issue in found],
        "summary": {
            "errors": len(errors),
            "warnings": sum(1 for _message, issue in found if issue.severity == "WARNING"),
            "messagesProcessed": count,
            "messagesAccepted": count - invalid,
            "messagesInvalid": invalid,
        },
    }
    return msgspec.json.encode(report)


def _issue(message: Message | None, issue: Issue) -> dict[str, object]:
    about: dict[str, object] = {}
    if message is not None:
        about = {"messageId": message.message_id, "sku": message.sku}
    if issue.attribute_names:
        about["attributeName"] = issue.attribute_names[0]
    return {**about, "code": issue.code, "severity": issue.severity, "message": issue.message}
