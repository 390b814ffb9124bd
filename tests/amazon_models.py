"""Checks requests and answers against Amazon's own API models, where that folder is present.

The models are Swagger 2 documents; their definitions are validated as JSON Schema draft 4 with the whole
document as root of all references. Beyond what a draft 4 validator does by itself, unknown parameters and
`date-time` formats are errors too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from jsonschema import Draft4Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT4

from kogge.simulator import Request, Response

MODELS = Path(__file__).parents[1] / "../shared/amazon-models/models"

needs_models = pytest.mark.skipif(
    not MODELS.is_dir(), reason="Amazon's models are not beside this repository"
)

_FORMATS = FormatChecker(["date-time"])

_METHODS = {"get", "post", "put", "patch", "delete"}

# Answers that were spoiled on purpose need not fit the models.
_NOT_SP_API = ("/auth/", "/apps/", "/upload/", "/download/", "/_control/", "/seller-central")

# Answers Amazon gives although its models do not name them: an unknown SKU.
_BEYOND_MODELS = {("patchListingsItem", 404), ("deleteListingsItem", 404)}

# Amazon publishes a model of this API, but it is not among those we keep.
_WITHOUT_MODEL = ("/listings/2021-08-01/restrictions",)


class ModelViolation(AssertionError):
    """A request or answer does not fit Amazon's model. The message says where and why, without values."""


@dataclass(frozen=True)
class Operation:
    """One operation of a model."""

    model: str
    path: str
    method: str
    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.specification["operationId"])

    @property
    def specification(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document["paths"][self.path][self.method]
        return found

    def parameters(self, place: str) -> dict[str, Mapping[str, Any]]:
        """The parameters in `query`, `path`, `header` or `body`, by name."""
        listed = [_resolved(self.document, each) for each in self.specification.get("parameters", [])]
        return {each["name"]: each for each in listed if each["in"] == place}

    def matches(self, method: str, path: str) -> bool:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.path))
        return method.lower() == self.method and re.fullmatch(pattern, path) is not None


def check_exchange(request: Request, response: Response) -> None:
    """For `Simulator(on_exchange=…)`: check both sides of one exchange. Ordered faults are left alone."""
    if not MODELS.is_dir() or request.path.startswith((*_NOT_SP_API, *_WITHOUT_MODEL)):
        return
    if response.status < 300:
        check_request(request.method, request.path, request.query, request.body)
    if not response.fault:
        check_response(request.method, request.path, response.status, response.body)


def check_request(method: str, path: str, query: str, body: bytes | object = b"") -> None:
    """Raise `ModelViolation` unless the query (raw text) and the body fit the operation's model."""
    if path in _WITHOUT_MODEL:
        return
    operation = find_operation(method, path)
    _check_query(operation, query)
    for specification in operation.parameters("body").values():
        validate(operation, _decoded(operation, body), specification["schema"], "request body")


def check_response(method: str, path: str, status: int, body: bytes | object) -> None:
    """Raise `ModelViolation` unless the model knows this status for the operation and the body fits it."""
    if path in _WITHOUT_MODEL:
        return
    operation = find_operation(method, path)
    responses = operation.specification["responses"]
    if (operation.name, status) in _BEYOND_MODELS:
        status = 400
    if str(status) not in responses:
        raise ModelViolation(f"{operation.name}: the model knows no status {status}")
    schema = responses[str(status)].get("schema")
    if schema is None or status == 204:
        if body not in (b"", None):
            raise ModelViolation(f"{operation.name}: {status} has no body in the model")
        return
    validate(operation, _decoded(operation, body), schema, f"answer {status}")


def find_operation(method: str, path: str) -> Operation:
    """The operation behind a method and path. Raises `ModelViolation` for one that no model knows."""
    for operation in operations():
        if operation.matches(method, path):
            return operation
    raise ModelViolation(f"no operation {method} {path} in Amazon's models")


@cache
def operations() -> tuple[Operation, ...]:
    """All operations of all models."""
    return tuple(_read_operations())


def validate(operation: Operation, value: object, schema: Mapping[str, Any], what: str) -> None:
    """Raise `ModelViolation` with every place at which `value` does not fit."""
    validator = _validator(operation.model).evolve(schema=_rooted(schema))
    errors = [
        f"{error.json_path}: {error.validator} {error.validator_value}"
        for error in validator.iter_errors(value)
    ]
    if errors:
        raise ModelViolation(f"{operation.name}, {what}: " + "; ".join(errors[:5]))


def sandbox_examples() -> Iterator[tuple[Operation, str, object]]:
    """Amazon's own example answers: the static sandbox cases and the `examples` of each response."""
    for operation in operations():
        for status, response in operation.specification["responses"].items():
            if "schema" not in response:
                continue  # an answer without a body, though the sandbox shows {}
            for case in response.get("x-amzn-api-sandbox", {}).get("static", []):
                if "response" in case:  # cancelFeed answers without a body
                    yield operation, status, case["response"]
            example = response.get("examples", {}).get("application/json")
            if example is not None:
                yield operation, status, example


def _read_operations() -> Iterator[Operation]:
    for file in sorted(MODELS.glob("*/*.json")):
        document = _document(str(file))
        for path, methods in document["paths"].items():
            for method in sorted(methods.keys() & _METHODS):
                yield Operation(str(file), path, method, document)


@cache
def _document(model: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(Path(model).read_text(encoding="utf-8"))
    return found


@cache
def _validator(model: str) -> Draft4Validator:
    resource = DRAFT4.create_resource(_document(model))
    registry: Registry[Any] = Registry().with_resource("model", resource)
    return Draft4Validator({}, registry=registry, format_checker=_FORMATS)


def _rooted(schema: Any) -> Any:
    """The same schema with its references pointing into the whole model."""
    if isinstance(schema, dict):
        return {
            name: f"model{value}" if name == "$ref" and value.startswith("#") else _rooted(value)
            for name, value in schema.items()
        }
    return [_rooted(each) for each in schema] if isinstance(schema, list) else schema


def _resolved(document: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in value:
        return value
    for step in value["$ref"].removeprefix("#/").split("/"):
        document = document[step]
    return document


def _check_query(operation: Operation, query: str) -> None:
    known = operation.parameters("query")
    given = parse_qsl(query, keep_blank_values=True)
    for name, text in given:
        if name not in known:
            raise ModelViolation(f"{operation.name}: unknown parameter {name}")
        validate(operation, _parsed(text, known[name]), _schema_of(known[name]), f"parameter {name}")
    missing = [name for name, each in known.items() if each.get("required") and name not in dict(given)]
    if missing:
        raise ModelViolation(f"{operation.name}: parameter {missing[0]} is missing")


def _schema_of(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """A Swagger parameter without the words that are not JSON Schema."""
    words = ("type", "format", "enum", "items", "minItems", "maxItems", "minimum", "maximum", "pattern")
    return {word: parameter[word] for word in words if word in parameter}


def _parsed(text: str, parameter: Mapping[str, Any]) -> object:
    match parameter.get("type"):
        case "array":
            return text.split(",")
        case "integer":
            return int(text) if re.fullmatch(r"-?[0-9]+", text) else text
        case "boolean":
            return {"true": True, "false": False}.get(text, text)
        case _:
            return text


def _decoded(operation: Operation, body: bytes | object) -> object:
    if not isinstance(body, bytes):
        return body
    try:
        return json.loads(body)
    except ValueError:
        raise ModelViolation(f"{operation.name}: the body is not JSON") from None
