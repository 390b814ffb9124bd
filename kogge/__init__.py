"""Kogge makes Amazon a sales channel of a web shop."""

__version__ = "0.1.0"
