"""The feed POST_ORDER_ACKNOWLEDGEMENT_DATA: reads the XML strictly, applies it message by message, reports.

Success acknowledges an order; Failure cancels one of which nothing has left.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from kogge.simulator.world import (
    CANCELLED,
    PENDING,
    PENDING_AVAILABILITY,
    Account,
    Acknowledgement,
    Order,
    World,
)

# OrderAcknowledgement.xsd, release 4_1
CANCEL_REASONS = {
    "NoInventory", "BuyerCanceled", "ShippingAddressUndeliverable", "CustomerExchange", "GeneralAdjustment",
    "CustomerReturn", "CarrierCreditDecision", "RiskAssessmentInformationNotValid", "CarrierCoverageFailure",
    "MerchandiseNotReceived",
}  # fmt: skip

NOT_PARSEABLE = "5000"
NOT_VALID = "5002"
INCOMPLETE = "18028"

_ORDER_ID = re.compile(r"[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}")


@dataclass(slots=True)
class Line:
    """One `Item` of a message."""

    item_code: str
    cancel_reason: str


@dataclass(slots=True)
class Message:
    message_id: str
    order_id: str = ""
    merchant_order_id: str = ""
    status_code: str = ""
    lines: list[Line] = field(default_factory=list)
    error: str = ""
    error_code: str = NOT_VALID


@dataclass(slots=True)
class Outcome:
    report: bytes
    is_fatal: bool = False


class _Unusable(Exception):
    """The whole feed cannot be processed."""


class _Rejected(Exception):
    """One message cannot be carried out."""

    def __init__(self, text: str, code: str = INCOMPLETE) -> None:
        super().__init__(text)
        self.code = code


def apply(world: World, account: Account, feed_id: str, content: bytes, at: datetime) -> Outcome:
    """Carry out a feed for `account` and write its processing report."""
    try:
        messages = _read(content, account.seller_id)
    except _Unusable as error:
        world.violation(f"order feed not processable: {error}")
        broken = Message("0", error=str(error), error_code=NOT_PARSEABLE)
        return Outcome(_report(account, feed_id, [broken]), is_fatal=True)
    _refuse_contradictions(world, messages)
    for message in messages:
        if message.error:
            if message.error_code == NOT_VALID:
                world.violation(f"order feed message {message.message_id}: {message.error}")
            continue
        try:
            _carry_out(world, account, feed_id, message, at)
        except _Rejected as rejected:
            message.error, message.error_code = str(rejected), rejected.code
    return Outcome(_report(account, feed_id, messages))


def _read(content: bytes, seller_id: str) -> list[Message]:
    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise _Unusable(f"not well-formed: {error}") from None
    if root.tag != "AmazonEnvelope":
        raise _Unusable("root element is not AmazonEnvelope")
    tags = [child.tag for child in root]
    if tags[:2] != ["Header", "MessageType"] or set(tags[2:]) != {"Message"}:
        raise _Unusable("the envelope is not Header, MessageType, Message…")
    if root.findtext("Header/DocumentVersion") != "1.01":
        raise _Unusable("DocumentVersion is not 1.01")
    if root.findtext("Header/MerchantIdentifier") != seller_id:
        raise _Unusable("MerchantIdentifier is not the seller's")
    if root.findtext("MessageType") != "OrderAcknowledgement":
        raise _Unusable("MessageType is not OrderAcknowledgement")
    messages = [_message(element) for element in root.findall("Message")]
    ids = Counter(message.message_id for message in messages)
    if not all(message_id.isdecimal() and count == 1 for message_id, count in ids.items()):
        raise _Unusable("MessageID must be a number of its own for each message")
    return messages


def _message(element: Element) -> Message:
    message = Message(element.findtext("MessageID") or "")
    body = element.find("OrderAcknowledgement")
    if [child.tag for child in element] != ["MessageID", "OrderAcknowledgement"] or body is None:
        message.error = "a message is MessageID, OrderAcknowledgement"
        return message
    message.error = _wrong_order(body, ["AmazonOrderID", "MerchantOrderID", "StatusCode", "Item"])
    message.order_id = body.findtext("AmazonOrderID") or ""
    message.merchant_order_id = body.findtext("MerchantOrderID") or ""
    message.status_code = body.findtext("StatusCode") or ""
    for item in body.findall("Item"):
        expected = ["AmazonOrderItemCode", "MerchantOrderItemID", "CancelReason"]
        message.error = message.error or _wrong_order(item, expected)
        line = Line(item.findtext("AmazonOrderItemCode") or "", item.findtext("CancelReason") or "")
        message.lines.append(line)
    message.error = message.error or _wrong_values(message)
    return message


def _wrong_order(element: Element, expected: list[str]) -> str:
    """The schema is a sequence: what is missing may be missing, what is there stands in order."""
    tags = [child.tag for child in element]
    unknown = [tag for tag in tags if tag not in expected]
    if unknown:
        return f"{unknown[0]} is not allowed in {element.tag}"
    if tags != sorted(tags, key=expected.index):
        return f"{element.tag}: elements in the wrong order"
    repeated = [tag for tag, count in Counter(tags).items() if count > 1 and tag != "Item"]
    return f"{repeated[0]} occurs twice" if repeated else ""


def _wrong_values(message: Message) -> str:
    if not _ORDER_ID.fullmatch(message.order_id):
        return "AmazonOrderID is missing or not of the form 3-7-7"
    if message.status_code not in ("Success", "Failure"):
        return "StatusCode must be Success or Failure"
    for line in message.lines:
        if not line.item_code:
            return "AmazonOrderItemCode is missing"
        if line.cancel_reason and message.status_code == "Success":
            return "CancelReason is only allowed with Failure"
        if line.cancel_reason and line.cancel_reason not in CANCEL_REASONS:
            return f"CancelReason {line.cancel_reason} is not allowed"
    return ""


def _refuse_contradictions(world: World, messages: list[Message]) -> None:
    by_order: dict[str, set[str]] = defaultdict(set)
    for message in messages:
        by_order[message.order_id].add(message.status_code)
    for order_id, codes in by_order.items():
        if {"Success", "Failure"} <= codes:
            world.violation(f"contradicting messages for order {order_id} in one feed")
            for message in messages:
                if message.order_id == order_id:
                    message.error, message.error_code = "contradicting messages for the order", INCOMPLETE


def _carry_out(world: World, account: Account, feed_id: str, message: Message, at: datetime) -> None:
    order = account.orders.get(message.order_id)
    if order is None or order.fulfilled_by != "MERCHANT":
        raise _Rejected("the order is not one of the merchant's")
    if order.status in (PENDING, PENDING_AVAILABILITY):
        raise _Rejected(f"the order is {order.status}")
    for line in message.lines:
        if order.item(line.item_code) is None:
            raise _Rejected(f"the order has no item {line.item_code}")
    if message.status_code == "Success":
        _acknowledge(order, feed_id, message, at)
    else:
        _cancel(world, account, order, message, at)


def _acknowledge(order: Order, feed_id: str, message: Message, at: datetime) -> None:
    if order.status == CANCELLED:
        raise _Rejected("the order has been cancelled")
    order.acknowledgement = Acknowledgement(at, feed_id, message.merchant_order_id)
    order.touch(at, "acknowledged", message.merchant_order_id)


def _cancel(world: World, account: Account, order: Order, message: Message, at: datetime) -> None:
    if order.is_shipped_in_part:
        # Amazon would refund the order although the goods are on their way.
        world.violation(f"cancellation of order {order.order_id} after shipment")
        raise _Rejected("units of the order have been shipped")
    if order.status == CANCELLED:
        if order.cancelled_by == "MERCHANT":
            return
        raise _Rejected("the order has been cancelled already")
    reasons = {line.item_code: line.cancel_reason for line in message.lines}
    if reasons.keys() != {item.item_id for item in order.items}:
        raise _Rejected("a cancellation must list all items of the order")
    if not all(reasons.values()):
        raise _Rejected("every item needs a CancelReason")
    _put_back_on_sale(account, order, reasons)
    order.cancel("MERCHANT", next(iter(reasons.values())), at)
    for item in order.items:
        item.cancel_reason = reasons[item.item_id]


def _put_back_on_sale(account: Account, order: Order, reasons: dict[str, str]) -> None:
    """For every reason except NoInventory Amazon offers the units again by itself."""
    for item in order.items:
        if reasons[item.item_id] != "NoInventory" and item.sku in account.listings:
            account.listings[item.sku].stock += item.quantity


def _report(account: Account, feed_id: str, messages: list[Message]) -> bytes:
    envelope = Element("AmazonEnvelope")
    header = SubElement(envelope, "Header")
    SubElement(header, "DocumentVersion").text = "1.02"
    SubElement(header, "MerchantIdentifier").text = account.seller_id
    SubElement(envelope, "MessageType").text = "ProcessingReport"
    message = SubElement(envelope, "Message")
    SubElement(message, "MessageID").text = "1"
    report = SubElement(message, "ProcessingReport")
    SubElement(report, "DocumentTransactionID").text = feed_id
    SubElement(report, "StatusCode").text = "Complete"
    _summarise(report, messages)
    for failed in messages:
        if failed.error:
            _result(report, failed)
    written: bytes = tostring(envelope, encoding="UTF-8", xml_declaration=True)
    return written


def _summarise(report: Element, messages: list[Message]) -> None:
    failed = sum(1 for message in messages if message.error)
    summary = SubElement(report, "ProcessingSummary")
    SubElement(summary, "MessagesProcessed").text = str(len(messages))
    SubElement(summary, "MessagesSuccessful").text = str(len(messages) - failed)
    SubElement(summary, "MessagesWithError").text = str(failed)
    SubElement(summary, "MessagesWithWarning").text = "0"


def _result(report: Element, message: Message) -> None:
    result = SubElement(report, "Result")
    SubElement(result, "MessageID").text = message.message_id
    SubElement(result, "ResultCode").text = "Error"
    SubElement(result, "ResultMessageCode").text = message.error_code
    SubElement(result, "ResultDescription").text = message.error
    if message.order_id:
        info = SubElement(result, "AdditionalInfo")
        SubElement(info, "AmazonOrderID").text = message.order_id
