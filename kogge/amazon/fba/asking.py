"""One run at Amazon's desk for fulfilment orders: client, shop, and the version the account may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kogge.amazon.connections.accounts import ConnectedAmazon, shop_of
from kogge.amazon.connections.consequences import Answer, patiently
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba.models import FulfillmentOrder, FulfillmentSettings
from kogge.amazon.fba.preferences import settings_of
from kogge.engine.work import Work
from kogge.spapi import fulfillment_outbound
from kogge.spapi.errors import AmazonError, FixSettings, NotFound, Throttled
from kogge.spapi.fulfillment_orders import OrderRefused, forget_person


class Desk:
    """What a run needs. The version is probed when it is first needed, and remembered by the connection.

    What Amazon refuses here may be stored and shown: of the address nothing is left in it.
    """

    def __init__(self, connection: Connection, client: ConnectedAmazon, work: Work) -> None:
        self.connection = connection
        self.client = client
        self.work = work
        self.shop = shop_of(connection)
        self.settings = settings_of(connection)
        self._has_probed = False

    @property
    def version(self) -> str:
        """Of Fulfillment Outbound. Raises `FixSettings` when the account may use none."""
        return self.settings.version or self._probe()

    def ask(self, order: FulfillmentOrder, question: Callable[[str], Answer]) -> Answer:
        """Ask in the account's version; once more in the other one when that is gone by now."""
        with self._without_person(order):
            return self._ask(question)

    def ask_about(self, order: FulfillmentOrder, question: Callable[[str], Answer]) -> Answer:
        """Ask about an order Amazon may have, in the version that created it as long as there is one.

        Nothing says that the other one finds it; one that does is the order's from then on.
        """
        with self._without_person(order):
            if order.version and order.version != self.version:
                try:
                    return patiently(self.work, lambda: question(order.version))
                except (NotFound, FixSettings) as refusal:
                    if not _may_be_gone(refusal):
                        raise
            answer = self._ask(question)
            self._remember(order)
            return answer

    def _ask(self, question: Callable[[str], Answer]) -> Answer:
        asked = self.version
        try:
            return patiently(self.work, lambda: question(asked))
        except (NotFound, OrderRefused, FixSettings) as refusal:
            if not _may_be_gone(refusal) or self._has_probed or self._probe() == asked:
                raise
        return patiently(self.work, lambda: question(self.version))

    def _probe(self) -> str:
        self._has_probed = True
        found = patiently(self.work, lambda: fulfillment_outbound.probe(self.client, self.work.now))
        rows = FulfillmentSettings.objects.everyone().filter(pk=self.settings.pk)
        rows.update(version=found)
        self.settings.version = found
        return found

    def _remember(self, order: FulfillmentOrder) -> None:
        if order.version != self.version:
            FulfillmentOrder.objects.everyone().filter(pk=order.pk).update(version=self.version)
            order.version = self.version

    @contextmanager
    def _without_person(self, order: FulfillmentOrder) -> Iterator[None]:
        """Amazon's sentence may repeat the address, which is read for this alone, and where Amazon spoke."""
        try:
            yield
        except AmazonError as error:
            if error.status is not None and not isinstance(error, Throttled):
                shop_order = self.shop.own_order(order.shop_order_id)
                forget_person(error, shop_order.address if shop_order else None)
            raise


def _may_be_gone(refusal: AmazonError) -> bool:
    """Whether the refusal may mean that the account cannot use this version (any more)."""
    if isinstance(refusal, FixSettings):
        return refusal.status == 403 and refusal.reason == "access_denied"
    return refusal.status == 404
