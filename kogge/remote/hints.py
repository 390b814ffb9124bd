"""Webhooks: somebody says that something changed, so Kogge looks.

They carry no signature, so nothing in them is trusted: at most, a word in them chooses what is looked at
first. Whatever arrives, the answer is the same, so it tells a stranger nothing either.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from urllib.parse import unquote_plus

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from kogge.engine import due
from kogge.remote import connecting, orders
from kogge.remote.connecting import READ_PRODUCTS
from kogge.remote.models import RemoteShop

MOST_BYTES = 1_000_000

# A full reading of the products may take a while: a burst of hints makes one, not one after the other.
BETWEEN_READINGS = timedelta(minutes=1)

_ORDER = re.compile(r"\b(order|payment|shipment|item)", re.IGNORECASE)
_PRODUCT = re.compile(r"\b(product|variant)", re.IGNORECASE)
_FORM = re.compile(r"(?:^|&)subject=([^&]{1,400})")
_MULTIPART = re.compile(r'name="?subject"?[^\n]*\r?\n\r?\n([^\r\n]{1,400})')
_JSON = re.compile(r'"subject"\s*:\s*"([^"]{1,400})"')
_NUMBER = re.compile(r"\border\b[^:]{0,40}: *([0-9A-Za-z-]{1,40})\b", re.IGNORECASE)
_ROOT = re.compile(r"<([a-z][a-z-]{0,40})[\s>/]", re.IGNORECASE)


@csrf_exempt
def hook(request: HttpRequest, secret: str) -> HttpResponse:
    """Where the shop's webhooks go. Always the same answer, and quickly."""
    if request.method == "POST":
        shop = connecting.shop_hinted(secret)
        if shop is not None and shop.state == RemoteShop.State.ACTIVE:
            look(shop, _subject(request), now=timezone.now())
    answer = HttpResponse("ok", content_type="text/plain")
    answer["Cache-Control"] = "no-store"
    return answer


@transaction.atomic
def look(shop: RemoteShop, subject: str, *, now: datetime) -> None:
    """Have read what the subject is about; both if it does not say. Many hints make one reading."""
    about_orders, about_products = bool(_ORDER.search(subject)), bool(_PRODUCT.search(subject))
    if about_orders or not about_products:
        number = _NUMBER.search(subject)
        orders.look_at(shop.merchant_id, number[1] if number else "", now=now)
    if about_products or not about_orders:
        earliest = (shop.products_read_at or now - BETWEEN_READINGS) + BETWEEN_READINGS
        due.schedule(READ_PRODUCTS, shop.merchant_id, at=max(now, earliest))


def _subject(request: HttpRequest) -> str:
    """What the hint says it is about, in whatever form it says so; empty if it cannot be told.

    Read as plain text: parsing what a stranger sent could only fail.
    """
    try:
        text = request.read(MOST_BYTES).decode(errors="replace")
    except OSError:  # whoever sent it has gone
        return ""
    found = _FORM.search(text) or _MULTIPART.search(text) or _JSON.search(text) or _ROOT.search(text)
    return unquote_plus(found[1])[:200] if found else ""
