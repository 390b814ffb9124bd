"""The pace at which a merchant's remote shop is asked, kept in the engine's buckets by all processes."""

from __future__ import annotations

from functools import cache

from kogge.engine import buckets
from kogge.engine.clock import Clock, production_clock
from kogge.shops.versacommerce.transport import PER_SECOND

REQUEST = "remote_shop"  # the bucket's name; all requests to the shop share it

# One at a time, evenly: a shop is asked politely, never in bursts.
BURST = 1


class SharedTurns:
    """The turns of everybody who speaks to one merchant's shop, on all machines."""

    def __init__(self, merchant_id: int, clock: Clock | None = None) -> None:
        self._merchant_id = merchant_id
        self._clock = clock or _shared_clock()

    def take(self) -> float:
        """Take the right to one request: 0.0, else the seconds until there may be one."""
        now = self._clock()
        return buckets.take(self._merchant_id, REQUEST, rate=PER_SECOND, burst=BURST, now=now).wait


@cache
def _shared_clock() -> Clock:
    """One for the process. Turns are half a second apart: machines whose clocks differ have to agree."""
    return production_clock()
