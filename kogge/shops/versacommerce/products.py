"""A product or a variant, read out of the shop's document."""

from __future__ import annotations

import re
from decimal import Decimal
from math import ceil

from kogge.shops.remote import RemoteProduct
from kogge.shops.versacommerce.reading import Document

HOURS_OF_A_DAY = 24


def read_product(document: Document, currency: str, reduced_rate: str = "") -> RemoteProduct | None:
    """The product as the shop shows it; None if it has no id. `reduced_rate` is the shop's."""
    product_id = document.id()
    if not product_id:
        return None
    return RemoteProduct(
        product_id=product_id,
        code=document.text("code", 80),
        title=document.text("title"),
        gtin=re.sub(r"\D", "", document.text("gtin", 40)),
        price=document.money("price", currency),
        stock=_stock(document),
        lead_time_days=_lead_time(document),
        active=document.flag("active") is not False and document.flag("visible") is not False,
        vat_rate=_vat_rate(document, reduced_rate),
        description=document.text("description", 20_000) or document.text("description_html", 20_000),
        image_url=_image(document),
        parent_id=document.id("product_id"),
        option=_option(document),
        asin=document.text("asin_code", 20).upper(),
    )


def needs_reduced_rate(document: Document) -> bool:
    """Whether the product's tax can only be told by what the shop's reduced rate is."""
    return document.word("tax_category") == "reduced" and document.decimal("tax_rate") is None


def _stock(document: Document) -> int | None:
    """None where the shop does not count: it sells without end. What cannot be read is nothing to sell."""
    considers = document.flag("considers_stock")
    if considers is None:
        considers = document.flag("consider_stock")  # an importer spells it so
    if considers is False:
        return None
    return document.whole("stock") or 0


def _lead_time(document: Document) -> int | None:
    """Packing time is in hours; a day that has begun counts as a day."""
    hours = document.decimal("packaging_duration")
    if hours is None or not 0 <= hours <= 10_000:
        return None
    return ceil(hours / HOURS_OF_A_DAY)


def _vat_rate(document: Document, reduced_rate: str) -> str:
    rate = document.decimal("tax_rate")
    if rate is not None and 0 <= rate < 100:
        return percent(rate)
    return reduced_rate if document.word("tax_category") == "reduced" else ""


def percent(rate: Decimal) -> str:
    """A rate as the API writes it: "19.0"."""
    text = f"{rate.normalize():f}"
    return text if "." in text else f"{text}.0"


def _image(document: Document) -> str:
    url = document.text("featured_image_url", 1000) or document.text("image_url_1", 1000)
    if url.startswith("//"):
        url = f"https:{url}"
    return url if url.startswith(("https://", "http://")) else ""


def _option(document: Document) -> str:
    """Of a variant: "Größe: M, Farbe: rot"."""
    found = []
    for number in ("01", "02", "03"):
        value, label = document.text(f"option_{number}", 100), document.text(f"option_{number}_label", 100)
        if value:
            found.append(f"{label}: {value}" if label else value)
    return ", ".join(found)
