"""The promises of the Shop port, for every adapter: a subclass gives a shop, the suite does the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kogge.shops.port import (
    FulfilledParcel,
    LineState,
    NewOrder,
    OrderCancelled,
    OrderUpdate,
    OwnOrder,
    ParcelSent,
    Placed,
    Refused,
    Reservation,
    Shop,
    ShopRefuses,
)
from kogge.values import Address, Money, Tracking
from tests.backoffice.shop import ERIKA, NOW, euro, new_line, new_order

ONE, TWO = "305-0000001-0000001", "305-0000002-0000002"


class ShopPromises:
    """Give the fixture `shop` and the few things a test must do or see on the merchant's side."""

    tells_reasons = True  # whether the shop knows why an order was cancelled; "other" if it does not

    # --- what an adapter's tests provide ---

    @pytest.fixture
    def shop(self) -> Shop:
        raise NotImplementedError

    def product_id(self, code: str, counted: int) -> str:
        """Create a product with so many in stock; its key."""
        raise NotImplementedError

    def stock(self, product_id: str) -> tuple[int, int]:
        """Stock and reserved."""
        raise NotImplementedError

    def states(self, external_id: str) -> tuple[str, str, str]:
        """Status, payment and delivery of an order."""
        raise NotImplementedError

    def address(self, external_id: str) -> Address:
        raise NotImplementedError

    def start_packing(self, external_id: str) -> None:
        raise NotImplementedError

    def ship(self, external_id: str, number: str, quantities: dict[int, int] | None = None) -> None:
        """The merchant sends a parcel with DHL."""
        raise NotImplementedError

    def correct_tracking(self, external_id: str, number: str) -> None:
        """The merchant corrects the number of the first parcel."""
        raise NotImplementedError

    def cancel(self, external_id: str, reason: str) -> None:
        raise NotImplementedError

    def sell(self, *lines: tuple[str, int], paid: bool = True) -> str:
        """The shop sells so many of these products itself, for Erika by "Express"; the order's key."""
        raise NotImplementedError

    def stand_ready(self, product_id: str, units: int) -> None:
        """The channel has so many in its warehouse and ships them for the shop."""
        raise NotImplementedError

    def pay(self, order_id: str) -> None:
        raise NotImplementedError

    def pack_own(self, order_id: str) -> None:
        raise NotImplementedError

    def ship_own(self, order_id: str, quantities: dict[int, int] | None = None) -> None:
        """The merchant sends a parcel of an own order."""
        raise NotImplementedError

    def change_own(self, order_id: str, address: Address, quantities: dict[int, int]) -> None:
        raise NotImplementedError

    def cancel_own(self, order_id: str) -> None:
        raise NotImplementedError

    def own_states(self, order_id: str) -> tuple[str, str, str]:
        """Status, payment and delivery of an own order."""
        raise NotImplementedError

    def parcels(self, order_id: str) -> list[tuple[str, str, dict[int, int]]]:
        """Carrier, number and units by position of each parcel of an own order."""
        raise NotImplementedError

    def mails(self, order_id: str) -> int:
        """How many dispatch mails there are about an own order."""
        raise NotImplementedError

    # --- placing ---

    def test_an_order_is_placed_paid_and_open(self, shop: Shop) -> None:
        [placed] = shop.place_orders([new_order(ONE)], now=NOW)
        assert shop.health() == ""

        assert isinstance(placed, Placed)
        assert placed.created
        assert self.states(ONE) == ("open", "paid", "open")

    def test_an_order_placed_twice_is_there_once_and_takes_stock_once(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)
        order = self._order(ONE, tea, quantity=3)

        [first] = shop.place_orders([order], now=NOW)
        [second] = shop.place_orders([order], now=NOW + timedelta(minutes=10))

        assert isinstance(first, Placed)
        assert second == replace(first, created=False)
        assert self.stock(tea) == (7, 0)

    def test_the_same_order_twice_in_one_page_is_placed_once(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)
        order = self._order(ONE, tea, quantity=3)

        answers = shop.place_orders([order, order], now=NOW)

        assert len({answer.order_id for answer in answers if isinstance(answer, Placed)}) == 1
        assert self.stock(tea) == (7, 0)

    def test_answers_come_in_the_order_of_the_orders_and_numbers_go_up(self, shop: Shop) -> None:
        shop.place_orders([new_order(TWO)], now=NOW)

        answers = shop.place_orders([new_order(ONE), new_order(TWO), new_order("305-3")], now=NOW)

        assert [answer.external_id for answer in answers] == [ONE, TWO, "305-3"]
        numbers = [int(answer.number) for answer in answers if isinstance(answer, Placed)]
        assert numbers[0] == numbers[1] + 1
        assert numbers[2] == numbers[0] + 1

    @pytest.mark.parametrize(
        "sick",
        [
            new_order(ONE, total=euro("1.00")),
            new_order(ONE, new_line(total=euro("1.00"))),
            new_order(ONE, new_line(quantity=-1)),
            new_order(ONE, new_line(shipping=Money.parse("1.00", "USD"), total=euro("9.90"))),
            new_order(ONE, new_line(quantity=1, shipped=2)),
            replace(new_order(ONE), lines=(), total=euro("0.00")),
        ],
        ids=["total", "parts", "quantity", "currency", "more shipped than ordered", "no lines"],
    )
    def test_an_order_that_makes_no_sense_is_refused_and_the_others_are_placed(
        self, shop: Shop, sick: NewOrder
    ) -> None:
        answers = shop.place_orders([sick, new_order(TWO)], now=NOW)

        assert isinstance(answers[0], Refused)
        assert answers[0].reason
        assert isinstance(answers[1], Placed)

    def test_net_prices_have_their_tax_on_top(self, shop: Shop) -> None:
        line = new_line(price="10.00", tax=euro("1.90"), total=euro("11.90"))

        [placed] = shop.place_orders([new_order(ONE, line)], now=NOW)

        assert isinstance(placed, Placed)

    def test_a_flagged_order_differs_from_its_lines_by_its_rounding(self, shop: Shop) -> None:
        order = new_order(ONE, new_line(price="10.00"), total=euro("10.01"), rounding=euro("0.01"))

        [placed] = shop.place_orders([order], now=NOW)

        assert isinstance(placed, Placed)

    def test_an_order_shipped_elsewhere_is_closed_and_tells_nothing(self, shop: Shop) -> None:
        shop.place_orders([new_order(ONE, new_line(quantity=2, shipped=2))], now=NOW)

        assert self.states(ONE) == ("closed", "paid", "shipped")
        assert shop.order_changes("amazon", "", 10).changes == []

    def test_an_order_shipped_elsewhere_in_part_waits_for_the_rest(self, shop: Shop) -> None:
        shop.place_orders([new_order(ONE, new_line(quantity=2, shipped=1))], now=NOW)

        assert self.states(ONE) == ("in_progress", "paid", "partially_shipped")

    def test_an_order_from_before_the_connection_moves_no_stock(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)

        shop.place_orders([replace(self._order(ONE, tea), moves_stock=False)], now=NOW)

        assert self.stock(tea) == (10, 0)

    # --- reserving ---

    def test_reserved_stock_is_taken_when_the_order_is_placed(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)
        reservation = Reservation(f"amazon:{ONE}:1", tea, 3)

        shop.reserve([reservation], now=NOW)
        shop.reserve([reservation], now=NOW)
        reserved = self.stock(tea)
        shop.place_orders([self._order(ONE, tea, quantity=3)], now=NOW)

        assert reserved == (10, 3)
        assert self.stock(tea) == (7, 0)

    def test_released_stock_is_free_and_stays_free(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)
        reservation = Reservation(f"amazon:{ONE}:1", tea, 3)
        shop.reserve([reservation], now=NOW)

        shop.release([reservation.key, "unknown"], now=NOW)
        shop.release([reservation.key], now=NOW)
        shop.reserve([reservation], now=NOW)

        assert self.stock(tea) == (10, 0)

    def test_no_more_is_reserved_than_there_is(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)

        shop.reserve([Reservation(f"amazon:{n}:1", tea, 3) for n in range(4)], now=NOW)
        held = self.stock(tea)
        shop.release([f"amazon:{n}:1" for n in range(4)], now=NOW)

        assert held == (10, 10)
        assert self.stock(tea) == (10, 0)

    # --- what a channel may offer ---

    def test_what_is_reserved_or_sold_is_not_offered(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)

        shop.reserve([Reservation("amazon:pending:1", tea, 3)], now=NOW)
        shop.place_orders([self._order(ONE, tea, quantity=2)], now=NOW)

        values = shop.product_values([tea])[tea]
        assert (values.product_id, values.code, values.available, values.reserved) == (tea, "TEE-1", 5, 3)
        assert values.active

    def test_an_order_always_arrives_and_what_is_offered_never_becomes_negative(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 1)

        [placed] = shop.place_orders([self._order(ONE, tea, quantity=3)], now=NOW)

        assert isinstance(placed, Placed)
        assert self.stock(tea) == (0, 0)
        assert shop.product_values([tea])[tea].available == 0

    def test_what_comes_back_goes_to_orders_that_wait_before_it_is_offered_again(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 2)
        shop.place_orders([self._order(ONE, tea, quantity=2), self._order(TWO, tea, quantity=1)], now=NOW)

        self.cancel(ONE, "customer_exchange")

        assert self.stock(tea) == (1, 0)
        assert shop.product_values([tea])[tea].available == 1

    def test_values_of_unknown_products_are_missing(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 1)

        assert list(shop.product_values([tea, "999999999", "no key"])) == [tea]
        assert shop.product_values([]) == {}

    # --- following the channel ---

    def test_an_address_that_arrives_later_is_kept_and_never_blanked(self, shop: Shop) -> None:
        shop.place_orders([new_order(ONE, shipping_address=Address(city="Hamburg"))], now=NOW)
        arrives = OrderUpdate("amazon", ONE, shipping_address=ERIKA)
        blank = OrderUpdate("amazon", ONE, shipping_address=Address(name="Erika Muster"))

        [arrived] = shop.update_orders([arrives], now=NOW)
        [again] = shop.update_orders([arrives], now=NOW)
        shop.update_orders([blank], now=NOW)

        assert (arrived.changed, again.changed) == (True, False)
        assert self.address(ONE) == ERIKA

    def test_updates_of_orders_the_shop_does_not_have_are_left_out(self, shop: Shop) -> None:
        assert list(shop.update_orders([OrderUpdate("amazon", ONE, buyer_name="Erika")], now=NOW)) == []

    def test_units_shipped_elsewhere_count_and_never_become_fewer(self, shop: Shop) -> None:
        shop.place_orders([new_order(ONE, new_line("1", quantity=3))], now=NOW)
        self.ship(ONE, "T1", {1: 2})

        shop.update_orders([self._units(ONE, quantity=3, shipped=1)], now=NOW)
        between = self.states(ONE)
        shop.update_orders([self._units(ONE, quantity=3, shipped=3)], now=NOW)

        assert between == ("in_progress", "paid", "partially_shipped")
        assert self.states(ONE) == ("closed", "paid", "shipped")

    @pytest.mark.parametrize("quantity", [5, 3], ids=["told as cancelled", "told by the quantity"])
    def test_units_cancelled_at_the_channel_give_their_stock_back_once(
        self, shop: Shop, quantity: int
    ) -> None:
        tea = self.product_id("TEE-1", 10)
        shop.place_orders([self._order(ONE, tea, quantity=5)], now=NOW)
        update = self._units(ONE, quantity=quantity, cancelled=2)

        shop.update_orders([update], now=NOW)
        shop.update_orders([update], now=NOW)

        assert self.stock(tea) == (7, 0)

    def test_an_order_cancelled_at_the_channel_is_cancelled_here_and_not_told_back(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)
        shop.place_orders([self._order(ONE, tea, quantity=5)], now=NOW)

        [first] = shop.update_orders([OrderUpdate("amazon", ONE, cancelled_by="buyer")], now=NOW)
        [second] = shop.update_orders([OrderUpdate("amazon", ONE, cancelled_by="buyer")], now=NOW)

        assert (first.changed, first.conflict, second.changed, second.conflict) == (True, "", False, "")
        assert self.states(ONE)[::2] == ("cancelled", "cancelled")
        assert self.stock(tea) == (10, 0)
        assert shop.order_changes("amazon", "", 10).changes == []

    def test_an_order_that_is_packed_is_not_cancelled_by_the_channel(self, shop: Shop) -> None:
        shop.place_orders([new_order(ONE)], now=NOW)
        self.start_packing(ONE)

        answers = [
            shop.update_orders([OrderUpdate("amazon", ONE, cancelled_by="buyer")], now=NOW)[0]
            for _ in range(2)
        ]

        assert [(answer.changed, answer.conflict) for answer in answers] == [(False, "already_packed")] * 2
        assert self.states(ONE) == ("in_progress", "paid", "packing")

    def test_an_order_that_is_shipped_is_not_cancelled_by_the_channel(self, shop: Shop) -> None:
        shop.place_orders([new_order(ONE, new_line(quantity=2))], now=NOW)
        self.ship(ONE, "T1", {1: 1})

        [answer] = shop.update_orders([OrderUpdate("amazon", ONE, cancelled_by="channel")], now=NOW)

        assert (answer.changed, answer.conflict) == (False, "already_shipped")

    # --- a cancellation that the channel refuses ---

    def test_a_refused_cancellation_lets_the_order_stand_again_and_takes_its_stock_once(
        self, shop: Shop
    ) -> None:
        tea = self.product_id("TEE-1", 10)
        shop.place_orders([self._order(ONE, tea, quantity=5)], now=NOW)
        shop.update_orders([self._units(ONE, quantity=5, cancelled=1)], now=NOW)
        self.cancel(ONE, "no_inventory")
        told = shop.order_changes("amazon", "", 10)
        given_back = self.stock(tea)

        shop.reinstate("amazon", ONE, now=NOW)
        shop.reinstate("amazon", ONE, now=NOW)

        assert given_back == (10, 0)
        assert self.stock(tea) == (6, 0), "the unit the channel cancelled before stays cancelled"
        assert self.states(ONE) == ("open", "paid", "open")
        assert shop.order_changes("amazon", told.cursor, 10).changes == []

    def test_an_order_that_stands_again_can_be_shipped_elsewhere(self, shop: Shop) -> None:
        shop.place_orders([new_order(ONE, new_line("1", quantity=3))], now=NOW)
        self.cancel(ONE, "no_inventory")
        shop.reinstate("amazon", ONE, now=NOW)

        shop.update_orders([self._units(ONE, quantity=3, shipped=3)], now=NOW)

        assert self.states(ONE) == ("closed", "paid", "shipped")

    def test_an_order_that_stands_again_can_be_cancelled_again_by_either_side(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)
        shop.place_orders([self._order(ONE, tea, quantity=5)], now=NOW)

        seen = []
        for _turn in range(2):
            self.cancel(ONE, "no_inventory")
            seen.append(self.stock(tea))
            shop.reinstate("amazon", ONE, now=NOW)
            seen.append(self.stock(tea))
        shop.update_orders([OrderUpdate("amazon", ONE, cancelled_by="buyer")], now=NOW)
        shop.reinstate("amazon", ONE, now=NOW)

        assert seen == [(10, 0), (5, 0)] * 2
        assert self.stock(tea) == (10, 0)
        assert self.states(ONE)[0] == "cancelled"

    def test_an_order_that_stands_is_left_alone_and_an_unknown_one_is_refused(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)
        shop.place_orders([self._order(ONE, tea, quantity=5)], now=NOW)

        shop.reinstate("amazon", ONE, now=NOW)

        assert self.stock(tea) == (5, 0)
        assert self.states(ONE) == ("open", "paid", "open")
        with pytest.raises(ShopRefuses):
            shop.reinstate("amazon", TWO, now=NOW)

    # --- changes ---

    def test_parcels_corrections_and_cancellations_are_told_in_their_order(self, shop: Shop) -> None:
        shop.place_orders(
            [new_order(ONE, new_line("11", quantity=2), new_line("12")), new_order(TWO)], now=NOW
        )
        self.ship(ONE, "T1", {1: 2})
        self.cancel(TWO, "no_inventory")
        self.correct_tracking(ONE, "T2")

        page = shop.order_changes("amazon", "", 10)

        sent, cancelled, corrected = page.changes
        assert isinstance(sent, ParcelSent)
        assert sent == ParcelSent(ONE, 1, Tracking("DHL", "T1"), sent.sent_at, {"11": 2})
        assert isinstance(cancelled, OrderCancelled)
        assert cancelled.external_id == TWO
        assert cancelled.reason == ("no_inventory" if self.tells_reasons else "other")
        assert corrected == replace(sent, tracking=Tracking("DHL", "T2"))
        assert not page.more

    def test_changes_are_read_page_by_page_without_a_gap(self, shop: Shop) -> None:
        ids = [f"305-000000{i}-0000000" for i in range(5)]
        shop.place_orders([new_order(external_id) for external_id in ids], now=NOW)
        for external_id in ids:
            self.ship(external_id, f"T-{external_id}")

        seen: list[str] = []
        cursor, more = "", True
        while more:
            page = shop.order_changes("amazon", cursor, 2)
            seen += [change.external_id for change in page.changes]
            cursor, more = page.cursor, page.more

        assert seen == ids
        assert shop.order_changes("amazon", cursor, 2).changes == []
        assert shop.order_changes("amazon", cursor, 2).cursor == cursor

    def test_a_channel_hears_only_of_its_own_orders(self, shop: Shop) -> None:
        shop.place_orders([new_order(ONE)], now=NOW)
        self.ship(ONE, "T1")

        assert shop.order_changes("elsewhere", "", 10).changes == []

    # --- products and people ---

    def test_products_are_found_by_article_number_and_by_key(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)

        by_code = shop.find_products(["TEE-1", "unknown"])
        by_key = shop.products([tea, "999999999", "no key"])

        assert list(by_code) == ["TEE-1"]
        assert by_code["TEE-1"] == by_key[tea]
        assert list(by_key) == [tea]

    def test_a_free_line_takes_stock_when_its_product_is_known(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)
        shop.place_orders([new_order(ONE, new_line("1", quantity=4))], now=NOW)

        shop.assign_product("amazon", ONE, "1", tea, now=NOW)
        shop.assign_product("amazon", ONE, "1", tea, now=NOW)

        assert self.stock(tea) == (6, 0)

    def test_assigning_a_product_that_is_gone_is_refused(self, shop: Shop) -> None:
        shop.place_orders([new_order(ONE)], now=NOW)

        with pytest.raises(ShopRefuses):
            shop.assign_product("amazon", ONE, "1", "999999999", now=NOW)

    def test_people_are_forgotten_once_and_do_not_come_back(self, shop: Shop) -> None:
        shop.place_orders([new_order(ONE)], now=NOW)

        forgotten = [shop.forget_people("amazon", [ONE, TWO], now=NOW) for _ in range(2)]
        shop.update_orders([OrderUpdate("amazon", ONE, shipping_address=ERIKA)], now=NOW)

        assert forgotten == [1, 0]
        assert self.address(ONE) == Address()

    # --- own orders, shipped by a fulfiller ---

    def test_an_own_order_is_told_as_it_stands(self, shop: Shop) -> None:
        tea, pot = self.product_id("TEE-1", 10), self.product_id("KANNE", 10)
        key = self.sell((tea, 2), (pot, 1))

        [order] = shop.own_orders("", 10).orders

        assert order == shop.own_order(key)
        assert (order.order_id, order.is_paid, order.is_cancelled) == (key, True, False)
        assert (order.shipping_method, order.address) == ("Express", ERIKA)
        assert [(line.product_id, line.quantity, line.open, line.fulfilled_by) for line in order.lines] == [
            (tea, 2, 2, ""),
            (pot, 1, 1, ""),
        ]
        assert "Erika" not in repr(order)

    def test_what_happens_to_own_orders_is_read_page_by_page_each_once_a_page(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 50)
        before = self.sell((tea, 1))
        end = shop.own_orders_end()
        first, second = self.sell((tea, 1), paid=False), self.sell((tea, 3))
        self.pay(first)
        self.change_own(second, ERIKA, {1: 2})
        self.ship_own(first)
        self.cancel_own(second)
        shop.place_orders([new_order(ONE)], now=NOW)  # a channel's order is not told here

        told: set[str] = set()
        cursor, more = end, True
        while more:
            page = shop.own_orders(cursor, 2)
            assert len(page.orders) <= 2
            told |= {order.order_id for order in page.orders}
            cursor, more = page.cursor, page.more
        everything = shop.own_orders("", 50)

        assert told == {first, second}
        assert [order.order_id for order in everything.orders] == [before, first, second]
        last = everything.orders[-1]
        assert (last.is_cancelled, last.lines[0].quantity, last.lines[0].open) == (True, 3, 0)
        assert shop.own_orders(cursor, 2).orders == []
        assert shop.own_orders(cursor, 2).cursor == cursor
        assert shop.own_orders(shop.own_orders_end(), 2).orders == []

    def test_orders_of_a_channel_are_no_own_orders(self, shop: Shop) -> None:
        [placed] = shop.place_orders([new_order(ONE)], now=NOW)
        assert isinstance(placed, Placed)

        assert shop.own_orders("", 10).orders == []
        assert shop.own_order(placed.order_id) is None
        assert shop.own_order("no key") is None
        with pytest.raises(ShopRefuses):
            shop.hand_over(placed.order_id, ["1"], "amazon", now=NOW)
        with pytest.raises(ShopRefuses):
            shop.record_parcel(placed.order_id, self._parcel({}), "amazon", now=NOW)

    def test_what_a_fulfiller_ships_takes_no_stock_of_the_shop(self, shop: Shop) -> None:
        tea, pot = self.product_id("TEE-1", 10), self.product_id("KANNE", 10)
        self.stand_ready(tea, 5)

        few, many = self.sell((tea, 2), (pot, 1)), self.sell((tea, 6))

        assert [line.fulfilled_by for line in self._own(shop, few).lines] == ["amazon", ""]
        assert [line.fulfilled_by for line in self._own(shop, many).lines] == [""]
        assert self.stock(tea) == (4, 0)
        assert self.stock(pot) == (9, 0)

    def test_lines_that_are_handed_over_give_their_stock_back_once(self, shop: Shop) -> None:
        tea, pot = self.product_id("TEE-1", 10), self.product_id("KANNE", 10)
        key = self.sell((tea, 2), (pot, 1))
        lines = self._line_ids(shop, key)

        answers = [shop.hand_over(key, lines[:1], "amazon", now=NOW) for _ in range(2)]

        assert [line.fulfilled_by for line in answers[0].lines] == ["amazon", ""]
        assert answers[0] == answers[1] == shop.own_order(key)
        assert self.stock(tea) == (10, 0)
        assert self.stock(pot) == (9, 0)

    def test_lines_that_come_back_take_stock_once(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)
        key = self.sell((tea, 2))
        lines = self._line_ids(shop, key)
        shop.hand_over(key, lines, "amazon", now=NOW)

        for by in ("somebody", "amazon", "amazon"):
            shop.take_back(key, lines, by, now=NOW)
        shop.take_back("no key", lines, "amazon", now=NOW)
        back = self.stock(tea)
        shop.hand_over(key, lines, "amazon", now=NOW)

        assert back == (8, 0)
        assert self.stock(tea) == (10, 0), "and may be handed over again"

    def test_goods_that_come_back_when_there_are_none_are_owed(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 1)
        self.stand_ready(tea, 5)
        key = self.sell((tea, 3))

        shop.take_back(key, self._line_ids(shop, key), "amazon", now=NOW)

        assert self.stock(tea) == (0, 0)
        assert shop.product_values([tea])[tea].available == 0

    def test_unpaid_cancelled_packed_shipped_or_unknown_things_are_not_handed_over(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 50)
        unpaid, gone = self.sell((tea, 1), paid=False), self.sell((tea, 1))
        shipped, packed = self.sell((tea, 1)), self.sell((tea, 1))
        self.cancel_own(gone)
        self.ship_own(shipped)
        self.pack_own(packed)
        before = self.stock(tea)

        lines = {key: self._line_ids(shop, key) for key in (unpaid, gone, shipped, packed)}
        known = self.sell((tea, 1))
        lines |= {known: [*self._line_ids(shop, known), "no line"], "no key": ["1"]}
        for key, chosen in lines.items():
            with pytest.raises(ShopRefuses):
                shop.hand_over(key, chosen, "amazon", now=NOW)

        assert self.stock(tea) == (before[0] - 1, 0)

    def test_a_line_has_one_fulfiller(self, shop: Shop) -> None:
        key = self.sell((self.product_id("TEE-1", 10), 1))
        shop.hand_over(key, self._line_ids(shop, key)[:1], "amazon", now=NOW)

        with pytest.raises(ShopRefuses):
            shop.hand_over(key, self._line_ids(shop, key)[:1], "somebody", now=NOW)

    def test_the_merchant_cannot_ship_what_a_fulfiller_ships(self, shop: Shop) -> None:
        tea, pot = self.product_id("TEE-1", 10), self.product_id("KANNE", 10)
        key = self.sell((tea, 2), (pot, 1))
        shop.hand_over(key, self._line_ids(shop, key)[:1], "amazon", now=NOW)

        self.ship_own(key)

        assert [units for _carrier, _number, units in self.parcels(key)] == [{2: 1}]
        assert self.own_states(key) == ("in_progress", "paid", "partially_shipped")

    def test_a_fulfillers_parcel_is_in_the_order_and_mailed_once(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)
        key = self.sell((tea, 2))
        shop.hand_over(key, self._line_ids(shop, key)[:1], "amazon", now=NOW)

        answers = [self._send(shop, key, {1: 2}) for _ in range(2)]

        assert answers == [True, False]
        assert self.parcels(key) == [("DHL", "T1", {1: 2})]
        assert self.own_states(key) == ("closed", "paid", "shipped")
        assert self._own(shop, key).lines[0].open == 0
        assert self.mails(key) == 1
        assert self.stock(tea) == (10, 0)

    def test_tracking_that_comes_later_is_taken_over_and_never_emptied(self, shop: Shop) -> None:
        key = self.sell((self.product_id("TEE-1", 10), 1))
        shop.hand_over(key, self._line_ids(shop, key)[:1], "amazon", now=NOW)

        for carrier, number in (("", ""), ("DPD", "T2"), ("", "")):
            self._send(shop, key, {1: 1}, number, carrier)

        assert self.parcels(key) == [("DPD", "T2", {1: 1})]
        assert self.mails(key) == 1

    def test_one_more_parcel_of_the_same_goods_is_mailed_if_it_can_be_followed(self, shop: Shop) -> None:
        key = self.sell((self.product_id("TEE-1", 10), 2))
        shop.hand_over(key, self._line_ids(shop, key)[:1], "amazon", now=NOW)
        self._send(shop, key, {1: 2})

        self._send(shop, key, {}, "", name="s1-p2")
        silent = self.mails(key)
        self._send(shop, key, {}, "T2", name="s1-p2")

        assert (silent, self.mails(key)) == (1, 2)
        assert self.parcels(key) == [("DHL", "T1", {1: 2}), ("DHL", "T2", {})]

    def test_no_more_units_are_counted_than_the_fulfiller_has(self, shop: Shop) -> None:
        tea, pot = self.product_id("TEE-1", 10), self.product_id("KANNE", 10)
        key = self.sell((tea, 2), (pot, 1))
        shop.hand_over(key, self._line_ids(shop, key)[:1], "amazon", now=NOW)

        self._send(shop, key, {1: 5, 2: 1})

        assert [line.open for line in self._own(shop, key).lines] == [0, 1]
        assert self.parcels(key) == [("DHL", "T1", {1: 2})]

    def test_a_parcel_with_an_unknown_line_is_refused(self, shop: Shop) -> None:
        key = self.sell((self.product_id("TEE-1", 10), 1))
        shop.hand_over(key, self._line_ids(shop, key)[:1], "amazon", now=NOW)

        with pytest.raises(ShopRefuses):
            shop.record_parcel(key, self._parcel({"no line": 1}), "amazon", now=NOW)

        assert self.parcels(key) == []

    def test_what_is_left_after_a_parcel_comes_back(self, shop: Shop) -> None:
        tea = self.product_id("TEE-1", 10)
        key = self.sell((tea, 5))
        shop.hand_over(key, self._line_ids(shop, key)[:1], "amazon", now=NOW)
        self._send(shop, key, {1: 2})

        for _ in range(2):
            shop.take_back(key, self._line_ids(shop, key)[:1], "amazon", now=NOW)
        self.ship_own(key)

        assert self.stock(tea) == (7, 0)
        assert [units for _carrier, _number, units in self.parcels(key)] == [{1: 2}, {1: 3}]

    def test_an_own_order_that_its_fulfiller_let_go_is_cancelled_once(self, shop: Shop) -> None:
        tea, pot = self.product_id("TEE-1", 10), self.product_id("KANNE", 10)
        key = self.sell((tea, 2), (pot, 1))
        shop.hand_over(key, self._line_ids(shop, key)[:1], "amazon", now=NOW)

        for _ in range(2):
            shop.cancel_own_order(key, "buyer_cancelled", "amazon", now=NOW)

        assert self.own_states(key)[::2] == ("cancelled", "cancelled")
        assert self._own(shop, key).is_cancelled
        assert (self.stock(tea), self.stock(pot)) == ((10, 0), (10, 0))

    def test_an_own_order_that_was_shipped_in_part_is_not_cancelled(self, shop: Shop) -> None:
        key = self.sell((self.product_id("TEE-1", 10), 2))
        self.ship_own(key, {1: 1})

        with pytest.raises(ShopRefuses):
            shop.cancel_own_order(key, "other", "amazon", now=NOW)
        with pytest.raises(ShopRefuses):
            shop.cancel_own_order("no key", "other", "amazon", now=NOW)

    # --- helpers ---

    def _own(self, shop: Shop, order_id: str) -> OwnOrder:
        order = shop.own_order(order_id)
        assert order is not None
        return order

    def _line_ids(self, shop: Shop, order_id: str) -> list[str]:
        return [line.line_id for line in self._own(shop, order_id).lines]

    def _parcel(self, quantities: dict[str, int]) -> FulfilledParcel:
        return FulfilledParcel("s1-p1", Tracking("DHL", "T1"), "", NOW, quantities)

    def _send(
        self,
        shop: Shop,
        order_id: str,
        units: dict[int, int],
        number: str = "T1",
        carrier: str = "DHL",
        *,
        name: str = "s1-p1",
    ) -> bool:
        """The fulfiller sent so many units, by position."""
        lines = self._line_ids(shop, order_id)
        quantities = {lines[position - 1]: count for position, count in units.items()}
        told = FulfilledParcel(name, Tracking(carrier, number), "", NOW, quantities)
        return shop.record_parcel(order_id, told, "amazon", now=NOW)

    def _order(self, external_id: str, product_id: str, quantity: int = 1) -> NewOrder:
        return new_order(external_id, replace(new_line("1", quantity=quantity), product_id=product_id))

    def _units(self, external_id: str, *, quantity: int, shipped: int = 0, cancelled: int = 0) -> OrderUpdate:
        return OrderUpdate("amazon", external_id, lines={"1": LineState(quantity, shipped, cancelled)})
