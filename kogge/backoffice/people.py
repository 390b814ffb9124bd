"""The people of an order: sealed in one document, found by fingerprints of their names.

Nothing of this is readable in the database, and nothing of it may reach a log.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from django.db import transaction

from kogge import bulk
from kogge.backoffice import stock
from kogge.backoffice.listening import tell_people_forgotten
from kogge.backoffice.models import Mail, Order, OrderEvent, OrderWord
from kogge.merchants.vault import CannotOpen, blind_index, seal, unseal
from kogge.values import Address

logger = logging.getLogger(__name__)

COLUMN = "order.people"
MOST_WORDS = 20  # of one order; names that are longer are found by their first words

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, repr=False)
class People:
    """Who bought, who receives, and what they said to each other. Every part may be empty."""

    buyer_name: str = ""
    email: str = ""
    company: str = ""
    purchase_order_number: str = ""
    shipping: Address = field(default_factory=Address)
    billing: Address = field(default_factory=Address)
    gift_texts: dict[int, str] = field(default_factory=dict)  # by line position

    def __bool__(self) -> bool:
        return self != People()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(People)


def read_people(order: Order) -> People:
    """The people of an order; empty once they were forgotten. Raises `CannotOpen`."""
    if not order.sealed_people:
        return People()
    return _decoder.decode(unseal(order.merchant_id, COLUMN, bytes(order.sealed_people)))


def people_of(order: Order) -> People:
    """The people of an order; nobody, and a line in the log, when a key of the ring is missing.

    For pages that must be drawn and work that must go on without them.
    """
    try:
        return read_people(order)
    except CannotOpen:
        logger.exception("order %s: the people cannot be opened with the present keys", order.pk)
        return People()


def seal_people(merchant_id: int, people: People) -> bytes | None:
    """The document to store; None when there is nobody to store."""
    return seal(merchant_id, COLUMN, _encoder.encode(people)) if people else None


def fingerprints(merchant_id: int, words: Iterable[str]) -> list[bytes]:
    """The fingerprints of normalised words, in a fixed order."""
    return [blind_index(merchant_id, word) for word in words]


def words_of(people: People) -> list[str]:
    """The words by which an order can be found: of the buyer's, recipient's and company's name."""
    names = (people.buyer_name, people.company, people.shipping.name, people.shipping.company)
    found = dict.fromkeys(word for name in dict.fromkeys(names) if name for word in search_words(name))
    return list(found)[:MOST_WORDS]


def search_words(text: str) -> list[str]:
    """The words of a text in the form they are compared in: "Müller-Lüden" → mueller, lueden."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_UMLAUTS)
    if not folded.isascii():
        folded = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    return [word for word in _WORD.findall(folded) if len(word) > 1]


def index_words(merchant_id: int, found: Mapping[int, People]) -> None:
    """Make orders findable by the names in these people, given by order id."""
    bulk.insert(
        OrderWord(merchant_id=merchant_id, order_id=order_id, fingerprint=fingerprint)
        for order_id, people in found.items()
        for fingerprint in fingerprints(merchant_id, words_of(people))
    )


def index_words_afresh(merchant_id: int, found: Mapping[int, People]) -> None:
    """Make orders findable by the names they have now, and no longer by those they had."""
    if found:
        OrderWord.objects.of_id(merchant_id).filter(order_id__in=list(found)).delete()
        index_words(merchant_id, found)


@transaction.atomic
def forget_people(merchant_id: int, orders: Collection[int], *, actor: str, now: datetime) -> int:
    """Blank the personal data of these orders: people, search words, mails. How many were blanked."""
    stock.lock_shop(merchant_id)
    mine = Order.objects.of_id(merchant_id)
    known = list(mine.filter(pk__in=orders, people_forgotten_at=None).values_list("pk", "channel"))
    ids = [order_id for order_id, _channel in known]
    mine.filter(pk__in=ids).update(sealed_people=None, people_forgotten_at=now, changed_at=now)
    OrderWord.objects.of_id(merchant_id).filter(order_id__in=ids).delete()
    mails = Mail.objects.of_id(merchant_id).filter(order_id__in=ids)
    mails.update(sealed_message=None)
    mails.filter(state=Mail.State.WAITING).update(state=Mail.State.FAILED, last_error="people forgotten")
    OrderEvent.objects.everyone().bulk_create(
        OrderEvent(
            merchant_id=merchant_id,
            order_id=order_id,
            channel=channel,
            at=now,
            actor=actor,
            kind=OrderEvent.Kind.PEOPLE_FORGOTTEN,
        )
        for order_id, channel in known
    )
    tell_people_forgotten(merchant_id, ids, now=now)
    return len(ids)
