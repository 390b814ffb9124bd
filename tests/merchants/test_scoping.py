"""A merchant sees only their own: the query layer refuses whoever forgets to say whose."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import models

from kogge.merchants.models import Merchant
from kogge.merchants.scoping import ScopedManager, UnscopedQuery

# These belong to nobody, or are how people and merchants find each other. A shop counter's key is its
# merchant: it cannot be asked for without naming one.
SHARED = {
    "merchants.Merchant",
    "merchants.User",
    "merchants.Membership",
    "merchants.LoginAttempt",
    "backoffice.ShopCounter",
}

OURS = [
    model
    for model in apps.get_models()
    if model.__module__.startswith("kogge.") and model._meta.label not in SHARED
]


def belongs_to_a_merchant(model: Any, seen: frozenset[Any] = frozenset()) -> bool:
    """Whether a path of foreign keys leads from the model to a merchant."""
    if model is Merchant:
        return True
    targets = {
        field.related_model for field in model._meta.get_fields() if field.many_to_one or field.one_to_one
    }
    concrete = {
        field.related_model
        for field in model._meta.concrete_fields
        if field.is_relation and field.related_model in targets
    }
    return any(belongs_to_a_merchant(target, seen | {model}) for target in concrete - seen - {model})


SCOPED = [model for model in OURS if belongs_to_a_merchant(model)]


def test_the_walk_finds_the_models_it_is_about() -> None:
    labels = {model._meta.label for model in SCOPED}

    assert {"backoffice.Order", "backoffice.OrderLine", "backoffice.Product"} <= labels
    assert len(labels) > 12


@pytest.mark.parametrize("model", SCOPED, ids=lambda model: model._meta.label)
def test_whatever_belongs_to_a_merchant_answers_only_when_told_whose(model: Any) -> None:
    assert isinstance(model._default_manager, ScopedManager)
    with pytest.raises(UnscopedQuery):
        model.objects.all()
    with pytest.raises(UnscopedQuery):
        model.objects.filter(pk=1)
    with pytest.raises(UnscopedQuery):
        model.objects.count()


@pytest.mark.django_db
@pytest.mark.parametrize("model", SCOPED, ids=lambda model: model._meta.label)
def test_the_path_to_the_merchant_leads_there(model: Any, merchant: Merchant) -> None:
    assert list(model.objects.of(merchant)) == []
    assert f"= {merchant.pk}" in str(model.objects.of_id(merchant.pk).query)


@pytest.mark.django_db
def test_each_merchant_sees_their_own_only(merchant: Merchant, other_merchant: Merchant, clock: Any) -> None:
    from kogge.backoffice.models import Product

    for owner in (merchant, other_merchant):
        Product(merchant=owner, code=f"of {owner.slug}", title="Tee", price=1, changed_at=clock.now).save()

    assert [product.code for product in Product.objects.of(merchant)] == ["of teehaus-muster"]
    assert [product.code for product in Product.objects.of_id(other_merchant.pk)] == ["of anderswo"]
    assert Product.objects.everyone().count() == 2


@pytest.mark.django_db
def test_what_hangs_on_a_row_is_fenced_by_that_row(merchant: Merchant, clock: Any) -> None:
    from kogge.backoffice.models import Order

    order = Order.objects.everyone().create(**an_order(merchant, clock))

    assert list(order.lines.all()) == []
    assert order.lines.count() == 0


def an_order(merchant: Merchant, clock: Any) -> dict[str, Any]:
    """The least an order can be: every column without a default that is not a relation."""
    values: dict[str, Any] = {"merchant": merchant}
    from kogge.backoffice.models import Order

    for field in Order._meta.concrete_fields:
        if field.has_default() or field.null or field.primary_key or field.is_relation or field.blank:
            continue
        match field:
            case models.DateTimeField():
                values[field.name] = clock.now
            case models.CharField():
                values[field.name] = "EUR"[: field.max_length]
            case _:
                values[field.name] = 1
    return values
