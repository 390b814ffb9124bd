"""The offers in Seller Central: a list with a search, and a form to change one by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from html import escape
from urllib.parse import quote, unquote

from kogge.simulator import seller_central_parts as parts
from kogge.simulator.attributes import LONGEST_LEAD_TIME
from kogge.simulator.catalogue import image_document
from kogge.simulator.control import ListingChange, apply_listing_change
from kogge.simulator.listings import HOME, Listing
from kogge.simulator.marketplaces import MARKETPLACES
from kogge.simulator.seller_central_parts import BASE, PAGE_SIZE
from kogge.simulator.seller_central_words import Words
from kogge.simulator.wire import Request, Response, redirect
from kogge.simulator.world import Account, World

MOST = 10_000_000


def answer(world: World, request: Request, steps: Sequence[str], words: Words) -> Response:
    """What lies under `/seller-central/offers`."""
    match (request.method, *steps):
        case ("GET",):
            return parts.page(words, words.offers, _list(world, request, words))
        case ("GET", seller_id, sku) if found := _find(world, seller_id, sku):
            return _offer_response(request, *found, words)
        case ("POST", seller_id, sku) if found := _find(world, seller_id, sku):
            return _save(world, request, *found, words)
        case _:
            return parts.not_found(words)


def _find(world: World, seller_id: str, sku: str) -> tuple[Account, Listing] | None:
    account = world.accounts.get(seller_id)
    listing = account.listings.get(unquote(sku)) if account else None
    return (account, listing) if account and listing else None


def _list(world: World, request: Request, words: Words) -> str:
    """All offers of all sellers, or those that fit the search."""
    parameters = request.parameters()
    asked = parameters.get("q", "").strip()
    number = int(parameters["page"]) if parameters.get("page", "").isdecimal() else 1
    found = [
        (account, listing)
        for account in world.accounts.values()
        for listing in account.listings.values()
        if _fits(listing, asked.lower())
    ]
    shown = found[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    heads = (words.picture, words.article, words.price, words.units, words.channel, words.state)
    rows = [_row(request, account, listing, words) for account, listing in shown]
    table = f'<div class="offer">{parts.table(heads, rows)}</div>' if rows else f"<p>{words.no_offers}</p>"
    chosen = {"q": asked} if asked else {}
    return _search(asked, words) + table + parts.pager(f"{BASE}/offers", chosen, number, len(found), words)


def _offer_response(
    request: Request, account: Account, listing: Listing, words: Words, *, is_refused: bool = False
) -> Response:
    body = _offer_page(request, account, listing, words, is_refused=is_refused)
    return parts.page(words, escape(listing.sku), body, status=400 if is_refused else 200)


def _offer_page(
    request: Request, account: Account, listing: Listing, words: Words, *, is_refused: bool
) -> str:
    refusal = f'<p class="error" role="alert">✕ {words.not_a_number}</p>' if is_refused else ""
    facts = [
        ("SKU", parts.text(listing.sku)),
        ("ASIN", parts.text(listing.asin) or "–"),
        (words.price, _prices(listing, words)),
        (words.units, _units(account, listing)),
        (words.lead_time, _lead_time(listing, words)),
        (words.channel, _channel(listing, words)),
        (words.accepted_changes, str(listing.accepted)),
        (words.updated, parts.moment(listing.changed, words)),
    ]
    issues = _issues(listing)
    return "".join(
        (
            f'<p class="lead">{_state(account, listing, words)} {parts.text(listing.title)}</p>{refusal}',
            '<div class="columns">',
            parts.section(words.offer, _picture(request, listing, "large") + parts.facts(facts)),
            parts.section(words.change_by_hand, _form(account, listing, words)),
            "</div>",
            parts.section(words.issues, issues) if issues else "",
        )
    )


def _save(world: World, request: Request, account: Account, listing: Listing, words: Words) -> Response:
    """The form was sent. What is not a number is not taken, and the page says so."""
    change = _change(request.form(), listing)
    if change is None:
        return _offer_response(request, account, listing, words, is_refused=True)
    apply_listing_change(world, listing, change)
    return redirect(_address(account, listing))


def _change(form: dict[str, str], listing: Listing) -> ListingChange | None:
    try:
        change = ListingChange(
            price=Decimal(form.get("price", "").strip().replace(",", ".")),
            stock=int(form["stock"]) if "stock" in form else None,
            lead_time_days=int(form["lead_time_days"]) if "lead_time_days" in form else None,
            marketplace_id=HOME if HOME in listing.marketplace_ids else listing.marketplace_ids[0],
        )
    except (InvalidOperation, ValueError):
        return None
    return change if _is_possible(change) else None


def _is_possible(change: ListingChange) -> bool:
    price = change.price or Decimal(0)
    return (
        price.is_finite()
        and 0 < price < MOST
        and round(price, 2) == price
        and (change.stock is None or 0 <= change.stock < MOST)
        and (change.lead_time_days is None or 0 <= change.lead_time_days <= LONGEST_LEAD_TIME)
    )


def _fits(listing: Listing, asked: str) -> bool:
    return any(asked in text.lower() for text in (listing.sku, listing.asin, listing.title))


def _search(asked: str, words: Words) -> str:
    return (
        f'<form class="search" action="{BASE}/offers"><label>{words.search_hint} '
        f'<input type="search" name="q" value="{escape(asked)}"></label>'
        f"<button>{words.search}</button></form>"
    )


def _row(request: Request, account: Account, listing: Listing, words: Words) -> list[str]:
    ids = " · ".join(filter(None, (listing.sku, listing.asin)))
    return [
        _picture(request, listing),
        f'<a href="{_address(account, listing)}">{parts.text(listing.title or listing.sku, 120)}</a>'
        f"<br><small>{parts.text(ids)}</small>",
        _prices(listing, words),
        f"{_units(account, listing)}<br><small>{_lead_time(listing, words)}</small>",
        _channel(listing, words),
        f"{_state(account, listing, words)}{_issues(listing)}",
    ]


def _address(account: Account, listing: Listing) -> str:
    return f"{BASE}/offers/{quote(account.seller_id)}/{quote(listing.sku, safe='')}"


def _picture(request: Request, listing: Listing, kind: str = "small") -> str:
    link = image_document(request, listing.asin, listing.image)["link"]
    return f'<img class="{kind}" src="{escape(str(link))}" alt="" loading="lazy">'


def _prices(listing: Listing, words: Words) -> str:
    lines: list[str] = []
    for place in listing.marketplace_ids:
        lines += _prices_in(listing, place, words)
    return "<br>".join(lines) or "–"


def _prices_in(listing: Listing, marketplace_id: str, words: Words) -> Iterable[str]:
    marketplace = MARKETPLACES[marketplace_id]

    def shown(price: Decimal | None) -> str:
        return parts.amount(price, marketplace.currency, words) if price is not None else "–"

    price = listing.price_in(marketplace_id)
    if price is None:
        return
    yield f"{shown(price)} <small>{marketplace.name}</small>"
    if sale := listing.price_in(marketplace_id, "discounted_price"):
        yield f"<small>{words.sale_price}: {shown(sale)}</small>"
    if business := listing.price_in(marketplace_id, audience="B2B"):
        yield f"<small>{words.business_price}: {shown(business)}</small>"
    lowest = listing.price_in(marketplace_id, "minimum_seller_allowed_price")
    highest = listing.price_in(marketplace_id, "maximum_seller_allowed_price")
    if lowest is not None or highest is not None:
        yield f"<small>{words.price_limits}: {shown(lowest)} … {shown(highest)}</small>"


def _units(account: Account, listing: Listing) -> str:
    return str(account.fba_stock.get(listing.sku, "–")) if listing.is_fba else str(listing.stock)


def _lead_time(listing: Listing, words: Words) -> str:
    days = listing.lead_time_days
    return "–" if listing.is_fba else f"{days} {words.day if days == 1 else words.days}"


def _channel(listing: Listing, words: Words) -> str:
    by = words.by_amazon if listing.is_fba else words.by_merchant
    return f"{by}<br><small>{parts.text(listing.channel)}</small>"


def _state(account: Account, listing: Listing, words: Words) -> str:
    has_units = account.fba_stock.get(listing.sku, 1) > 0
    places = listing.marketplace_ids
    if any("BUYABLE" in listing.status_in(place, has_units=has_units) for place in places):
        return f'<span class="state active">✔ {words.active}</span>'
    return f'<span class="state inactive">✕ {words.inactive}</span>'


def _issues(listing: Listing) -> str:
    issues = listing.all_issues(listing.marketplace_ids)
    lines = "".join(
        f"<li>⚠ {parts.text(issue.message, 300)} <small>{parts.text(issue.code)}</small></li>"
        for issue in issues
    )
    return f"<ul>{lines}</ul>" if lines else ""


def _form(account: Account, listing: Listing, words: Words) -> str:
    """What Amazon counts and packs itself is not the seller's to say."""
    price = f"{listing.price:.2f}".replace(".", "," if words.decimal_comma else ".")
    fields = [("price", words.price, price, "decimal")]
    if not listing.is_fba:
        fields.append(("stock", words.units, str(listing.stock), "numeric"))
        fields.append(("lead_time_days", words.lead_time, str(listing.lead_time_days), "numeric"))
    inputs = "".join(
        f'<label>{label}<input name="{name}" value="{escape(value)}" inputmode="{mode}" required></label>'
        for name, label, value, mode in fields
    )
    address = _address(account, listing)
    return f'<form class="form" method="post" action="{address}">{inputs}<button>{words.save}</button></form>'
