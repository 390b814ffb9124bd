"""Reading the shop's products into the copy, and what is written there about Amazon, both ways.

The shop leads in everything but its Amazon fields: whoever of both sides changed those last is right. What
was seen there last is kept with the product, so that a change of either side can be told from none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction

from kogge.backoffice import stock as ledger
from kogge.backoffice.channels import CHANNELS, tell_products_changed
from kogge.backoffice.models import Product
from kogge.backoffice.product_csv import (
    LONGEST_CODE,
    LONGEST_DESCRIPTION,
    LONGEST_LEAD_TIME,
    LONGEST_OPTION,
    LONGEST_TITLE,
    canonical_gtin,
)
from kogge.backoffice.refusal import Refusal
from kogge.engine import due
from kogge.engine.work import Outcome, Work
from kogge.remote import connecting, stock
from kogge.remote.consequences import remote_operation
from kogge.remote.models import Errand, RemoteProductLink, RemoteShop
from kogge.shops.remote import ChannelFields, RemoteProduct, RemoteSystem

EVERY = timedelta(minutes=10)
MOST_AT_ONCE = 500  # rows in one statement
MOST_ASKED_FOR = 50  # products missed by one reading that are looked up one by one
SHOWN = 20  # sentences about products that cannot be taken in
MOST_VAT = Decimal(100)
CHANNEL = "amazon"  # whose fields stand at the shop's products

# What the shop says of a product itself; stock is settled against what it had not counted yet.
FIELDS = (
    "code",
    "title",
    "gtin",
    "price",
    "currency",
    "vat_rate",
    "lead_time_days",
    "description",
    "option",
    "active",
)
# Of these a channel wants to hear; the ledger tells itself of stock.
TOLD = {"price", "currency", "lead_time_days", "active"}

# The column of the channel for each field that stands at the shop's product.
COLUMNS = {
    "enabled": "amazon",
    "asin": "asin",
    "stock": "amazon_stock",
    "lead_time": "amazon_lead_time_days",
    "price": "amazon_price",
    "fba": "fba",
}


Trouble = tuple[str, str]  # a key of `words.PRODUCT_TROUBLE`, and which product


@dataclass(slots=True)
class Reading:
    """What one full reading found out, page after page."""

    began_at: datetime
    taken: int = 0
    changed: int = 0
    left_out: dict[Trouble, None] = field(default_factory=dict)  # in order; a page may repeat another's
    parents: dict[str, str] = field(default_factory=dict)  # by the variant's id over there
    asins: dict[str, str] = field(default_factory=dict)

    def leave_out(self, trouble: Trouble) -> None:
        self.left_out[trouble] = None


@remote_operation
def read_shop_products(shop: RemoteShop, work: Work) -> Outcome:
    """Read all products page by page; what is not there any more is asked for by its id first."""
    system, reading = connecting.system_of(shop), Reading(work.now)
    for page in system.products():
        _take_in(shop, page, reading, work)
    _take_parents(shop, reading, work)
    _look_for_missed(shop, system, reading, work)
    _take_fields(shop, system.channel_fields(), reading, work)
    _note(shop, reading, work.now)
    return Outcome(work.now + EVERY, done=reading.taken, failed=len(reading.left_out))


def write_fields(system: RemoteSystem, errand: Errand) -> None:
    """Run an errand that tells the shop what Kogge's offers page says now. Said again, it is the same."""
    link = RemoteProductLink.objects.of_id(errand.merchant_id).filter(product=errand.product_id).first()
    if link is None or link.is_gone:
        return
    wanted = _wanted(errand.merchant_id, [link.product_id]).get(link.product_id)
    if wanted is None:
        return
    system.write_channel_fields(link.remote_id, wanted)
    rows = RemoteProductLink.objects.of_id(errand.merchant_id).filter(pk=link.pk)
    rows.update(seen_fields=asdict(wanted), fields_trouble="")


def channel_fields_changed(merchant_id: int, product_ids: Collection[int], *, now: datetime) -> None:
    """Offers were changed in Kogge: the shop is told what it does not say already.

    Called inside the transaction of the change. An errand that waits is enough: it writes what is right then.
    """
    for some in _batches(sorted(product_ids)):
        _tell_fields(merchant_id, some, now)


