"""What the tests of a remote shop are told with: a merchant who works there, and the work that goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Max

from kogge.backoffice import stock as ledger
from kogge.backoffice.models import Order, OrderEvent, Product
from kogge.engine import due
from kogge.engine.models import Due
from kogge.engine.work import Handler, Outcome, Work
from kogge.merchants.models import Merchant
from kogge.remote import orders
from kogge.remote.adapter import RemoteBackedShop
from kogge.remote.errands import run_errands
from kogge.remote.models import Errand, RemoteOrderLink, RemoteProductLink, RemoteShop
from kogge.remote.products import read_shop_products
from tests.remote.shop_over_there import Sale, ShopOverThere


@dataclass
class Stage:
    """A merchant, their shop over there, and the copy of it here."""

    merchant: Merchant
    there: ShopOverThere
    clock: Callable[[], datetime]
    _known: dict[str, object] = field(default_factory=dict)

    @property
    def shop(self) -> RemoteBackedShop:
        return RemoteBackedShop(self.merchant.pk)

    @property
    def row(self) -> RemoteShop:
        return RemoteShop.objects.of(self.merchant).get()

    def run(self, handler: Handler, operation: str) -> Outcome:
        """One cycle of an operation, finished as the worker would."""
        lease = due.claim_one(operation, self.merchant.pk, "tests", now=self.clock())
        assert lease is not None
        outcome = handler(Work(operation, self.merchant.pk, self.clock, lease))
        due.finish(lease, now=self.clock(), next_due=outcome.next_due, error=outcome.error)
        return outcome

    def tell(self) -> Outcome:
        return self.run(run_errands, "run_errands")

    def read(self) -> Outcome:
        return self.run(orders.read_shop_orders, "read_shop_orders")

    def read_products(self) -> Outcome:
        return self.run(read_shop_products, "read_shop_products")

    def settle(self) -> None:
        """What waits is told and what changed is read, until both sides say the same.

        Each only if something makes work for it: looking again at what is known proves nothing.
        """
        works = ((self.tell, self._waiting), (self.read, self._sold), (self.read_products, self._stocked))
        is_settled = False
        while not is_settled:
            is_settled = True
            for work, makes_work in works:
                if makes_work() != self._known.get(makes_work.__name__):
                    work()
                    self._known[makes_work.__name__] = makes_work()
                    is_settled = False

    def _waiting(self) -> object:
        rows = Errand.objects.of(self.merchant).exclude(state=Errand.State.DONE).order_by("id")
        return list(rows.values_list("id", "state", "attempts")) or None

    def _sold(self) -> object:
        stale = RemoteOrderLink.objects.of(self.merchant).filter(parcels_read_at=None, parcels__isnull=False)
        return repr(self.there.sales), stale.count()

    def _stocked(self) -> object:
        last = OrderEvent.objects.of(self.merchant).aggregate(last=Max("id"))["last"]
        return repr(self.there.shelf), last, Errand.objects.of(self.merchant).count()

    def put(self, code: str, counted: int) -> Product:
        """A product over there, read into the copy."""
        remote_id = self.there.put(code, counted)
        self.read_products()
        return RemoteProductLink.objects.of(self.merchant).get(remote_id=remote_id).product

    def remote_id(self, product: Product) -> str:
        return RemoteProductLink.objects.of(self.merchant).get(product=product).remote_id

    def there_in_stock(self, product: Product) -> int:
        return self.there.stock(self.remote_id(product))

    def here_net(self, product: Product) -> int:
        product.refresh_from_db()
        return product.stock - product.oversold

    def link(self, sale: Sale) -> RemoteOrderLink:
        return RemoteOrderLink.objects.of(self.merchant).select_related("order").get(remote_id=sale.order_id)

    def link_of(self, external_id: str) -> RemoteOrderLink:
        return RemoteOrderLink.objects.of(self.merchant).get(order__external_id=external_id)

    def copy_of(self, sale: Sale) -> Order:
        return self.link(sale).order

    def sold(self) -> set[str]:
        """The shop's own orders that are in the copy."""
        links = RemoteOrderLink.objects.of(self.merchant).filter(order__channel="shop")
        return set(links.values_list("remote_id", flat=True))

    def errands(self) -> list[tuple[str, str]]:
        """Kind and state of what is not done, in order."""
        rows = Errand.objects.of(self.merchant).exclude(state=Errand.State.DONE).order_by("id")
        return [(str(kind), str(state)) for kind, state in rows.values_list("kind", "state")]

    def is_due(self, operation: str) -> bool:
        return Due.objects.filter(
            operation=operation, subject=self.merchant.pk, due_at__lte=self.clock()
        ).exists()

    def audit(self) -> None:
        """At rest the ledger adds up, and both sides have the same stock, as far as there is any."""
        assert ledger.audit(self.merchant.pk) == []
        for link in RemoteProductLink.objects.of(self.merchant).select_related("product"):
            here, there = link.product.stock - link.product.oversold, self.there.stock(link.remote_id)
            assert max(0, here) == max(0, there), (link.product.code, here, there)


def connect(merchant: Merchant, there: Any, monkeypatch: Any, clock: Any) -> None:
    """Have the merchant work over there."""
    from kogge.remote import connecting
    from kogge.remote.access import Access

    monkeypatch.setitem(connecting.SYSTEMS, "versacommerce", lambda _row: there)
    connecting.connect(merchant, Access("mein-shop", shop_key="k" * 40), now=clock())
    merchant.refresh_from_db()
