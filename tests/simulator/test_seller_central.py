"""The pages for people."""

from __future__ import annotations

import re

import pytest

from kogge.simulator.generate import KINDS
from tests.simulator.conftest import Seller


def page(seller: Seller, path: str = "", query: str = "", language: str = "de") -> str:
    return seller.send("GET", f"/seller-central{path}", query, accept_language=language).body.decode()


def press(seller: Seller, order_id: str, act: str) -> int:
    return seller.send("POST", f"/seller-central/orders/{order_id}/{act}").status


def test_the_list_shows_orders_with_what_amazon_knows(seller: Seller) -> None:
    order = seller.place_order(kind="standard", title="Teekanne <rot>")
    seller.confirm(order)

    shown = page(seller)

    assert order.order_id in shown
    assert "Teekanne &lt;rot&gt;" in shown
    assert "✔ Versendet" in shown
    assert "00340434161094021501" in shown


def test_the_pages_speak_german_and_english(seller: Seller) -> None:
    seller.place_order(kind="standard", price="1234.50", quantity=1)

    german, english = page(seller, language="de-DE,de;q=0.9"), page(seller, language="en-GB")

    assert 'lang="de"' in german
    assert "Nicht versendet" in german
    assert "1.234,50 EUR" in german
    assert 'lang="en"' in english
    assert "Unshipped" in english
    assert "1,234.50 EUR" in english


def test_the_list_is_filtered_by_status_and_paged(seller: Seller) -> None:
    pending = seller.place_order(kind="pending", age_s=60)
    seller.place_orders(60, kind="standard")

    only_pending, first = page(seller, query="status=PENDING"), page(seller)

    assert len(re.findall(r"<tr>", only_pending)) == 2
    assert pending.order_id in only_pending
    assert len(re.findall(r"<tr>", first)) == 51
    assert "page=2" in first
    assert pending.order_id in page(seller, query="page=2")


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_order_has_a_page(seller: Seller, kind: str) -> None:
    order = seller.place_order(kind=kind)

    shown = page(seller, f"/orders/{order.order_id}")

    assert order.order_id in shown
    assert "<script" not in shown
    assert "\x00" not in shown


def test_the_buttons_move_the_order(seller: Seller) -> None:
    order = seller.place_order(kind="pending")

    press(seller, order.order_id, "release")
    press(seller, order.order_id, "ask-to-cancel")
    asked = [item.cancellation_request for item in order.items]
    press(seller, order.order_id, "buyer-cancels")

    assert all(asked)
    assert (order.status, order.cancelled_by) == ("CANCELLED", "BUYER")
    assert "Storniert von" in page(seller, f"/orders/{order.order_id}")


def test_a_button_that_is_not_offered_does_nothing(seller: Seller) -> None:
    order = seller.place_order(kind="shipped")

    status = press(seller, order.order_id, "buyer-cancels")

    assert status == 303
    assert order.status == "SHIPPED"
    assert "buyer-cancels" not in page(seller, f"/orders/{order.order_id}")


def test_feeds_and_complaints_have_a_page(seller: Seller) -> None:
    seller.search(includedData="NONSENSE")

    shown = page(seller, "/feeds", language="en")

    assert "No feeds yet." in shown
    assert "Invalid value in includedData: NONSENSE" in shown


def test_the_pages_allow_nothing_from_outside(seller: Seller) -> None:
    response = seller.send("GET", "/seller-central")

    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy


def test_links_to_the_real_seller_central_lead_to_the_order(seller: Seller) -> None:
    order = seller.place_order()

    response = seller.send("GET", f"/orders-v3/order/{order.order_id}")

    assert response.headers["Location"] == f"/seller-central/orders/{order.order_id}"


def test_what_is_not_there_is_not_found(seller: Seller) -> None:
    assert seller.send("GET", "/seller-central/orders/305-0000000-0000000").status == 404
    assert seller.send("POST", "/seller-central/orders/305-0000000-0000000/release").status == 404
