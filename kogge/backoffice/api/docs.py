"""The API described: an OpenAPI document made from the resources themselves, and a page that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from kogge.backoffice.api.access import MOST_REQUESTS, WINDOW
from kogge.backoffice.api.formats import singular
from kogge.backoffice.api.resource import DEFAULT_LIMIT, MOST
from kogge.backoffice.api.resources import RESOURCES
from kogge.backoffice.api.views import has

Schema = dict[str, Any]

_REFERENCE = "#/components/schemas/{name}"
_ID = {"type": "integer", "minimum": 1}
_ERRORS = {"$ref": "#/components/schemas/Errors"}
_PARENT_ID = "parent_id"


@dataclass(frozen=True, slots=True)
class Operation:
    """An address with a verb, and the parameters it understands."""

    method: str
    path: str
    parameters: Sequence[str]


@dataclass(frozen=True, slots=True)
class Shape:
    """A document: its fields with their types."""

    name: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """What the page says of a resource."""

    name: str
    operations: Sequence[Operation]
    shapes: Sequence[Shape]


def openapi(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The JSON form of the API as OpenAPI 3.1. No secret, so nobody need sign in."""
    return JsonResponse(document(), json_dumps_params={"ensure_ascii": False})


def docs(request: HttpRequest) -> HttpResponse:
    """The same to read."""
    shapes = _shapes_to_read()
    chapters = [_chapter(name, resource, shapes) for name, resource in RESOURCES.items()]
    told = {shape for chapter in chapters for shape in chapter.shapes}
    context = {
        "chapters": chapters,
        "further": [shape for shape in shapes.values() if shape not in told and shape.fields],
        "base_url": request.build_absolute_uri("/api/"),
        "limits": {"default": DEFAULT_LIMIT, "most": MOST, "requests": MOST_REQUESTS, "seconds": WINDOW},
    }
    return render(request, "shop_api/docs.html", context)


def _chapter(name: str, resource: Any, shapes: Mapping[str, Shape]) -> Chapter:
    operations = [
        Operation(method.upper(), path, tuple(_names(operation["parameters"])))
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        if operation["tags"] == [name]
    ]
    documents = dict.fromkeys([resource.output, *([resource.input] if resource.input else [])])
    return Chapter(name, operations, [shapes[_public(document.__name__)] for document in documents])


def _shapes_to_read() -> dict[str, Shape]:
    schemas = document()["components"]["schemas"]
    return {name: Shape(name, tuple(_fields(schema))) for name, schema in schemas.items()}


def _fields(schema: Schema) -> Iterator[tuple[str, str]]:
    for name, shape in schema.get("properties", {}).items():
        yield name, _kind(shape)


def _names(parameters: Iterable[Schema]) -> Iterator[str]:
    return (each["name"] for each in parameters if each["in"] == "query")


@cache
def document() -> Schema:
    """The OpenAPI document."""
    shapes = list(dict.fromkeys(_shapes()))
    refs, components = msgspec.json.schema_components(shapes, ref_template=_REFERENCE)
    refs, components = _publicly_named(refs), _publicly_named(components)
    schemas = dict(zip(shapes, refs, strict=True))
    sentences = {"type": "array", "items": {"type": "string"}}
    components["Errors"] = _wrapped("errors", {"type": "object", "additionalProperties": sentences})
    components["Count"] = _wrapped("count", {"type": "integer", "minimum": 0})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kogge shop API",
            "version": "1",
            "description": "Every address is there with .xml, too. Values of decimal fields are strings.",
        },
        "paths": dict(_paths(schemas)),
        "components": {
            "schemas": components,
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        },
        "security": [{"basic": []}],
    }


def _public(name: str) -> str:
    """What a document is called outside: "Order", and "OrderInput" as it is written."""
    name = name.removeprefix("_")
    return f"{name.removesuffix('In')}Input" if name.endswith("In") else name.removesuffix("Out")


def _publicly_named(schema: Any) -> Any:
    """The same schemas under their public names, wherever one is named."""
    if isinstance(schema, str):
        path, slash, name = schema.rpartition("/")
        return path + slash + _public(name)
    if isinstance(schema, Mapping):
        return {_public(key): _publicly_named(value) for key, value in schema.items()}
    return [_publicly_named(each) for each in schema] if isinstance(schema, list | tuple) else schema


def _shapes() -> Iterator[Any]:
    for resource in RESOURCES.values():
        yield resource.output
        if resource.input:
            yield resource.input
        for action in getattr(resource, "actions", {}).values():
            yield _of_list(_answer_of(action))[0]


def _paths(schemas: Mapping[Any, Schema]) -> Iterator[tuple[str, Schema]]:
    for name, resource in RESOURCES.items():
        for path, methods in _paths_of(name, resource, schemas):
            yield path, {method: {"tags": [name], **operation} for method, operation in methods.items()}


def _paths_of(name: str, resource: Any, schemas: Mapping[Any, Schema]) -> Iterator[tuple[str, Schema]]:
    if getattr(resource, "singleton", False):
        yield f"/api/{name}.json", _one(resource, schemas, [])
        return
    if getattr(resource, "top_level", True):
        yield from _family(f"/api/{name}", resource, schemas, [])
    for parent in getattr(resource, "parents", ()):
        above = [_path_parameter(_PARENT_ID)]
        yield from _family(f"/api/{parent}/{{{_PARENT_ID}}}/{name}", resource, schemas, above)
    for action, method in getattr(resource, "actions", {}).items():
        yield _further(name, action, method, schemas)


