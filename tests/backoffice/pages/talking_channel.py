"""A channel that shows on every page all that a channel can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest

from kogge.backoffice.channels import AppCard, Notice, Panel, TimelineEntry
from kogge.backoffice.models import Order
from kogge.merchants.models import Merchant
from tests.backoffice.shop import NOW, ListeningChannel

WARNING = "Diese Stornierung lässt sich bei Amazon nicht rückgängig machen."
UNKNOWN_CARRIER = "Diesen Versender kennt Amazon nicht."


@dataclass
class TalkingChannel(ListeningChannel):
    notice: str = ""
    tone: str = "red"

    def cancel_warning(self, order: Order) -> str:
        return WARNING

    def order_panel(self, order: Order, request: HttpRequest) -> Panel | None:
        return Panel(
            "backoffice/_source.html", {"icon_name": "brand-amazon", "name": f"Kanal: {order.external_id}"}
        )

    def timeline(self, order: Order) -> Sequence[TimelineEntry]:
        return [TimelineEntry(NOW, "Amazon weiß Bescheid.", "check", "green")]

    def notices(self, merchant: Merchant) -> Sequence[Notice]:
        return [Notice(self.tone, self.notice, "/apps/amazon/", "Ansehen")] if self.notice else []

    def carrier_warning(self, merchant: Merchant, carrier: str) -> str | None:
        return UNKNOWN_CARRIER if carrier == "Bollerwagen" else None

    def app_card(self, merchant: Merchant) -> AppCard:
        return AppCard("Verbunden", "green", "/apps/amazon/")
