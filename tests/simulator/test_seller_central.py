"""The pages for people."""

from __future__ import annotations

import re
from decimal import Decimal
from urllib.parse import quote, urlencode

import pytest

from kogge.simulator import SELLER_ID, Listing, Response
from kogge.simulator.generate import KINDS
from tests.simulator.conftest import Seller
from tests.simulator.outbound import ADDRESS, create_old, old_item


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


def offers(seller: Seller, query: str = "", language: str = "de") -> str:
    return page(seller, "/offers", query, language)


def test_offers_are_listed_with_all_that_amazon_keeps(seller: Seller) -> None:
    seller.change_listing("TS-01", sale_price="8.50", business_price="9.00", min_price="7", max_price="9.50")
    seller.change_listing("TE-ZANGE", channel="AMAZON_EU")
    seller.set_fba_stock({"TE-ZANGE": 77})

    german, english = offers(seller, "q=TS-01"), offers(seller, "q=zange", "en")

    for text in ("TS-01", "B0KOGGE008", "9,98 EUR", "8,50 EUR", "9,00 EUR", "140", "Händler", "✕ Inaktiv"):
        assert text in german
    assert "outside of the minimum and maximum price" in german
    assert 'src="http://127.0.0.1:1/images/B0KOGGE008.png"' in german
    assert len(re.findall(r"<tr>", german)) == 2
    for text in ("TE-ZANGE", "77", "by Amazon", "AMAZON_EU", "✔ Active"):
        assert text in english


def test_many_offers_are_paged_and_searched(seller: Seller) -> None:
    tea = [Listing(f"ZZ-{number}", f"B0{number}", f"Tee <{number}>", Decimal(5)) for number in range(60)]
    seller.set_listings(tea)

    first, second = offers(seller, "q=zz-"), offers(seller, "q=zz-&page=2")

    assert (len(re.findall(r"<tr>", first)), len(re.findall(r"<tr>", second))) == (51, 11)
    assert "page=2&amp;q=zz-" in first
    assert "Tee &lt;3&gt;" in first
    assert "Keine Angebote gefunden." in offers(seller, "q=kaffee")


def send_form(seller: Seller, sku: str, **fields: str) -> Response:
    path = f"/seller-central/offers/{SELLER_ID}/{quote(sku, safe='')}"
    return seller.send("POST", path, body=urlencode(fields).encode(), accept_language="de")


def test_an_offer_is_changed_by_hand(seller: Seller) -> None:
    sent = send_form(seller, "TS-01", price="10,50", stock="12", lead_time_days="3")

    listing = seller.listing("TS-01")
    shown = page(seller, f"/offers/{SELLER_ID}/TS-01")
    assert sent.status == 303
    assert (str(listing.price), listing.stock, listing.lead_time_days) == ("10.50", 12, 3)
    assert 'value="10,50"' in shown
    assert "Von Hand ändern" in shown


@pytest.mark.parametrize(
    "wrong", [{"price": "0"}, {"price": "free"}, {"stock": "-1"}, {"stock": "1.5"}, {"lead_time_days": "31"}]
)
def test_nonsense_typed_by_hand_is_not_saved(seller: Seller, wrong: dict[str, str]) -> None:
    sent = send_form(seller, "TS-01", **{"price": "10.50", "stock": "12", "lead_time_days": "3", **wrong})

    assert sent.status == 400
    assert "Nicht gespeichert" in sent.body.decode()
    assert seller.listing("TS-01").stock == 140


def test_the_units_of_an_offer_at_amazon_are_not_the_sellers_to_say(seller: Seller) -> None:
    seller.change_listing("TS-01", channel="AMAZON_EU")

    shown = page(seller, f"/offers/{SELLER_ID}/TS-01")

    assert 'name="price"' in shown
    assert 'name="stock"' not in shown


def test_pictures_may_only_come_from_amazon_itself(seller: Seller) -> None:
    policy = seller.send("GET", "/seller-central/offers").headers["Content-Security-Policy"]

    assert "img-src 'self'" in policy


