"""A client of the API as others write one: Basic auth, documents in, documents out."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring
from django.http import HttpResponseBase
from django.test import Client

from kogge.backoffice.api import keys
from kogge.merchants.models import Merchant

NOW = datetime(2026, 11, 23, 9, 12, tzinfo=UTC)


def basic(user: str, password: str) -> dict[str, str]:
    """The header that signs in."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def xml(self) -> Element:
        found: Element = fromstring(self.body)
        return found


class ApiClient:
    """Speaks JSON, or XML where a text is sent."""

    def __init__(self, user: str, password: str) -> None:
        self.browser = Client(headers=basic(user, password))

    def get(self, path: str, **headers: str) -> Answer:
        return _answer(self.browser.get(f"/api/{path}", headers=headers))

    def post(self, path: str, body: object) -> Answer:
        return self._send("POST", path, body)

    def put(self, path: str, body: object) -> Answer:
        return self._send("PUT", path, body)

    def delete(self, path: str) -> Answer:
        return _answer(self.browser.delete(f"/api/{path}"))

    def _send(self, method: str, path: str, body: object) -> Answer:
        is_xml = path.partition("?")[0].endswith(".xml")
        sent = body if isinstance(body, str | bytes) else json.dumps(body)
        kind = "application/xml" if is_xml else "application/json"
        return _answer(self.browser.generic(method, f"/api/{path}", sent, content_type=kind))


def api_client(merchant: Merchant, *, write: bool = True, orders: bool = True) -> ApiClient:
    """A client with a key of the merchant's shop."""
    made = keys.make_shop_key(
        merchant, name="Lager", may_write=write, may_write_orders=orders, now=merchant.created_at
    )
    return ApiClient(made.user, made.password)


def _answer(response: HttpResponseBase) -> Answer:
    return Answer(response.status_code, response.headers, b"".join(response))