# --- products ---------------------------------------------------------------------------------


@transaction.atomic
def _take_in(shop: RemoteShop, page: Sequence[RemoteProduct], reading: Reading, work: Work) -> None:
    """One page, in as many statements however long it is. A sick product is left out, with a sentence."""
    ledger.lock_shop(shop.merchant_id)
    work.keep()
    merchant_id, now = shop.merchant_id, work.now
    said = {each.product_id: each for each in page}
    links = _links(merchant_id, said)
    by_code = _by_code(merchant_id, {_code(each) for each in page})
    new: list[tuple[str, Product]] = []
    changed: list[Product] = []
    told: list[int] = []
    matched: list[RemoteProductLink] = []
    counted: list[tuple[Product, int | None]] = []
    for remote_id, each in said.items():
        link = links.get(remote_id)
        owner = by_code.get(_code(each))
        if trouble := _why_not(each, link, owner):
            reading.leave_out(trouble)
            if link is None:
                continue
        product = link.product if link else owner or Product(merchant_id=merchant_id)
        is_new = link is None and owner is None
        columns = _fill(product, each, reading, is_new=is_new, keeps_code=bool(trouble))
        by_code[product.code] = product
        if is_new:
            new.append((remote_id, product))
        else:
            if columns:
                changed.append(product)
            if columns & TOLD:
                told.append(product.pk)
            if link is None:
                matched.append(_matched(merchant_id, remote_id, product, now))
        counted.append((product, each.stock))
        reading.taken += 1
        if each.parent_id:
            reading.parents[remote_id] = each.parent_id
        if each.asin:
            reading.asins[remote_id] = each.asin
    _store(new, changed, now)
    matched += [_link(merchant_id, remote_id, product, now) for remote_id, product in new]
    _store_links(matched, [link for link in links.values() if link.remote_id in said], now)
    if told:
        tell_products_changed(merchant_id, told, now=now)
    reading.changed += len(new) + len(changed)
    # When the first page was asked for: what happened since may be in what a later page says, or not.
    read = {product.pk: said_stock for product, said_stock in counted}
    stock.settle(merchant_id, read, read_begun_at=reading.began_at, now=now)


def _why_not(each: RemoteProduct, link: RemoteProductLink | None, owner: Product | None) -> Trouble | None:
    """Why this product, or its number if it is known already, cannot be taken in; None if it can."""
    code = _code(each)
    if len(code) > LONGEST_CODE:
        return "long_code", each.title[:60]
    if link is None and each.price is None:
        return "no_price", code
    if owner is None or (link is not None and link.product_id == owner.pk):
        return None
    if owner.pk is None or link is not None or _linked_elsewhere(owner, each.product_id):
        return "double_code", code
    return None


def _linked_elsewhere(product: Product, remote_id: str) -> bool:
    """Whether the product is already that of another one of the shop, which is still there."""
    link = _link_of(product)
    return link is not None and not link.is_gone and link.remote_id != remote_id


def _link_of(product: Product) -> RemoteProductLink | None:
    found: RemoteProductLink | None = getattr(product, "remote", None)
    return found


def _fill(
    product: Product, each: RemoteProduct, reading: Reading, *, is_new: bool, keeps_code: bool
) -> set[str]:
    """Give the product what the shop says of it; the columns that changed."""
    values = _values(product, each, reading)
    if keeps_code:
        del values["code"]
    changed = {name for name, value in values.items() if is_new or getattr(product, name) != value}
    for name in changed:
        setattr(product, name, values[name])
    return changed


