"""Einstellungen › Shop: where the merchant works, how a shop elsewhere is connected, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kogge.engine import due
from kogge.engine.models import Due
from kogge.merchants.access import MerchantRequest, may, owner, owner_only, reader, staff
from kogge.merchants.models import Role
from kogge.remote import connecting, errands, orders
from kogge.remote.access import Access
from kogge.remote.connecting import READ_ORDERS, READ_PRODUCTS, RUN_ERRANDS, NotNow, WrongSetting
from kogge.remote.forms import AccessForm, AppForm, CutForm, ShopKeyForm, SwitchesForm
from kogge.remote.models import Errand, RemoteOrderLink, RemoteProductLink, RemoteShop
from kogge.remote.words import PAUSED_BECAUSE, PRODUCT_TROUBLE, SYSTEM, word

SHOWN = 20
REFUSED = 422  # the page of a form that was not carried out


@dataclass(frozen=True, slots=True)
class Work:
    """One of the shop's operations: when it ran, when it runs next, and what the last run met."""

    last: datetime | None
    next: datetime | None
    is_running: bool
    is_due: bool
    error: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a shop stands, for its page."""

    shop: RemoteShop
    title: str
    is_cut: bool
    paused_because: str
    what_to_do: str
    orders: Work
    products: Work
    telling: Work
    waiting: int
    stuck: Sequence[Errand]
    stuck_count: int
    oldest: datetime | None
    troubled: Sequence[RemoteOrderLink]
    troubled_count: int
    linked_products: int
    left_out: Sequence[str]
    wrong_fields: Sequence[RemoteProductLink]

    @property
    def is_busy(self) -> bool:
        """Whether something is being done that the page should show when it is done."""
        return any(work.is_running or work.is_due for work in (self.orders, self.products, self.telling))


@require_GET
@reader
def shop(request: MerchantRequest) -> HttpResponse:
    """Where the merchant works; with a shop elsewhere, how it stands."""
    found = connecting.shop_of(request.merchant.pk)
    if found is None or (connecting.is_cut(found) and not request.merchant.works_in):
        refusal = connecting.why_not_connect(request.merchant)
        return render(request, "remote/choose.html", {"known": found, "refusal": refusal})
    context = _state(request, found) | {
        "hook": _hook_address(request, found),
        "switches": SwitchesForm(instance=found),
    }
    return render(request, "remote/shop.html", context)


@require_GET
@reader
def state(request: MerchantRequest) -> HttpResponse:
    """The part of the page that changes by itself."""
    return render(request, "remote/_state.html", _state(request, _own(request)))


# --- connecting -------------------------------------------------------------------------------


@owner_only
def connect(request: MerchantRequest) -> HttpResponseBase:
    """As an app: shop address, app key and secret; then on to the shop."""
    form = AppForm(request.POST if request.method == "POST" else None, initial=_known(request))
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            connecting.begin(request.merchant, session_key=_session(request), **values, now=timezone.now())
            return redirect("remote_register")
        except WrongSetting as wrong:
            form.show(wrong)
    context = {"form": form, "way_back": _way_back(request), "known": connecting.shop_of(request.merchant.pk)}
    return render(request, "remote/connect.html", context, status=_status(request))


@require_GET
@owner_only
def register(request: MerchantRequest) -> HttpResponseBase:
    """The step over to the shop: a link, since a form may not lead to an address just typed in."""
    attempt = connecting.pending(request.merchant, _session(request), now=timezone.now())
    if attempt is None:
        return redirect("remote_connect")
    context = {"attempt": attempt, "address": connecting.registration_address(attempt)}
    response = render(request, "remote/register.html", context | {"way_back": _way_back(request)})
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_GET
@owner_only
def registered(request: MerchantRequest) -> HttpResponseBase:
    """Where the shop sends the browser back to. The address holds the token: no referrer, no copy."""
    answer = {name: request.GET[name] for name in request.GET}
    response: HttpResponse
    try:
        found = connecting.finish(
            request.merchant, session_key=_session(request), answer=answer, now=timezone.now()
        )
    except (WrongSetting, NotNow) as failure:
        messages.error(request, failure.sentence)
        response = redirect("remote_connect")
    else:
        response = _connected(request, found)
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response


@owner_only
def connect_with_key(request: MerchantRequest) -> HttpResponseBase:
    """With the shop's own key: tested at once."""
    form = ShopKeyForm(request.POST if request.method == "POST" else None, initial=_known(request))
    if request.method == "POST" and form.is_valid():
        try:
            found = connecting.connect(request.merchant, Access(**form.cleaned_data), now=timezone.now())
        except (WrongSetting, NotNow) as failure:
            _show(form, failure)
        else:
            return _connected(request, found)
    context = {"form": form, "known": connecting.shop_of(request.merchant.pk)}
    return render(request, "remote/connect_key.html", context, status=_status(request))


