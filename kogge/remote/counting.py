"""By how much the shop itself counted its stock down for an order, as it shows the order."""

from __future__ import annotations

from datetime import datetime

from kogge.remote.models import RemoteLineLink, RemoteOrderLink, RemoteShop
from kogge.shops.remote import RemoteLine, RemoteOrder, Standing


def count(
    shop: RemoteShop, link: RemoteOrderLink, remote: RemoteOrder, *, is_own: bool, now: datetime
) -> bool:
    """Note it; whether it is another number than before. The copy is locked.

    What the shop sold it counted; what we wrote, if it counts such orders. What it gives back for returns is
    its own matter: the line is sold all the same.
    """
    items = {each.line_id: each for each in remote.lines}
    changed = []
    for line in link.lines.all():
        item = items.get(line.remote_id)
        taken = _taken(shop, remote, item, is_own=is_own) if item is not None else line.taken
        if taken != line.taken:
            line.taken = taken
            changed.append(line)
    if not changed:
        return False
    RemoteLineLink.objects.everyone().bulk_update(changed, ["taken"])
    link.taken_at = now
    link.save(update_fields=["taken_at"])
    return True


def _taken(shop: RemoteShop, remote: RemoteOrder, item: RemoteLine, *, is_own: bool) -> int:
    if not item.product_id or not (is_own or shop.orders_take_stock):
        return 0
    is_gone = item.is_cancelled or remote.standing == Standing.CANCELLED
    return 0 if is_gone and shop.cancelling_gives_back else item.quantity
