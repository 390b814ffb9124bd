"""Everything here talks to a simulator."""

from tests.amazon.account import amazon, connection, post

__all__ = ["amazon", "connection", "post"]
