"""Changes are noted in their own transaction, at the same cost for one as for many."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from kogge.amazon.offers import changes
from kogge.amazon.offers.models import Listing
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from tests.amazon.offers.conftest import Shelf

pytestmark = pytest.mark.django_db


def quiet(shelf: Shelf) -> None:
    """Nothing waits any more, and the next look is tomorrow."""
    Listing.objects.of(shelf.merchant).update(plan_at=None, changed_at=None, read_at=None)
    Due.objects.update(due_at=shelf.now + timedelta(days=1))


def due_at(shelf: Shelf, operation: str = "send_offers") -> timedelta:
    row = Due.objects.get(operation=operation, subject=shelf.connection.pk)
    return row.due_at - shelf.now


def test_a_sale_is_due_after_the_batching_time(shelf: Shelf) -> None:
    shelf.put()
    quiet(shelf)
    shelf.count("TEE-1", 9)
    assert timedelta(seconds=1) < due_at(shelf) <= changes.BATCHING
    assert shelf.listing().plan_at is not None


def test_the_first_change_sets_the_time_and_later_ones_keep_it(shelf: Shelf) -> None:
    shelf.put()
    quiet(shelf)
    shelf.count("TEE-1", 9)
    first = shelf.listing().changed_at
    shelf.amazon.advance(1)
    shelf.count("TEE-1", 8)
    assert shelf.listing().changed_at == first
    assert due_at(shelf) <= timedelta(seconds=1)


def test_a_change_that_is_taken_back_leaves_nothing(shelf: Shelf) -> None:
    shelf.put()
    quiet(shelf)
    with transaction.atomic():
        shelf.count("TEE-1", 9)
        transaction.set_rollback(True)
    assert shelf.listing().plan_at is None
    assert due_at(shelf) > timedelta(hours=23)


def test_other_merchants_are_left_alone(shelf: Shelf, other_merchant: Merchant) -> None:
    product = shelf.put()
    quiet(shelf)
    changes.products_changed(other_merchant.pk, [str(product.pk)], now=shelf.now)
    changes.offers_changed(other_merchant.pk, [str(product.pk)], now=shelf.now)
    assert shelf.listing().plan_at is None


def test_a_product_without_an_offer_wakes_nobody(shelf: Shelf) -> None:
    shelf.put()
    quiet(shelf)
    changes.products_changed(shelf.merchant.pk, ["987654"], now=shelf.now)
    assert due_at(shelf) > timedelta(hours=23)


def test_many_cost_as_many_statements_as_one(shelf: Shelf) -> None:
    keys = [str(shelf.put(f"TEE-{number}").pk) for number in range(12)]

    def statements(some: list[str]) -> int:
        with CaptureQueriesContext(database) as queries:
            changes.products_changed(shelf.merchant.pk, some, now=shelf.now)
            changes.offers_changed(shelf.merchant.pk, some, now=shelf.now)
        return len(queries)

    assert statements(keys) == statements(keys[:1])


def test_a_ticked_offer_gets_a_listing_that_is_looked_up_at_once(shelf: Shelf) -> None:
    shelf.put()
    listing = shelf.listing()
    assert listing.state == "ready"
    assert listing.read_at is not None
    assert due_at(shelf, "read_offers") <= timedelta(0)
    shelf.change_offer("TEE-1", price=None)
    assert Listing.objects.of(shelf.merchant).count() == 1


def test_an_unticked_product_gets_none(shelf: Shelf) -> None:
    shelf.put(offer={"enabled": False})
    assert not Listing.objects.of(shelf.merchant).exists()
