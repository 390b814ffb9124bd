"""Products and their variants, as the API shows them.

What the shop has a use for goes into its own tables, checked by the same form as the product page. All
other fields are kept and given back (`ProductExtras`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import msgspec
from django.db.models import Count, F, QuerySet
from django.utils.text import slugify
from django.utils.translation import gettext as _
from msgspec import UNSET, Struct, UnsetType

from kogge.backoffice import pictures, stock
from kogge.backoffice.api.models import Gone, Metafield, ProductExtras, ProductProperty
from kogge.backoffice.api.resource import Caller, Invalid, Missing, Query, number_from
from kogge.backoffice.channels import CHANNELS, tell_products_changed
from kogge.backoffice.listening import tell_listeners
from kogge.backoffice.models import OrderLine, Product
from kogge.backoffice.pages.product_forms import ProductForm
from kogge.backoffice.product_csv import LONGEST_LEAD_TIME
from kogge.backoffice.refusal import Refusal
from kogge.values import CENT

MOST_IMAGES = 15
MOST_PROPERTIES = 15
LONGEST_TEXT = 20_000
HOURS = 24  # of packing time in a day of lead time
TAX_CATEGORIES = {Decimal(19): "standard", Decimal(7): "reduced", Decimal(0): "free"}
OTHER_TAX = "other"
NO_PRICE = Decimal(0)
IMAGE_IDS = 100  # ids of pictures for each product
LONGEST_KEY, LONGEST_VALUE = 100, 1000  # of a property

Text = str | None | UnsetType
Number = int | None | UnsetType
Amount = Decimal | None | UnsetType
Flag = bool | None | UnsetType


class KeptFields(Struct, kw_only=True):
    """What the shop keeps for others and does not use itself."""

    subtitle: Text = UNSET
    asin_code: Text = UNSET
    ebay_code: Text = UNSET
    mpn_code: Text = UNSET
    isbn_code: Text = UNSET
    compare_at_price: Amount = UNSET
    purchase_price: Amount = UNSET
    shows_stock_amount: Flag = UNSET
    minimum_stock: Number = UNSET
    visible: Flag = UNSET
    featured: Flag = UNSET
    new: Flag = UNSET
    weight: Amount = UNSET
    length: Amount = UNSET
    width: Amount = UNSET
    height: Amount = UNSET
    vendor: Text = UNSET
    category: Text = UNSET
    tag_list: Text = UNSET
    description_html: Text = UNSET
    handle: Text = UNSET
    custom_url: Text = UNSET
    content_title_tag: Text = UNSET
    content_meta_description: Text = UNSET
    content_meta_keywords: Text = UNSET
    option_01_label: Text = UNSET
    option_02: Text = UNSET
    option_02_label: Text = UNSET
    option_03: Text = UNSET
    option_03_label: Text = UNSET
    base_unit: Text = UNSET
    base_quantity: Amount = UNSET
    base_quantity_sold: Amount = UNSET
    base_quantity_package: Amount = UNSET
    base_perform_calculation: Flag = UNSET
    shipping_type_names: Text = UNSET
    calculates_shipping_cost: Flag = UNSET
    minimum_shipping_cost: Amount = UNSET


IMAGE_FIELDS = [f"image_{part}_{n}" for n in range(1, MOST_IMAGES + 1) for part in ("url", "description")]
_PROPERTY_FIELDS = [
    f"property_{part}_{n}" for n in range(1, MOST_PROPERTIES + 1) for part in ("key", "value")
]
KEPT = (*KeptFields.__struct_fields__, *IMAGE_FIELDS)


class _ProductFields(KeptFields, kw_only=True):
    title: Text = UNSET
    code: Text = UNSET
    gtin: Text = UNSET
    price: Amount = UNSET
    stock: Number = UNSET
    considers_stock: Flag = UNSET
    active: Flag = UNSET
    packaging_duration: Number = UNSET
    description: Text = UNSET
    product_id: Number = UNSET
    option_01: Text = UNSET
    tax_category: Text = UNSET


class ImageOut(Struct, kw_only=True):
    """A picture of a product: the shop's own, or an address that was kept."""

    id: int
    product_id: int
    position: int
    url: str
    description: str


class PropertyOut(Struct, kw_only=True):
    """Something said of a product."""

    id: int
    key: str
    value: str
    handle: str
    position: int | None
    is_visible: bool
    adjustable_type: str
    adjustable_id: int


