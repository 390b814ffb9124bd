"""Products over the API: what is written arrives in the shop, and comes back as it was written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kogge.backoffice import placing, stock
from kogge.backoffice.api.models import Metafield
from kogge.backoffice.models import Product
from kogge.merchants.models import Merchant
from tests.backoffice import shop
from tests.backoffice.api.client import ApiClient, api_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(merchant: Merchant, amazon: Any) -> ApiClient:
    return api_client(merchant)


def test_a_product_is_created_read_changed_and_deleted(
    api: ApiClient, merchant: Merchant, amazon: Any
) -> None:
    new = {
        "title": "Kaffeebecher rot",
        "code": "BECHER-ROT",
        "gtin": "4006381333931",
        "price": "12.9",
        "stock": 25,
        "packaging_duration": 24,
        "tax_category": "reduced",
        "considers_stock": False,
        "vendor": "Muster",
        "category": "Küche",
        "weight": "0.35",
        "image_url_2": "https://example.org/becher.jpg",
        "property_key_1": "Farbe",
        "property_value_1": "rot",
        "surprise": {"of": ["another", "client"]},
    }

    made = api.post("products.json", {"product": new})

    [product] = Product.objects.of(merchant)
    assert (made.status, made.headers["Location"]) == (
        201,
        f"http://testserver/api/products/{product.pk}.json",
    )
    assert (product.price, product.stock, product.lead_time_days) == (Decimal("12.90"), 25, 1)
    assert (product.vat_rate, product.may_oversell, product.active) == (Decimal(7), True, True)
    assert stock.audit(merchant.pk) == []
    document = made.json["product"]
    same = {name: value for name, value in new.items() if not name.startswith(("property", "surprise"))}
    assert {name: document[name] for name in same} == same
    counts = {name: document[f"{name}_count"] for name in ("variants", "properties", "product_images")}
    assert counts == {"variants": 0, "properties": 1, "product_images": 1}

    # Clients send back all they hold; what is read only is passed over.
    again = api.put(f"products/{product.pk}.json", {"product": document | {"id": 1, "stock": 24}})
    assert (again.status, again.json["product"]["stock"]) == (200, 24)
    assert {**again.json["product"], "stock": 25, "updated_at": ""} == {**document, "updated_at": ""}
    assert {product.pk} in amazon.changed

    assert api.delete(f"products/{product.pk}.json").status == 200
    assert api.get(f"products/{product.pk}.json").status == 404


def test_variants_are_products_under_a_product(api: ApiClient, merchant: Merchant) -> None:
    main = shop.product(merchant, "BECHER").pk

    made = api.post(
        f"products/{main}/variants.xml",
        "<variant><title>Becher rot</title><code>BECHER-ROT</code><option-01>rot</option-01>"
        '<price type="decimal">3.5</price><gtin nil="true"/><stock type="integer">2</stock></variant>',
    )

    variant = Product.objects.of(merchant).get(code="BECHER-ROT")
    assert (made.status, variant.parent_id, variant.option, variant.stock) == (201, main, "rot", 2)
    codes = {
        path: [each.findtext("code") for each in api.get(path).xml]
        for path in (
            "products.xml",
            "products.xml?show_variants=true",
            "products.xml?code=BECHER-ROT",
            f"products/{main}/variants.xml",
            f"variants.xml?product_id={main}",
        )
    }
    assert list(codes.values()) == [
        ["BECHER"],
        ["BECHER", "BECHER-ROT"],
        ["BECHER-ROT"],
        ["BECHER-ROT"],
        ["BECHER-ROT"],
    ]
    nested = api.get(f"products/{main}.xml?include[]=variants&include[]=properties").xml
    assert [each.findtext("price") for each in nested.findall("variants/variant")] == ["3.5"]
    assert nested.find("variants").attrib == {"type": "array"}  # type: ignore[union-attr]
    assert api.get(f"products/{variant.pk}/variants/{main}.xml").status == 404


def test_lists_are_paged_filtered_and_counted_with_few_queries(
    api: ApiClient, merchant: Merchant, django_assert_max_num_queries: Any
) -> None:
    for n in range(3):
        shop.product(merchant, f"TEE-{n}", price=f"{n}.10")
    first = Product.objects.of(merchant).order_by("id")[0].pk
    api.put(f"products/{first}.json", {"category": "Tee", "vendor": "Muster"})

    def codes(query: str) -> list[str]:
        return [each["product"]["code"] for each in api.get(f"products.json?{query}").json]

    assert codes("limit=1&offset=1") == ["TEE-1"]
    assert codes("limit=viel&offset=-3&order=price%20DESC") == ["TEE-2", "TEE-1", "TEE-0"]
    assert codes("category=Tee&vendor=Muster") == ["TEE-0"]
    assert codes("limit=99999999999999999999&offset=99999999999999999999") == codes("")
    assert api.get("products/count.json").json == {"count": 3}
    count = api.get("products/count.xml?category=Tee").xml
    assert (count.tag, count.attrib, count.text) == ("count", {"type": "integer"}, "1")
    assert api.get("products/categories.json").json == [{"category": "Tee"}]
    tax = api.get(f"products/{first}/tax_for_country.json?country=DE").json
    assert tax == {"tax_for_country": {"country": "DE", "tax_rate": "19.0"}}
    assert api.get(f"products/{first}/tax_for_country.json?country=FR").status == 404
    with django_assert_max_num_queries(6):
        api.get("products.json?include=variants,properties,product_images")


def test_what_the_shop_refuses_is_said_by_field(api: ApiClient, merchant: Merchant) -> None:
    known = shop.product(merchant, "TEE-1", counted=1)
    new = {"title": "Tee", "code": "TEE-2"}
    wrong: dict[str, dict[str, object]] = {
        "title": {"title": None},
        "code": {"code": "TEE-1"},
        "price": {"price": "-1"},
        "stock": {"stock": -1},
        "gtin": {"gtin": "4006381333932"},
        "tax_category": {"tax_category": "none"},
        "product_id": {"product_id": 2**40},
        "packaging_duration": {"packaging_duration": 24 * 400},
        "option_01": {"product_id": known.pk},
        "weight": {"weight": "NaN"},
        "vendor": {"vendor": "a\0b"},
    }

    answers = {field: api.post("products.json", {"product": new | said}) for field, said in wrong.items()}

    assert {field: (answer.status, list(answer.json["errors"])) for field, answer in answers.items()} == {
        field: (422, [field]) for field in wrong
    }
    assert Product.objects.of(merchant).count() == 1
    sentence = api.post("products.xml", "<product><title>Tee</title><code>TEE-1</code></product>").xml
    assert [each.text for each in sentence] == ["Code Diese Artikelnummer gibt es schon."]


def test_a_product_of_an_open_order_stays(api: ApiClient, merchant: Merchant, amazon: Any) -> None:
    tea = shop.product(merchant, counted=5)
    placing.place(merchant.pk, [shop.new_order("1", shop.new_line(product=tea))], now=shop.NOW)

    refused = api.delete(f"products/{tea.pk}.json")

    assert (refused.status, refused.json) == (
        422,
        {"errors": {"base": ["Dieses Produkt steht noch in offenen Bestellungen."]}},
    )


def test_properties_and_pictures_of_a_product(api: ApiClient, merchant: Merchant) -> None:
    tea = shop.product(merchant)
    here = f"products/{tea.pk}"

    made = api.post(f"{here}/properties.json", {"property": {"key": "Farbe", "value": "rot", "position": 3}})
    again = api.post(f"{here}/properties.json", {"property": {"key": "Farbe", "value": "blau"}})

    pk = made.json["property"]["id"]
    assert made.headers["Location"].endswith(f"/api/{here}/properties/{pk}.json")
    assert again.json["property"] == made.json["property"] | {"value": "blau"}
    assert api.put(f"{here}/properties/{pk}.json", {"is_visible": False}).json["property"]["value"] == "blau"
    assert api.get("properties.json").status == 404
    assert api.delete(f"{here}/properties/{pk}.json").status == 200
    assert api.get(f"{here}/properties.json").json == []

    api.put(
        f"{here}.json", {"image_url_1": "https://example.org/1.jpg", "image_url_2": "https://e.org/2.jpg"}
    )
    api.put(f"{here}.json", {"image_url_2": ""})
    [image] = api.get(f"{here}/product_images.json").json
    assert image["product_image"]["url"] == "https://example.org/1.jpg"
    assert api.delete(f"{here}/product_images/{image['product_image']['id']}.json").status == 200
    assert api.get(f"{here}/product_images/count.json").json == {"count": 0}


def test_metafields_are_replaced_and_belong_to_what_the_merchant_has(
    api: ApiClient, merchant: Merchant, other_merchant: Merchant
) -> None:
    tea, foreign = shop.product(merchant), shop.product(other_merchant)
    asin = {"metafieldable_type": "Product", "metafieldable_id": tea.pk, "namespace": "amazon", "key": "asin"}

    made = api.post("metafields.json", {"metafield": asin | {"value": "B000000001"}})
    again = api.post("metafields.json", {"metafield": asin | {"value": "B000000002"}})

    pk = made.json["metafield"]["id"]
    assert (made.status, again.status, again.json["metafield"]["id"]) == (201, 201, pk)
    assert again.headers["Location"].endswith(f"/api/metafields/{pk}.json")
    found = api.get(f"metafields.json?metafieldable_type=Product&metafieldable_id={tea.pk}&value=B000000002")
    assert [each["metafield"]["id"] for each in found.json] == [pk]
    assert api.get("metafields.json?value=B000000001").json == []
    refused = {
        "foreign": asin | {"metafieldable_id": foreign.pk},
        "unknown type": asin | {"metafieldable_type": "Wish"},
        "the owner's id as its type": {**asin, "metafieldable_type": str(tea.pk), "metafieldable_id": None},
        "no key": asin | {"key": ""},
    }
    statuses = {why: api.post("metafields.json", {"metafield": each}).status for why, each in refused.items()}
    assert statuses == dict.fromkeys(refused, 422)
    assert api.delete(f"products/{tea.pk}.json").status == 200
    assert not Metafield.objects.of(merchant).exists()


def test_the_shop_tells_no_secret(api: ApiClient, merchant: Merchant) -> None:
    found = api.get("shop.json").json["shop"]

    assert (found["id"], found["name"], found["currency_code"]) == (merchant.pk, "Teehaus Muster", "EUR")
    assert "api_key" not in found
    changed = api.put("shop.xml", "<shop><current-design>7</current-design></shop>")
    assert (changed.status, changed.xml.findtext("name")) == (200, "Teehaus Muster")
    assert api.get("account.json").json["account"]["name"] == "Teehaus Muster"
