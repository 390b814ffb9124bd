"""The one way into the API: finds resource and caller, calls one method, writes the answer.

Whatever a client sends is answered with a document of the format it asked for, never with a page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from kogge.backoffice import stock
from kogge.backoffice.api import access, formats
from kogge.backoffice.api.formats import Format, Unreadable
from kogge.backoffice.api.resource import (
    DEFAULT_LIMIT,
    MOST,
    Caller,
    Invalid,
    Missing,
    Query,
    Resource,
    number_from,
)
from kogge.backoffice.api.resources import RESOURCES
from kogge.backoffice.pictures import picture_file
from kogge.backoffice.refusal import Refusal

LOOKING = ("GET", "HEAD")
_LARGEST_OFFSET = 2**31
_NOT_FILTERS = {"limit", "offset", "include", "include[]", "order", "api_key"}


Call = Callable[[Caller, Query], HttpResponse]


@dataclass(frozen=True, slots=True)
class Target:
    """What an address leads to: the verbs it knows, each with the call that answers it."""

    resource: Any
    calls: Mapping[str, Call]
    parent: tuple[str, int] | None = None


class Denied(Exception):
    """The request is not carried out; the answer says why."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = dict(headers or {})


@csrf_exempt
def api(request: HttpRequest, path: str) -> HttpResponse:
    """Everything under /api/."""
    path, form = _format_of(request, path)
    try:
        answer = _answered(request, path, form)
    except Denied as denied:
        answer = _errors({"base": [str(denied)]}, form, denied.status)
        for name, value in denied.headers.items():
            answer.headers[name] = value
    except Unreadable as unreadable:
        answer = _errors({"base": [str(unreadable)]}, form, 400)
    except Missing:
        answer = _errors({"base": [_("Das gibt es nicht.")]}, form, 404)
    except Invalid as invalid:
        answer = _errors(invalid.errors, form, 422)
    except Refusal as refusal:
        answer = _errors({"base": [refusal.sentence]}, form, 422)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _answered(request: HttpRequest, path: str, form: Format) -> HttpResponse:
    if seconds := access.seconds_to_wait(request):
        raise Denied(429, _("Zu viele Anfragen."), {"Retry-After": str(seconds)})
    caller = _caller(request)
    if path.startswith("pictures/") and request.method in LOOKING:
        return _picture(caller, path.removeprefix("pictures/"))
    target = _target(request, path, form)
    method = str(request.method)
    call = target.calls.get("GET" if method == "HEAD" else method)
    if call is None:
        allowed = ", ".join([*target.calls, *(["HEAD"] if "GET" in target.calls else [])])
        raise Denied(405, _("Das geht an dieser Adresse nicht."), {"Allow": allowed})
    if method in LOOKING:
        return call(caller, _query(request, target))
    _check_right(caller, target)
    return _changed(request, target, caller, call)


def _changed(request: HttpRequest, target: Target, caller: Caller, call: Call) -> HttpResponse:
    """All that was asked for, or nothing. Nothing is judged before the shop is locked.

    Else two clients who send the same parcel at once would send two.
    """
    query = _query(request, target)
    _body(request)  # nobody waits for a slow client
    with transaction.atomic():
        stock.lock_shop(caller.merchant.pk)
        return call(caller, query)


def _picture(caller: Caller, name: str) -> HttpResponse:
    """A product's own picture, for whoever reads products."""
    found = picture_file(caller.merchant.pk, name)
    if found is None:
        raise Missing
    return HttpResponse(found.read_bytes(), content_type="image/webp")


def _caller(request: HttpRequest) -> Caller:
    key = access.caller_key(request)
    if key is None:
        asking = {"WWW-Authenticate": 'Basic realm="API"'}
        raise Denied(401, _("Schlüssel oder Passwort stimmt nicht."), asking)
    now = timezone.now()
    access.note_use(key, now=now)
    return Caller(key.merchant, key, now, request.build_absolute_uri("/").rstrip("/"))