class _ProductOut(_ProductFields, kw_only=True):
    id: int
    currency: str
    tax_rate: Decimal
    available: bool
    code_of_parent: str | None
    featured_image_url: str | None
    variants_count: int
    properties_count: int
    product_images_count: int
    updated_at: datetime
    variants: list[dict[str, Any]] | UnsetType = UNSET
    properties: list[PropertyOut] | UnsetType = UNSET
    product_images: list[ImageOut] | UnsetType = UNSET


def _with(names: Sequence[str], name: str, base: type[Struct]) -> type[Struct]:
    """A document with the numbered fields, too."""
    return msgspec.defstruct(
        name, [(each, Text, UNSET) for each in names], bases=(base,), module=__name__, kw_only=True
    )


ProductIn = _with([*IMAGE_FIELDS, *_PROPERTY_FIELDS], "ProductInput", _ProductFields)
ProductOut = _with(IMAGE_FIELDS, "Product", _ProductOut)


class TaxOut(Struct, kw_only=True):
    """The tax of a product in a country."""

    country: str
    tax_rate: Decimal


class Products:
    """Main products; with `show_variants` or a filter that names one, variants as well."""

    name: ClassVar[str] = "products"
    singular: ClassVar[str] = "product"
    output: ClassVar[type[Struct]] = ProductOut
    input: ClassVar[type[Struct] | None] = ProductIn
    is_order_side: ClassVar[bool] = False
    filters: ClassVar[Sequence[str]] = (
        "code",
        "gtin",
        "category",
        "vendor",
        "active",
        "product_id",
        "show_variants",
    )
    includes: ClassVar[Sequence[str]] = ("variants", "properties", "product_images")

    @property
    def actions(self) -> Mapping[str, Callable[..., Any]]:
        return {"categories": self.categories, ":id/tax_for_country": self.tax_for_country}

    def list(self, caller: Caller, query: Query) -> Sequence[Struct]:
        found = ordered(self._found(caller, query), query.order)
        page = found.select_related("parent", "extras")[query.offset : query.offset + query.limit]
        return documents(caller, list(page), query.include)

    def count(self, caller: Caller, query: Query) -> int:
        return self._found(caller, query).count()

    def show(self, caller: Caller, pk: int, query: Query) -> Struct:
        return documents(caller, [self._one(caller, pk, query)], query.include)[0]

    def create(self, caller: Caller, document: Struct, query: Query) -> Struct:
        born = Product(merchant=caller.merchant, price=NO_PRICE)
        return save(caller, born, document, parent_id=self._parent_of_new(caller, query))

    def update(self, caller: Caller, pk: int, document: Struct, query: Query) -> Struct:
        return save(caller, self._one(caller, pk, query), document)

    def delete(self, caller: Caller, pk: int, query: Query) -> None:
        product = self._one(caller, pk, query)
        if refused := why_not_delete(product):
            raise Invalid({"base": [refused]})
        if product.image:
            pictures.remove_picture(product)
        Metafield.objects.of(caller.merchant).filter(owner_type="Product", owner_id=pk).delete()
        product.delete()
        Gone.objects.everyone().create(merchant=caller.merchant, kind="product", record_id=pk, at=caller.now)
        tell_listeners(caller.merchant.pk, now=caller.now)

    def categories(self, caller: Caller, query: Query) -> Sequence[str]:
        """Every category that a product names."""
        kept = ProductExtras.objects.of(caller.merchant).values_list("fields__category", flat=True)
        return sorted({str(category) for category in kept.distinct() if category})

    def tax_for_country(self, caller: Caller, pk: int, query: Query) -> TaxOut:
        """The shop knows the rates of its own country only."""
        product = self._one(caller, pk, query)
        country = query.filters.get("country", "").upper()
        if country != "DE":
            raise Missing
        return TaxOut(country=country, tax_rate=product.vat_rate)

    def _found(self, caller: Caller, query: Query) -> QuerySet[Product]:
        products = narrowed(Product.objects.of(caller.merchant), query.filters)
        names_one = {"code", "gtin", "product_id"} & query.filters.keys()
        if names_one or query.filters.get("show_variants", "").lower() in {"true", "1"}:
            return products
        return products.filter(parent=None)

    def _one(self, caller: Caller, pk: int, query: Query) -> Product:
        return product_of(caller, pk)

    def _parent_of_new(self, caller: Caller, query: Query) -> int | None:
        return None


