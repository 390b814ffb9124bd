"""Documents as JSON and XML, and back, in the way Rails does it: wrapped, dasherized, typed.

What comes in is a stranger's: whatever is wrong with it is `Unreadable` (400) or `Invalid` (422).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from django.utils import timezone
from django.utils.translation import gettext as _

from kogge.backoffice.api.resource import Invalid

S = TypeVar("S", bound=msgspec.Struct)

MOST_BYTES = 2 * 1024 * 1024
DEEPEST = 12
MOST_AMOUNT = Decimal(10) ** 12  # what the shop's columns hold
MOST_DECIMALS = 6
_UNITS = 2**63
_NO_PATH = "base"
_NOT_IN_A_NAME = re.compile("[^A-Za-z0-9.\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]")  # of an element


class Format(Enum):
    """How a document is written; the value is the extension in the address."""

    JSON = "json"
    XML = "xml"

    @property
    def content_type(self) -> str:
        return {"json": "application/json; charset=utf-8", "xml": "application/xml; charset=utf-8"}[
            self.value
        ]


class Unreadable(Exception):
    """The body is no document of its format: 400. The message is a sentence."""


# --- out --------------------------------------------------------------------------------------


def written(root: str, document: object, form: Format) -> bytes:
    """One document under its root."""
    plain = msgspec.to_builtins(document, builtin_types=(Decimal, datetime, date))
    return _json({root: plain}) if form is Format.JSON else _xml(root, plain)


def written_list(plural: str, root: str, documents: Sequence[object], form: Format) -> bytes:
    """A list of documents, each under its root."""
    plain = msgspec.to_builtins(documents, builtin_types=(Decimal, datetime, date))
    if form is Format.JSON:
        return _json([{root: each} for each in plain])
    return _xml(plural, plain, root=root)


def written_count(count: int, form: Format) -> bytes:
    """How many there are."""
    return written("count", count, form)


def written_errors(errors: Mapping[str, Sequence[str]], form: Format) -> bytes:
    """What is wrong, by field; in XML as sentences that begin with their field, "Title …", as Rails says it.

    Clients take the sentence apart there again.
    """
    if form is Format.JSON:
        return _json({"errors": errors})
    root = Element("errors")
    for name, sentences in errors.items():
        for sentence in sentences:
            label = "" if name == _NO_PATH else f"{name.replace('_', ' ').capitalize()} "
            SubElement(root, "error").text = _printable(label + sentence)
    return _tree(root)


def amount_text(amount: Decimal) -> str:
    """12.9, 0.0, 100.0: no more decimals than needed, but one."""
    text = format(amount.normalize(), "f")
    return text if "." in text else f"{text}.0"


def moment_text(moment: datetime) -> str:
    """With the offset of the shop's own clock."""
    return timezone.localtime(moment).isoformat(timespec="seconds")


def _json(plain: object) -> bytes:
    return msgspec.json.encode(_texts(plain))


def _texts(plain: object) -> object:
    match plain:
        case dict():
            return {str(name): _texts(value) for name, value in plain.items()}
        case list() | tuple():
            return [_texts(value) for value in plain]
        case Decimal():
            return amount_text(plain)
        case datetime():
            return moment_text(plain)
        case date():
            return plain.isoformat()
    return plain


def _xml(name: str, plain: object, root: str = "") -> bytes:
    return _tree(_element(None, name, plain, root))


def _tree(root: Element) -> bytes:
    body: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return body


def _element(parent: Element | None, name: str, plain: object, root: str = "") -> Element:
    """An element as Rails types it; the elements of a list are called by the list's singular."""
    tag = _tag(name)
    element = Element(tag) if parent is None else SubElement(parent, tag)
    match plain:
        case None:
            element.set("nil", "true")
        case dict():
            for key, value in plain.items():
                _element(element, str(key), value)
        case list() | tuple():
            element.set("type", "array")
            for value in plain:
                _element(element, root or singular(name), value)
        case _:
            kind, text = _typed(plain)
            if kind:
                element.set("type", kind)
            element.text = text
    return element


def _typed(plain: object) -> tuple[str, str]:  # noqa: PLR0911
    match plain:
        case bool():
            return "boolean", "true" if plain else "false"
        case int():
            return "integer", str(plain)
        case Decimal():
            return "decimal", amount_text(plain)
        case float():
            return "decimal", repr(plain)
        case datetime():
            return "datetime", moment_text(plain)
        case date():
            return "date", plain.isoformat()
    return "", _printable(str(plain))


def _printable(text: str) -> str:
    """Without the control characters that XML cannot carry."""
    return "".join(letter for letter in text if letter in "\t\n\r" or letter >= " ").translate(
        {0xFFFE: None, 0xFFFF: None}
    )


def _tag(name: str) -> str:
    """A name that may be an element's; keys of free objects (options) may be anything."""
    tag = _NOT_IN_A_NAME.sub("-", name)
    return tag if tag[:1].isalpha() else f"n{tag}"