def _check_right(caller: Caller, target: Target) -> None:
    if caller.merchant.works_in:
        raise Denied(403, _("Dieser Shop wird anderswo geführt. Hier lässt sich nur lesen."))
    if not caller.key.may_write:
        raise Denied(403, _("Dieser Schlüssel darf nur lesen."))
    if target.resource.is_order_side and not caller.key.may_write_orders:
        sentence = _("Dieser Schlüssel darf Bestellungen nur lesen. Das Schreiben ist nicht freigeschaltet.")
        raise Denied(403, sentence)


# --- what the address says ------------------------------------------------------------------------


def _format_of(request: HttpRequest, path: str) -> tuple[str, Format]:
    """The extension decides; without one, what the client would like to have."""
    path = path.removesuffix("/")
    for form in Format:
        if path.endswith(f".{form.value}"):
            return path.removesuffix(f".{form.value}"), form
    wanted = request.headers.get("Accept", "")
    is_xml = "xml" in wanted and "json" not in wanted and "html" not in wanted  # browsers name XML, too
    return path, Format.XML if is_xml else Format.JSON


def _body_format(request: HttpRequest, form: Format) -> Format:
    """The format of what was sent: the extension's, or else what the client says."""
    if request.path.endswith((".json", ".xml")):
        return form
    return Format.XML if "xml" in request.headers.get("Content-Type", "") else Format.JSON


def _target(request: HttpRequest, path: str, form: Format) -> Target:
    """Raises `Missing`."""
    parts, parent = path.split("/"), None
    if len(parts) > 2 and f":id/{parts[2]}" not in _says(RESOURCES.get(parts[0]), "actions", {}):
        parent, parts = (parts[0], _id(parts[1])), parts[2:]
    resource = RESOURCES.get(parts[0])
    if resource is None or not _is_found_there(resource, parent):
        raise Missing
    verbs = Verbs(request, resource, form)
    actions = _says(resource, "actions", {})
    match parts[1:]:
        case [] if _says(resource, "singleton", False):
            calls = verbs.of_one(0)
        case []:
            calls = verbs.of_many()
        case ["count"] if _says(resource, "has_count", True) and has(resource, "count"):
            calls = {"GET": verbs.count}
        case [action] if action in actions:
            calls = {"GET": verbs.further(actions[action])}
        case [pk] if not _says(resource, "singleton", False):
            calls = verbs.of_one(_id(pk))
        case [pk, action] if f":id/{action}" in actions:
            calls = {"GET": verbs.further(actions[f":id/{action}"], _id(pk))}
        case _:
            raise Missing
    return Target(resource, calls, parent)


def _is_found_there(resource: Any, parent: tuple[str, int] | None) -> bool:
    if parent is None:
        return bool(_says(resource, "top_level", True))
    return parent[0] in _says(resource, "parents", ())


def _id(text: str) -> int:
    """Raises `Missing`."""
    number = number_from(text)
    if number is None:
        raise Missing
    return number


def _query(request: HttpRequest, target: Target) -> Query:
    sent = request.GET
    if any("\0" in name + value for name, values in sent.lists() for value in values):
        raise Invalid({"base": [_("Ein Parameter enthält unerlaubte Zeichen.")]})
    limit = _number(sent.get("limit", ""), DEFAULT_LIMIT)
    nested = [word for value in sent.getlist("include") for word in value.split(",")]
    return Query(
        limit=min(limit, MOST) or DEFAULT_LIMIT,
        offset=min(_number(sent.get("offset", ""), 0), _LARGEST_OFFSET),
        include=frozenset(word.strip() for word in [*nested, *sent.getlist("include[]")] if word.strip()),
        order=sent.get("order", "")[:100],
        filters={name: str(value) for name, value in sent.items() if name not in _NOT_FILTERS},
        parent=target.parent,
    )


