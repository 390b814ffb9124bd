"""`/api/webhooks`: the addresses that are told when something changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _
from msgspec import UNSET, Struct

from kogge.backoffice import stock
from kogge.backoffice.api.models import Gone, Webhook
from kogge.backoffice.api.order_fields import Word, text
from kogge.backoffice.api.resource import Caller, Invalid, Missing, Query
from kogge.backoffice.models import OrderEvent, Product
from kogge.values import is_loopback

LONGEST_URL = 500
MOST = 20  # of a merchant


class WebhookIn(Struct, kw_only=True):
    """An address to be told."""

    url: Word = UNSET


class WebhookOut(Struct, kw_only=True):
    """An address that is told, and how that goes. `state` is active, failing or given_up."""

    id: int
    url: str
    state: str
    failures: int
    last_error: str | None
    last_told_at: datetime | None
    created_at: datetime


class Webhooks:
    """Written again, an address that was given up is told again."""

    name: ClassVar[str] = "webhooks"
    singular: ClassVar[str] = "webhook"
    output: ClassVar[type[Struct]] = WebhookOut
    input: ClassVar[type[Struct] | None] = WebhookIn
    is_order_side: ClassVar[bool] = True

    def list(self, caller: Caller, query: Query) -> Sequence[WebhookOut]:
        found = Webhook.objects.of(caller.merchant).order_by("id")
        return [_document(hook) for hook in found[query.offset : query.offset + query.limit]]

    def count(self, caller: Caller, query: Query) -> int:
        return Webhook.objects.of(caller.merchant).count()

    def show(self, caller: Caller, pk: int, query: Query) -> WebhookOut:
        return _document(_one(caller, pk))

    @transaction.atomic
    def create(self, caller: Caller, document: Struct, query: Query) -> WebhookOut:
        assert isinstance(document, WebhookIn)
        url = text(document.url, longest=LONGEST_URL + 1)
        if refused := why_not_tell(url):
            raise Invalid({"url": [refused]})
        stock.lock_shop(caller.merchant.pk)
        mine = Webhook.objects.of(caller.merchant)
        if mine.exclude(url=url).count() >= MOST:
            raise Invalid(
                {"base": [_("Mehr als {most} Webhooks kann ein Shop nicht haben.").format(most=MOST)]}
            )
        hook = mine.filter(url=url).first() or Webhook(merchant=caller.merchant, url=url)
        hook.created_at = hook.created_at or caller.now
        _begin_now(hook, caller)
        hook.save()
        return _document(hook)

    def delete(self, caller: Caller, pk: int, query: Query) -> None:
        _one(caller, pk).delete()


def why_not_tell(url: str) -> str:
    """Why an address is told nothing, in a sentence: orders go encrypted, or stay on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _port = parts.port
    except ValueError:
        return _("Das ist keine Adresse.")
    if (
        not host
        or len(url) > LONGEST_URL
        or any(letter.isspace() or not letter.isprintable() for letter in url)
    ):
        return _("Das ist keine Adresse.")
    if parts.username is not None or parts.password is not None:
        return _("Die Adresse darf kein Passwort enthalten.")
    if parts.scheme == "https" or (
        parts.scheme == "http" and settings.KOGGE_SHOPS_ON_LOOPBACK and is_loopback(host)
    ):
        return ""
    return _("Die Adresse muss mit https:// beginnen.")


def _begin_now(hook: Webhook, caller: Caller) -> None:
    """What happened before it is not told; nor are old failures remembered."""
    hook.shop_url = caller.base_url
    hook.told_event = OrderEvent.objects.of(caller.merchant).aggregate(last=Max("id"))["last"] or 0
    hook.told_product = Product.objects.of(caller.merchant).aggregate(last=Max("id"))["last"] or 0
    hook.told_gone = Gone.objects.of(caller.merchant).aggregate(last=Max("id"))["last"] or 0
    hook.told_products_until, hook.told_products_to = caller.now, 0
    hook.failures, hook.last_error = 0, ""
    hook.failing_since = hook.not_before = hook.given_up_at = None


def _one(caller: Caller, pk: int) -> Webhook:
    found = Webhook.objects.of(caller.merchant).filter(pk=pk).first()
    if found is None:
        raise Missing
    return found


def _document(hook: Webhook) -> WebhookOut:
    return WebhookOut(
        id=hook.pk,
        url=hook.url,
        state=hook.state,
        failures=hook.failures,
        last_error=hook.last_error or None,
        last_told_at=hook.last_told_at,
        created_at=hook.created_at,
    )