class Variants(Products):
    """Variants of a product, under it or by themselves; documents like a product's."""

    name: ClassVar[str] = "variants"
    singular: ClassVar[str] = "variant"
    parents: ClassVar[Sequence[str]] = ("products",)
    filters: ClassVar[Sequence[str]] = ("code", "gtin", "category", "vendor", "active", "product_id")
    includes: ClassVar[Sequence[str]] = ("properties", "product_images")

    @property
    def actions(self) -> Mapping[str, Callable[..., Any]]:
        return {}

    def _found(self, caller: Caller, query: Query) -> QuerySet[Product]:
        variants = narrowed(Product.objects.of(caller.merchant), query.filters).exclude(parent=None)
        if query.parent is None:
            return variants
        return variants.filter(parent=product_of(caller, query.parent[1]))

    def _one(self, caller: Caller, pk: int, query: Query) -> Product:
        found = product_of(caller, pk)
        if found.parent_id is None or (query.parent and query.parent[1] != found.parent_id):
            raise Missing
        return found

    def _parent_of_new(self, caller: Caller, query: Query) -> int | None:
        return product_of(caller, query.parent[1]).pk if query.parent else 0


# --- reading --------------------------------------------------------------------------------------


def product_of(caller: Caller, pk: int) -> Product:
    """A product of the caller's merchant. Raises `Missing`."""
    mine = Product.objects.of(caller.merchant).select_related("parent", "extras")
    found = mine.filter(pk=pk).first()
    if found is None:
        raise Missing
    return found


def narrowed(products: QuerySet[Product], filters: Mapping[str, str]) -> QuerySet[Product]:
    """Those that the filters let through; what is no number fits none."""
    for name in ("code", "gtin"):
        if name in filters:
            products = products.filter(**{name: filters[name]})
    for name in ("category", "vendor"):
        if name in filters:
            products = products.filter(**{f"extras__fields__{name}": filters[name]})
    if "active" in filters:
        products = products.filter(active=filters["active"].lower() in {"true", "1"})
    if "product_id" in filters:
        products = products.filter(parent_id=number_from(filters["product_id"]) or 0)
    return products


_COLUMNS = {
    "id": "id",
    "title": "title",
    "code": "code",
    "price": "price",
    "stock": "stock",
    "updated_at": "changed_at",
}


def ordered(products: QuerySet[Product], order: str) -> QuerySet[Product]:
    """By a column, "price DESC"; by id where the word is none."""
    name, _space, direction = order.strip().lower().partition(" ")
    column = F(_COLUMNS.get(name, "id"))
    return products.order_by(column.desc() if direction.strip() == "desc" else column.asc(), "id")


def documents(caller: Caller, products: Sequence[Product], include: frozenset[str]) -> list[Struct]:
    """The products as documents; as many statements for many as for one."""
    ids = [product.pk for product in products]
    variants = _by_parent(caller, ids) if "variants" in include else {}
    properties = _properties(caller, ids)
    counts = _variant_counts(caller, ids)
    made = []
    for product in products:
        own = properties.get(product.pk, [])
        fields = _fields(caller, product) | {
            "variants_count": counts.get(product.pk, 0),
            "properties_count": len(own),
        }
        if "variants" in include:
            fields["variants"] = [_fields(caller, each) for each in variants.get(product.pk, [])]
        if "properties" in include:
            fields["properties"] = [property_document(each) for each in own]
        if "product_images" in include:
            fields["product_images"] = images_of(caller, product)
        made.append(msgspec.convert(fields, ProductOut, strict=False))
    return made


def _properties(caller: Caller, ids: Sequence[int]) -> dict[int, list[ProductProperty]]:
    found: dict[int, list[ProductProperty]] = {}
    mine = ProductProperty.objects.of(caller.merchant)
    for each in mine.filter(product__in=ids).order_by("position", "id"):
        found.setdefault(each.product_id, []).append(each)
    return found


def _variant_counts(caller: Caller, ids: Sequence[int]) -> dict[int | None, int]:
    variants = Product.objects.of(caller.merchant).filter(parent__in=ids)
    return dict(variants.values_list("parent_id").annotate(Count("id")).order_by())


