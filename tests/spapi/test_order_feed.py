from typing import Any

import pytest
from lxml import etree

from kogge.spapi import CANCEL_REASONS, OrderMessage, ReportUnreadable
from kogge.spapi.order_feed import MAX_MESSAGES, MessageResult, build, parse_report
from kogge.values import InvalidValue

ORDER = "305-1182244-9021001"
OTHER_ORDER = "305-5550001-1112223"
ACCEPTED = OrderMessage(
    1, ORDER, "SHOP-10231", "Success", (("40511122233301", "1", None), ("40511122233302", None, None))
)
CANCELLED = OrderMessage(2, OTHER_ORDER, None, "Failure", (("40599900011101", None, "no_inventory"),))

EXPECTED = """<?xml version='1.0' encoding='UTF-8'?>
<AmazonEnvelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
                xsi:noNamespaceSchemaLocation="amzn-envelope.xsd">
  <Header>
    <DocumentVersion>1.01</DocumentVersion>
    <MerchantIdentifier>A2SELLEREXAMPLE</MerchantIdentifier>
  </Header>
  <MessageType>OrderAcknowledgement</MessageType>
  <Message>
    <MessageID>1</MessageID>
    <OrderAcknowledgement>
      <AmazonOrderID>305-1182244-9021001</AmazonOrderID>
      <MerchantOrderID>SHOP-10231</MerchantOrderID>
      <StatusCode>Success</StatusCode>
      <Item>
        <AmazonOrderItemCode>40511122233301</AmazonOrderItemCode>
        <MerchantOrderItemID>1</MerchantOrderItemID>
      </Item>
      <Item>
        <AmazonOrderItemCode>40511122233302</AmazonOrderItemCode>
      </Item>
    </OrderAcknowledgement>
  </Message>
  <Message>
    <MessageID>2</MessageID>
    <OrderAcknowledgement>
      <AmazonOrderID>305-5550001-1112223</AmazonOrderID>
      <StatusCode>Failure</StatusCode>
      <Item>
        <AmazonOrderItemCode>40599900011101</AmazonOrderItemCode>
        <CancelReason>NoInventory</CancelReason>
      </Item>
    </OrderAcknowledgement>
  </Message>
</AmazonEnvelope>"""


def report(results: str = "", *, processed: int = 2, successful: int = 1, status: str = "Complete") -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<AmazonEnvelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <Header><DocumentVersion>1.02</DocumentVersion></Header>
  <MessageType>ProcessingReport</MessageType>
  <Message><MessageID>1</MessageID><ProcessingReport>
    <DocumentTransactionID>50014018000</DocumentTransactionID><StatusCode>{status}</StatusCode>
    <ProcessingSummary>
      <MessagesProcessed>{processed}</MessagesProcessed><MessagesSuccessful>{successful}</MessagesSuccessful>
      <MessagesWithError>{processed - successful}</MessagesWithError>
    </ProcessingSummary>{results}
  </ProcessingReport></Message>
