"""Customers and addresses, as the API shows them.

The shop has no customers of its own: people belong to orders, sealed there and forgotten there. So whoever
placed an order is a customer of that order (an even id: twice the order's), and disappears with its people.
Whom an app writes down has a row (an odd id: twice the row's and one). An address has the id of its customer.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from msgspec import UNSET, Struct, UnsetType

from kogge.backoffice.api.models import Customer, Metafield, OrderExtras
from kogge.backoffice.api.order_documents import CustomerOut
from kogge.backoffice.api.order_fields import (
    AddressIn,
    AddressOut,
    Flag,
    Word,
    address_in,
    address_out,
    flag,
    said,
    split_name,
    text,
)
from kogge.backoffice.api.resource import Caller, Invalid, Missing, Query, number_from
from kogge.backoffice.models import Order
from kogge.backoffice.people import People, people_of
from kogge.merchants.vault import CannotOpen, blind_index, seal, unseal
from kogge.values import Address

logger = logging.getLogger(__name__)

COLUMN = "customer.person"


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """What is known of a customer who was written down."""

    email: str = ""
    firstname: str = ""
    lastname: str = ""
    active: bool = True
    accepts_newsletter: bool = False
    birthday: str = ""
    billing: Address = field(default_factory=Address)


class CustomerIn(Struct, kw_only=True):
    """A customer as a client writes one."""

    email: Word = UNSET
    firstname: Word = UNSET
    lastname: Word = UNSET
    active: Flag = UNSET
    accepts_newsletter: Flag = UNSET
    birthday: Word = UNSET
    billing_address: AddressIn | UnsetType | None = UNSET
    billing_address_attributes: AddressIn | UnsetType | None = UNSET


PeopleOut = tuple[CustomerOut, AddressOut, AddressOut]


def people_documents(
    merchant_id: int, orders: Sequence[Order], extras: Mapping[int, Mapping[str, Any]]
) -> dict[int, PeopleOut]:
    """Customer, shipping and billing address by order."""
    wanted = {order.pk: extras.get(order.pk, {}).get("customer") for order in orders}
    keys = {key for key in wanted.values() if key}
    rows = {row.pk: row for row in Customer.objects.of_id(merchant_id).filter(pk__in=keys)} if keys else {}
    known = {pk: _of_row(row, _opened(row)) for pk, row in rows.items()}
    return {order.pk: people_of_order(order, known.get(wanted[order.pk] or 0)) for order in orders}


def customer_with_email(merchant_id: int, email: str) -> int | None:
    """The customer who was written down with this address."""
    if not email:
        return None
    found = Customer.objects.of_id(merchant_id).filter(email_fingerprint=_fingerprint(merchant_id, email))
    return found.values_list("pk", flat=True).first()


def customer_row(merchant_id: int, customer_id: int) -> int | None:
    """The row behind a customer's id; None for somebody who only ordered. Raises `Missing`."""
    if customer_id % 2 == 0:
        if not Order.objects.of_id(merchant_id).filter(pk=customer_id // 2).exists():
            raise Missing
        return None
    found = Customer.objects.of_id(merchant_id).filter(pk=customer_id // 2).values_list("pk", flat=True)
    if not found:
        raise Missing
    return found[0]


def is_customer(caller: Caller, pk: int) -> bool:
    """Whether the caller's shop has this customer."""
    try:
        customer_row(caller.merchant.pk, pk)
    except Missing:
        return False
    return True


def orders_of_customer(orders: QuerySet[Order], customer_id: int) -> QuerySet[Order]:
    """Those of the orders that are this customer's."""
    if customer_id % 2:
        return orders.filter(extras__fields__customer=customer_id // 2)
    linked = OrderExtras.objects.everyone().filter(fields__has_key="customer").values("order")
    return orders.filter(pk=customer_id // 2).exclude(pk__in=linked)


def forget_with_orders(merchant_id: int, order_ids: Collection[int]) -> None:
    """Who was written down, and has no order left whose people are known, is forgotten with them.

    So is what was said of a payment: often enough that is the name of whoever paid.
    """
    links = OrderExtras.objects.of_id(merchant_id).filter(fields__has_key="customer")
    touched = set(links.filter(order__in=order_ids).values_list("fields__customer", flat=True))
    known = set(
        links.filter(fields__customer__in=list(touched), order__people_forgotten_at=None).values_list(
            "fields__customer", flat=True
        )
    )
    for pk in touched - known:
        _forget(merchant_id, pk)
    paid = OrderExtras.objects.of_id(merchant_id).filter(order__in=order_ids, fields__has_key="payment")
    _take_out(paid, "payment")


def _forget(merchant_id: int, row: int) -> None:
    """Delete somebody who was written down, with all that hangs on them."""
    Customer.objects.of_id(merchant_id).filter(pk=row).delete()
    fields = Metafield.objects.of_id(merchant_id).filter(owner_type="Customer", owner_id=2 * row + 1)
    fields.delete()
    _take_out(OrderExtras.objects.of_id(merchant_id).filter(fields__customer=row), "customer")


def _take_out(found: QuerySet[OrderExtras], field_name: str) -> None:
    changed = list(found)
    for extras in changed:
        del extras.fields[field_name]
    OrderExtras.objects.everyone().bulk_update(changed, ["fields"], batch_size=500)


class Customers:
    """`/api/customers`."""

    name: ClassVar[str] = "customers"
    singular: ClassVar[str] = "customer"
    output: ClassVar[type[Struct]] = CustomerOut
    input: ClassVar[type[Struct] | None] = CustomerIn
    is_order_side: ClassVar[bool] = True
    filters: ClassVar[tuple[str, ...]] = ("email",)
    includes: ClassVar[tuple[str, ...]] = ("billing_address",)

    def list(self, caller: Caller, query: Query) -> Sequence[CustomerOut]:
        rows, orders = both_kinds(caller, query)
        return [self._shown(known, query) for known in page_of_people(rows, orders, query)]

    def count(self, caller: Caller, query: Query) -> int:
        rows, orders = both_kinds(caller, query)
        return rows.count() + orders.count()

    def show(self, caller: Caller, pk: int, query: Query) -> CustomerOut:
        return self._shown(person_behind(caller, pk), query)

    def create(self, caller: Caller, document: Struct, query: Query) -> CustomerOut:
        assert isinstance(document, CustomerIn)
        person = _read(document, Person())
        row = Customer(merchant=caller.merchant, created_at=caller.now)
        _save(row, person, caller.now)
        return self._shown(_of_row(row, person), query)

    def update(self, caller: Caller, pk: int, document: Struct, query: Query) -> CustomerOut:
        """Somebody who only ordered is changed at the order: an address belongs to it."""
        assert isinstance(document, CustomerIn)
        if pk % 2 == 0:
            before = person_behind(caller, pk)
            customer = before[0]
            known = Person(customer.email, customer.firstname, customer.lastname)
            if replace(_read(document, known), billing=Address()) != known:
                raise Invalid({"base": [_("Ändere die Adresse an der Bestellung.")]})
            return self._shown(before, query)
        row = _row(caller, pk)
        person = _read(document, _opened(row))
        _save(row, person, caller.now)
        return self._shown(_of_row(row, person), query)

    def delete(self, caller: Caller, pk: int, query: Query) -> None:
        if pk % 2 == 0:
            person_behind(caller, pk)
            raise Invalid({"base": [_("Dieser Kunde gehört zu einer Bestellung.")]})
        _forget(caller.merchant.pk, _row(caller, pk).pk)

    @staticmethod
    def _shown(known: PeopleOut, query: Query) -> CustomerOut:
        customer, _shipping, billing = known
        if "billing_address" in query.include:
            customer.billing_address = billing
        return customer


def both_kinds(caller: Caller, query: Query) -> tuple[QuerySet[Customer], QuerySet[Order]]:
    """Who was written down and who only ordered, each the newest first."""
    rows = Customer.objects.of(caller.merchant).order_by("-id")
    orders = Order.objects.of(caller.merchant).filter(sealed_people__isnull=False).order_by("-id")
    linked = OrderExtras.objects.of(caller.merchant).filter(fields__has_key="customer")
    orders = orders.exclude(pk__in=linked.values("order"))
    if email := query.filters.get("email"):
        rows = rows.filter(email_fingerprint=_fingerprint(caller.merchant.pk, email))
        orders = orders.none()  # what orders know is sealed
    if customer := query.filters.get("customer_id"):
        pk = number_from(customer) or 0
        rows = rows.filter(pk=pk // 2) if pk % 2 else rows.none()
        orders = orders.none() if pk % 2 else orders.filter(pk=pk // 2)
    if order := query.filters.get("order_id"):
        pk = number_from(order) or 0
        rows, orders = rows.none(), orders.filter(pk=pk)
    return rows, orders


def page_of_people(rows: QuerySet[Customer], orders: QuerySet[Order], query: Query) -> list[PeopleOut]:
    """First who was written down, then who only ordered."""
    first = rows[query.offset : query.offset + query.limit]
    found = [_of_row(row, _opened(row)) for row in first]
    if left := query.limit - len(found):
        skipped = max(0, query.offset - rows.count())
        found += [people_of_order(order, None) for order in orders[skipped : skipped + left]]
    return found


def person_behind(caller: Caller, pk: int) -> PeopleOut:
    """Raises `Missing`; also for somebody who was forgotten."""
    if pk % 2:
        row = _row(caller, pk)
        return _of_row(row, _opened(row))
    order = Order.objects.of(caller.merchant).filter(pk=pk // 2).first()
    if order is None:
        raise Missing
    return people_of_order(order, None)


def _row(caller: Caller, pk: int) -> Customer:
    found = Customer.objects.of(caller.merchant).filter(pk=pk // 2).first()
    if found is None:
        raise Missing
    return found


def people_of_order(order: Order, known: PeopleOut | None) -> PeopleOut:
    """Customer and addresses of an order; `known` is its customer who was written down."""
    people = people_of(order)
    customer = known[0] if known else _who_ordered(order, people)
    billing = people.billing or replace(
        people.shipping, name=people.buyer_name or people.shipping.name, company=people.company
    )
    shown = _addresses(people.shipping, billing, customer, order)
    return customer, *shown


def _addresses(
    shipping: Address, billing: Address, customer: CustomerOut, order: Order | None = None
) -> tuple[AddressOut, AddressOut]:
    """Two addresses of an order, or of somebody who was written down."""
    shown = partial(
        address_out,
        pk=2 * order.pk if order else customer.id,
        customer_id=customer.id,
        order_id=order.pk if order else None,
        email=customer.email,
    )
    return shown(shipping, category="shipping"), shown(billing, category="billing")


def _who_ordered(order: Order, people: People) -> CustomerOut:
    firstname, lastname = split_name(people.buyer_name or people.shipping.name)
    return CustomerOut(
        id=2 * order.pk,
        email=people.email,
        firstname=firstname,
        lastname=lastname,
        registered=False,
        shop_id=order.merchant_id,
        created_on=timezone.localtime(order.placed_at).date(),
        updated_on=timezone.localtime(order.changed_at).date(),
    )


def _of_row(row: Customer, person: Person) -> PeopleOut:
    pk = 2 * row.pk + 1
    customer = CustomerOut(
        id=pk,
        email=person.email,
        firstname=person.firstname,
        lastname=person.lastname,
        active=person.active,
        registered=True,
        accepts_newsletter=person.accepts_newsletter,
        birthday=person.birthday or None,
        shop_id=row.merchant_id,
        created_on=timezone.localtime(row.created_at).date(),
        updated_on=timezone.localtime(row.updated_at).date(),
    )
    return customer, *_addresses(person.billing, person.billing, customer)


def _opened(row: Customer) -> Person:
    """Nobody, and a line in the log, when a key of the ring is missing."""
    try:
        plain = unseal(row.merchant_id, COLUMN, bytes(row.sealed_person))
    except CannotOpen:
        logger.exception("customer %s cannot be opened with the present keys", row.pk)
        return Person()
    return msgspec.json.decode(plain, type=Person)


def _read(document: CustomerIn, known: Person) -> Person:
    """The person after what was sent."""
    email = text(document.email, known.email, 254)
    if not email or "@" not in email:
        raise Invalid({"email": [_("muss ausgefüllt werden")]})
    active, newsletter = flag(document.active), flag(document.accepts_newsletter)
    sent = document.billing_address
    billing = address_in(sent if said(sent) else document.billing_address_attributes, known.billing)
    first, last = split_name(billing.name)
    return Person(
        email=email,
        firstname=text(document.firstname, known.firstname or first, 100),
        lastname=text(document.lastname, known.lastname or last, 100),
        active=known.active if active is None else active,
        accepts_newsletter=known.accepts_newsletter if newsletter is None else newsletter,
        birthday=text(document.birthday, known.birthday, 30),
        billing=billing,
    )


def _save(row: Customer, person: Person, now: datetime) -> None:
    row.sealed_person = seal(row.merchant_id, COLUMN, msgspec.json.encode(person))
    row.email_fingerprint = _fingerprint(row.merchant_id, person.email)
    row.updated_at = now
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as twice:
        raise Invalid({"email": [_("gibt es schon")]}) from twice


def _fingerprint(merchant_id: int, email: str) -> bytes:
    return blind_index(merchant_id, f"customer:{email.strip().casefold()}")