def _by_parent(caller: Caller, ids: Sequence[int]) -> dict[int, list[Product]]:
    found = Product.objects.of(caller.merchant).filter(parent__in=ids).select_related("parent", "extras")
    by_parent: dict[int, list[Product]] = {}
    for variant in found.order_by("id"):
        by_parent.setdefault(variant.parent_id or 0, []).append(variant)
    return by_parent


def _fields(caller: Caller, product: Product) -> dict[str, Any]:
    """A product's document without what is counted."""
    kept = kept_fields(product)
    pictured = images_of(caller, product)
    return kept | {
        "id": product.pk,
        "product_id": product.parent_id,
        "title": product.title,
        "code": product.code,
        "gtin": product.gtin,
        "price": product.price,
        "currency": product.currency,
        "stock": product.stock,
        "considers_stock": not product.may_oversell,
        "available": product.active and (product.may_oversell or product.available > 0),
        "active": product.active,
        "visible": kept["visible"] is not False,
        "packaging_duration": product.lead_time_days * HOURS,
        "description": product.description,
        "option_01": product.option,
        "tax_category": tax_category(product.vat_rate),
        "tax_rate": product.vat_rate,
        "code_of_parent": product.parent.code if product.parent else None,
        "featured_image_url": pictured[0].url if pictured else None,
        "product_images_count": len(pictured),
        "updated_at": product.changed_at,
    }


def kept_fields(product: Product) -> dict[str, Any]:
    """The fields that were kept; empty where nobody wrote any."""
    extras: ProductExtras | None = getattr(product, "extras", None)
    return dict.fromkeys(KeptFields.__struct_fields__) | (extras.fields if extras else {})


def tax_category(rate: Decimal | int) -> str:
    """The word for a rate; a rate of another country has none of its own."""
    return TAX_CATEGORIES.get(Decimal(rate), OTHER_TAX)


def property_document(found: ProductProperty) -> PropertyOut:
    """A property as a document."""
    return PropertyOut(
        id=found.pk,
        key=found.key,
        value=found.value,
        handle=slugify(found.key),
        position=found.position,
        is_visible=found.is_visible,
        adjustable_type="Product",
        adjustable_id=found.product_id,
    )


def images_of(caller: Caller, product: Product) -> list[ImageOut]:
    """The shop's own picture first; its id ends in 00, the id of a kept address in its number."""
    kept = kept_fields(product)
    first = product.pk * IMAGE_IDS
    own = f"{caller.base_url}/api/pictures/{product.image}" if product.image else ""
    urls = {0: own} | {n: kept.get(f"image_url_{n}") or "" for n in range(1, MOST_IMAGES + 1)}
    return [
        ImageOut(
            id=first + n,
            product_id=product.pk,
            position=n,
            url=url,
            description=kept.get(f"image_description_{n}") or "",
        )
        for n, url in urls.items()
        if url
    ]


# --- writing --------------------------------------------------------------------------------------

# How the form of the product page calls the fields.
_API_NAMES = {
    "vat_rate": "tax_category",
    "lead_time_days": "packaging_duration",
    "parent_code": "product_id",
    "option": "option_01",
    "may_oversell": "considers_stock",
    "__all__": "base",
}


def save(caller: Caller, product: Product, document: Struct, parent_id: int | None = None) -> Struct:
    """Write what the document says; what it does not name stays. The shop is locked. Raises `Invalid`."""
    sent = {
        name: getattr(document, name)
        for name in document.__struct_fields__
        if getattr(document, name) is not UNSET
    }
    if parent_id is not None:
        sent["product_id"] = parent_id
    is_new = product.pk is None
    columns = _filled(product, sent)
    product.changed_at = caller.now
    if is_new:
        product.save()
    else:
        product.save(update_fields=[*columns, "changed_at"])
    _keep(product, sent)
    _save_properties(caller, product, sent)
    counted = sent.get("stock")
    if counted is not None and counted != product.stock:
        try:
            stock.correct_stock(product, counted, actor=caller.key.name, now=caller.now)
        except Refusal as refusal:
            raise Invalid({"stock": [refusal.sentence]}) from refusal
    if is_new:  # on no channel yet
        tell_listeners(caller.merchant.pk, now=caller.now)
    else:
        tell_products_changed(caller.merchant.pk, [product.pk], now=caller.now)
    return documents(caller, [product_of(caller, product.pk)], frozenset())[0]


