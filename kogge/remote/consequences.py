"""What follows when the remote shop fails: said once for all work that talks to one.

Try later: back off, and say when the next try is. Fix the settings: the shop pauses, until somebody gives it
a new access. Ask a human is the business of the step that met it: it knows the order or the errand.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps

from kogge.engine.work import Handler, Outcome, Work
from kogge.remote import connecting
from kogge.remote.models import RemoteShop
from kogge.remote.words import PAUSED_BECAUSE, word
from kogge.shops.port import ShopRefuses, ShopUnavailable
from kogge.shops.remote import Reason, ShopAccessLost

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15))
WHEN_PAUSED = timedelta(days=1)  # resuming makes everything due at once

RemoteOperation = Callable[[RemoteShop, Work], Outcome]


def remote_operation(operation: RemoteOperation) -> Handler:
    """Make a handler (subject: the merchant) of an operation on their remote shop.

    Without a shop, and while it is paused, there is no traffic at all.
    """

    @wraps(operation)
    def handler(work: Work) -> Outcome:
        shop = connecting.active_shop(work.subject)
        if shop is None:
            return Outcome(work.now + WHEN_PAUSED)
        try:
            return operation(shop, work)
        except ShopUnavailable as error:
            return _say(shop, next_try(work.lease.attempts, now=work.now), str(error), waiting=True)
        except ShopRefuses as error:
            return _say(shop, next_try(work.lease.attempts, now=work.now), str(error))
        except ShopAccessLost as lost:
            return access_lost(shop, lost, now=work.now)

    return handler


def access_lost(shop: RemoteShop, lost: ShopAccessLost, *, now: datetime) -> Outcome:
    """The shop pauses. That it does not let us write orders is noted only: reading goes on."""
    if lost.reason == Reason.NOT_UNLOCKED:
        connecting.note_writing(shop, may_write=False)
    else:
        connecting.pause(shop.merchant_id, lost.reason, now=now)
    return Outcome(now + WHEN_PAUSED, error=word(PAUSED_BECAUSE, lost.reason))


def next_try(attempts: int, *, now: datetime) -> datetime:
    """The back-off 1, 2, 5, 10, 15 minutes by failed attempts."""
    return now + BACK_OFF[min(attempts, len(BACK_OFF) - 1)]


def _say(shop: RemoteShop, at: datetime, sentence: str, *, waiting: bool = False) -> Outcome:
    connecting.note_error(shop, sentence)
    return Outcome(at, error=sentence, waiting=waiting)