def singular(plural: str) -> str:
    """order of orders, category of categories, address of addresses."""
    if plural.endswith("ies"):
        return plural[:-3] + "y"
    if plural.endswith("sses"):
        return plural[:-2]
    return plural[:-1] if plural.endswith("s") and not plural.endswith("ss") else plural


# --- in ---------------------------------------------------------------------------------------


def read_document(body: bytes, form: Format, root: str, shape: type[S]) -> S:
    """The document of a body, wrapped in its root or not. Raises `Unreadable` and `Invalid`."""
    if not body.strip():
        raise Unreadable(_("Die Anfrage enthält kein Dokument."))
    plain = _from_json(body) if form is Format.JSON else _from_xml(body)
    if isinstance(plain, dict) and isinstance(plain.get(root), dict):
        plain = plain[root]
    if not isinstance(plain, dict):
        raise Unreadable(_("Das Dokument ist kein Objekt."))
    try:
        found = msgspec.convert(_without_blanks(plain, shape), shape, strict=False)
    except msgspec.ValidationError as wrong:
        raise Invalid({_field_of(wrong): [_("Der Wert hat nicht die erwartete Form.")]}) from wrong
    except (RecursionError, OverflowError, ArithmeticError, ValueError) as wrong:
        raise Invalid({_NO_PATH: [_("Das Dokument enthält Werte, die niemand versteht.")]}) from wrong
    _check(found)
    return found


def _from_json(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, ValueError) as wrong:
        raise Unreadable(_("Das ist kein lesbares JSON.")) from wrong


def _from_xml(body: bytes) -> object:
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError, ValueError) as wrong:
        raise Unreadable(_("Das ist kein lesbares XML.")) from wrong
    return {_name(root): _plain(root, 0)}


def _plain(element: Element, depth: int) -> object:
    """Text stays text: what it means is the business of the document's shape."""
    if depth > DEEPEST:
        raise Unreadable(_("Das Dokument ist zu tief geschachtelt."))
    if element.get("nil") == "true":
        return None
    children = list(element)
    if element.get("type") == "array" or _looks_like_a_list(element, children):
        return [_plain(child, depth + 1) for child in children]
    if children:
        return {_name(child): _plain(child, depth + 1) for child in children}
    return element.text or ""


def _looks_like_a_list(element: Element, children: Sequence[Element]) -> bool:
    """A plural that holds nothing but its singular, although nobody said that it is a list."""
    name = _name(element)
    one = singular(name)
    return bool(children) and one != name and all(_name(child) == one for child in children)


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].replace("-", "_")


def _without_blanks(plain: Mapping[str, Any], shape: type[msgspec.Struct]) -> dict[str, Any]:
    """Blank is nothing, where no text is expected."""
    texts = _texts_of(shape)
    return {name: None if value == "" and name not in texts else value for name, value in plain.items()}


@cache
def _texts_of(shape: type[msgspec.Struct]) -> frozenset[str]:
    hints = get_type_hints(shape)
    return frozenset(name for name, hint in hints.items() if hint is str or str in get_args(hint))


def _field_of(wrong: msgspec.ValidationError) -> str:
    """The field in "… - at `$.stock`"."""
    _message, _at, path = str(wrong).rpartition("`$")
    name = path.rstrip("`").lstrip(".").partition(".")[0].partition("[")[0]
    return name or _NO_PATH


def _check(document: msgspec.Struct) -> None:
    """What no column can hold is refused here, once for all resources. Raises `Invalid`."""
    for name in document.__struct_fields__:
        for value in _leaves(getattr(document, name), 0):
            if refused := _refused(value):
                raise Invalid({name: [refused]})


def _leaves(value: object, depth: int) -> Iterator[object]:
    if depth > DEEPEST:
        raise Unreadable(_("Das Dokument ist zu tief geschachtelt."))
    match value:
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from _leaves(getattr(value, name), depth + 1)
        case dict():
            for key, each in value.items():
                yield from _leaves(key, depth + 1)
                yield from _leaves(each, depth + 1)
        case list() | tuple():
            for each in value:
                yield from _leaves(each, depth + 1)
        case _:
            yield value


def _refused(value: object) -> str:  # noqa: PLR0911
    match value:
        case str() if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            return _("Der Text enthält unerlaubte Zeichen.")
        case bool():
            return ""
        case int() if not -_UNITS <= value < _UNITS:
            return _("Die Zahl ist zu groß.")
        case Decimal() if not value.is_finite() or abs(value) >= MOST_AMOUNT:
            return _("Die Zahl ist zu groß.")
        case Decimal() if not -MOST_DECIMALS <= int(value.as_tuple().exponent) <= 12:
            return _("Die Zahl hat zu viele Stellen.")
        case float() if value != value or abs(value) >= MOST_AMOUNT:  # noqa: PLR0124
            return _("Die Zahl ist zu groß.")
    return ""
