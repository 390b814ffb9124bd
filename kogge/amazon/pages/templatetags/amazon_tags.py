"""What the templates of the Amazon app need to say."""

from __future__ import annotations

from django import template

from kogge.amazon.journal.words import error_in_words

register = template.Library()

register.filter("plainly", error_in_words)