def test_an_offer_nobody_made_is_not_found(seller: Seller) -> None:
    assert seller.send("GET", f"/seller-central/offers/{SELLER_ID}/NEU").status == 404
    assert seller.send("GET", "/seller-central/offers/A2NOBODY/TS-01").status == 404
    assert send_form(seller, "NEU", price="1").status == 404


def fulfilment(seller: Seller, path: str = "", language: str = "de") -> str:
    return page(seller, f"/fulfilment{path}", language=language)


def test_orders_amazon_ships_have_a_list_and_a_page(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 30})
    address = ADDRESS | {"name": "<b>Max</b>"}
    create_old(seller, items=[old_item("TS-01", 12)], destinationAddress=address)
    seller.advance(360)
    order = seller.fulfilment_order("SHOP-1")

    listed = fulfilment(seller)
    german, english = (fulfilment(seller, f"/{SELLER_ID}/SHOP-1", each) for each in ("de", "en"))

    assert "✔ Abgeschlossen" in listed
    assert order.shipments[0].parcels[1].tracking_number in listed
    assert 'value="18"' in listed
    for text in ("Vielen Dank!", "✔ Abgeschlossen", "10240", "LEJ1", order.echo_id, "In Bearbeitung"):
        assert text in german
    for text in ("✔ Complete", "Multi-Channel Fulfillment", "Processing", "&lt;b&gt;Max"):
        assert text in english
    assert "<b>Max" not in english


def test_a_shop_that_ships_by_itself_has_no_such_orders(seller: Seller) -> None:
    shown = fulfilment(seller)

    assert "Noch keine Aufträge." in shown
    assert "Amazon hat noch keine Einheiten." in shown


@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        (["go-on", "go-on", "go-on"], "COMPLETE"),
        (["hang", "let-go", "go-on"], "PLANNING"),
        (["lose-one", "go-on", "go-on", "go-on"], "COMPLETE_PARTIALLED"),
        (["invalid", "go-on"], "INVALID"),
        (["hang", "unheard-of"], "RECEIVED"),
    ],
)
def test_buttons_move_what_amazon_ships(seller: Seller, acts: list[str], expected: str) -> None:
    seller.set_fba_stock({"TS-01": 30})
    create_old(seller)

    for act in acts:
        seller.send("POST", f"/seller-central/fulfilment/{SELLER_ID}/SHOP-1/{act}")

    assert seller.fulfilment_order("SHOP-1").status == expected


def test_an_order_that_hangs_says_so(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 30})
    create_old(seller)
    seller.send("POST", f"/seller-central/fulfilment/{SELLER_ID}/SHOP-1/hang")
    seller.advance(600)

    shown = fulfilment(seller, f"/{SELLER_ID}/SHOP-1")

    assert "◔ In Planung · ⚠ hängt" in shown
    assert "Weiterlaufen lassen" in shown


def test_an_order_that_ended_badly_says_why(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 1})
    create_old(seller)
    seller.advance(600)

    shown = fulfilment(seller, f"/{SELLER_ID}/SHOP-1")

    assert "✕ Nicht erfüllbar · Einheiten fehlen" in shown
    assert "nichts mehr zu simulieren" in shown


def test_units_at_amazon_are_changed_by_hand(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 30})
    path = f"/seller-central/fulfilment/stock/{SELLER_ID}"

    saved = seller.send("POST", f"{path}/TS-01", body=b"units=7")
    wrong = seller.send("POST", f"{path}/TS-01", body=b"units=-1")
    unknown = seller.send("POST", f"{path}/NEU", body=b"units=1")

    assert (saved.status, wrong.status, unknown.status) == (303, 400, 404)
    assert "Nicht gespeichert" in wrong.body.decode()
    assert seller.world.demo.fba_stock == {"TS-01": 7}


def test_an_echo_offers_no_buttons(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 30})
    create_old(seller)
    echo = seller.order(seller.fulfilment_order("SHOP-1").echo_id)

    assert press(seller, echo.order_id, "ship") == 303
    assert echo.status == "UNSHIPPED"


def test_fulfilment_orders_nobody_made_are_not_found(seller: Seller) -> None:
    assert seller.send("GET", f"/seller-central/fulfilment/{SELLER_ID}/NEU").status == 404
    assert seller.send("GET", "/seller-central/fulfilment/A2NOBODY/NEU").status == 404
