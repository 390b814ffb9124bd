"""How an app gets its token: the owner agrees on one page, and the browser goes back to the app."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.html import escape

from kogge.backoffice.api import access, keys
from kogge.backoffice.api.models import ApiKey
from kogge.backoffice.refusal import Refusal
from kogge.merchants.access import MerchantRequest, owner_only


@owner_only
def agree(request: MerchantRequest) -> HttpResponseBase:
    """Ask whether the app may come in; then send the browser back to it, with the token."""
    app = _app(request)
    if request.method == "POST":
        try:
            shown = keys.register(app, now=timezone.now())
        except Refusal as refusal:  # revoked in another window meanwhile
            raise Http404 from refusal
        if not app.redirect_url:
            return redirect("api_keys")
        back = keys.way_back(shown, host=request.get_host(), now=timezone.now())
        return HttpResponseRedirect(back)
    response = render(request, "shop_api/agree.html", {"app": app})
    # Browsers hold a form's redirects to `form-action`, and this form's leads to the app.
    response.headers["Content-Security-Policy"] = "; ".join(
        (
            "default-src 'self'",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            f"form-action 'self' {_origin(app.redirect_url)}".strip(),
        )
    )
    return response


def token(request: HttpRequest) -> HttpResponse:
    """The token of an app that is registered. It opens nothing without the secret."""
    if seconds := access.seconds_to_wait(request):
        return HttpResponse(status=429, headers={"Retry-After": str(seconds)})
    wanted = request.GET.get("api_key", "")
    found = _registered(wanted) if wanted and "\0" not in wanted else None
    if found is None:
        return HttpResponse(status=404, content_type="application/xml")
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<token>{escape(found.token)}</token>\n'
    return HttpResponse(body, content_type="application/xml", headers={"Cache-Control": "no-store"})


def _registered(key: str) -> ApiKey | None:
    apps = ApiKey.objects.everyone().filter(kind=ApiKey.Kind.APP, revoked_at=None)
    return apps.filter(key=key, registered_at__isnull=False).first()


def _app(request: MerchantRequest) -> ApiKey:
    wanted = request.GET.get("api_key", "")
    apps = ApiKey.objects.of(request.merchant).filter(kind=ApiKey.Kind.APP, revoked_at=None)
    found = apps.filter(key=wanted).first() if wanted and "\0" not in wanted else None
    if found is None:
        raise Http404
    return found


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if url else ""