def _values(product: Product, each: RemoteProduct, reading: Reading) -> dict[str, Any]:
    """What cannot be read keeps its value; without a price nothing is sold."""
    code = _code(each)
    values: dict[str, Any] = {
        "code": code,
        "title": (each.title.strip() or code)[:LONGEST_TITLE],
        "gtin": _gtin(each, reading),
        "description": each.description[:LONGEST_DESCRIPTION],
        "option": each.option.strip()[:LONGEST_OPTION],
        "active": each.active and each.price is not None,
        "vat_rate": _vat_rate(each.vat_rate, product.vat_rate),
    }
    if each.price is not None:
        values |= {"price": each.price.amount, "currency": each.price.currency}
    else:
        reading.leave_out(("no_price", code))
    if each.lead_time_days is not None and 0 <= each.lead_time_days <= LONGEST_LEAD_TIME:
        values["lead_time_days"] = each.lead_time_days
    return values


def _code(each: RemoteProduct) -> str:
    """The article number; a product without one is known by its id."""
    return each.code.strip() or f"#{each.product_id}"


def _gtin(each: RemoteProduct, reading: Reading) -> str:
    """Canonical, or none: a wrong number would name another article on Amazon."""
    if not each.gtin.strip():
        return ""
    try:
        return canonical_gtin(each.gtin.strip())
    except Refusal:
        reading.leave_out(("wrong_gtin", _code(each)))
        return ""


def _vat_rate(text: str, known: Decimal) -> Decimal:
    try:
        rate = Decimal(text.strip() or known).quantize(Decimal("0.01"))
    except InvalidOperation:
        return known
    return rate if 0 <= rate < MOST_VAT else known


def _links(merchant_id: int, remote_ids: Iterable[str]) -> dict[str, RemoteProductLink]:
    rows = RemoteProductLink.objects.of_id(merchant_id).select_related("product")
    words = list(remote_ids)
    return {
        link.remote_id: link
        for start in range(0, len(words), MOST_AT_ONCE)
        for link in rows.filter(remote_id__in=words[start : start + MOST_AT_ONCE])
    }


def _by_code(merchant_id: int, codes: Iterable[str]) -> dict[str, Product]:
    words = list(codes)
    rows = Product.objects.of_id(merchant_id).select_related("remote")
    return {
        product.code: product
        for start in range(0, len(words), MOST_AT_ONCE)
        for product in rows.filter(code__in=words[start : start + MOST_AT_ONCE])
    }


def _matched(merchant_id: int, remote_id: str, product: Product, now: datetime) -> RemoteProductLink:
    """The product was here before, by its article number, or its predecessor over there is gone."""
    link = _link_of(product) or _link(merchant_id, remote_id, product, now)
    link.remote_id, link.product = remote_id, product
    link.seen_stock, link.seen_fields = None, None
    return link


def _link(merchant_id: int, remote_id: str, product: Product, now: datetime) -> RemoteProductLink:
    return RemoteProductLink(merchant_id=merchant_id, product=product, remote_id=remote_id, seen_at=now)


def _store(new: Sequence[tuple[str, Product]], changed: Sequence[Product], now: datetime) -> None:
    for product in (*(product for _remote_id, product in new), *changed):
        product.changed_at = now
    everyone = Product.objects.everyone()
    everyone.bulk_create([product for _remote_id, product in new], batch_size=MOST_AT_ONCE)
    everyone.bulk_create(
        changed,
        batch_size=MOST_AT_ONCE,
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=[*FIELDS, "changed_at"],
    )


def _store_links(
    matched: Sequence[RemoteProductLink], seen: Sequence[RemoteProductLink], now: datetime
) -> None:
    everyone = RemoteProductLink.objects.everyone()
    for link in matched:
        link.seen_at, link.is_gone = now, False
    everyone.bulk_create([link for link in matched if link.pk is None], batch_size=MOST_AT_ONCE)
    everyone.bulk_create(
        [link for link in matched if link.pk is not None],
        batch_size=MOST_AT_ONCE,
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=["remote_id", "seen_at", "is_gone", "seen_stock", "seen_fields"],
    )
    for start in range(0, len(seen), MOST_AT_ONCE):
        keys = [link.pk for link in seen[start : start + MOST_AT_ONCE]]
        everyone.filter(pk__in=keys).update(seen_at=now, is_gone=False)


# --- main products, and what is gone ----------------------------------------------------------


