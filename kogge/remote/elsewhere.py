"""What the back office is told about the shop over there (see `kogge.backoffice.elsewhere.ShopElsewhere`)."""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.backoffice.channels import Notice
from kogge.backoffice.elsewhere import Place
from kogge.backoffice.models import Order, Product
from kogge.merchants.models import Merchant
from kogge.remote import connecting
from kogge.remote.models import Errand, RemoteOrderLink, RemoteProductLink, RemoteShop
from kogge.remote.words import BY_MERCHANT, CUT, PAUSED_BECAUSE, SYSTEM, word


class RemoteElsewhere:
    """A system of remote shops: where things are over there, and what presses."""

    def __init__(self, system: str) -> None:
        self.system = system
        self.title = word(SYSTEM, system)

    def home(self, merchant: Merchant) -> str:
        """The back office over there."""
        shop = connecting.shop_of(merchant.pk)
        return f"{shop.url}/admin" if shop else ""

    def order_place(self, order: Order) -> Place | None:
        """An order that was never theirs has no link: it is from before the shop was connected."""
        link = RemoteOrderLink.objects.of_id(order.merchant_id).filter(order=order).first()
        if link is None:
            return None
        shop = connecting.shop_of(order.merchant_id)
        known = link.remote_id and shop
        url = f"{shop.url}/admin/sales/orders/{link.remote_id}" if known and shop else ""
        return Place(self.title, link.number, url, link.trouble)

    def product_place(self, product: Product) -> Place | None:
        """Where a product is kept."""
        link = RemoteProductLink.objects.of_id(product.merchant_id).filter(product=product).first()
        shop = connecting.shop_of(product.merchant_id)
        if link is None or shop is None:
            return None
        gone = _("Dieses Produkt gibt es dort nicht mehr.") if link.is_gone else link.fields_trouble
        url = f"{shop.url}/admin/catalog/products/{link.remote_id}/edit"
        is_counted = link.stock_read_at is None or link.seen_stock is not None
        return Place(self.title, link.remote_id, url, gone, counts_stock=is_counted)

    def notices(self, merchant: Merchant) -> Sequence[Notice]:
        """That nothing goes on, that something waits for a word, and that orders must be unlocked."""
        shop = connecting.shop_of(merchant.pk) if merchant.works_in == self.system else None
        if shop is None:
            return []
        return [*self._paused(shop), *self._locked(shop), *self._stuck(shop), *self._troubles(shop)]

    def _paused(self, shop: RemoteShop) -> list[Notice]:
        if shop.state == RemoteShop.State.ACTIVE:
            return []
        if shop.pause_reason in {BY_MERCHANT, CUT}:
            sentence = _(
                "Die Verbindung zu %(shop)s ist angehalten: Beide Seiten erfahren nichts voneinander."
            )
        else:
            sentence = _(
                "Die Verbindung zu %(shop)s ist angehalten: %(reason)s. "
                "Beide Seiten erfahren nichts voneinander."
            )
        reason = word(PAUSED_BECAUSE, shop.pause_reason)
        return [_notice("red", sentence % {"shop": self.title, "reason": reason}, _("Zur Verbindung"))]

    def _locked(self, shop: RemoteShop) -> list[Notice]:
        if shop.may_write_orders is not False or shop.state != RemoteShop.State.ACTIVE:
            return []
        sentence = _("%(shop)s lässt Kogge keine Bestellungen schreiben. Bestellungen warten hier.")
        return [_notice("red", sentence % {"shop": self.title}, _("Was zu tun ist"))]

    def _stuck(self, shop: RemoteShop) -> list[Notice]:
        count = Errand.objects.of_id(shop.merchant_id).filter(state=Errand.State.STUCK).count()
        if not count:
            return []
        sentence = ngettext(
            "%(count)s Meldung an %(shop)s braucht deine Entscheidung.",
            "%(count)s Meldungen an %(shop)s brauchen deine Entscheidung.",
            count,
        )
        return [_notice("red", sentence % {"count": count, "shop": self.title}, _("Ansehen"), "#meldungen")]

    def _troubles(self, shop: RemoteShop) -> list[Notice]:
        count = RemoteOrderLink.objects.of_id(shop.merchant_id).exclude(trouble="").count()
        if not count:
            return []
        sentence = ngettext(
            "Einer Bestellung in %(shop)s kann Kogge nicht folgen.",
            "%(count)s Bestellungen in %(shop)s kann Kogge nicht folgen.",
            count,
        )
        told = sentence % {"count": count, "shop": self.title}
        return [_notice("amber", told, _("Ansehen"), "#bestellungen")]


def _notice(tone: str, sentence: str, action: str, anchor: str = "") -> Notice:
    return Notice(tone, sentence, reverse("remote_shop") + anchor, action)
