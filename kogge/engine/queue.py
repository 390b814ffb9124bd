"""The queue between the due table and the workers of several machines, on PostgreSQL (Procrastinate).

A message says "this row, with this fence"; what must be done, and by when, stays in the due table. So a
message that is lost, late or delivered twice does no harm: the row is leased to the queue for a while, and
only the first message with its present fence takes it from there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from functools import cache

import procrastinate
from django.db import connection, transaction
from django.db.models import Count
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.types import JSONDict

from kogge.engine import due
from kogge.engine.due import Lease
from kogge.engine.models import Due
from kogge.engine.ranks import Rank
from kogge.engine.work import Operation

TASK = "kogge.perform"
# What cannot wait has a queue of its own, so that workers can keep threads free for it.
PRESSING = "pressing"
ROUTINE = "routine"

# How many messages wait for a worker at most, counted with those that are more pressing: a queue full of
# back-fills has room for orders. Few enough that the order of the table counts, not that of the queue.
DEPTH = 32

# Tables in which nothing stays long.
RESTLESS = ("procrastinate_jobs", "procrastinate_events", "engine_due")

# Whoever holds this lock tops up the queue; the number has no meaning but must never change.
_TURN = 4_611_015
# A process that stops in the middle of its turn must not hold up the others.
_LONGEST_TURN = "5s"


def top_up(operations: Mapping[str, Operation], now: datetime) -> int:
    """Put what is due into the queue, the most pressing first; how many messages that were.

    Any worker may call this at any time: one at a time does it, the others find nothing to do.
    """
    with transaction.atomic():
        if not _is_our_turn():
            return 0
        leases = _lease_to_queue(operations, now)
        messages: dict[Rank, list[JSONDict]] = defaultdict(list)
        for lease in leases:
            messages[operations[lease.operation].rank].append(
                {"due_id": lease.due_id, "fence": lease.fence, "operation": lease.operation}
            )
        for rank, some in messages.items():
            _deferring(rank).batch_defer(*some)
    return len(leases)


def _lease_to_queue(operations: Mapping[str, Operation], now: datetime) -> list[Lease]:
    """As much as there is room for; where the less pressing have filled theirs, the more pressing follow."""
    waiting = _waiting(operations, now)
    leased: list[Lease] = []
    up_to = max((rank for rank in Rank if _room(waiting, rank)), default=None)
    while up_to is not None and (room := _room(waiting, up_to)):
        some = due.claim(due.QUEUE, now=now, limit=room, among=operations, up_to=up_to)
        ranks = [operations[lease.operation].rank for lease in some]
        leased += some
        waiting.update(ranks)
        # Of what is more pressing than the least that was leased, nothing is left.
        up_to = max(ranks) if len(some) == room and max(ranks) < up_to else None
    return leased


def _room(waiting: Counter[Rank], up_to: Rank) -> int:
    return max(DEPTH - sum(count for rank, count in waiting.items() if rank <= up_to), 0)


def _waiting(operations: Mapping[str, Operation], now: datetime) -> Counter[Rank]:
    """How many rows wait in the queue, by rank. A lease that ran out counts no more: its message is lost."""
    counts = Due.objects.filter(leased_by=due.QUEUE, leased_until__gt=now).values_list("operation")
    waiting: Counter[Rank] = Counter()
    for name, count in counts.annotate(count=Count("pk")):
        if name in operations:
            waiting[operations[name].rank] += count
    return waiting


def workers_alive() -> int:
    """How many of Procrastinate's workers gave a sign of life within half a minute."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '30 seconds'"
        )
        (count,) = cursor.fetchone()
        return int(count)


def sweep(now: datetime) -> None:
    """Hold the rows whose message still waits, and forget the messages of workers that died.

    Such a message is never delivered again: when the lease of its row has run out, the row comes into the
    queue anew, with another fence.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE engine_due SET leased_until = %s WHERE id IN ("
            " SELECT row.id FROM engine_due AS row JOIN procrastinate_jobs AS job"
            " ON row.id = (job.args->>'due_id')::bigint AND row.fence = (job.args->>'fence')::bigint"
            " WHERE job.task_name = %s AND job.status = 'todo' AND row.leased_by = %s"
            # Whoever holds a row just now is taking it, or wishes for it: waiting could block both for ever.
            " FOR UPDATE OF row SKIP LOCKED)",
            [now + due.LEASE, TASK, due.QUEUE],
        )
        cursor.execute(
            "DELETE FROM procrastinate_workers WHERE last_heartbeat < now() - interval '60 seconds'"
        )
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE task_name = %s"
            " AND (status NOT IN ('todo', 'doing') OR (status = 'doing' AND worker_id IS NULL))",
            [TASK],
        )


def vacuum(table: str) -> None:
    """Clear away the dead rows of a table that lives on change; autovacuum comes once a minute at most.

    Every message leaves several, and whoever fetches the next one walks over all of them.
    """
    with connection.cursor() as cursor:
        name = connection.ops.quote_name(table)
        cursor.execute(f"VACUUM (SKIP_LOCKED, TRUNCATE false, ANALYZE) {name}")


def _is_our_turn() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, true),"
            " pg_try_advisory_xact_lock(%s)",
            [_LONGEST_TURN, _TURN],
        )
        _timeout, is_ours = cursor.fetchone()
        return bool(is_ours)


@cache
def _deferring(rank: Rank) -> procrastinate.jobs.JobDeferrer:
    """Puts messages of a rank into the queue over Django's connection: in the transaction of the claim."""
    app = procrastinate.App(connector=DjangoConnector())
    queue = PRESSING if rank == Rank.CANCEL_AND_DISPATCH else ROUTINE
    return app.configure_task(TASK, queue=queue, priority=-int(rank))
