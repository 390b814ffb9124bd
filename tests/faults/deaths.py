"""Whose work did not end well, and whether a kill was the reason: nothing else may make a dead letter."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta

from kogge.engine.due import PARK_AFTER_DEATHS, QUEUE
from kogge.engine.models import Due
from kogge.engine.owner import is_dead

# Somebody whose clock is ahead writes moments that are yet to come.
AHEAD = timedelta(seconds=60)
# `Takeover` kills and freezes these, and nobody can see from here whether they live.
TAKEN_AWAY = "machine "


class Coroner:
    """Looks at the due table again and again, and writes down each lease that ran out unfinished."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.parked: Counter[str] = Counter()  # dead letters by operation
        self.complaints: list[str] = []
        self._holder: dict[int, str] = {}
        self._deaths: dict[int, list[bool]] = defaultdict(list)  # of a row, in a row: was it a kill?
        self._is_parked: set[int] = set()

    def look(self, now: datetime) -> None:
        """`now` by the clock of the world."""
        for row in Due.objects.all():
            self._count(row)
            self._judge(row)
            if row.leased_by and row.leased_by != QUEUE:
                self._holder[row.pk] = row.leased_by
            if row.started_at and row.started_at > now + AHEAD:
                self.complaints.append(f"{row.operation} began at {row.started_at}, and it is {now}")

    def _count(self, row: Due) -> None:
        known = self._deaths[row.pk]
        for _new in range(row.deaths - len(known)):
            holder = self._holder.get(row.pk, "")
            is_kill = is_dead(holder) or holder.startswith(TAKEN_AWAY)
            known.append(is_kill)
            self.counts["killed_at_work" if is_kill else "lost_alive"] += 1
        del known[row.deaths :]

    def _judge(self, row: Due) -> None:
        if row.parked_at is None:
            self._is_parked.discard(row.pk)
        elif row.pk not in self._is_parked:
            self._is_parked.add(row.pk)
            self.parked[row.operation] += 1
            if row.bugs or sum(self._deaths[row.pk]) < PARK_AFTER_DEATHS:
                self.complaints.append(
                    f"{row.operation} was parked, and not for kills: {self._deaths[row.pk]} {row.last_error}"
                )
