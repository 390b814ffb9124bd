"""The feed POST_ORDER_ACKNOWLEDGEMENT_DATA: accept orders, or cancel them, and read what came of it.

XML by OrderAcknowledgement.xsd, release 4.1. A message either accepts an order (`Success`) or cancels
the whole of it (`Failure`, every item with a reason); Amazon ignores a `Failure` without items.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from lxml import etree

from kogge.spapi.errors import harmless
from kogge.values import InvalidValue, amazon_order_id, plain_text

FEED_TYPE = "POST_ORDER_ACKNOWLEDGEMENT_DATA"
CONTENT_TYPE = "text/xml; charset=UTF-8"
MAX_MESSAGES = 1000  # our own bound: Amazon only limits the size to 10 MiB

CANCEL_REASONS = {
    "no_inventory": "NoInventory",
    "buyer_cancelled": "BuyerCanceled",
    "address_undeliverable": "ShippingAddressUndeliverable",
    "customer_exchange": "CustomerExchange",
    "other": "GeneralAdjustment",
}

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_TEXT_LIMIT = 100

Item = tuple[str, str | None, str | None]


class ReportUnreadable(ValueError):
    """A processing report that is not one; what became of the messages is unknown."""


@dataclass(frozen=True, slots=True)
class OrderMessage:
    """What is said about one order. Raises `InvalidValue` when it contradicts itself.

    An item is (Amazon's order item id, own number or None, reason or None); the reason is a key of
    `CANCEL_REASONS` or Amazon's word for it, mandatory with `Failure` and forbidden with `Success`.
    """

    message_id: int
    amazon_order_id: str
    merchant_order_id: str | None
    status: Literal["Success", "Failure"]
    items: tuple[Item, ...] = ()

    def __post_init__(self) -> None:
        amazon_order_id(self.amazon_order_id)
        if self.message_id < 1:
            raise InvalidValue(f"message numbers start at 1, not {self.message_id}")
        if self.status not in ("Success", "Failure"):
            raise InvalidValue(f"neither Success nor Failure: {self.status!r}")
        codes = [code for code, _own, _reason in self.items]
        if not all(codes) or len(set(codes)) < len(codes):
            raise InvalidValue(f"order {self.amazon_order_id}: an item is named twice or without its id")
        reasons = [reason for _code, _own, reason in self.items]
        if self.status == "Failure" and not (reasons and all(reasons)):
            raise InvalidValue(
                f"order {self.amazon_order_id}: a cancellation needs every item and its reason"
            )
        if self.status == "Success" and any(reasons):
            raise InvalidValue(f"order {self.amazon_order_id}: accepted and yet with a reason to cancel")
        for reason in filter(None, reasons):
            _amazons_reason(reason)


@dataclass(frozen=True, slots=True)
class MessageResult:
    """Amazon's code and sentence about one message."""

    code: str
    description: str


@dataclass(frozen=True, slots=True)
class FeedReport:
    """What became of a feed. `errors` and `warnings` are by message number; 0 stands for the whole feed."""

    processed: int
    successful: int
    errors: dict[int, MessageResult] = field(default_factory=dict)
    warnings: dict[int, MessageResult] = field(default_factory=dict)
    status: str = "Complete"

    def accepted(self, message_id: int) -> bool:
        """Whether this message certainly took effect: Amazon lists the failed ones, not the good ones.

        If more failed than are listed, none is certain.
        """
        all_failures_listed = self.processed - self.successful <= len(self.errors)
        whole_feed_failed = 0 in self.errors or self.status != "Complete"
        return all_failures_listed and not whole_feed_failed and message_id not in self.errors


def build(seller_id: str, messages: Sequence[OrderMessage]) -> bytes:
    """The feed document. Raises `InvalidValue` for two messages about one order, or none at all."""
    _check(seller_id, messages)
    envelope = etree.Element("AmazonEnvelope", nsmap={"xsi": _XSI})
    envelope.set(f"{{{_XSI}}}noNamespaceSchemaLocation", "amzn-envelope.xsd")
    header = etree.SubElement(envelope, "Header")
    _add(header, "DocumentVersion", "1.01")
    _add(header, "MerchantIdentifier", seller_id)
    _add(envelope, "MessageType", "OrderAcknowledgement")
    for message in messages:
        _add_message(envelope, message)
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def parse_report(content: bytes) -> FeedReport:
    """Read a processing report. Raises `ReportUnreadable`, also for one without a summary."""
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise ReportUnreadable("the processing report is not XML we accept") from None
    report = root.find(".//{*}ProcessingReport")
    if report is None:
        raise ReportUnreadable("the document is not a processing report")
    results = [(_word(result, "ResultCode"), result) for result in report.iterfind("{*}Result")]
    return FeedReport(
        processed=_count(report, "MessagesProcessed"),
        successful=_count(report, "MessagesSuccessful"),
        errors=_by_message(result for code, result in results if code == "Error"),
        warnings=_by_message(result for code, result in results if code != "Error"),
        status=_word(report, "StatusCode") or "Complete",
    )


def _check(seller_id: str, messages: Sequence[OrderMessage]) -> None:
    if not seller_id.isalnum():
        raise InvalidValue(f"not a seller id: {seller_id[:40]!r}")
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise InvalidValue(f"a feed has 1 to {MAX_MESSAGES} messages, not {len(messages)}")
    if len({message.message_id for message in messages}) < len(messages):
        raise InvalidValue("two messages with the same number")
    said: set[str] = set()
    for message in messages:
        order_id = amazon_order_id(message.amazon_order_id)
        if order_id in said:
            raise InvalidValue(f"two messages about order {order_id} in one feed")
        said.add(order_id)


def _add_message(envelope: etree._Element, message: OrderMessage) -> None:
    """The order of the elements is fixed by the schema."""
    outer = etree.SubElement(envelope, "Message")
    _add(outer, "MessageID", str(message.message_id))
    inner = etree.SubElement(outer, "OrderAcknowledgement")
    _add(inner, "AmazonOrderID", amazon_order_id(message.amazon_order_id))
    _add(inner, "MerchantOrderID", message.merchant_order_id)
    _add(inner, "StatusCode", message.status)
    for code, own_number, reason in message.items:
        item = etree.SubElement(inner, "Item")
        _add(item, "AmazonOrderItemCode", code)
        _add(item, "MerchantOrderItemID", own_number)
        _add(item, "CancelReason", _amazons_reason(reason) if reason else None)


def _add(parent: etree._Element, tag: str, text: str | None) -> None:
    if text:
        etree.SubElement(parent, tag).text = plain_text(text, _TEXT_LIMIT)


def _amazons_reason(reason: str) -> str:
    word = CANCEL_REASONS.get(reason, reason)
    if word not in CANCEL_REASONS.values():
        raise InvalidValue(f"not a reason to cancel: {reason[:40]!r}")
    return word


def _by_message(results: Iterable[Element]) -> dict[int, MessageResult]:
    """The first code and all sentences of each message."""
    found: dict[int, MessageResult] = {}
    for result in results:
        number = _count(result, "MessageID")
        code, description = _word(result, "ResultMessageCode"), harmless(_word(result, "ResultDescription"))
        if number in found:
            code, description = found[number].code, f"{found[number].description}. {description}"
        found[number] = MessageResult(code, description)
    return found


def _word(parent: Element, tag: str) -> str:
    return (parent.findtext(f"{{*}}{tag}") or "").strip()


def _count(report: Element, tag: str) -> int:
    text = (report.findtext(f".//{{*}}{tag}") or "").strip()
    if not (text.isascii() and text.isdigit()):
        raise ReportUnreadable(f"the processing report has no {tag}")
    return int(text)
