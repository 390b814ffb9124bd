"""Verkaufskanäle and Erweiterungen › Apps: activate a channel, register its app, switch it off, let it go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from kogge.backoffice import installing
from kogge.backoffice.channels import CHANNELS, Access, AppCard, Channel
from kogge.backoffice.models import Installation
from kogge.backoffice.pages.order_acts import REFUSED
from kogge.backoffice.refusal import Refusal
from kogge.backoffice.templatetags.shop_tags import colour
from kogge.merchants.access import MerchantRequest, owner, owner_only, reader
from kogge.merchants.models import Merchant

ICONS = {"green": "circle-check", "amber": "alert-triangle", "red": "alert-circle", "blue": "progress"}


@dataclass(frozen=True, slots=True)
class Card:
    """A channel and its app, as both lists show them."""

    channel: Channel
    app: AppCard
    installation: Installation | None

    @property
    def icon(self) -> str:
        return ICONS.get(colour(self.app.tone), "circle-dashed")

    @property
    def access(self) -> Access:
        return self.channel.access()

    @property
    def is_on(self) -> bool:
        """Installed and not switched off; the app may still have to be registered."""
        return self.installation is not None and self.installation.deactivated_at is None

    @property
    def is_registered(self) -> bool:
        return self.installation is not None and self.installation.registered_at is not None


@reader
def channels(request: MerchantRequest) -> HttpResponse:
    """The ways to sell, each with its state and the way to switch it on or off."""
    cards = [_card(request.merchant, channel) for channel in CHANNELS.values()]
    return render(request, "backoffice/channels.html", {"cards": cards})


@reader
def apps(request: MerchantRequest) -> HttpResponse:
    """The installed apps, each with the way to its settings."""
    cards = [_card(request.merchant, channel) for channel in CHANNELS.values()]
    installed = [card for card in cards if card.installation is not None]
    return render(request, "backoffice/apps.html", {"cards": installed})


@require_POST
@owner
def activate(request: MerchantRequest, name: str) -> HttpResponseBase:
    """Install the channel's app, or have the channel go on."""
    channel = _channel(name)
    installation = installing.activate(request.merchant, name, now=timezone.now())
    if installation.registered_at is None:
        messages.success(
            request,
            _("Die App „%(title)s“ ist installiert. Öffne jetzt ihre Einstellungen.")
            % {"title": channel.title},
        )
        return redirect("apps")
    messages.success(
        request,
        _("Der Verkaufskanal %(title)s ist aktiv und holt nach, was inzwischen geschah.")
        % {"title": channel.title},
    )
    return redirect("channels")


@owner
def register(request: MerchantRequest, name: str) -> HttpResponseBase:
    """Show what the app reads and writes (GET); the owner agrees to it once (POST)."""
    card = _installed(request, name)
    if request.method == "POST":
        by = request.user.name or request.user.email
        with _still_installed():
            installing.register(request.merchant, name, by=by, now=timezone.now())
        messages.success(request, _("Die App „%(title)s“ ist registriert.") % {"title": card.channel.title})
        return redirect(card.channel.app_card(request.merchant).url)
    context = {"card": card, "remote": getattr(request.merchant, "remote_shop", None)}
    return render(request, "backoffice/app_register.html", context)


@owner_only
def deactivate(request: MerchantRequest, name: str) -> HttpResponseBase:
    """Name the consequences (GET), then switch the channel off (POST)."""
    card = _installed(request, name)
    if request.method == "POST":
        with _still_installed():
            installing.deactivate(request.merchant, name, now=timezone.now())
        messages.warning(
            request,
            _("Der Verkaufskanal %(title)s ist deaktiviert: Es kommen keine Bestellungen mehr an.")
            % {"title": card.channel.title},
        )
        return redirect("channels")
    context = {"card": card, "consequences": card.channel.when_deactivated(request.merchant)}
    return render(request, "backoffice/channel_deactivate.html", context)


@owner_only
def uninstall(request: MerchantRequest, name: str) -> HttpResponseBase:
    """Name the consequences (GET), then let go of the app once it is confirmed (POST)."""
    card = _installed(request, name)
    refusal = ""
    if request.method == "POST":
        try:
            _uninstall(request, card)
        except Refusal as refused:
            refusal = refused.sentence
        else:
            messages.success(
                request,
                _(
                    "Die App „%(title)s“ ist deinstalliert. Die Zugangsdaten sind gelöscht, die "
                    "personenbezogenen Daten folgen in wenigen Minuten."
                )
                % {"title": card.channel.title},
            )
            return redirect("apps")
    context = {
        "card": card,
        "consequences": card.channel.when_uninstalled(request.merchant),
        "open": installing.open_orders(request.merchant, name).count(),
        "refusal": refusal,
    }
    return render(request, "backoffice/app_uninstall.html", context, status=REFUSED if refusal else 200)


def app_card(merchant: Merchant, channel: Channel) -> AppCard:
    """How a channel's app stands, and the way to its next step: activated, registered, then its own pages."""
    card = _card(merchant, channel)
    return card.app if card.is_on else replace(card.app, url=reverse("channels"))


def is_running(app: AppCard) -> bool:
    """Whether the app works without the merchant doing anything."""
    return colour(app.tone) == "green"


def _card(merchant: Merchant, channel: Channel) -> Card:
    installation = installing.find(merchant, channel.name)
    if installation is None:
        return Card(channel, AppCard(_("Nicht aktiviert"), "gray", reverse("channels")), None)
    if installation.registered_at is None:
        url = reverse("app_register", args=[channel.name])
        return Card(channel, AppCard(_("Noch nicht registriert"), "amber", url), installation)
    app = channel.app_card(merchant)
    if installation.deactivated_at is not None:
        app = replace(app, state=_("Deaktiviert"), tone="gray")
    return Card(channel, app, installation)


def _installed(request: MerchantRequest, name: str) -> Card:
    card = _card(request.merchant, _channel(name))
    if card.installation is None:
        raise Http404
    return card


@contextmanager
def _still_installed() -> Iterator[None]:
    """Who lets go of the app in another window meanwhile finds nothing here any more."""
    try:
        yield
    except Refusal as refusal:
        raise Http404 from refusal


def _channel(name: str) -> Channel:
    channel = CHANNELS.get(name)
    if channel is None:
        raise Http404
    return channel


def _uninstall(request: MerchantRequest, card: Card) -> None:
    """Raises `Refusal`."""
    if request.POST.get("sure") != "yes":
        raise Refusal(_("Bestätige zuerst mit dem Häkchen, dass die Daten gelöscht werden."))
    even_open = request.POST.get("even_open") == "yes"
    installing.uninstall(request.merchant, card.channel.name, even_open=even_open, now=timezone.now())
