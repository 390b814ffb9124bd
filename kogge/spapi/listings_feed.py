"""The feed JSON_LISTINGS_FEED, version 2.0: many listings changed in one document, and its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from kogge.spapi.client import encoder
from kogge.spapi.listings_items_2021_08_01 import EncodablePatch, Issue, Patch, encodable
from kogge.spapi.order_feed import ReportUnreadable
from kogge.values import InvalidValue, plain_text

FEED_TYPE = "JSON_LISTINGS_FEED"
CONTENT_TYPE = "application/json; charset=UTF-8"
MAX_MESSAGES = 25_000
MAX_BYTES = 9_500_000  # Amazon recommends less than 10 MiB

_VERSION = "2.0"
_TEXT_LIMIT = 1000
_WHOLE_FEED = 0  # the number under which issues stand that Amazon gives no message for


@dataclass(frozen=True, slots=True)
class ListingMessage:
    """The changes of one SKU. `message_id` counts from 1."""

    message_id: int
    sku: str
    patches: Sequence[Patch]

    def __post_init__(self) -> None:
        if self.message_id < 1:
            raise InvalidValue(f"message numbers start at 1, not {self.message_id}")
        if not self.sku or not self.patches:
            raise InvalidValue("a message needs a SKU and at least one patch")


@dataclass(frozen=True, slots=True)
class ListingsReport:
    """What became of a feed: Amazon lists the messages with issues; the others were accepted.

    `issues` are by message number; 0 stands for the whole feed.
    """

    processed: int
    accepted: int
    invalid: int
    issues: dict[int, tuple[Issue, ...]] = field(default_factory=dict)

    def refused(self, message_id: int) -> tuple[Issue, ...]:
        """The errors about this message; empty when there are none (warnings do not count)."""
        return tuple(issue for issue in self.issues.get(message_id, ()) if issue.severity == "ERROR")

    def is_complete(self, sent: int) -> bool:
        """Whether all `sent` messages are accounted for, so that those without an error were accepted.

        If more are invalid than are listed, or the feed as a whole has an error, none is certain.
        """
        listed = sum(1 for number in self.issues if number != _WHOLE_FEED and self.refused(number))
        return (
            self.accepted + self.invalid == sent and self.invalid <= listed and not self.refused(_WHOLE_FEED)
        )


def encoded(message: ListingMessage) -> bytes:
    """One message in Amazon's JSON: to know how large the document gets."""
    return encoder.encode(
        _Message(message_id=message.message_id, sku=message.sku, patches=encodable(message.patches))
    )


def document(seller_id: str, messages: Sequence[bytes], *, locale: str = "de_DE") -> bytes:
    """The feed of already encoded messages. Raises `InvalidValue` for none, too many or too large."""
    if not seller_id.isalnum():
        raise InvalidValue(f"not a seller id: {seller_id[:40]!r}")
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise InvalidValue(f"a feed has 1 to {MAX_MESSAGES} messages, not {len(messages)}")
    header = encoder.encode(_Header(seller_id=seller_id, version=_VERSION, issue_locale=locale))
    content = b'{"header":%s,"messages":[%s]}' % (header, b",".join(messages))
    if len(content) > MAX_BYTES:
        raise InvalidValue(f"a feed may have {MAX_BYTES} bytes, not {len(content)}")
    return content


def parse_report(content: bytes) -> ListingsReport:
    """Read a processing report. Raises `order_feed.ReportUnreadable`."""
    try:
        report = _report.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ReportUnreadable("the processing report of a listings feed is not one") from None
    issues: dict[int, tuple[Issue, ...]] = {}
    for read in report.issues:
        number = read.message_id or _WHOLE_FEED
        issues[number] = (*issues.get(number, ()), _issue(read))
    return ListingsReport(
        processed=report.summary.messages_processed,
        accepted=report.summary.messages_accepted,
        invalid=report.summary.messages_invalid,
        issues=issues,
    )


class _Header(msgspec.Struct, rename="camel"):
    seller_id: str
    version: str
    issue_locale: str


class _Message(msgspec.Struct, rename="camel", kw_only=True):
    message_id: int
    sku: str
    operation_type: str = "PATCH"
    product_type: str = "PRODUCT"
    patches: list[EncodablePatch]


class _Issue(msgspec.Struct, rename="camel"):
    message: str = ""
    severity: str = ""
    code: str = ""
    message_id: int | None = None
    attribute_name: str | None = None


class _Summary(msgspec.Struct, rename="camel"):
    messages_processed: int
    messages_accepted: int
    messages_invalid: int


class _Report(msgspec.Struct):
    summary: _Summary
    issues: list[_Issue] = []


_report = msgspec.json.Decoder(_Report)


def _issue(read: _Issue) -> Issue:
    return Issue(
        code=plain_text(read.code, _TEXT_LIMIT),
        message=plain_text(read.message, _TEXT_LIMIT),
        severity=read.severity,
        attribute_names=(read.attribute_name,) if read.attribute_name else (),
    )
