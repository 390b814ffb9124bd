"""Why the shop does not do something, said to the person who asked."""

from __future__ import annotations


class Refusal(Exception):
    """The shop understood and will not do it. The message is a sentence in the user's language."""

    @property
    def sentence(self) -> str:
        return str(self)
