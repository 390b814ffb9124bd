"""Mails to buyers: a sealed row first, then sent, tried again with growing patience, kept as the outbox.

Nothing personal is logged: errors are kept by kind and code, since mail servers repeat addresses.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import formataddr

import msgspec
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import Min
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from kogge.backoffice.carriers import tracking_url
from kogge.backoffice.history import write_down
from kogge.backoffice.models import Mail, Order, OrderEvent, Parcel
from kogge.backoffice.people import People, people_of
from kogge.backoffice.progress import open_units
from kogge.backoffice.stock import lock_shop
from kogge.engine.due import make_due
from kogge.engine.work import Outcome, Work
from kogge.merchants.models import Merchant
from kogge.merchants.vault import CannotOpen, seal, unseal

logger = logging.getLogger(__name__)

COLUMN = "mail.message"
SEND_MAILS = "send_mails"
ACTOR = "Kogge"
SUBJECTS = {"de": "Deine Bestellung {reference} ist unterwegs", "en": "Your order {reference} is on its way"}
PATIENCE = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720)]  # after each failed try
MOST_AT_ONCE = 50  # the lease is renewed after each of them
IDLE = timedelta(days=1)


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """A mail as it is sealed."""

    to: str
    subject: str
    text: str
    html: str

    def __repr__(self) -> str:
        return "Message()"  # an address must not reach a traceback


def queue_dispatch_mail(parcel: Parcel, now: datetime) -> Mail | None:
    """Write the dispatch mail of a parcel, once, if the buyer wants one and has an address.

    That the address cannot be opened is told in the log of the order: the parcel left all the same.
    """
    order = parcel.order
    if not order.notify_buyer or order.merchant.works_in:
        return None  # a remote shop mails its customers itself
    people = people_of(order)
    if order.sealed_people and not people:
        reason = CannotOpen.__name__
        write_down(order, OrderEvent.Kind.MAIL_FAILED, actor=ACTOR, now=now, parcel=parcel, reason=reason)
    if not people.email:
        return None
    mail, created = Mail.objects.of_id(order.merchant_id).get_or_create(
        parcel=parcel,
        defaults={
            "merchant_id": order.merchant_id,
            "order": order,
            "sealed_message": _sealed(order, _dispatch_message(parcel, people)),
            "not_before": now,
            "created_at": now,
        },
    )
    if created:
        make_due(SEND_MAILS, order.merchant_id, now=now)
    return mail


def queue_confirmation_mail(order: Order, message: Message, now: datetime) -> Mail:
    """Write the mail that confirms an order, inside the transaction that places it."""
    mail = Mail.objects.everyone().create(
        merchant_id=order.merchant_id,
        order=order,
        kind=Mail.Kind.CONFIRMATION,
        sealed_message=_sealed(order, message),
        not_before=now,
        created_at=now,
    )
    make_due(SEND_MAILS, order.merchant_id, now=now)
    return mail


def rewrite_waiting_mail(parcel: Parcel) -> None:
    """Let a mail that has not been sent yet speak of the corrected tracking data."""
    mail = Mail.objects.of_id(parcel.merchant_id).filter(parcel=parcel, state=Mail.State.WAITING).first()
    people = people_of(parcel.order) if mail is not None else None
    if mail is not None and mail.sealed_message and people:
        mail.sealed_message = _sealed(parcel.order, _dispatch_message(parcel, people))
        mail.save(update_fields=["sealed_message"])


def read_message(mail: Mail) -> Message | None:
    """What a mail says, for the outbox page; None once its people were forgotten."""
    if not mail.sealed_message:
        return None
    return msgspec.json.decode(unseal(mail.merchant_id, COLUMN, bytes(mail.sealed_message)), type=Message)


def send_mails(work: Work) -> Outcome:
    """Send a merchant's waiting mails; the subject of the work is the merchant.

    A server that takes no mail at all is not asked for the next one: the run ends with an error.
    """
    waiting = Mail.objects.of_id(work.subject).filter(state=Mail.State.WAITING, sealed_message__isnull=False)
    due = waiting.filter(not_before__lte=work.now).order_by("not_before", "id")
    done = failed = 0
    for mail in due.select_related("order", "merchant")[:MOST_AT_ONCE]:
        work.keep()
        if not _count_try(mail, work.now):
            continue  # forgotten meanwhile
        problem = _send(mail, work.now)
        done, failed = done + (problem is None), failed + (problem is not None)
        if problem is not None and _concerns_all(problem):
            error = _("Der Mailserver nimmt keine Mails an: {reason}").format(
                reason=_without_address(problem)
            )
            return Outcome(next_due=mail.not_before, done=done, failed=failed, error=error)
    following = waiting.aggregate(first=Min("not_before"))["first"]
    return Outcome(next_due=following or work.now + IDLE, done=done, failed=failed)


def _dispatch_message(parcel: Parcel, people: People) -> Message:
    order = parcel.order
    language = "de" if order.locale.lower().startswith("de") else "en"
    reference = order.external_id or str(order.number)
    url = parcel.tracking_url or tracking_url(parcel.carrier, parcel.tracking_number)
    facts = {
        "name": people.buyer_name,
        "reference": reference,
        "complete": _is_all(order),
        "rest": any(open_units(line) for line in order.lines.all()),
        "items": parcel.items.select_related("line").order_by("line__position"),
        "carrier": parcel.carrier,
        "number": parcel.tracking_number,
        "url": url,
        "shop": order.merchant.name,
    }
    return Message(
        to=people.email,
        subject=SUBJECTS[language].format(reference=reference),
        text=_rendered(f"mail/dispatch.{language}.txt", facts),
        html=_rendered(f"mail/dispatch.{language}.html", facts),
    )


def _rendered(template: str, facts: dict[str, object]) -> str:
    return render_to_string(template, facts) + ""  # a plain string again: the sealed document takes no other


def _is_all(order: Order) -> bool:
    """Whether one parcel holds the whole order; otherwise the mail speaks of a part."""
    lines = order.lines.all()
    return order.parcels.count() == 1 and not any(open_units(line) for line in lines)


def _sealed(order: Order, message: Message) -> bytes:
    return seal(order.merchant_id, COLUMN, msgspec.json.encode(message))


def _count_try(mail: Mail, now: datetime) -> bool:
    """Count a try before it is made; False if the mail does not wait any more.

    If we die between sending and noting it, the buyer gets the mail twice: that cannot be avoided.
    A mail that kills the process is tried ever more rarely this way, not in a circle.
    """
    mine = Mail.objects.of_id(mail.merchant_id).filter(
        pk=mail.pk, state=Mail.State.WAITING, attempts=mail.attempts
    )
    mail.not_before = now + PATIENCE[min(mail.attempts, len(PATIENCE) - 1)]
    mail.attempts += 1
    return bool(mine.update(attempts=mail.attempts, not_before=mail.not_before))


def _send(mail: Mail, now: datetime) -> Exception | None:
    """One try; what went wrong, or None."""
    message = read_message(mail)
    assert message is not None, "mails without a message are not asked for"
    try:
        _hand_over(message, mail.merchant)
    except (smtplib.SMTPException, OSError, ValueError) as problem:
        _note_failure(mail, problem, now)
        return problem
    _note_success(mail, now)
    return None


def _hand_over(message: Message, merchant: Merchant) -> None:
    sender = formataddr((merchant.name, settings.DEFAULT_FROM_EMAIL))
    mail = EmailMultiAlternatives(message.subject, message.text, sender, [message.to])
    mail.attach_alternative(message.html, "text/html")
    mail.send()


@transaction.atomic
def _note_success(mail: Mail, now: datetime) -> None:
    lock_shop(mail.merchant_id)
    _mark(mail, state=Mail.State.SENT, sent_at=now, last_error="")
    write_down(
        mail.order, OrderEvent.Kind.MAIL_SENT, actor=ACTOR, now=now, parcel=mail.parcel, mail=mail.kind
    )


@transaction.atomic
def _note_failure(mail: Mail, error: Exception, now: datetime) -> None:
    lock_shop(mail.merchant_id)
    reason = _without_address(error)
    logger.warning("mail %d: try %d failed: %s", mail.pk, mail.attempts, reason)
    if mail.attempts <= len(PATIENCE) and not _is_final(error):
        _mark(mail, last_error=reason)
        return
    _mark(mail, state=Mail.State.FAILED, last_error=reason)
    write_down(
        mail.order,
        OrderEvent.Kind.MAIL_FAILED,
        actor=ACTOR,
        now=now,
        parcel=mail.parcel,
        mail=mail.kind,
        reason=reason,
    )


def _mark(mail: Mail, **columns: object) -> None:
    Mail.objects.of_id(mail.merchant_id).filter(pk=mail.pk, state=Mail.State.WAITING).update(**columns)


def _codes(error: Exception) -> Sequence[int]:
    """The answers of the mail server, one for each address it refused."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _answer in error.recipients.values()]
    if isinstance(error, smtplib.SMTPResponseException):
        return [error.smtp_code]
    return []


def _concerns_all(error: Exception) -> bool:
    """The server is away or does not let us in: the next mail would fare no better."""
    if isinstance(error, smtplib.SMTPException):
        return isinstance(
            error, smtplib.SMTPServerDisconnected | smtplib.SMTPConnectError | smtplib.SMTPAuthenticationError
        )
    return isinstance(error, OSError)


def _is_final(error: Exception) -> bool:
    """The server says no for good (5xx), or what we hand over is no mail at all."""
    codes = _codes(error)
    return isinstance(error, ValueError) or (bool(codes) and min(codes) >= 500 and not _concerns_all(error))


def _without_address(error: Exception) -> str:
    return " ".join([type(error).__name__, *map(str, _codes(error))])
