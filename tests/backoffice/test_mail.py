from __future__ import annotations

import smtplib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.core.mail import EmailMultiAlternatives

from kogge.backoffice import dispatch
from kogge.backoffice.builtin_shop import BuiltinShop
from kogge.backoffice.carriers import TRACKING_PAGES, tracking_url
from kogge.backoffice.mail import read_message, send_mails
from kogge.backoffice.models import Mail, Order, Parcel
from kogge.backoffice.placing import place
from kogge.engine import due
from kogge.engine.models import Due
from kogge.engine.work import Outcome, Work
from kogge.merchants.models import Merchant
from tests.backoffice.shop import ListeningChannel, new_line, new_order, stored
from tests.conftest import Clock

ADDRESS = "x1y2z3@marketplace.amazon.de"


@pytest.fixture
def parcel(merchant: Merchant, amazon: ListeningChannel, clock: Clock) -> Parcel:
    """A parcel that just left, with its mail waiting."""
    return sent(merchant, clock)


def sent(
    merchant: Merchant, clock: Clock, *, quantities: dict[int, int] | None = None, **facts: Any
) -> Parcel:
    order = replace(new_order("305-1", new_line("1", quantity=2)), **facts)
    place(merchant.pk, [order], now=clock.now)
    return dispatch.ship(
        stored(merchant, "305-1"),
        carrier="DHL",
        tracking_number="00340 1",
        quantities=quantities,
        actor="anna@example.org",
        now=clock.now,
    )


@pytest.fixture
def send(merchant: Merchant, clock: Clock) -> Callable[[], Outcome]:
    """Let the worker send the merchant's mails."""

    def send() -> Outcome:
        lease = due.claim_one("send_mails", merchant.pk, "test", now=clock.now)
        assert lease is not None
        outcome = send_mails(Work("send_mails", merchant.pk, clock, lease))
        due.finish(lease, now=clock.now, next_due=outcome.next_due)
        return outcome

    return send


def break_server(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(self: EmailMultiAlternatives, *arguments: Any, **more: Any) -> int:
        raise error

    monkeypatch.setattr(EmailMultiAlternatives, "send", fail)


def the_mail(merchant: Merchant) -> Mail:
    return Mail.objects.of(merchant).get()


def test_the_buyer_gets_text_and_html_with_the_way_to_follow_the_parcel(
    merchant: Merchant, parcel: Parcel, send: Callable[[], Outcome], clock: Clock
) -> None:
    outcome = send()

    [message] = outbox.outbox
    assert isinstance(message, EmailMultiAlternatives)
    [(html, kind)] = message.alternatives
    assert message.to == [ADDRESS]
    assert message.from_email.startswith("Teehaus Muster <")
    assert message.subject == "Deine Bestellung 305-1 ist unterwegs"
    assert "2 × Ein freier Artikel" in message.body
    assert "piececode=00340%201" in message.body
    assert kind == "text/html"
    assert 'href="https://www.dhl.de/' in str(html)
    assert (outcome.done, outcome.failed) == (1, 0)
    assert (the_mail(merchant).state, the_mail(merchant).sent_at) == ("sent", clock.now)
    assert parcel.order.events.last().kind == "mail_sent"  # type: ignore[union-attr]


def test_a_mail_is_sent_once(parcel: Parcel, send: Callable[[], Outcome], clock: Clock) -> None:
    send()
    clock.advance(days=1)
    send()

    assert len(outbox.outbox) == 1


def test_the_dispatch_makes_the_sending_due(merchant: Merchant, parcel: Parcel, clock: Clock) -> None:
    assert Due.objects.get(operation="send_mails", subject=merchant.pk).due_at == clock.now


def test_a_buyer_abroad_is_written_to_in_english(
    merchant: Merchant, amazon: ListeningChannel, send: Callable[[], Outcome], clock: Clock
) -> None:
    sent(merchant, clock, locale="fr", quantities={1: 1})

    send()

    assert outbox.outbox[0].subject == "Your order 305-1 is on its way"
    assert "a part of your order" in outbox.outbox[0].body


@pytest.mark.parametrize("facts", [{"notify_buyer": False}, {"email": ""}], ids=["not wanted", "no address"])
def test_nobody_is_written_to_who_cannot_or_need_not_be(
    merchant: Merchant, amazon: ListeningChannel, clock: Clock, facts: dict[str, Any]
) -> None:
    sent(merchant, clock, **facts)

    assert not Mail.objects.of(merchant).exists()


def test_hostile_titles_stay_text(
    merchant: Merchant, amazon: ListeningChannel, send: Callable[[], Outcome], clock: Clock
) -> None:
    sent(merchant, clock, lines=(replace(new_line(quantity=2), title="<script>1</script> & Co"),))

    send()

    [message] = outbox.outbox
    assert isinstance(message, EmailMultiAlternatives)
    [(html, _kind)] = message.alternatives
    assert "<script>" not in str(html)
    assert "<script>1</script> & Co" in message.body


def test_a_server_that_is_away_is_asked_again_with_growing_patience(
    parcel: Parcel,
    send: Callable[[], Outcome],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as broken:
        break_server(broken, ConnectionRefusedError(f"no way to {ADDRESS}"))
        first = send()
        clock.advance(minutes=1)
        second = send()
    mail = the_mail(parcel.merchant)

    clock.advance(minutes=5)
    third = send()

    assert (first.failed, second.failed, third.done) == (1, 1, 1)
    assert first.next_due == second.next_due - timedelta(minutes=5)
    assert (mail.state, mail.attempts, mail.last_error) == ("waiting", 2, "ConnectionRefusedError")
    assert ADDRESS not in caplog.text
    assert len(outbox.outbox) == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (smtplib.SMTPRecipientsRefused({ADDRESS: (550, b"unknown x1y2z3")}), "SMTPRecipientsRefused 550"),
        (smtplib.SMTPDataError(554, b"spam"), "SMTPDataError 554"),
    ],
)
def test_a_final_no_is_shown_and_not_repeated(
    parcel: Parcel,
    send: Callable[[], Outcome],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    reason: str,
) -> None:
    break_server(monkeypatch, error)

    send()

    assert (the_mail(parcel.merchant).state, the_mail(parcel.merchant).last_error) == ("failed", reason)
    event = parcel.order.events.last()
    assert event is not None
    assert (event.kind, event.details) == ("mail_failed", {"mail": "dispatch", "reason": reason})


