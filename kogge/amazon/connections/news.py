"""What a connection has to tell. The journal listens; connections know nothing of it (imports go one way).

Senders hand over the connection's id and the time; listeners run in the sender's transaction.
"""

from __future__ import annotations

from django.dispatch import Signal

# connection_id: int, kind: str, at: datetime, details: dict[str, object]
happened = Signal()
# connection_id: int, kind: str, key: str, now: datetime, details: dict[str, object]
trouble_met = Signal()
# connection_id: int, keys: list[str], now: datetime
trouble_settled = Signal()

# connection: Connection, now: datetime; before it is cut, while it still has its credentials. Not in the
# transaction that cuts it: listeners may still speak to Amazon, shortly
ending = Signal()

# connection_id: int, marketplace_ids: list[str], now: datetime; their earlier orders were never asked for
marketplaces_added = Signal()
