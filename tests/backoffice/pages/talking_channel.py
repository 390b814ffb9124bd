"""A channel that shows on every page all that a channel can show."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.http import HttpRequest
from django.utils import timezone

from kogge.backoffice.channels import AppCard, Notice, Panel, Pool, TimelineEntry
from kogge.backoffice.models import Order
from kogge.merchants.models import Merchant
from tests.backoffice.shop import NOW, ListeningChannel

WARNING = "Diese Stornierung lässt sich bei Amazon nicht rückgängig machen."
UNKNOWN_CARRIER = "Diesen Versender kennt Amazon nicht."
HAS_IT = "Amazon hat die Bestellung schon. Storniere zuerst den Auftrag bei Amazon."


@dataclass
class TalkingChannel(ListeningChannel):
    notice: str = ""
    tone: str = "red"
    busy: bool = False

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

    def pools(self, merchant_id: int, product_ids: Collection[int]) -> Mapping[int, Pool]:
        read_at = timezone.now() - timedelta(minutes=20)
        found = super().pools(merchant_id, product_ids)
        return {pk: replace(pool, read_at=read_at) for pk, pool in found.items()}

    def fulfilment_panel(self, order: Order, request: HttpRequest) -> Panel | None:
        if not order.lines.exclude(fulfilled_by="").exists():
            return None
        name = f"Versandauftrag zu {order.number}"
        return Panel("backoffice/_source.html", {"icon_name": "truck", "name": name, "busy": self.busy})
