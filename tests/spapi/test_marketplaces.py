import pytest

from kogge.spapi import MARKETPLACES, REGIONS, Endpoints, marketplace, seller_central_order_url
from kogge.values import InvalidValue


def test_every_marketplace_lies_in_a_known_region() -> None:
    regions = {known.region for known in MARKETPLACES.values()}

    assert regions == set(REGIONS)
    assert len(MARKETPLACES) == 23


def test_a_marketplace_knows_its_country_currency_and_name() -> None:
    found = marketplace("A1F83G8C2ARO7P")

    assert (found.country, found.currency, found.name, found.region) == ("GB", "GBP", "Amazon.co.uk", "eu")


def test_a_marketplace_that_is_not_on_the_list_is_refused() -> None:
    with pytest.raises(InvalidValue, match="not an Amazon marketplace"):
        marketplace("A1ZFFQZ3HTUKT9")


@pytest.mark.parametrize(
    ("marketplace_id", "url"),
    [
        ("A1PA6795UKMFR9", "https://sellercentral-europe.amazon.com/orders-v3/order/305-1182244-9021001"),
        ("A1C3SOZRARQ6R3", "https://sellercentral.amazon.pl/orders-v3/order/305-1182244-9021001"),
        ("ATVPDKIKX0DER", "https://sellercentral.amazon.com/orders-v3/order/305-1182244-9021001"),
    ],
)
def test_an_order_has_its_page_in_seller_central(marketplace_id: str, url: str) -> None:
    assert seller_central_order_url(marketplace_id, "305-1182244-9021001") == url


def test_a_link_is_only_made_of_an_order_id() -> None:
    with pytest.raises(InvalidValue):
        seller_central_order_url("A1PA6795UKMFR9", "../../evil")


def test_each_region_has_its_own_hosts() -> None:
    endpoints = [Endpoints.for_region(region) for region in REGIONS]

    assert len({each.api_url for each in endpoints}) == 3
    assert {each.lwa_url for each in endpoints} == {"https://api.amazon.com/auth/o2/token"}


@pytest.mark.parametrize("url", ["http://localhost:9000", "http://127.0.0.1:9000/", "http://[::1]:9000"])
def test_plain_http_is_allowed_to_this_machine(url: str) -> None:
    assert Endpoints.for_region("eu", {"api_url": url}).api_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://sellingpartnerapi-eu.amazon.com",
        "http://127.0.0.1.evil.example",
        "http://10.0.0.1",
        "https://user:secret@amazon.example",
        "ftp://localhost",
        "https://",
        "localhost:9000",
        "http://[::1",
    ],
)
def test_an_unsafe_address_is_refused_by_name_and_without_secrets(url: str) -> None:
    with pytest.raises(InvalidValue, match=r"^api_url: ") as caught:
        Endpoints.for_region("eu", {"api_url": url})

    assert "secret" not in str(caught.value)


def test_an_override_left_empty_means_amazons_own_host() -> None:
    assert Endpoints.for_region("eu", {"lwa_url": None, "api_url": ""}) == Endpoints.for_region("eu")


@pytest.mark.parametrize(("region", "overrides"), [("mars", {}), ("eu", {"lwa": "https://a.example"})])
def test_an_unknown_region_or_endpoint_is_refused(region: str, overrides: dict[str, str]) -> None:
    with pytest.raises(InvalidValue):
        Endpoints.for_region(region, overrides)