def _connected(request: MerchantRequest, found: RemoteShop) -> HttpResponse:
    sentence = _("„%(name)s“ ist verbunden. Kogge liest jetzt Produkte und Bestellungen.")
    messages.success(request, sentence % {"name": found.name or found.url})
    return redirect("remote_shop")


def _show(form: AccessForm, failure: WrongSetting | NotNow) -> None:
    if isinstance(failure, WrongSetting):
        form.show(failure)
    else:
        form.add_error(None, failure.sentence)


def _known(request: MerchantRequest) -> dict[str, str]:
    """What is known already when an access is renewed; never a secret."""
    found = connecting.shop_of(request.merchant.pk)
    return {"url": found.url, "api_key": found.api_key} if found else {}


# --- acting -----------------------------------------------------------------------------------


@require_POST
@staff
def read_now(request: MerchantRequest) -> HttpResponse:
    """ "Jetzt lesen": everything becomes due now; the worker does it."""
    found = _own(request)
    if found.state != RemoteShop.State.ACTIVE:
        messages.error(request, _("Die Verbindung ist angehalten, der Shop wird gerade nicht gefragt."))
        return redirect("remote_shop")
    for operation in (READ_ORDERS, READ_PRODUCTS, RUN_ERRANDS):
        due.make_due(operation, request.merchant.pk, now=timezone.now())
    if request.htmx:
        return render(request, "remote/_state.html", _state(request, found))
    messages.success(request, _("Kogge liest den Shop gerade."))
    return redirect("remote_shop")


@require_POST
@owner
def test(request: MerchantRequest) -> HttpResponse:
    """ "Noch einmal prüfen": who answers, and whether orders may be written now."""
    try:
        may_write = connecting.test(_own(request), now=timezone.now())
    except (WrongSetting, NotNow) as failure:
        messages.error(request, failure.sentence)
        return redirect("remote_shop")
    if may_write:
        messages.success(
            request, _("Kogge darf Bestellungen schreiben. Was gewartet hat, geht jetzt hinüber.")
        )
    else:
        messages.warning(request, _("Der Zugang geht, aber Bestellungen darf Kogge noch nicht schreiben."))
    return redirect("remote_shop")


@require_POST
@owner
def pause(request: MerchantRequest) -> HttpResponse:
    """Stop all traffic for a while, on the merchant's own wish."""
    connecting.pause(_own(request).merchant_id, "by_merchant", now=timezone.now())
    messages.warning(
        request, _("Die Verbindung ist angehalten. Was du im Shop tust, erfährt Amazon solange nicht.")
    )
    return redirect("remote_shop")


@require_POST
@owner
def resume(request: MerchantRequest) -> HttpResponse:
    """Take up the work of a paused shop again, with the access it has."""
    try:
        connecting.resume(_own(request), now=timezone.now())
    except (WrongSetting, NotNow) as failure:
        messages.error(request, failure.sentence)
    else:
        messages.success(request, _("Die Verbindung läuft wieder."))
    return redirect("remote_shop")


@owner
def cut(request: MerchantRequest) -> HttpResponseBase:
    """Name the consequence (GET), then forget the access and stop (POST)."""
    found = _own(request)
    form = CutForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        connecting.cut(found, works_here=form.cleaned_data["works_here"], now=timezone.now())
        messages.success(request, _("Der Shop ist getrennt, seine Zugangsdaten sind gelöscht."))
        return redirect("remote_shop")
    waiting = Errand.objects.of(request.merchant).exclude(state=Errand.State.DONE).count()
    context = {"form": form, "shop": found, "title": word(SYSTEM, found.system), "waiting": waiting}
    return render(request, "remote/cut.html", context, status=_status(request))


@require_POST
@owner
def save_switches(request: MerchantRequest) -> HttpResponse:
    """Keep how this shop answers what its API leaves open."""
    form = SwitchesForm(request.POST, instance=_own(request))
    if not form.is_valid():
        raise Http404
    form.save(commit=False).save(update_fields=list(form.fields))  # the rest may have changed meanwhile
    messages.success(request, _("Die Einstellungen sind gespeichert. Sie gelten ab der nächsten Meldung."))
    return redirect(reverse("remote_shop") + "#schalter")


