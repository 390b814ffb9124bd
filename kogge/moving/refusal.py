"""Why a move does not go on."""


class MoveRefused(Exception):
    """A sentence for people: what is in the way, and what to do about it. Nothing is lost."""