</AmazonEnvelope>""".encode()


def result(number: int, kind: str = "Error", code: int = 18028, text: str = "incomplete data") -> str:
    return (
        f"<Result><MessageID>{number}</MessageID><ResultCode>{kind}</ResultCode>"
        f"<ResultMessageCode>{code}</ResultMessageCode><ResultDescription>{text}</ResultDescription>"
        f"<AdditionalInfo><AmazonOrderID>{OTHER_ORDER}</AmazonOrderID></AdditionalInfo></Result>"
    )


def canonical(text: bytes) -> bytes:
    without_blanks = etree.XMLParser(remove_blank_text=True)
    return etree.tostring(etree.fromstring(text, without_blanks), method="c14n")


def test_orders_are_accepted_and_cancelled_in_amazons_words() -> None:
    content = build("A2SELLEREXAMPLE", [ACCEPTED, CANCELLED])

    assert canonical(content) == canonical(EXPECTED.encode())
    assert content.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")


def test_text_is_escaped_and_control_characters_are_dropped() -> None:
    message = OrderMessage(1, ORDER, "Ärger & <Söhne>\x00\x0b", "Success", ())

    content = build("A2SELLEREXAMPLE", [message])

    assert "Ärger &amp; &lt;Söhne&gt;</MerchantOrderID>".encode() in content


@pytest.mark.parametrize("reason", CANCEL_REASONS)
def test_every_reason_of_ours_is_one_of_amazons(reason: str) -> None:
    message = OrderMessage(1, ORDER, None, "Failure", (("1", None, reason),))

    assert f"<CancelReason>{CANCEL_REASONS[reason]}<".encode() in build("A2SELLEREXAMPLE", [message])


def test_amazons_own_word_for_a_reason_is_understood() -> None:
    message = OrderMessage(1, ORDER, None, "Failure", (("1", None, "BuyerCanceled"),))

    assert b"<CancelReason>BuyerCanceled<" in build("A2SELLEREXAMPLE", [message])


@pytest.mark.parametrize(
    "fields",
    [
        (0, ORDER, None, "Success", ()),
        (1, "4711", None, "Success", ()),
        (1, ORDER, None, "Maybe", ()),
        (1, ORDER, None, "Failure", ()),
        (1, ORDER, None, "Failure", (("1", None, None),)),
        (1, ORDER, None, "Failure", (("1", None, "no_inventory"), ("2", None, None))),
        (1, ORDER, None, "Failure", (("1", None, "bad_mood"),)),
        (1, ORDER, None, "Success", (("1", None, "no_inventory"),)),
        (1, ORDER, None, "Success", (("1", None, None), ("1", None, None))),
        (1, ORDER, None, "Success", (("", None, None),)),
    ],
    ids=str,
)
def test_a_message_that_contradicts_itself_cannot_be_made(fields: Any) -> None:
    with pytest.raises(InvalidValue):
        OrderMessage(*fields)


def test_two_messages_about_one_order_are_refused() -> None:
    cancelling = OrderMessage(2, ORDER, None, "Failure", (("1", None, "other"),))

    with pytest.raises(InvalidValue, match="two messages about order"):
        build("A2SELLEREXAMPLE", [ACCEPTED, cancelling])


def test_two_messages_with_one_number_are_refused() -> None:
    same_number = OrderMessage(1, OTHER_ORDER, None, "Success", ())

    with pytest.raises(InvalidValue, match="same number"):
        build("A2SELLEREXAMPLE", [ACCEPTED, same_number])


@pytest.mark.parametrize("seller_id", ["", "A2 <x>"])
def test_a_feed_needs_its_seller(seller_id: str) -> None:
    with pytest.raises(InvalidValue, match="seller id"):
        build(seller_id, [ACCEPTED])


def test_a_feed_has_messages_but_not_too_many() -> None:
    many = [OrderMessage(n + 1, f"305-0000000-{n:07}", None, "Success", ()) for n in range(MAX_MESSAGES + 1)]

    for messages in ([], many):
        with pytest.raises(InvalidValue, match="1 to 1000"):
            build("A2SELLEREXAMPLE", messages)
    assert len(build("A2SELLEREXAMPLE", many[:-1])) < 10 * 1024 * 1024


def test_a_report_names_the_failed_messages_and_thereby_the_accepted_ones() -> None:
    found = parse_report(report(result(2)))

    assert (found.processed, found.successful) == (2, 1)
    assert found.errors == {2: MessageResult("18028", "incomplete data")}
    assert (found.accepted(1), found.accepted(2)) == (True, False)


def test_a_warning_is_not_a_failure() -> None:
    found = parse_report(report(result(2, "Warning", 99, "look out"), successful=2))

    assert found.warnings == {2: MessageResult("99", "look out")}
    assert found.accepted(2)


def test_several_complaints_about_one_message_are_kept_together() -> None:
    found = parse_report(report(result(2, text="first.") + result(2, code=5, text="second")))

    assert found.errors == {2: MessageResult("18028", "first. second")}
    assert found.accepted(1)


@pytest.mark.parametrize(
    "content",
    [
        report(result(0, code=5000)),
        report(successful=1),
        report(successful=0, status="Rejected"),
        report(successful=2, status="Processing"),
    ],
    ids=["whole feed", "failures not listed", "rejected", "not finished"],
)
def test_no_message_counts_as_accepted_while_it_is_uncertain(content: bytes) -> None:
    found = parse_report(content)

    assert not found.accepted(1)


def test_a_report_with_a_namespace_is_read() -> None:
    content = report(result(2)).replace(b"xmlns:xsi=", b'xmlns="urn:amazon" xmlns:xsi=')

    assert parse_report(content).errors.keys() == {2}


BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]><a>&y;</a>"""
FILE = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"<html></html>",
        b"<AmazonEnvelope/>",
        report()[:-30],
        report().replace(b"MessagesProcessed", b"Messages"),
        report().replace(b"<MessagesSuccessful>1", b"<MessagesSuccessful>one"),
        report("<Result><ResultCode>Error</ResultCode></Result>"),
        BOMB,
        FILE,
    ],
    ids=[
        "empty",
        "json",
        "html",
        "no report",
        "cut off",
        "no summary",
        "no number",
        "no message id",
        "bomb",
        "file",
    ],
)
def test_what_is_not_a_whole_and_harmless_report_is_unreadable(content: bytes) -> None:
    with pytest.raises(ReportUnreadable):
        parse_report(content)


def test_descriptions_are_scrubbed() -> None:
    found = parse_report(report(result(2, text="buyer x@marketplace.amazon.de unknown")))

    assert found.errors[2].description == "buyer […] unknown"
