"""Telling webhooks that something changed: hints, from the shop's own log, that never hold anything up.

What was told is remembered at each webhook; so nothing is queued, and a hint that was lost in a crash comes
again. Whoever does not answer is tried again with growing patience, and given up after a day.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import httpx2
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from msgspec import Struct

from kogge.backoffice.api import formats
from kogge.backoffice.api.formats import Format
from kogge.backoffice.api.models import ApiKey, Gone, Webhook
from kogge.backoffice.api.orders import order_documents
from kogge.backoffice.api.people import forget_with_orders
from kogge.backoffice.api.products import Products
from kogge.backoffice.api.resource import Caller, Missing, Query
from kogge.backoffice.api.webhooks import why_not_tell
from kogge.backoffice.models import Order, OrderEvent, Product
from kogge.engine.due import make_due
from kogge.engine.work import Outcome, Work

logger = logging.getLogger(__name__)

TELL_WEBHOOKS = "tell_webhooks"
TIMEOUT = 5.0  # seconds
MOST_AT_ONCE = 50  # events, products or deletions; the lease is renewed at each
PATIENCE = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180)]  # after each failed try
ENOUGH = timedelta(days=1)
IDLE = timedelta(days=1)
KEPT = timedelta(days=2)  # what was deleted


class WebhookListener:
    """Hears of changes inside their transactions."""

    def shop_changed(self, merchant_id: int, *, now: datetime) -> None:
        """Have webhooks told after the commit, if there are any."""
        if _listening(merchant_id).exists():
            make_due(TELL_WEBHOOKS, merchant_id, now=now)

    def people_forgotten(self, merchant_id: int, order_ids: Collection[int], *, now: datetime) -> None:
        """Forget customers whose last order was forgotten."""
        forget_with_orders(merchant_id, order_ids)


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing to tell: "create order: 37578" and the document as it stands."""

    subject: str
    body: bytes


class NoAnswer(Exception):
    """The webhook was not reached or did not say yes. Says how, without an address."""


def tell_webhooks(work: Work) -> Outcome:
    """Tell a merchant's webhooks what is new; the subject of the work is the merchant."""
    done = failed = 0
    times = []
    Gone.objects.of_id(work.subject).filter(at__lte=work.now - KEPT).delete()
    with httpx2.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as http:
        for hook in _listening(work.subject).select_related("merchant").order_by("id"):
            if hook.not_before and hook.not_before > work.now:
                times.append(hook.not_before)
                continue
            work.keep()
            try:
                told, more = _tell(work, http, hook)
                done += told
                times += [work.now] if more else []
            except NoAnswer as silent:
                failed += 1
                times.append(_note_failure(hook, str(silent), work.now))
    return Outcome(next_due=min(times, default=work.now + IDLE), done=done, failed=failed)


def _listening(merchant_id: int) -> QuerySet[Webhook]:
    return Webhook.objects.of_id(merchant_id).filter(given_up_at=None)


def _tell(work: Work, http: httpx2.Client, hook: Webhook) -> tuple[int, bool]:
    """Tell what is new; how much, and whether there is more. Raises `NoAnswer`."""
    now, told = work.now, 0
    news = _News(hook, now)
    for hint in news.hints():
        with transaction.atomic():
            work.keep()  # a worker that is to end leaves after all of it: what was told is remembered at once
        _post(http, hook, hint)
        told += 1
    if told or news.has_moved:
        news.remember()
        hook.failures, hook.last_error, hook.failing_since, hook.not_before = 0, "", None, None
        hook.last_told_at = now if told else hook.last_told_at
        hook.save()
    return told, news.more


