"""Verkaufskanäle and Erweiterungen › Apps: what each channel's app says about itself."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from kogge.backoffice.channels import CHANNELS, AppCard
from kogge.backoffice.templatetags.shop_tags import colour
from kogge.merchants.access import MerchantRequest, reader


@reader
def channels(request: MerchantRequest) -> HttpResponse:
    """The ways to sell, each with its state and the way to switch it on."""
    return render(request, "backoffice/channels.html", {"cards": _cards(request)})


@reader
def apps(request: MerchantRequest) -> HttpResponse:
    """The installed apps, each with the way to its settings."""
    return render(request, "backoffice/apps.html", {"cards": _cards(request)})


def _cards(request: MerchantRequest) -> list[dict[str, object]]:
    cards = []
    for channel in CHANNELS.values():
        app = channel.app_card(request.merchant)
        icon = ICONS.get(colour(app.tone), "circle-dashed")
        cards.append({"channel": channel, "app": app, "icon": icon, "is_running": is_running(app)})
    return cards


def is_running(app: AppCard) -> bool:
    """Whether the app works without the merchant doing anything."""
    return colour(app.tone) == "green"


ICONS = {"green": "circle-check", "amber": "alert-triangle", "red": "alert-circle", "blue": "progress"}
