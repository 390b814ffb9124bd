"""The settings page of the app "Amazon": how each connection stands, and what its owner may change."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kogge.amazon.connections import accounts, expiry
from kogge.amazon.connections.accounts import NotNow, WrongSetting
from kogge.amazon.connections.models import Connection
from kogge.amazon.notifications import subscribing
from kogge.amazon.notifications.standing import standing as notifications_of
from kogge.amazon.pages import own
from kogge.amazon.pages.forms import MarketplacesForm, SecretsForm
from kogge.amazon.pages.fulfilment_pages import reading_of
from kogge.amazon.pages.standing import CHECK, Standing, is_paused, offers_of, standing
from kogge.engine import due
from kogge.merchants.access import MerchantRequest, may, owner, reader, staff
from kogge.merchants.models import Role


@require_GET
@reader
def amazon(request: MerchantRequest) -> HttpResponse:
    """All connections of the merchant. Looking counts: "new since" starts again from here."""
    now = timezone.now()
    found = list(own.connections(request.merchant))
    cards = [
        _card(request, connection, connection.orders_seen_at, now)
        | {
            "offers": offers_of(connection),
            "reading": reading_of(connection),
            "notifications": notifications_of(connection),
        }
        for connection in found
    ]
    Connection.objects.of(request.merchant).update(orders_seen_at=now)
    return render(
        request,
        "amazon/settings.html",
        {
            "cards": cards,
            "is_owner": may(request.role, Role.OWNER),
            "is_connected": own.standing_connections(request.merchant.pk).exists(),
        },
    )


@require_GET
@reader
def state(request: MerchantRequest, pk: int) -> HttpResponse:
    """The part of a card that changes by itself; `since` keeps the figure of new orders."""
    connection = own.connection(request, pk)
    since = _moment(request.GET.get("since", ""))
    return render(request, "amazon/_state.html", _card(request, connection, since, timezone.now()))


@require_POST
@staff
def check(request: MerchantRequest, pk: int) -> HttpResponse:
    """ "Jetzt prüfen": the check for orders becomes due now; the worker does it."""
    connection = own.connection(request, pk)
    now = timezone.now()
    if is_paused(connection):
        messages.error(request, _("Die Verbindung ist angehalten, Amazon wird gerade nicht gefragt."))
        return redirect("amazon")
    due.make_due(CHECK, connection.pk, now=now)
    if request.htmx:
        since = _moment(request.POST.get("since", ""))
        return render(request, "amazon/_state.html", _card(request, connection, since, now))
    messages.success(request, _("Kogge fragt Amazon gerade nach neuen Bestellungen."))
    return redirect("amazon")


@require_POST
@owner
def dispatch_mail(request: MerchantRequest, pk: int) -> HttpResponse:
    """Whether buyers at Amazon get the shop's dispatch mail. Amazon's rules speak against it."""
    connection = own.connection(request, pk)
    wanted = request.POST.get("dispatch_mail") == "yes"
    connection.dispatch_mail = wanted
    connection.save(update_fields=["dispatch_mail"])
    if wanted:
        messages.warning(request, _("Amazon-Käufer bekommen ab jetzt die Versandbestätigung deines Shops."))
    else:
        messages.success(request, _("Amazon-Käufer bekommen keine Versandbestätigung deines Shops."))
    return redirect("amazon")


@require_POST
@owner
def notifications(request: MerchantRequest, pk: int) -> HttpResponse:
    """Whether Amazon is to tell by itself what has changed."""
    connection = own.connection(request, pk)
    wanted = request.POST.get("notifications") == "yes"
    subscribing.switch(connection, on=wanted, now=timezone.now())
    if wanted:
        messages.success(request, _("Kogge bestellt die Benachrichtigungen bei Amazon."))
    else:
        messages.success(request, _("Kogge bestellt die Benachrichtigungen ab und fragt wie bisher nach."))
    return redirect("amazon")


@owner
def marketplaces(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Which marketplaces are asked for orders."""
    connection = own.connection(request, pk)
    known = list(connection.marketplaces.order_by("country"))
    form = MarketplacesForm(
        request.POST if request.method == "POST" else None,
        choices=[(one.marketplace_id, one.name) for one in known],
        chosen=[one.marketplace_id for one in known if one.active],
    )
    if request.method == "POST" and form.is_valid():
        try:
            accounts.set_marketplaces(connection, form.cleaned_data["marketplace_ids"], now=timezone.now())
        except WrongSetting as wrong:
            form.show(wrong)
        else:
            messages.success(request, _("Die Auswahl der Marktplätze ist gespeichert."))
            return redirect("amazon")
    return render(request, "amazon/marketplaces.html", {"form": form, "connection": connection})


