"""Doing what is due on several machines: a crew of threads in each, fed by one queue (PostgreSQL).

Each crew takes its turn at topping up the queue from the due table, so there is no machine that must not
fail. What a crew that died had in hand is taken over when its leases have run out.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import procrastinate
import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException

from kogge.engine import due, queue
from kogge.engine.clock import Clock, production_clock
from kogge.engine.due import Lease
from kogge.engine.observing import PULSE
from kogge.engine.owner import this_process
from kogge.engine.work import Handler, described
from kogge.engine.worker import RENEW_SECONDS, STOP_SECONDS, perform

logger = logging.getLogger(__name__)

# All crews together top up the queue about this often.
TURN_SECONDS = 0.15
LONGEST_TURN_PAUSE = 2.0
SWEEP_SECONDS = 10.0
# A notification can be missed; then a message waits this long.
FETCH_SECONDS = 0.5
AFTER_A_BREAK = 2.0
OPEN_SECONDS = 10.0
LOOK_SECONDS = 0.1
# An older version of Kogge does not know an operation: a newer one beside it will.
NOT_OURS = timedelta(seconds=5)

# Of so many threads one is kept for what cannot wait.
ONE_KEPT_OF = 8


class Crew:
    """Takes messages from the queue until it is told to stop; then it finishes what it has in hand."""

    def __init__(
        self, handlers: Mapping[str, Handler], *, clock: Clock | None = None, threads: int = 16
    ) -> None:
        self.operations = described(handlers)
        self.clock = clock or production_clock()
        self.threads = threads
        self.owner = this_process()
        self.stopping = threading.Event()
        self._running: set[Lease] = set()
        self._lock = threading.Lock()
        self._has_ended = threading.Event()  # from then on nobody holds what still runs
        self._crews = 1

    def run(self) -> bool:
        """Work until `stop()`. False: something stood still until the end, in threads that still run."""
        side = [
            threading.Thread(target=self._top_up_now_and_then, name="top-up", daemon=True),
            threading.Thread(target=self._renew_now_and_then, name="renew", daemon=True),
        ]
        for thread in side:
            thread.start()
        while not self.stopping.is_set():
            try:
                self._receive_in_a_loop()
            except (ConnectorException, DatabaseError, psycopg.Error, OSError) as error:
                logger.warning("the queue does not answer, trying again: %s", type(error).__name__)
            except Exception:
                logger.exception("the worker stumbled and goes on")
            self.stopping.wait(AFTER_A_BREAK)
        self._has_ended.set()
        for thread in side:
            thread.join(LONGEST_TURN_PAUSE)
        return not self._running

    def stop(self) -> None:
        self.stopping.set()

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT stop the crew; for the main thread of a process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_signal: self.stop())

    # --- taking messages ------------------------------------------------------------------------

    def _receive_in_a_loop(self) -> None:
        """An event loop of its own each time: after a break nothing of the old one is left."""
        loop = asyncio.new_event_loop()
        loop.set_default_executor(ThreadPoolExecutor(self.threads, thread_name_prefix="work"))
        try:
            loop.run_until_complete(self._receive())
        finally:
            loop.close()

    async def _receive(self) -> None:
        app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                kwargs=connector_params(), configure=_commit_each_statement, min_size=1, max_size=4
            )
        )
        app.task(name=queue.TASK)(self._perform_message)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await app.open_async()
            await self._take_messages(app)
        finally:
            await app.close_async()

    async def _take_messages(self, app: procrastinate.App) -> None:
        """Until the crew is to stop or the queue breaks; then wait for what is in hand."""
        kept = max(self.threads // ONE_KEPT_OF, 1) if self.threads > 1 else 0
        takers = [asyncio.create_task(_taking(app, self.threads - kept, [queue.PRESSING, queue.ROUTINE]))]
        if kept:
            takers.append(asyncio.create_task(_taking(app, kept, [queue.PRESSING])))
        while not self.stopping.is_set() and not any(taker.done() for taker in takers):
            await asyncio.sleep(LOOK_SECONDS)
        for taker in takers:
            taker.cancel()  # finishes what it has in hand
        ended, _late = await asyncio.wait(takers, timeout=STOP_SECONDS)
        for taker in ended:
            if not taker.cancelled() and (error := taker.exception()):
                raise error

    def _perform_message(self, due_id: int, fence: int, operation: str) -> None:
        """In a thread of the pool: take the row the message speaks of and do the work.

        Whatever goes wrong in taking it, the row comes back when its lease has run out.
        """
        try:
            lease = due.take(due_id, fence, self.owner, now=self.clock())
            if lease and lease.operation not in self.operations:
                due.put_off(lease, until=self.clock() + NOT_OURS)
                return
        except (OperationalError, InterfaceError) as error:
            logger.warning("%s: not taken (%s)", operation, type(error).__name__)
            connection.close()
            return
        if lease is None:
            return
        with self._lock:
            self._running.add(lease)
        try:
            perform(self.operations[lease.operation], lease, self.clock, time.sleep, self.stopping)
        finally:
            with self._lock:
                self._running.discard(lease)
            if self.stopping.is_set():
                connection.close()

    # --- beside them ----------------------------------------------------------------------------

    def _top_up_now_and_then(self) -> None:
        """However many crews there are, the queue is topped up about equally often."""
        swept_at = float("-inf")
        while not self.stopping.wait(self._until_our_turn()):
            PULSE.turned()
            if not self._safely(lambda: queue.top_up(self.operations, self.clock())):
                self.stopping.wait(AFTER_A_BREAK)
                continue
            PULSE.answered()
            if time.monotonic() - swept_at >= SWEEP_SECONDS:
                swept_at = time.monotonic()
                self._safely(self._sweep)
        connection.close()

    def _until_our_turn(self) -> float:
        return min(TURN_SECONDS * self._crews, LONGEST_TURN_PAUSE) * random.uniform(0.8, 1.2)  # noqa: S311

    def _sweep(self) -> None:
        queue.sweep(self.clock())
        due.give_another_chance(now=self.clock())
        takers = 2 if self.threads > 1 else 1
        self._crews = max(queue.workers_alive() // takers, 1)
        if random.random() < 1 / self._crews:  # noqa: S311  (one crew each time, whichever)
            for table in queue.RESTLESS:
                queue.vacuum(table)

    def _renew_now_and_then(self) -> None:
        """Also while the crew ends: until then what it has in hand is its own."""
        has_renewed = True
        while not self._has_ended.wait(RENEW_SECONDS if has_renewed else AFTER_A_BREAK):
            has_renewed = self._safely(self._renew)
        connection.close()

    def _renew(self) -> None:
        with self._lock:
            leases = list(self._running)
        if leases:
            due.renew_all(leases, now=self.clock())

    def _safely(self, act: Callable[[], object]) -> bool:
        """Nothing that goes wrong in one turn ends the thread. False: something did."""
        try:
            act()
        except (OperationalError, InterfaceError, ConnectorException) as error:
            logger.warning("the database does not answer, trying again: %s", type(error).__name__)
            connection.close()
            return False
        except Exception:
            logger.exception("the worker stumbled and goes on")
            connection.close()
            return False
        return True


async def _commit_each_statement(its: psycopg.AsyncConnection[Any]) -> None:
    """A process that stops in the middle of its turn at the queue must not hold a message."""
    await its.set_autocommit(True)


async def _taking(app: procrastinate.App, concurrency: int, queues: list[str]) -> None:
    await app.run_worker_async(
        queues=queues,
        concurrency=concurrency,
        fetch_job_polling_interval=FETCH_SECONDS,
        shutdown_graceful_timeout=STOP_SECONDS,
        delete_jobs="always",
        install_signal_handlers=False,
    )