def _number(text: str, otherwise: int) -> int:
    """What cannot be read as a number is as if nobody had said it."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else otherwise


# --- what is done there ---------------------------------------------------------------------------


def has(resource: Any, method: str) -> bool:
    """Whether a resource has this method itself; what a protocol says of it does not count."""
    found = getattr(type(resource), method, None)
    return found is not None and found is not getattr(Resource, method)


def _says(resource: Any, name: str, otherwise: Any) -> Any:
    return getattr(resource, name, otherwise)


@dataclass(frozen=True, slots=True)
class Verbs:
    """The verbs of an address, as far as the resource has their methods."""

    request: HttpRequest
    resource: Any
    form: Format

    def of_many(self) -> dict[str, Call]:
        """Of a list."""
        return self._known({"GET": ("list", self.list), "POST": ("create", self.create)})

    def of_one(self, pk: int) -> dict[str, Call]:
        """Of a record."""

        def show(caller: Caller, query: Query) -> HttpResponse:
            return self._shown(self.resource.show(caller, pk, query))

        def update(caller: Caller, query: Query) -> HttpResponse:
            return self._shown(self.resource.update(caller, pk, self._document(), query))

        def delete(caller: Caller, query: Query) -> HttpResponse:
            self.resource.delete(caller, pk, query)
            return _answer(b"{}" if self.form is Format.JSON else b"", self.form)

        return self._known({"GET": ("show", show), "PUT": ("update", update), "DELETE": ("delete", delete)})

    def list(self, caller: Caller, query: Query) -> HttpResponse:
        found = self.resource.list(caller, query)
        return _answer(
            formats.written_list(self.resource.name, self.resource.singular, found, self.form), self.form
        )

    def count(self, caller: Caller, query: Query) -> HttpResponse:
        return _answer(formats.written_count(self.resource.count(caller, query), self.form), self.form)

    def create(self, caller: Caller, query: Query) -> HttpResponse:
        made = self.resource.create(caller, self._document(), query)
        answer = self._shown(made, 201)
        where = f"/api/{self.resource.name}/{made.id}"
        if not _says(self.resource, "top_level", True) and query.parent:
            where = f"/api/{query.parent[0]}/{query.parent[1]}/{self.resource.name}/{made.id}"
        answer.headers["Location"] = f"{caller.base_url}{where}.{self.form.value}"
        return answer

    def further(self, action: Callable[..., Any], *of: int) -> Call:
        """An address that is none of the usual ones."""

        def call(caller: Caller, query: Query) -> HttpResponse:
            found = action(caller, *of, query)
            if isinstance(found, HttpResponse):
                return found
            name = self.request.path.rstrip("/").rpartition("/")[2].partition(".")[0]
            if isinstance(found, list):
                return _answer(
                    formats.written_list(name, formats.singular(name), found, self.form), self.form
                )
            return _answer(formats.written(name, found, self.form), self.form)

        return call

    def _known(self, verbs: Mapping[str, tuple[str, Call]]) -> dict[str, Call]:
        return {verb: call for verb, (method, call) in verbs.items() if has(self.resource, method)}

    def _shown(self, document: object, status: int = 200) -> HttpResponse:
        return _answer(formats.written(self.resource.singular, document, self.form), self.form, status)

    def _document(self) -> msgspec.Struct:
        form = _body_format(self.request, self.form)
        shape: type[msgspec.Struct] = self.resource.input
        return formats.read_document(_body(self.request), form, self.resource.singular, shape)


def _body(request: HttpRequest) -> bytes:
    """Raises `Denied` when it is too large, and `Unreadable` when it broke off."""
    try:
        size = int(request.headers.get("Content-Length") or 0)
        body = request.body if size <= formats.MOST_BYTES else None
    except RequestDataTooBig:
        body = None
    except (UnreadablePostError, ValueError) as broken:
        raise Unreadable(_("Die Anfrage ist abgebrochen.")) from broken
    if body is None:
        raise Denied(413, _("Das Dokument ist zu groß."))
    return body


def _errors(errors: Mapping[str, Sequence[str]], form: Format, status: int) -> HttpResponse:
    return _answer(formats.written_errors(errors, form), form, status)


def _answer(body: bytes, form: Format, status: int = 200) -> HttpResponse:
    return HttpResponse(body, status=status, content_type=form.content_type)