@owner
def credentials(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """New credentials for the same seller account; everything else stays as it is."""
    own.owners_only(request)
    connection = own.connection(request, pk)
    form = SecretsForm(
        request.POST if request.method == "POST" else None, initial={"client_id": connection.client_id}
    )
    if request.method == "POST" and form.is_valid() and _replace(request, connection, form):
        messages.success(request, _("Die neuen Zugangsdaten gelten. Kogge holt jetzt alles Versäumte nach."))
        return redirect("amazon")
    return render(request, "amazon/credentials.html", {"form": form, "connection": connection})


@require_POST
@owner
def resume(request: MerchantRequest, pk: int) -> HttpResponse:
    """Take the work of a paused connection up again with the credentials it has."""
    connection = own.connection(request, pk)
    try:
        accounts.resume(connection, timezone.now())
    except WrongSetting as wrong:
        messages.error(request, wrong.sentence)
        return redirect("amazon_connect")
    messages.success(request, _("Die Verbindung läuft wieder."))
    return redirect("amazon")


@require_POST
@owner
def pause(request: MerchantRequest, pk: int) -> HttpResponse:
    """Stop all traffic for a while, on the merchant's own wish."""
    accounts.pause(own.connection(request, pk).pk, accounts.BY_MERCHANT, now=timezone.now())
    messages.warning(request, _("Die Verbindung ist angehalten: Es kommen keine Bestellungen mehr an."))
    return redirect("amazon")


@owner
def disconnect(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Name the consequence (GET), then forget the secrets and stop (POST)."""
    connection = own.connection(request, pk)
    if request.method != "POST":
        return render(request, "amazon/disconnect.html", {"connection": connection})
    accounts.disconnect(connection, timezone.now())
    messages.success(request, _("Die Verbindung ist getrennt, die Zugangsdaten sind gelöscht."))
    return redirect("amazon")


def _card(
    request: MerchantRequest, connection: Connection, since: datetime | None, now: datetime
) -> dict[str, object]:
    found: Standing = standing(connection, since=since, now=now)
    return {
        "standing": found,
        "connection": connection,
        "expiry": expiry.notices(connection, timezone.localdate(now)),
        "may_check": may(request.role, Role.STAFF),
        "is_owner": may(request.role, Role.OWNER),
        "now": now,
    }


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and timezone.is_aware(found) else None


def _replace(request: MerchantRequest, connection: Connection, form: SecretsForm) -> bool:
    values = form.cleaned_data
    until = connection.consent_expires_on
    try:
        accounts.connect(
            request.merchant,
            region=connection.region,
            seller_id=connection.seller_id,
            client_id=values["client_id"],
            client_secret=values["client_secret"],
            refresh_token=values["refresh_token"],
            marketplace_ids=list(
                connection.marketplaces.filter(active=True).values_list("marketplace_id", flat=True)
            ),
            dispatch_mail=connection.dispatch_mail,
            start_from=None,
            is_private_app=connection.is_private_app,
            # A new secret does not renew the consent: only Amazon's own page does.
            consented_on=until - accounts.CONSENT_LIFE if until else None,
            now=timezone.now(),
        )
    except WrongSetting as wrong:
        form.show(wrong)
        return False
    except NotNow as later:
        form.add_error(None, later.sentence)
        return False
    return True
