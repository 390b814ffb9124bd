"""Connecting a seller account in three steps: choose the way, enter what it needs, choose where to sell."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from kogge.amazon.connections import accounts, consent
from kogge.amazon.connections.accounts import NotNow, WrongSetting
from kogge.amazon.connections.models import Connection
from kogge.amazon.pages import drafts, own
from kogge.amazon.pages.forms import ChoiceForm, ConsentForm, PrivateAppForm
from kogge.merchants.access import MerchantRequest, owner, reader
from kogge.spapi.marketplaces import MARKETPLACES


@require_GET
@owner
def choose_way(request: MerchantRequest) -> HttpResponse:
    """Step 1: what is needed first, and the two ways to get access."""
    own.owners_only(request)
    return render(request, "amazon/connect.html", {"step": 1})


@owner
def private_app(request: MerchantRequest) -> HttpResponseBase:
    """Step 2 with an own, private application: its values are tested at Amazon before going on."""
    own.owners_only(request)
    form = PrivateAppForm(request.POST if request.method == "POST" else None, initial={"region": "eu"})
    if request.method == "POST" and form.is_valid() and _keep_tested(request, form):
        return redirect("amazon_connect_choose")
    return render(request, "amazon/connect_private.html", {"form": form, "step": 2})


@owner
def ask_consent(request: MerchantRequest) -> HttpResponseBase:
    """Step 2 with a public application: off to Amazon's consent page."""
    own.owners_only(request)
    form = ConsentForm(request.POST if request.method == "POST" else None, initial=_renewed(request))
    address = request.build_absolute_uri(reverse("amazon_consent"))
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            return redirect(
                consent.begin(
                    request.merchant,
                    session_key=request.session.session_key or "",
                    region=values["region"],
                    application_id=values["application_id"],
                    client_id=values["client_id"],
                    client_secret=values["client_secret"],
                    redirect_uri=address,
                    is_draft=values["draft"],
                    now=timezone.now(),
                )
            )
        except WrongSetting as wrong:
            form.show(wrong)
    context = {"form": form, "return_address": address, "step": 2}
    return render(request, "amazon/connect_consent.html", context)


@require_GET
@reader
def consent_given(request: MerchantRequest) -> HttpResponseBase:
    """Where Amazon's consent page sends the browser back to. The address holds a code: no referrer."""
    own.owners_only(request)
    response = _take_consent(request)
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response


@owner
def choose(request: MerchantRequest) -> HttpResponseBase:
    """Step 3: marketplaces, start date, dispatch mail; then the connection stands."""
    own.owners_only(request)
    now = timezone.now()
    settings = drafts.find(request, request.merchant, now=now)
    if settings is None:
        messages.warning(request, _("Deine Eingaben sind nicht mehr da. Beginne bitte noch einmal."))
        return redirect("amazon_connect")
    choices = [
        (found.marketplace_id, MARKETPLACES[found.marketplace_id].name) for found in settings.participations
    ]
    form = ChoiceForm(request.POST if request.method == "POST" else None, choices=choices, now=now)
    if request.method == "POST" and form.is_valid():
        connection = _connect(request, settings, form)
        if connection is not None:
            return redirect("amazon_connected", connection.pk)
    return render(
        request, "amazon/connect_choose.html", {"form": form, "settings": _shown(settings), "step": 3}
    )


@require_GET
@reader
def connected(request: MerchantRequest, pk: int) -> HttpResponse:
    """The green result: which shop was connected, and what happens next."""
    connection = own.connection(request, pk)
    marketplaces = connection.marketplaces.filter(active=True).order_by("country")
    return render(
        request, "amazon/connected.html", {"connection": connection, "marketplaces": marketplaces, "step": 4}
    )


def _renewed(request: MerchantRequest) -> dict[str, str]:
    """What is known already when the consent of a connection (`?konto=`) is renewed."""
    number = request.GET.get("konto", "")
    known = (
        Connection.objects.of(request.merchant).filter(pk=int(number) if number.isdecimal() else 0).first()
    )
    return {"region": known.region, "client_id": known.client_id} if known else {"region": "eu"}


def _keep_tested(request: MerchantRequest, form: PrivateAppForm) -> bool:
    """Test the values at Amazon and keep them sealed; what is wrong is shown in the form."""
    values = form.cleaned_data
    now = timezone.now()
    try:
        found = accounts.check_credentials(
            region=values["region"],
            client_id=values["client_id"],
            client_secret=values["client_secret"],
            refresh_token=values["refresh_token"],
            now=now,
        )
    except WrongSetting as wrong:
        form.show(wrong)
        return False
    except NotNow as later:
        form.add_error(None, later.sentence)
        return False
    drafts.keep(request, request.merchant, drafts.Settings(**values, participations=found), now=now)
    return True


def _take_consent(request: MerchantRequest) -> HttpResponse:
    now = timezone.now()
    try:
        grant = consent.finish(
            request.merchant,
            session_key=request.session.session_key or "",
            state=request.GET.get("state", ""),
            selling_partner_id=request.GET.get("selling_partner_id", ""),
            code=request.GET.get("spapi_oauth_code", ""),
            now=now,
        )
        found = accounts.check_credentials(
            region=grant.region,
            client_id=grant.client_id,
            client_secret=grant.client_secret,
            refresh_token=grant.refresh_token,
            now=now,
        )
    except (WrongSetting, NotNow) as failure:
        messages.error(request, failure.sentence)
        return redirect("amazon_connect_consent")
    settings = drafts.Settings(
        region=grant.region,
        seller_id=grant.seller_id,
        client_id=grant.client_id,
        client_secret=grant.client_secret,
        refresh_token=grant.refresh_token,
        participations=found,
        is_private_app=False,
        consented_on=grant.consented_on,
    )
    drafts.keep(request, request.merchant, settings, now=now)
    return redirect("amazon_connect_choose")


def _connect(request: MerchantRequest, settings: drafts.Settings, form: ChoiceForm) -> Connection | None:
    values = form.cleaned_data
    try:
        connection = accounts.connect(
            request.merchant,
            region=settings.region,
            seller_id=settings.seller_id,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            refresh_token=settings.refresh_token,
            marketplace_ids=values["marketplace_ids"],
            dispatch_mail=values["dispatch_mail"],
            start_from=values["start_from"],
            is_private_app=settings.is_private_app,
            consented_on=settings.consented_on,
            now=timezone.now(),
        )
    except WrongSetting as wrong:
        form.show(wrong)
        return None
    except NotNow as later:
        form.add_error(None, later.sentence)
        return None
    drafts.forget(request, request.merchant)
    return connection


def _shown(settings: drafts.Settings) -> dict[str, str]:
    """What a page may know of the draft: nothing secret."""
    return {"store_name": settings.store_name, "seller_id": settings.seller_id, "region": settings.region}
