"""A machine is gone, and nobody can know that: how long until another one goes on with its work?"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.faults.processes import Victim

if TYPE_CHECKING:
    from tests.faults.storm import Storm

MOST_SECONDS = 60.0
PATIENCE = 120.0
ORDERS = 600  # six pages of Amazon's, each an answer that takes a while
ANSWER_SECONDS = 0.5


@dataclass
class Takeover:
    """Two workers on two machines, as far as they can tell; one is lost in the middle of a page of orders."""

    storm: Storm
    seconds: dict[str, float] = field(default_factory=dict)

    def measure(self) -> None:
        """Once killed with its machine, once frozen and back again; and once the database is killed."""
        workers = self.storm.victims[1:]
        try:
            for what, losing in (("killed", _killed), ("frozen", Victim.frozen)):
                self._start(workers)
                self.seconds[what] = self._lose_one(workers, losing)
            self.seconds["database killed"] = self._lose_the_database()
        finally:
            self.storm.amazon.set(latency_s=0)
            for worker in workers:
                worker.kill()

    def complaints(self) -> list[str]:
        return [
            f"{what}: another machine went on after {seconds} s"
            for what, seconds in self.seconds.items()
            if seconds > MOST_SECONDS
        ]

    def _start(self, workers: list[Victim]) -> None:
        for number, worker in enumerate(workers, start=1):
            if not worker.is_running:
                worker.start(FAULTS_MACHINE=f"machine {number}", **self.storm.times(number))
        self.storm.retry_dead_letters()
        self._work_arrives(count=20)
        _wait(lambda: self._arrived() == self._bought() and self._is_at_rest())

    def _lose_one(
        self, workers: list[Victim], losing: Callable[[Victim], AbstractContextManager[None]]
    ) -> float:
        """Seconds from the loss until an order is in the shop that the other one brought."""
        self._work_arrives()
        before = self._arrived()
        _wait(lambda: self._arrived() > before and self._holder() is not None)
        lost = self._holder()
        assert lost in (0, 1), "the check ended too early"
        with losing(workers[lost]):
            lost_at = time.monotonic()
            _wait(lambda: self._holder() == 1 - lost)
            seen = self._arrived()
            _wait(lambda: self._arrived() > seen)
            seconds = round(time.monotonic() - lost_at, 1)
        _wait(lambda: self._arrived() == self._bought() and self._is_at_rest())
        return seconds

    def _lose_the_database(self) -> float:
        """Seconds from the moment it is back until work is done that came after."""
        from django.db import connection

        cluster = self.storm.cluster
        assert cluster is not None
        cluster.kill()
        connection.close()
        cluster.start()
        back_at = time.monotonic()
        self._work_arrives(count=20)
        _wait(lambda: self._arrived() == self._bought())
        return round(time.monotonic() - back_at, 1)

    def _work_arrives(self, count: int = ORDERS) -> None:
        self.storm.amazon.set(latency_s=ANSWER_SECONDS)
        self.storm.amazon.place_orders(count, kind="standard", quantity=1, age_s=300)
        self.storm.check_soon()

    def _holder(self) -> int | None:
        """Which of the workers checks for orders now."""
        from kogge.engine.models import Due

        owners = Due.objects.filter(operation="check_orders", subject=self.storm.stage.connection.pk)
        name = str(owners.values_list("leased_by", flat=True).get())
        machine = name.partition(":")[0]
        return int(machine.removeprefix("machine ")) - 1 if machine.startswith("machine ") else None

    def _is_at_rest(self) -> bool:
        """The check is over, and what happened to it in the storm no longer counts."""
        from kogge.engine.models import Due

        row = Due.objects.get(operation="check_orders", subject=self.storm.stage.connection.pk)
        return row.leased_until is None and row.deaths == 0

    def _arrived(self) -> int:
        from kogge.backoffice.models import Order

        return Order.objects.of(self.storm.stage.merchant).filter(channel="amazon").count()

    def _bought(self) -> int:
        from tests.faults.audit import importable

        return len(importable(self.storm.stage))


def _killed(worker: Victim) -> AbstractContextManager[None]:
    worker.kill()
    return nullcontext()


def _wait(until: Callable[[], bool]) -> None:
    from django.db import DatabaseError, InterfaceError, connection

    end = time.monotonic() + PATIENCE
    while True:
        try:
            if until():
                return
        except (DatabaseError, InterfaceError):
            connection.close()
        assert time.monotonic() < end, f"nobody goes on: {_leases()}"
        time.sleep(0.1)


def _leases() -> list[tuple[object, ...]]:
    from kogge.engine.models import Due

    held = Due.objects.exclude(leased_by="", parked_at__isnull=True)
    return list(held.values_list("operation", "leased_by", "leased_until", "deaths", "parked_at"))