@require_POST
@staff
def act_on_errand(request: MerchantRequest, pk: int, act: str) -> HttpResponse:
    """What stands still: try it once more, or take it as done by hand over there."""
    errand = get_object_or_404(Errand.objects.of(request.merchant), pk=pk)
    match act:
        case "noch-einmal":
            was_stuck = errands.retry(errand, now=timezone.now())
            sentence = _("Kogge versucht es gleich noch einmal.")
        case "erledigt":
            was_stuck = errands.dismiss(errand, now=timezone.now())
            sentence = _("Als erledigt vermerkt. Kogge meldet das dem Shop nicht mehr.")
        case _:
            raise Http404
    if was_stuck:
        messages.success(request, sentence)
    else:
        messages.info(request, _("Diese Meldung wartet auf keine Entscheidung mehr."))
    return redirect(reverse("remote_shop") + "#meldungen")


@require_POST
@staff
def close_trouble(request: MerchantRequest, pk: int) -> HttpResponse:
    """What Kogge cannot follow has been seen to: it is not said again."""
    orders.close_trouble(get_object_or_404(RemoteOrderLink.objects.of(request.merchant), pk=pk))
    messages.success(request, _("Als erledigt vermerkt."))
    return redirect(reverse("remote_shop") + "#bestellungen")


# --- what the page shows ----------------------------------------------------------------------


def _state(request: MerchantRequest, found: RemoteShop) -> dict[str, object]:
    return {
        "standing": standing(found, now=timezone.now()),
        "shop": found,
        "may_decide": may(request.role, Role.STAFF),
        "is_owner": may(request.role, Role.OWNER),
    }


def standing(found: RemoteShop, *, now: datetime) -> Standing:
    """How the shop stands: what runs, what waits, what needs a human."""
    merchant_id = found.merchant_id
    told = Errand.objects.of_id(merchant_id).exclude(state=Errand.State.DONE)
    counts = dict(told.order_by().values_list("state").annotate(Count("pk")))
    stuck = told.filter(state=Errand.State.STUCK).select_related("order", "product").order_by("pk")
    oldest = (
        told.exclude(state=Errand.State.STUCK).order_by("pk").values_list("created_at", flat=True).first()
    )
    troubled = RemoteOrderLink.objects.of_id(merchant_id).exclude(trouble="").select_related("order")
    links = RemoteProductLink.objects.of_id(merchant_id)
    return Standing(
        shop=found,
        title=word(SYSTEM, found.system),
        is_cut=connecting.is_cut(found),
        paused_because=word(PAUSED_BECAUSE, found.pause_reason),
        what_to_do=connecting.what_to_do(found),
        orders=_work(READ_ORDERS, merchant_id, found.orders_read_at, now),
        products=_work(READ_PRODUCTS, merchant_id, found.products_read_at, now),
        telling=_work(RUN_ERRANDS, merchant_id, None, now),
        waiting=counts.get(Errand.State.WAITING, 0) + counts.get(Errand.State.SENDING, 0),
        stuck=list(stuck[:SHOWN]),
        stuck_count=counts.get(Errand.State.STUCK, 0),
        oldest=oldest,
        troubled=list(troubled.order_by("-pk")[:SHOWN]),
        troubled_count=troubled.count(),
        linked_products=links.filter(is_gone=False).count(),
        left_out=[
            word(PRODUCT_TROUBLE, trouble) % {"product": product}
            for trouble, product in found.products_trouble
        ],
        wrong_fields=list(links.exclude(fields_trouble="").select_related("product").order_by("pk")[:SHOWN]),
    )


def _work(operation: str, merchant_id: int, last: datetime | None, now: datetime) -> Work:
    row = Due.objects.filter(operation=operation, subject=merchant_id).first()
    if row is None:
        return Work(last, None, False, False, "")
    is_running = row.leased_until is not None and row.leased_until > now
    return Work(last or row.finished_at, row.due_at, is_running, row.due_at <= now, row.last_error)


def _own(request: MerchantRequest) -> RemoteShop:
    return get_object_or_404(RemoteShop.objects.of(request.merchant).select_related("merchant"))


def _hook_address(request: MerchantRequest, found: RemoteShop) -> str:
    """Where the shop's webhooks go: the owner's to know, since whoever knows it can make Kogge look."""
    if not may(request.role, Role.OWNER):
        return ""
    return request.build_absolute_uri(reverse("remote_hook", args=[connecting.hint_word(found)]))


def _way_back(request: MerchantRequest) -> str:
    return request.build_absolute_uri(reverse("remote_registered"))


def _session(request: MerchantRequest) -> str:
    return request.session.session_key or ""


def _status(request: MerchantRequest) -> int:
    return REFUSED if request.method == "POST" else 200