def _take_parents(shop: RemoteShop, reading: Reading, work: Work) -> None:
    """Which product is a variant of which, as soon as all are there."""
    keys = dict(RemoteProductLink.objects.of_id(shop.merchant_id).values_list("remote_id", "product_id"))
    mains = set(reading.parents.values())
    wanted = {
        keys[remote_id]: keys[parent_id]
        for remote_id, parent_id in reading.parents.items()
        if {remote_id, parent_id} <= keys.keys()
        and remote_id not in mains
        and parent_id not in reading.parents
    }
    mine = Product.objects.of_id(shop.merchant_id)
    known = dict(mine.filter(parent__isnull=False, remote__isnull=False).values_list("pk", "parent_id"))
    moved = {key: parent for key, parent in wanted.items() if known.get(key) != parent}
    moved_out = [key for key in known if key not in wanted]
    with transaction.atomic():
        work.keep()
        for some in _batches(moved_out):
            mine.filter(pk__in=some).update(parent=None)
        for some in _batches(list(moved)):
            variants = list(mine.filter(pk__in=some))
            for variant in variants:
                variant.parent_id = moved[variant.pk]
            Product.objects.everyone().bulk_create(
                variants, update_conflicts=True, unique_fields=["pk"], update_fields=["parent"]
            )


def _look_for_missed(shop: RemoteShop, system: RemoteSystem, reading: Reading, work: Work) -> None:
    """What this reading did not show may have slipped from one page to another: only the shop's word by id
    makes it gone. Gone, it is no longer sold, and stays for its orders.
    """
    rows = RemoteProductLink.objects.of_id(shop.merchant_id).select_related("product")
    missed = rows.filter(seen_at__lt=reading.began_at, is_gone=False).order_by("seen_at", "pk")
    for link in missed[:MOST_ASKED_FOR]:
        found = system.product(link.remote_id)
        if found is not None:
            _take_in(shop, [found], reading, work)
            continue
        with transaction.atomic():
            ledger.lock_shop(shop.merchant_id)
            work.keep()
            rows.filter(pk=link.pk).update(is_gone=True)
            if (
                Product.objects.of_id(shop.merchant_id)
                .filter(pk=link.product_id, active=True)
                .update(active=False, changed_at=work.now)
            ):
                tell_products_changed(shop.merchant_id, [link.product_id], now=work.now)
        reading.changed += 1


def _note(shop: RemoteShop, reading: Reading, now: datetime) -> None:
    RemoteShop.objects.of_id(shop.merchant_id).update(
        products_read_at=now,
        products_left_out=len(reading.left_out),
        products_trouble=list(reading.left_out)[:SHOWN],
        last_error="",
    )


# --- what is written about Amazon at a product ------------------------------------------------


def _take_fields(shop: RemoteShop, fields: Mapping[str, ChannelFields], reading: Reading, work: Work) -> None:
    """Take in what changed over there. What cannot be right is shown, and hinders nothing else."""
    rows = RemoteProductLink.objects.of_id(shop.merchant_id).filter(is_gone=False)
    fresh = []
    for link in rows.iterator(chunk_size=2000):
        said = asdict(fields.get(link.remote_id) or ChannelFields())
        if said != link.seen_fields:
            fresh.append((link, said))
    for start in range(0, len(fresh), MOST_AT_ONCE):
        _take_some_fields(shop, fresh[start : start + MOST_AT_ONCE], reading, work)


@transaction.atomic
def _take_some_fields(
    shop: RemoteShop,
    fresh: Sequence[tuple[RemoteProductLink, dict[str, Any]]],
    reading: Reading,
    work: Work,
) -> None:
    work.keep()
    channel = CHANNELS.get(CHANNEL)
    keys = [link.product_id for link, _said in fresh]
    known = channel.exported_products(shop.merchant, keys) if channel else {}
    rows = {}
    for link, said in fresh:
        own_asin = "" if link.product_id in known else reading.asins.get(link.remote_id, "")
        if row := _row(link.seen_fields, said, own_asin):
            rows[link.product_id] = row
    checked = channel.check_products(shop.merchant, rows) if channel and rows else None
    refused = checked.refused if checked else {}
    for link, said in fresh:
        link.seen_fields = said
        link.fields_trouble = refused.get(link.product_id, "")[:500]
    RemoteProductLink.objects.everyone().bulk_create(
        [link for link, _said in fresh],
        batch_size=MOST_AT_ONCE,
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=["seen_fields", "fields_trouble"],
    )
    if channel and checked:
        right = {key: rows[key] for key in rows if key not in refused}
        changed = channel.import_products(shop.merchant, right, now=work.now) if right else []
        reading.changed += len(changed)


