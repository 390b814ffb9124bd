import pytest

from kogge.amazon.connections import accounts
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import JournalEntry
from kogge.amazon.journal.sentences import tell
from tests.amazon.account import Post, amazon, connection, post

__all__ = ["amazon", "connection", "post"]

pytestmark = pytest.mark.django_db


def told(connection: Connection) -> list[str]:
    entries = JournalEntry.objects.of(connection.merchant).filter(amazon_order_id="").order_by("pk")
    return [tell(entry.kind, entry.details).sentence for entry in entries]


def test_connecting_is_written_down(connection: Connection) -> None:
    assert told(connection) == ["Mit Amazon verbunden: Teehaus Muster."]


def test_a_pause_is_written_down_and_asks_for_help_until_it_is_over(
    connection: Connection, post: Post
) -> None:
    accounts.pause(connection.pk, "invalid_grant", now=post.now)
    asked = post.troubles()
    connection.refresh_from_db()
    accounts.resume(connection, post.now)

    assert asked == ["settings"]
    assert post.troubles() == []
    assert told(connection)[1:] == [
        "Amazon-Verbindung angehalten: der Refresh-Token ist abgelaufen oder widerrufen.",
        "Amazon-Verbindung läuft wieder.",
    ]


def test_a_merchants_own_pause_is_no_trouble(connection: Connection, post: Post) -> None:
    accounts.pause(connection.pk, accounts.BY_MERCHANT, now=post.now)

    assert post.troubles() == []
    assert told(connection)[-1] == "Amazon-Verbindung angehalten: von dir angehalten."
