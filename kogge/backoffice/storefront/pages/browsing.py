"""Looking around: the list of products, a product, pictures, and what the law wants to be readable."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from kogge.backoffice import pictures
from kogge.backoffice.models import Product
from kogge.backoffice.pages.addresses import COUNTRIES
from kogge.backoffice.pages.paging import Slice, slice_of
from kogge.backoffice.storefront import assortment, opening
from kogge.backoffice.storefront.assortment import Group
from kogge.backoffice.storefront.buying import countries
from kogge.backoffice.storefront.pages.basket import PutForm
from kogge.backoffice.storefront.pages.entrance import Visit, visitors
from kogge.backoffice.storefront.quoting import delivery_days

PAGE_SIZE = 24
A_YEAR = 365 * 24 * 3600


@require_GET
@visitors
def products(visit: Visit) -> HttpResponseBase:
    """All that is for sale, or what was searched for."""
    words = visit.request.GET.get("q", "").replace("\0", "").strip()[:200]  # PostgreSQL takes no NUL
    page = slice_of(assortment.shown(visit.merchant, words), visit.request.GET.get("page"), PAGE_SIZE)
    shown: Slice[Product] = page
    context = {"page": shown, "groups": assortment.groups(visit.merchant, shown.object_list), "words": words}
    return visit.show("products", context)


@require_GET
@visitors
def product(visit: Visit, pk: int) -> HttpResponseBase:
    """One product with its variants; the address of a variant leads to its main product."""
    found = Product.objects.of(visit.merchant).filter(pk=pk, active=True).first()
    if found and found.parent_id:
        return redirect("storefront_product", visit.merchant.slug, found.parent_id)
    main = assortment.shown(visit.merchant).filter(pk=pk).first()
    if main is None:
        return visit.nothing_here()
    [group] = assortment.groups(visit.merchant, [main])
    return visit.show("product", product_context(visit, group, PutForm(group.articles)))


def product_context(visit: Visit, group: Group, form: PutForm) -> dict[str, object]:
    """What the page of a product needs."""
    first, last = delivery_days(group.articles, opening.options_of(visit.merchant))
    return {"group": group, "product": group.product, "form": form, "first_day": first, "last_day": last}


@require_GET
@visitors
def picture(visit: Visit, name: str) -> HttpResponseBase:
    """A picture of a product. Its name changes with it, so it may be kept for long."""
    path = pictures.picture_file(visit.merchant.pk, name)
    if path is None:
        raise Http404
    headers = {"Cache-Control": f"public, max-age={A_YEAR}, immutable", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(path.read_bytes(), content_type="image/webp", headers=headers)


@require_GET
@visitors
def info(visit: Visit, page: str) -> HttpResponseBase:
    """Imprint, terms, privacy, withdrawal, or what sending costs."""
    if page == "versand":
        to = [COUNTRIES[country] for country in countries(visit.storefront)]
        return visit.show("shipping", {"options": opening.options_of(visit.merchant), "countries": to})
    storefront = visit.storefront
    texts = {
        "impressum": (_("Impressum"), storefront.imprint),
        "agb": (_("AGB"), storefront.terms),
        "datenschutz": (_("Datenschutzerklärung"), storefront.privacy),
        "widerruf": (_("Widerrufsbelehrung"), storefront.withdrawal),
    }
    title, text = texts.get(page, ("", ""))
    return visit.show("info", {"title": title, "text": text}) if text.strip() else visit.nothing_here()