def _row(seen: Mapping[str, Any] | None, said: Mapping[str, Any], own_asin: str) -> dict[str, str]:
    """The cells of the channel's columns for what changed over there.

    At the first look nothing that is missing there empties anything here. A number of the product's own
    field makes an offer that is not sold yet: with it orders find their product.
    """
    if seen is None:
        row = {COLUMNS[name]: _cell(value) for name, value in said.items() if value is not None}
        if own_asin and "asin" not in row:
            row = {"amazon": "no", "asin": own_asin} | row
        return row
    return {COLUMNS[name]: _cell(said.get(name)) for name in COLUMNS if said.get(name) != seen.get(name)}


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
    return str(value)


def _wanted(merchant_id: int, product_ids: Sequence[int]) -> dict[int, ChannelFields]:
    """What Kogge's offers page says, as it is to stand at the shop's products."""
    channel = CHANNELS.get(CHANNEL)
    shop = connecting.shop_of(merchant_id)
    if channel is None or shop is None:
        return {}
    found = channel.exported_products(shop.merchant, product_ids)
    return {
        product_id: ChannelFields(
            enabled=row.get("amazon") == "yes",
            asin=row.get("asin") or None,
            stock=row.get("amazon_stock") or None,
            lead_time=row.get("amazon_lead_time_days") or None,
            price=row.get("amazon_price") or None,
            fba=row.get("fba") == "yes",
        )
        for product_id, row in found.items()
    }


def _tell_fields(merchant_id: int, product_ids: Sequence[int], now: datetime) -> None:
    links = list(
        RemoteProductLink.objects.of_id(merchant_id)
        .select_for_update(of=("self",))
        .filter(product__in=product_ids, is_gone=False)
        .order_by("pk")
    )
    wanted = _wanted(merchant_id, [link.product_id for link in links]) if links else {}
    waiting = set(
        Errand.objects.of_id(merchant_id)
        .filter(kind=Errand.Kind.WRITE_FIELDS, state=Errand.State.WAITING, product__in=product_ids)
        .values_list("product_id", flat=True)
    )
    due_now = [
        link
        for link in links
        if link.product_id in wanted
        and link.product_id not in waiting
        and not _is_said(link.seen_fields, wanted[link.product_id])
    ]
    if not due_now:
        return
    for link in due_now:
        link.fields_written += 1
    RemoteProductLink.objects.everyone().bulk_update(due_now, ["fields_written"])
    Errand.objects.everyone().bulk_create(
        Errand(
            merchant_id=merchant_id,
            kind=Errand.Kind.WRITE_FIELDS,
            key=f"fields:{link.product_id}:{link.fields_written}",
            product_id=link.product_id,
            not_before=now,
            created_at=now,
        )
        for link in due_now
    )
    due.make_due(connecting.RUN_ERRANDS, merchant_id, now=now)


def _is_said(seen: Mapping[str, Any] | None, wanted: ChannelFields) -> bool:
    """Whether the shop says so already. Of what is not offered it need not speak at all."""
    said = _plain(ChannelFields(**seen) if seen else ChannelFields())
    if not wanted.enabled and not any(said.values()):
        return True
    return said == _plain(wanted)


def _plain(fields: ChannelFields) -> dict[str, Any]:
    return {name: value or None for name, value in asdict(fields).items()}


def _batches(found: Sequence[int]) -> Iterable[Sequence[int]]:
    return (found[start : start + MOST_AT_ONCE] for start in range(0, len(found), MOST_AT_ONCE))