def test_a_server_that_takes_nothing_is_asked_once_a_run(
    merchant: Merchant,
    parcel: Parcel,
    send: Callable[[], Outcome],
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
) -> None:
    place(merchant.pk, [new_order("305-2")], now=clock.now)
    dispatch.ship(
        stored(merchant, "305-2"),
        carrier="DHL",
        tracking_number="T",
        quantities=None,
        actor="anna",
        now=clock.now,
    )
    break_server(monkeypatch, smtplib.SMTPAuthenticationError(535, b"no"))

    outcome = send()

    assert sorted(Mail.objects.of(merchant).values_list("attempts", flat=True)) == [0, 1]
    assert outcome.error == "Der Mailserver nimmt keine Mails an: SMTPAuthenticationError 535"
    assert outcome.next_due == clock.now + timedelta(minutes=1)


def test_a_mail_that_is_refused_does_not_stop_the_next(
    merchant: Merchant,
    parcel: Parcel,
    send: Callable[[], Outcome],
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
) -> None:
    place(merchant.pk, [new_order("305-2")], now=clock.now)
    dispatch.ship(
        stored(merchant, "305-2"),
        carrier="DHL",
        tracking_number="T",
        quantities=None,
        actor="anna",
        now=clock.now,
    )
    break_server(monkeypatch, smtplib.SMTPRecipientsRefused({ADDRESS: (450, b"later")}))

    outcome = send()

    assert list(Mail.objects.of(merchant).values_list("attempts", "state")) == [(1, "waiting")] * 2
    assert (outcome.failed, outcome.error) == (2, "")


def test_patience_ends(
    merchant: Merchant,
    parcel: Parcel,
    send: Callable[[], Outcome],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_server(monkeypatch, smtplib.SMTPServerDisconnected())

    for _ in range(8):
        assert the_mail(merchant).state == "waiting"
        send()
        clock.advance(days=1)

    assert the_mail(merchant).state == "failed"


def test_corrected_tracking_is_in_the_mail_that_still_waits(
    parcel: Parcel, send: Callable[[], Outcome], clock: Clock
) -> None:
    dispatch.correct_tracking(parcel, carrier="DPD", tracking_number="NEU", actor="anna", now=clock.now)

    send()

    assert "parcel/NEU" in outbox.outbox[0].body


def test_forgotten_people_get_no_mail_and_leave_none(
    merchant: Merchant, parcel: Parcel, send: Callable[[], Outcome], clock: Clock
) -> None:
    BuiltinShop(merchant.pk).forget_people("amazon", ["305-1"], now=clock.now)

    send()

    assert outbox.outbox == []
    assert read_message(the_mail(merchant)) is None
    assert the_mail(merchant).state == "failed"
    assert not Order.objects.of(merchant).get().words.exists()


@pytest.mark.parametrize("carrier", TRACKING_PAGES)
def test_every_known_carrier_has_a_page_to_follow_its_parcels(carrier: str) -> None:
    assert "1Z%2F9" in tracking_url(carrier.upper(), "1Z/9")


def test_other_carriers_and_parcels_without_a_number_have_no_page() -> None:
    assert tracking_url("Radkurier", "1") == ""
    assert tracking_url("DHL", "") == ""
