"""Secrets and consents that run out are announced 60, 30 and 7 days ahead."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from kogge.amazon.connections.expiry import notices, watch_expiry
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import Trouble
from tests.amazon.account import Post, run

TODAY = date(2026, 11, 23)


def expiring(**days: int | None) -> Connection:
    return Connection(
        **{
            f"{name}_expires_on": None if left is None else TODAY + timedelta(left)
            for name, left in days.items()
        }
    )


@pytest.mark.parametrize(
    ("left", "step"), [(61, None), (60, 60), (31, 60), (30, 30), (8, 30), (7, 7), (1, 7), (0, 7), (-3, 7)]
)
def test_a_secret_is_announced_in_three_steps(left: int, step: int | None) -> None:
    found = notices(expiring(secret=left, consent=None), TODAY)

    assert [(notice.kind, notice.days, notice.step) for notice in found] == (
        [("secret_expires", left, step)] if step else []
    )


def test_the_most_urgent_comes_first() -> None:
    found = notices(expiring(secret=40, consent=5), TODAY)

    assert [notice.kind for notice in found] == ["consent_expires", "secret_expires"]


@pytest.mark.django_db
class TestWatching:
    def watch(self, post: Post) -> None:
        run(watch_expiry, "watch_expiry", post.connection.pk, post.amazon.world.now)

    def set_secret(self, post: Post, days: int) -> None:
        expires_on = timezone.localdate(post.now) + timedelta(days)
        Connection.objects.everyone().update(secret_expires_on=expires_on)

    def test_what_runs_out_soon_is_one_trouble_however_often_it_is_met(self, post: Post) -> None:
        self.set_secret(post, 30)

        self.watch(post)
        self.set_secret(post, 7)
        self.watch(post)

        trouble = Trouble.objects.everyone().get()
        assert trouble.kind == "secret_expires"
        assert (trouble.details["days"], trouble.details["step"]) == (7, 7)

    def test_a_renewed_secret_closes_the_trouble(self, post: Post) -> None:
        self.set_secret(post, 7)
        self.watch(post)

        self.set_secret(post, 180)
        self.watch(post)

        assert post.troubles() == []

    def test_it_watches_once_a_day_and_calls_nobody(self, post: Post) -> None:
        calls = dict(post.amazon.calls)

        outcome = run(watch_expiry, "watch_expiry", post.connection.pk, post.amazon.world.now)

        assert post.amazon.calls == calls
        assert timedelta(hours=12) < outcome.next_due - post.now < timedelta(hours=30)

    def test_a_new_connection_is_watched_from_the_start(self, post: Post) -> None:
        self.watch(post)

        assert post.troubles() == []
