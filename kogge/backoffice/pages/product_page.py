"""The page of a product: its data, its variants, its picture, its stock and every movement of it."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.backoffice import pictures, stock
from kogge.backoffice.channels import CHANNELS, pools_of, tell_products_changed
from kogge.backoffice.models import Product, StockEntry
from kogge.backoffice.pages.order_acts import REFUSED
from kogge.backoffice.pages.panels import draw
from kogge.backoffice.pages.product_forms import PictureForm, ProductForm, StockForm
from kogge.backoffice.refusal import Refusal
from kogge.merchants.access import MerchantRequest, reader, staff

MOVEMENTS_SHOWN = 30
MOST_VARIANTS = 200
A_YEAR = 365 * 24 * 3600
ALIKE = ("title", "price", "currency", "vat_rate", "lead_time_days", "description", "may_oversell")


@staff
def new_product(request: MerchantRequest) -> HttpResponseBase:
    """A product is born without stock; the first count gives it some."""
    form = ProductForm(request.POST or None, _unborn(request))
    if request.method == "POST" and _saved(form):
        messages.success(request, _("Das Produkt ist angelegt. Trage jetzt den Warenbestand ein."))
        return redirect("product", form.product.pk)
    context = {"form": form, "parent": form.product.parent}
    status = REFUSED if request.method == "POST" else 200
    return render(request, "backoffice/product_new.html", context, status=status)


@staff
def product(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """One product: its data, its stock, its channels."""
    found = _product_of(request, pk)
    form = ProductForm(request.POST or None, found)
    if request.method == "POST" and _saved(form):
        messages.success(request, _("Das Produkt ist gespeichert."))
        return redirect("product", pk)
    return show_product(request, found, form=form)


@staff
def correct_stock(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Set the stock to what was counted."""
    found = _product_of(request, pk)
    if request.method != "POST":
        return redirect("product", pk)
    form = StockForm(request.POST)
    if not form.is_valid():
        return show_product(request, found, stock_form=form)
    counted = form.cleaned_data["counted"]
    try:
        stock.correct_stock(found, counted, actor=request.user.email, now=timezone.now())
    except Refusal as refusal:
        form.add_error("counted", refusal.sentence)
        return show_product(request, found, stock_form=form)
    messages.success(request, _corrected(found, counted))
    return redirect("product", pk)


@staff
def change_picture(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Store a picture, or take it away."""
    found = _product_of(request, pk)
    if request.method != "POST":
        return redirect("product", pk)
    if "remove" in request.POST:
        pictures.remove_picture(found)
        messages.success(request, _("Das Bild ist entfernt."))
        return redirect("product", pk)
    form = PictureForm(request.POST, request.FILES)
    if not form.is_valid() or not form.store(found):
        return show_product(request, found, picture_form=form)
    messages.success(request, _("Das Bild ist gespeichert."))
    return redirect("product", pk)


@reader
def picture(request: MerchantRequest, name: str) -> HttpResponseBase:
    """A picture of one of the merchant's products. Its name changes with it, so it may be kept for long."""
    path = pictures.picture_file(request.merchant.pk, name)
    if path is None:
        raise Http404
    headers = {
        "Cache-Control": f"private, max-age={A_YEAR}, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(path.read_bytes(), content_type="image/webp", headers=headers)


def _product_of(request: MerchantRequest, pk: int) -> Product:
    return get_object_or_404(Product.objects.of(request.merchant).select_related("parent"), pk=pk)


def _unborn(request: MerchantRequest) -> Product:
    """An empty product, or a variant that is like its main product as far as nobody says otherwise."""
    unborn = Product(merchant=request.merchant)
    asked = request.GET.get("parent", "")
    if not (asked.isdecimal() and len(asked) < 19):
        return unborn
    main = Product.objects.of(request.merchant).filter(pk=int(asked), parent=None).first()
    if main:
        for name in ALIKE:
            setattr(unborn, name, getattr(main, name))
        unborn.parent = main
    return unborn


def _saved(form: ProductForm) -> bool:
    """Save what is valid. The shop's lock comes first, so that an import cannot write in between."""
    product = form.product
    now = timezone.now()
    with transaction.atomic():
        stock.lock_shop(product.merchant_id)
        if not form.is_valid():
            return False
        columns = form.fill_product()
        product.changed_at = now
        if product.pk:
            # Never the stock: it may have moved since the page was drawn.
            product.save(update_fields=[*columns, "changed_at"])
            tell_products_changed(product.merchant_id, [product.pk], now=now)
        else:
            product.save()
    return True


def _corrected(product: Product, counted: int) -> str:
    """What became of the count: part of it may have gone to orders that waited."""
    sentence = _("Der Warenbestand ist jetzt %(stock)s.") % {"stock": product.stock}
    if covered := counted - product.stock:
        sentence += " " + ngettext(
            "%(units)s Stück deckt überverkaufte Bestellungen.",
            "%(units)s Stück decken überverkaufte Bestellungen.",
            covered,
        ) % {"units": covered}
    return sentence


def show_product(
    request: MerchantRequest,
    found: Product,
    *,
    form: ProductForm | None = None,
    stock_form: StockForm | None = None,
    picture_form: PictureForm | None = None,
) -> HttpResponse:
    """The page; of a POST, which was not carried out then, with its status."""
    movements = StockEntry.objects.of(request.merchant).filter(product=found).select_related("line__order")
    family = Product.objects.of(request.merchant).filter(parent=found).order_by("code")
    variants = list(family.defer("description")[:MOST_VARIANTS])
    pools = pools_of(request.merchant.pk, [found.pk, *(variant.pk for variant in variants)])
    context = {
        "product": found,
        "form": form or ProductForm(None, found),
        "stock_form": stock_form or StockForm(initial={"counted": found.stock}),
        "picture_form": picture_form or PictureForm(),
        "pool": pools.get(found.pk),
        "variants": [(variant, pools.get(variant.pk)) for variant in variants],
        "page": Paginator(movements.order_by("-id"), MOVEMENTS_SHOWN).get_page(request.GET.get("page")),
        "panels": _panels(request, found),
    }
    status = REFUSED if request.method == "POST" else 200
    return render(request, "backoffice/product.html", context, status=status)


def _panels(request: MerchantRequest, found: Product) -> list[str]:
    """What each channel adds to the page of a product: the box "Kanäle"."""
    panels = [channel.product_panel(found, request) for channel in CHANNELS.values()]
    return [draw(panel, request) for panel in panels if panel is not None]