def _filled(product: Product, sent: Mapping[str, Any]) -> list[str]:
    """Give the product what the document says, as if it had been typed; the columns."""
    known: dict[str, Any] = dict(ProductForm(None, product).initial)
    form = ProductForm(known | _typed(product, sent), product)
    if not form.is_valid():
        raise Invalid(
            {_API_NAMES.get(name, name): list(map(str, wrong)) for name, wrong in form.errors.items()}
        )
    return form.fill_product()


def _typed(product: Product, sent: Mapping[str, Any]) -> dict[str, Any]:
    typed: dict[str, Any] = {
        name: sent[name] or "" for name in ("title", "code", "gtin", "description") if name in sent
    }
    if "option_01" in sent:
        typed["option"] = sent["option_01"] or ""
    if sent.get("price") is not None:
        typed["price"] = _in_cents(sent["price"])
    if sent.get("active") is not None:
        typed["active"] = sent["active"]
    if sent.get("considers_stock") is not None:
        typed["may_oversell"] = not sent["considers_stock"]
    if sent.get("packaging_duration") is not None:
        typed["lead_time_days"] = _days(sent["packaging_duration"])
    if sent.get("tax_category") and sent["tax_category"] != tax_category(product.vat_rate):
        typed["vat_rate"] = _rate(sent["tax_category"])
    if "product_id" in sent:
        typed["parent_code"] = _code_of(product, sent["product_id"])
    return typed


def _in_cents(amount: Decimal) -> Decimal:
    """12.9000 is 12.90; what has more is left as it is, for the form to refuse."""
    cents = amount.quantize(CENT)
    return cents if cents == amount else amount


def _days(hours: int) -> int:
    days = -(-hours // HOURS)
    return min(max(days, -1), LONGEST_LEAD_TIME + 1)  # beyond that the form refuses it


def _rate(category: str) -> str:
    rates = {word: str(rate) for rate, word in TAX_CATEGORIES.items()}
    if category not in rates:
        raise Invalid({"tax_category": [_("Diese Steuerart gibt es nicht.")]})
    return rates[category]


def _code_of(product: Product, parent_id: int | None) -> str:
    if parent_id is None:
        return ""
    codes = Product.objects.of_id(product.merchant_id).filter(pk=parent_id).values_list("code", flat=True)
    if not codes:
        raise Invalid({"product_id": [_("Dieses Hauptprodukt gibt es nicht.")]})
    return codes[0]


def _keep(product: Product, sent: Mapping[str, Any]) -> None:
    """Null takes a field away; so does an empty address of a picture."""
    new = {name: sent[name] for name in KEPT if name in sent}
    for name, value in new.items():
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise Invalid({name: [_("Der Text ist zu lang.")]})
    if not new:
        return
    extras, _made = ProductExtras.objects.everyone().get_or_create(product=product)
    plain: dict[str, Any] = msgspec.to_builtins(extras.fields | new)
    extras.fields = {name: value for name, value in plain.items() if value is not None}
    extras.save()


def _save_properties(caller: Caller, product: Product, sent: Mapping[str, Any]) -> None:
    """`property_key_1` with `property_value_1` and so on: an empty value takes the property away."""
    for n in range(1, MOST_PROPERTIES + 1):
        key, value = sent.get(f"property_key_{n}"), sent.get(f"property_value_{n}")
        if not key:
            continue
        if len(key) > LONGEST_KEY or len(value or "") > LONGEST_VALUE:
            raise Invalid({f"property_key_{n}": [_("Der Text ist zu lang.")]})
        mine = ProductProperty.objects.of(caller.merchant).filter(product=product, key=key)
        if not value:
            mine.delete()
        elif not mine.update(value=value):
            ProductProperty.objects.everyone().create(
                merchant=caller.merchant, product=product, key=key, value=value, position=n
            )


def why_not_delete(product: Product) -> str:
    """Why the product must stay, in a sentence; empty if it may go. Old orders keep their lines."""
    lines = OrderLine.objects.of_id(product.merchant_id).filter(product=product)
    if lines.filter(quantity__gt=F("shipped") + F("cancelled")).exists():
        return _("Dieses Produkt steht noch in offenen Bestellungen.")
    for channel in CHANNELS.values():
        if channel.product_details(product.merchant, [product.pk]):
            return _("Dieses Produkt wird über {channel} angeboten. Beende zuerst das Angebot.").format(
                channel=channel.title
            )
    return ""