class _News:
    """What a webhook has not been told yet, each record once."""

    def __init__(self, hook: Webhook, now: datetime) -> None:
        merchant_id = hook.merchant_id
        self.hook = hook
        self.caller = Caller(hook.merchant, ApiKey(), now, hook.shop_url)
        events = OrderEvent.objects.of_id(merchant_id).filter(pk__gt=hook.told_event).order_by("id")
        self.events = list(events.values_list("pk", "order_id", "kind")[:MOST_AT_ONCE])
        until = hook.told_products_until or now
        later = Q(changed_at__gt=until) | Q(changed_at=until, pk__gt=hook.told_products_to)
        changed = Product.objects.of_id(merchant_id).filter(later).order_by("changed_at", "id")
        self.products = list(changed.values_list("pk", "changed_at")[:MOST_AT_ONCE])
        gone = Gone.objects.of_id(merchant_id).filter(pk__gt=hook.told_gone).order_by("id")
        self.gone = list(gone.values_list("pk", "kind", "record_id")[:MOST_AT_ONCE])

    @property
    def has_moved(self) -> bool:
        return bool(self.events or self.products or self.gone)

    @property
    def more(self) -> bool:
        return MOST_AT_ONCE in (len(self.events), len(self.products), len(self.gone))

    def hints(self) -> Iterator[Hint]:
        fresh = {order for _pk, order, kind in self.events if kind == OrderEvent.Kind.PLACED}
        for order in dict.fromkeys(order for _pk, order, _kind in self.events):
            yield from self._order(order, "create" if order in fresh else "update")
        for pk, _at in self.products:
            yield from self._product(pk, "create" if pk > self.hook.told_product else "update")
        for _pk, kind, record_id in self.gone:
            yield Hint(f"delete {kind}: {record_id}", formats.written(kind, {"id": record_id}, Format.XML))

    def remember(self) -> None:
        """That all of it was told."""
        if self.events:
            self.hook.told_event = self.events[-1][0]
        if self.products:
            self.hook.told_products_to, self.hook.told_products_until = self.products[-1]
            self.hook.told_product = max(self.hook.told_product, *(pk for pk, _at in self.products))
        if self.gone:
            self.hook.told_gone = self.gone[-1][0]

    def _order(self, pk: int, what: str) -> Iterator[Hint]:
        found = Order.objects.of_id(self.hook.merchant_id).filter(pk=pk)
        for document in order_documents(self.hook.merchant_id, found, Query(include=frozenset({"items"}))):
            yield _hint(what, "order", pk, document)

    def _product(self, pk: int, what: str) -> Iterator[Hint]:
        try:
            yield _hint(what, "product", pk, Products().show(self.caller, pk, Query()))
        except Missing:
            return  # deleted just now


def _hint(what: str, root: str, pk: int, document: Struct) -> Hint:
    return Hint(f"{what} {root}: {pk}", formats.written(root, document, Format.XML))


def _post(http: httpx2.Client, hook: Webhook, hint: Hint) -> None:
    """Raises `NoAnswer`."""
    if refused := why_not_tell(hook.url) or _why_not_reach(hook.url):
        raise NoAnswer(refused)
    host = urlsplit(hook.shop_url).netloc or hook.merchant.slug
    form = {
        "from": host,
        "to": hook.url,
        "subject": hint.subject,
        "shop_id": str(hook.merchant_id),
        "subscription_id": str(hook.pk),
        "domain": host,
        "body": hint.body.decode(),
    }
    try:
        with http.stream("POST", hook.url, data=form) as answer:  # nobody reads what it says
            status = answer.status_code
    except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as broken:  # the last two: no such host
        raise NoAnswer(_("Keine Antwort ({error}).").format(error=type(broken).__name__)) from broken
    if not 200 <= status < 300:
        raise NoAnswer(_("Die Antwort war {status}.").format(status=status))


def _why_not_reach(url: str) -> str:
    """Why nothing is sent there, in a sentence: a merchant must not reach the network this machine stands in.

    That the name leads elsewhere a moment later does no harm: only https goes out, and no host in there has
    a certificate for that name.
    """
    if settings.KOGGE_SHOPS_ON_LOOPBACK:
        return ""
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return _("Der Name in der Adresse ist nicht zu finden.")
    if all(ipaddress.ip_address(where[0]).is_global for *_rest, where in found):
        return ""
    return _("Die Adresse führt in ein privates Netz.")


def _note_failure(hook: Webhook, error: str, now: datetime) -> datetime:
    """When it is tried again; after a day it is given up, which its document and the log say."""
    hook.failing_since = hook.failing_since or now
    hook.failures = min(hook.failures + 1, 30_000)
    hook.last_error = error
    pause = PATIENCE[min(hook.failures, len(PATIENCE)) - 1]
    hook.not_before = now + pause
    if now - hook.failing_since >= ENOUGH:
        hook.given_up_at = now
        logger.warning("webhook %s is given up: %s", hook.pk, error)
    hook.save()
    return now + IDLE if hook.given_up_at else hook.not_before
