"""The description is valid, complete, and true of what the API answers."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from django.test import Client

from kogge.backoffice.api.docs import document
from kogge.merchants.models import Merchant
from tests.backoffice import shop
from tests.backoffice.api.client import api_client

pytestmark = pytest.mark.django_db


def test_every_list_record_and_refusal_looks_as_described(merchant: Merchant, amazon: Any) -> None:
    api = api_client(merchant)
    tea = shop.product(merchant)
    api.put(f"products/{tea.pk}.json", {"property_key_1": "Farbe", "property_value_1": "rot", "weight": "1"})
    seen = 0
    for path, methods in document()["paths"].items():
        if "get" not in methods:
            continue
        query = "?include[]=variants&include[]=properties&include[]=product_images&country=DE"
        answer = api.get(path.removeprefix("/api/").format(id=tea.pk, parent_id=tea.pk) + query)
        described = methods["get"]["responses"][str(answer.status)]["content"]["application/json"]["schema"]
        jsonschema.validate(answer.json, {**described, "components": document()["components"]})
        seen += answer.status == 200
    assert seen > 10


def test_the_description_can_be_read_by_everybody(client: Client) -> None:
    found = client.get("/api/docs/openapi.json").json()

    assert found["paths"].keys() >= {"/api/products.json", "/api/products/{id}.json", "/api/metafields.json"}
    writes = found["paths"]["/api/products.json"]["post"]["responses"]
    assert writes.keys() == {"201", "400", "401", "403", "404", "413", "422", "429"}
    page = client.get("/api/docs").content.decode()
    assert "/api/products/{id}/tax_for_country.json" in page
