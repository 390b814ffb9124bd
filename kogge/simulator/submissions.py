"""A seller changes an offer: what Amazon refuses, what it accepts, and when that comes to anything.

One way for single patches and for the messages of a feed.
"""

from __future__ import annotations

from collections.abc import Sequence

from kogge.simulator.attributes import (
    AMAZON_CHANNELS,
    AVAILABILITY,
    MISSING,
    OFFER,
    WRONG_VALUE,
    Attributes,
    Entry,
    Issue,
    Patch,
    patched,
    writes_merchant_availability,
)
from kogge.simulator.catalogue import ANY_PRODUCT_TYPE
from kogge.simulator.listings import Listing
from kogge.simulator.world import Account, World

OFFER_ONLY = "LISTING_OFFER_ONLY"
_NEEDED = ("merchant_suggested_asin", "condition_type", AVAILABILITY, OFFER)


def patch(
    world: World,
    account: Account,
    listing: Listing,
    patches: Sequence[Patch],
    *,
    product_type: str,
    marketplace_ids: Sequence[str],
    is_preview: bool = False,
) -> list[Issue]:
    """Change a listing. With an error among the issues Amazon has refused all of it."""
    refused = _wrong_product_type(product_type, listing.product_type)
    refused += [issue for issue in listing.issues if issue.severity == "ERROR"]
    _attributes, issues = listing.patched(patches, marketplace_ids)
    issues = refused + issues
    if is_preview or any(issue.severity == "ERROR" for issue in issues):
        return issues
    if listing.is_fba and writes_merchant_availability(patches):
        world.violation(f"merchant quantity for an FBA SKU: {listing.sku}")
    listing.accepted += 1
    if not (listing.is_frozen or world.settings.new_patches_lost):
        world.change_listing_later(account, listing.sku, patches, marketplace_ids)
    return issues


def put(
    world: World,
    account: Account,
    sku: str,
    attributes: dict[str, list[Entry]],
    *,
    product_type: str,
    requirements: str,
    marketplace_id: str,
    is_preview: bool = False,
) -> list[Issue]:
    """Create a listing. One that is there already would be replaced with everything in it."""
    issues = _missing_attributes(attributes, requirements)
    kept, wrong = _as_put(attributes, marketplace_id)
    issues += wrong
    if not issues:
        issues = _wrong_article(world, kept, product_type, marketplace_id)
    if is_preview or issues:
        return issues
    if sku in account.listings:
        world.violation(f"PUT replaces the existing listing {sku}")
    asin = str(kept["merchant_suggested_asin"][0]["value"])
    article = world.article(asin)
    listing = Listing.created_by(sku, asin, article.title, article.product_type, kept)
    listing.gtin = article.gtin
    listing.created = listing.changed = world.now()
    listing.accepted = 1
    if not world.settings.new_patches_lost:
        world.put_listing_later(account, listing)
    return []


def delete(world: World, account: Account, listing: Listing, marketplace_id: str) -> None:
    """Take the offer out of one marketplace, and altogether when it is in no other."""
    world.violation(f"deletion of the listing {listing.sku}")
    if set(listing.marketplace_ids) <= {marketplace_id}:
        del account.listings[listing.sku]
        return
    listing.attributes = {
        name: [entry for entry in entries if entry.get("marketplace_id") != marketplace_id]
        for name, entries in listing.attributes.items()
    }


def _wrong_product_type(given: str, own: str) -> list[Issue]:
    if given in (own, ANY_PRODUCT_TYPE):
        return []
    message = f"The product type '{given}' is not the listing's."
    return [Issue(code=WRONG_VALUE, message=message, attribute_names=("product_type",))]


def _missing_attributes(attributes: dict[str, list[Entry]], requirements: str) -> list[Issue]:
    needed = _NEEDED if requirements == OFFER_ONLY else (*_NEEDED, "item_name", "brand", "bullet_point")
    return [
        Issue(
            code=MISSING,
            message=f"'{name}' is required but not supplied.",
            attribute_names=(name,),
            categories=("MISSING_ATTRIBUTE",),
        )
        for name in needed
        if not attributes.get(name)
    ]


def _as_put(attributes: dict[str, list[Entry]], marketplace_id: str) -> tuple[Attributes, list[Issue]]:
    """A put says everything anew: as if each attribute were added to nothing."""
    additions = [Patch("add", f"/attributes/{name}", entries) for name, entries in attributes.items()]
    return patched({}, additions, [marketplace_id])


def _wrong_article(
    world: World, attributes: Attributes, product_type: str, marketplace_id: str
) -> list[Issue]:
    article = world.find_article(str(attributes["merchant_suggested_asin"][0]["value"]))
    if article is None:
        message = "The ASIN in 'merchant_suggested_asin' does not exist in this marketplace."
        return [Issue(code="8105", message=message, attribute_names=("merchant_suggested_asin",))]
    if article.restriction:
        return [Issue(code="5665", message=article.restriction, marketplace_ids=(marketplace_id,))]
    codes = {entry.get("fulfillment_channel_code") for entry in attributes[AVAILABILITY]}
    if codes & AMAZON_CHANNELS:
        message = "Inventory at Amazon is set up in Seller Central."
        return [Issue(code=WRONG_VALUE, message=message, attribute_names=(AVAILABILITY,))]
    return _wrong_product_type(product_type, article.product_type)
