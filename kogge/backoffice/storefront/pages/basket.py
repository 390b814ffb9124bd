"""The cart: putting in, changing quantities, taking out."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms
from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from kogge.backoffice.storefront import assortment, opening
from kogge.backoffice.storefront.assortment import MOST_UNITS, Article
from kogge.backoffice.storefront.pages.entrance import Visit, visitors
from kogge.backoffice.storefront.quoting import quote
from kogge.formats.money import money


class PutForm(forms.Form):
    """Which article of a product, and how many."""

    article = forms.TypedChoiceField(coerce=int, label=gettext_lazy("Ausführung"))
    units = forms.IntegerField(
        label=gettext_lazy("Menge"),
        min_value=1,
        max_value=MOST_UNITS,
        initial=1,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def __init__(self, articles: Sequence[Article], typed: object = None) -> None:
        super().__init__(typed)  # type: ignore[arg-type]
        field = self.fields["article"]
        assert isinstance(field, forms.TypedChoiceField)
        field.choices = [(article.product.pk, _choice(article)) for article in articles if article.limit]
        if len(articles) == 1:
            field.widget = forms.HiddenInput()
            field.initial = articles[0].product.pk


@visitors
def cart(visit: Visit) -> HttpResponseBase:
    """What is in the cart; POST changes it: "put", "remove", or new quantities."""
    posted = visit.request.POST
    if visit.request.method == "POST":
        if "put" in posted:
            return _put(visit)
        _change(visit)
        return redirect("storefront_cart", visit.merchant.slug)
    lines, told = visit.cart.look()
    options = opening.options_of(visit.merchant)
    context = {
        "lines": lines,
        "told": told,
        "most": MOST_UNITS,
        "quotes": [quote(lines, option) for option in options] if lines else [],
        "goods": sum(line.total for line in lines),
    }
    return visit.show("cart", context)


def _put(visit: Visit) -> HttpResponseBase:
    """Put in what a product's page offers; what cannot be is said there."""
    wanted = visit.request.POST.get("article", "")
    known = assortment.articles(visit.merchant, [int(wanted)] if _is_key(wanted) else [])
    article = next(iter(known.values()), None)
    if article is None:
        messages.error(visit.request, _("Dieser Artikel wird nicht mehr angeboten."))
        return redirect("storefront", visit.merchant.slug)
    page = redirect(
        "storefront_product", visit.merchant.slug, article.product.parent_id or article.product.pk
    )
    named = {"title": article.title}
    if article.is_sold_out:
        messages.error(visit.request, _("%(title)s ist ausverkauft.") % named)
        return page
    form = PutForm([article], visit.request.POST)
    if not form.is_valid():
        messages.error(
            visit.request, _("Die Menge muss zwischen 1 und %(most)s liegen.") % {"most": MOST_UNITS}
        )
        return page
    wish = form.cleaned_data["units"]
    put = visit.cart.put(article, wish)
    if put < wish:
        messages.warning(visit.request, _more_than_there_is(visit, article))
    else:
        messages.success(visit.request, _("%(title)s liegt jetzt im Warenkorb.") % named)
    return redirect("storefront_cart", visit.merchant.slug)


def _change(visit: Visit) -> None:
    """The quantities that were typed; a line that was removed or set to nothing goes."""
    posted = visit.request.POST
    lines, told = visit.cart.look()
    for sentence in told:
        messages.warning(visit.request, sentence)
    for line in lines:
        key = line.article.product.pk
        typed = posted.get(f"units_{key}", str(line.units)).strip()
        if posted.get("remove") == str(key):
            visit.cart.set(line.article, 0)
        elif not (typed.isascii() and typed.isdecimal() and len(typed) < 6):
            messages.error(
                visit.request, _("Die Menge muss zwischen 1 und %(most)s liegen.") % {"most": MOST_UNITS}
            )
        else:
            visit.cart.set(line.article, int(typed))
            if int(typed) > line.article.limit:
                messages.warning(visit.request, _more_than_there_is(visit, line.article))


def _more_than_there_is(visit: Visit, article: Article) -> str:
    units = visit.cart.units_of(article)
    return ngettext(
        "Mehr als %(units)s Stück von %(title)s geht gerade nicht.",
        "Mehr als %(units)s Stück von %(title)s gehen gerade nicht.",
        units,
    ) % {"units": units, "title": article.title}


def _choice(article: Article) -> str:
    return f"{article.product.option or article.product.title} · {money(article.product.price)}"


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19