def _family(
    base: str, resource: Any, schemas: Mapping[Any, Schema], above: Sequence[Schema]
) -> Iterator[tuple[str, Schema]]:
    if many := _many(resource, schemas, above):
        yield f"{base}.json", many
    if has(resource, "count") and getattr(resource, "has_count", True):
        count = {"$ref": "#/components/schemas/Count"}
        filters = [*above, *_words(resource, "filters")]
        yield f"{base}/count.json", {"get": _operation(f"count {resource.name}", {"200": count}, filters)}
    if one := _one(resource, schemas, [*above, _path_parameter("id")]):
        yield f"{base}/{{id}}.json", one


def _many(resource: Any, schemas: Mapping[Any, Schema], above: Sequence[Schema]) -> Schema:
    wrapped = _wrapped(resource.singular, schemas[resource.output])
    methods: Schema = {}
    if has(resource, "list"):
        listed = {"type": "array", "items": wrapped}
        parameters = [*above, *_PAGING, *_words(resource, "filters"), *_include(resource)]
        methods["get"] = _operation(f"list {resource.name}", {"200": listed}, parameters)
    if has(resource, "create"):
        methods["post"] = _operation(
            f"create {resource.singular}",
            {"201": wrapped},
            above,
            body=_wrapped(resource.singular, schemas[resource.input]),
        )
    return methods


def _one(resource: Any, schemas: Mapping[Any, Schema], parameters: Sequence[Schema]) -> Schema:
    wrapped = _wrapped(resource.singular, schemas[resource.output])
    methods: Schema = {}
    if has(resource, "show"):
        methods["get"] = _operation(
            f"show {resource.singular}", {"200": wrapped}, [*parameters, *_include(resource)]
        )
    if has(resource, "update"):
        methods["put"] = _operation(
            f"update {resource.singular}",
            {"200": wrapped},
            parameters,
            body=_wrapped(resource.singular, schemas[resource.input]),
        )
    if has(resource, "delete"):
        methods["delete"] = _operation(
            f"delete {resource.singular}", {"200": {"type": "object"}}, parameters, writes=True
        )
    return methods


def _further(name: str, action: str, method: Any, schemas: Mapping[Any, Schema]) -> tuple[str, Schema]:
    shape, is_list = _of_list(_answer_of(method))
    word = action.rpartition("/")[2]
    answer = _wrapped(singular(word) if is_list else word, schemas[shape])
    answer = {"type": "array", "items": answer} if is_list else answer
    parameters = [_path_parameter("id")] if action.startswith(":id/") else []
    asked = [_query_parameter("country", {"type": "string"})] if word == "tax_for_country" else []
    path = f"/api/{name}/{action.replace(':id', '{id}')}.json"
    return path, {"get": _operation(f"{name} {word}", {"200": answer}, [*parameters, *asked])}


def _operation(
    summary: str,
    answers: Mapping[str, Schema],
    parameters: Iterable[Schema],
    *,
    body: Schema | None = None,
    writes: bool = False,
) -> Schema:
    refusals = ["401", "404", "422", "429"]
    if body is not None:
        refusals += ["400", "403", "413"]
    elif writes:
        refusals += ["403"]
    responses = {status: _response(schema) for status, schema in answers.items()}
    responses |= {status: _response(_ERRORS) for status in sorted(refusals)}
    if "201" in responses:
        responses["201"]["headers"] = {"Location": {"schema": {"type": "string"}}}
    operation: Schema = {"summary": summary, "parameters": list(parameters), "responses": responses}
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _response(schema: Schema) -> Schema:
    return {"description": "", "content": {"application/json": {"schema": schema}}}


def _wrapped(root: str, schema: Schema) -> Schema:
    return {"type": "object", "properties": {root: schema}, "required": [root]}


def _path_parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": _ID}


def _query_parameter(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "schema": schema}


def _words(resource: Any, name: str) -> list[Schema]:
    return [_query_parameter(word, {"type": "string"}) for word in getattr(resource, name, ())]


def _include(resource: Any) -> list[Schema]:
    words = list(getattr(resource, "includes", ()))
    known = {"type": "array", "items": {"type": "string", "enum": words}}
    return [_query_parameter("include[]", known)] if words else []


_PAGING = (
    _query_parameter("limit", {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT}),
    _query_parameter("offset", {"type": "integer", "minimum": 0, "default": 0}),
    _query_parameter("order", {"type": "string"}),
)


def _answer_of(method: Any) -> Any:
    return get_type_hints(method)["return"]


def _of_list(shape: Any) -> tuple[Any, bool]:
    """What is listed, and whether it is a list."""
    listed = getattr(shape, "__args__", ())
    return (listed[0], True) if listed else (shape, False)


def _kind(shape: Mapping[str, Any]) -> str:
    """A field's type in a word or two, for the page."""
    if "anyOf" in shape:
        return " | ".join(_kind(each) for each in shape["anyOf"] if each.get("type") != "null")
    if "$ref" in shape:
        return str(shape["$ref"]).rpartition("/")[2]
    if shape.get("type") == "array":
        return f"[{_kind(shape.get('items', {}))}]"
    return str(shape.get("format") or shape.get("type", ""))
