"""Login with Amazon: the token endpoint and the consent page."""

from __future__ import annotations

import html
import re
import secrets
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from kogge.simulator.wire import FORM, Request, Response, html_response, json_response, redirect
from kogge.simulator.world import (
    ACCESS_TOKEN_LIFE,
    OAUTH_CODE_LIFE,
    AccessToken,
    Account,
    App,
    Grant,
    OAuthCode,
    World,
)

TOKEN_PATH = "/auth/o2/token"  # noqa: S105
CONSENT_PATH = "/apps/authorize/consent"

GRANTLESS_SCOPES = {"sellingpartnerapi::notifications", "sellingpartnerapi::client_credential:rotation"}


class _Denied(Exception):
    """An OAuth error as LWA words it."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


def token(world: World, request: Request) -> Response:
    """POST /auth/o2/token: an access token for a code, a refresh token or the application itself."""
    try:
        return _answer(world, request)
    except _Denied as denied:
        return json_response(denied.status, {"error": denied.error, "error_description": str(denied)})


def _answer(world: World, request: Request) -> Response:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise _Denied("invalid_request", "The request must be form-encoded")
    form = request.form()
    match form.get("grant_type"):
        case None | "":
            raise _Denied("invalid_request", "The request is missing a required parameter : grant_type")
        case "refresh_token":
            app = _application(world, form)
            return _tokens(world, _refreshed(world, app, form), form["refresh_token"])
        case "authorization_code":
            app = _application(world, form)
            grant = _exchanged(world, app, form)
            return _tokens(world, grant, grant.refresh_token)
        case "client_credentials":
            app = _application(world, form)
            if form.get("scope") not in GRANTLESS_SCOPES:
                raise _Denied("invalid_scope", "The requested scope is invalid")
            grantless = world.token("Atc")
            nobodys = Grant("", app.client_id, "")
            world.access_tokens[grantless] = AccessToken(
                nobodys, world.now() + ACCESS_TOKEN_LIFE, form["scope"]
            )
            return json_response(200, {**_bearer(grantless), "scope": form["scope"]})
        case _:
            description = "The authorization grant type is not supported by the authorization server"
            raise _Denied("unsupported_grant_type", description)


def _application(world: World, form: dict[str, str]) -> App:
    for name in ("client_id", "client_secret"):
        if not form.get(name):
            raise _Denied("invalid_request", f"The request is missing a required parameter : {name}")
    app = world.apps.get(form["client_id"])
    if app is None or not any(
        secrets.compare_digest(form["client_secret"].encode(), s.encode()) for s in app.secrets
    ):
        raise _Denied("invalid_client", "Client authentication failed", 401)
    return app


def _refreshed(world: World, app: App, form: dict[str, str]) -> Grant:
    if not form.get("refresh_token"):
        raise _Denied("invalid_request", "The request is missing a required parameter : refresh_token")
    grant = world.grants.get(form["refresh_token"])
    if grant is None or grant.is_revoked:
        raise _Denied("invalid_grant", "The request has an invalid grant parameter : refresh_token")
    if grant.client_id != app.client_id:
        raise _Denied("unauthorized_client", "The client is not authorized to use this refresh token")
    return grant


def _exchanged(world: World, app: App, form: dict[str, str]) -> Grant:
    code = world.oauth_codes.pop(form.get("code", ""), None)
    if code is None or world.now() > code.expires_at:
        raise _Denied("invalid_grant", "The request has an invalid grant parameter : code")
    if code.client_id != app.client_id:
        raise _Denied("unauthorized_client", "The client is not authorized to use this code")
    if form.get("redirect_uri", "") != code.redirect_uri:
        raise _Denied("invalid_grant", "The request has an invalid grant parameter : redirect_uri")
    return world.grant(app.client_id, code.seller_id)


def _tokens(world: World, grant: Grant, refresh_token: str) -> Response:
    access_token = world.token("Atza")
    world.access_tokens[access_token] = AccessToken(grant, world.now() + ACCESS_TOKEN_LIFE)
    return json_response(200, {**_bearer(access_token), "refresh_token": refresh_token})


def _bearer(token: str) -> dict[str, object]:
    return {
        "access_token": token,
        "token_type": "bearer",
        "expires_in": int(ACCESS_TOKEN_LIFE.total_seconds()),
    }


def consent(world: World, request: Request) -> Response:
    """The consent page (GET) and the seller's decision on it (POST)."""
    fields = request.form() if request.method == "POST" else request.parameters()
    apps = {app.application_id: app for app in world.apps.values()}
    app = apps.get(fields.get("application_id", ""))
    if app is None:
        return _error_page("MD1000", "Unbekannte Anwendung", "Unknown application")
    if app.is_draft and fields.get("version") != "beta":
        return _error_page(
            "MD5101", "Entwurf: version=beta fehlt", "Draft application: version=beta is missing"
        )
    target = fields.get("redirect_uri") or next(iter(app.redirect_uris), "")
    if not _is_allowed(target) or (app.redirect_uris and target not in app.redirect_uris):
        return _error_page("MD9010", "Ungültige Rücksprungadresse", "Invalid redirect_uri")
    if request.method == "GET":
        return _consent_page(world, app, fields, target)
    return _decided(world, app, fields, target)


def _is_allowed(target: str) -> bool:
    parts = urlsplit(target)
    if not re.fullmatch(r"[\w.\-]+(:[0-9]+)?|\[[0-9a-f:]+\](:[0-9]+)?", parts.netloc, re.ASCII):
        return False
    return parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    )


def _decided(world: World, app: App, fields: dict[str, str], target: str) -> Response:
    account = world.accounts.get(fields.get("seller_id", ""))
    if fields.get("decision") != "agree" or account is None:
        return redirect(
            _with_query(target, {"state": fields.get("state", ""), "error": "access_denied"}), 302
        )
    code = f"AN{secrets.token_hex(10)}"
    world.oauth_codes[code] = OAuthCode(
        app.client_id, account.seller_id, fields.get("redirect_uri", ""), world.now() + OAUTH_CODE_LIFE
    )
    answer = {
        "state": fields.get("state", ""),
        "selling_partner_id": account.seller_id,
        "spapi_oauth_code": code,
    }
    return redirect(_with_query(target, answer), 302)


def _with_query(target: str, more: dict[str, str]) -> str:
    parts = urlsplit(target)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *more.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _consent_page(world: World, app: App, fields: dict[str, str], target: str) -> Response:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(fields.get(name, ""))}">'
        for name in ("application_id", "state", "redirect_uri", "version")
    )
    accounts = list(world.accounts.values())
    sellers = "".join(_seller_choice(account, is_first=account is accounts[0]) for account in accounts)
    parts = urlsplit(target)
    origin = f"{parts.scheme}://{parts.netloc}"
    page = _PAGE.format(
        style=STYLE,
        body=f"""<h1>Anwendung autorisieren <small lang="en">Authorise application</small></h1>
<p><strong>{html.escape(app.name)}</strong> möchte im Namen deines Verkäuferkontos auf Bestellungen,
Angebote und Lagerbestände zugreifen.<br>
<span lang="en">would like to access orders, listings and inventory for your selling account.</span></p>
<p class="quiet">{html.escape(app.application_id)}<br>→ {html.escape(origin)}</p>
<form method="post" action="{CONSENT_PATH}">{hidden}
<fieldset><legend>Verkäuferkonto / Selling account</legend>{sellers}</fieldset>
<button name="decision" value="agree">Zustimmen / Agree</button>
<button name="decision" value="decline" class="plain">Ablehnen / Decline</button></form>""",
    )
    response = html_response(200, page)
    # Browsers apply form-action to the redirect that follows the form, so the application must be named.
    response.headers["Content-Security-Policy"] = content_security_policy(f"'self' {origin}")
    # Not no-referrer: browsers would then hide the origin of the form even from ourselves.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _seller_choice(account: Account, *, is_first: bool) -> str:
    return (
        f'<label><input type="radio" name="seller_id" value="{html.escape(account.seller_id)}"'
        f"{' checked' if is_first else ''}> {html.escape(account.store_name)} "
        f'<span class="quiet">{html.escape(account.seller_id)}</span></label>'
    )


def _error_page(code: str, german: str, english: str) -> Response:
    body = f'<h1>Fehler / Error {code}</h1><p>{german}.<br><span lang="en">{english}.</span></p>'
    response = html_response(400, _PAGE.format(style=STYLE, body=body))
    response.headers["Content-Security-Policy"] = content_security_policy("'none'")
    return response


def content_security_policy(form_action: str, *, pictures: str = "'none'") -> str:
    """Nothing but our own inline style; `form_action` says where forms may lead, `pictures` where from."""
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src {pictures}; form-action {form_action}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#0f1111;background:#f3f4f4;margin:0}
main{max-width:38rem;margin:4rem auto;background:#fff;border:1px solid #d5d9d9;border-radius:8px;padding:2rem}
h1{font-size:1.4rem;margin-top:0}h1 small{color:#565959;font-weight:400;font-size:1rem;display:block}
.quiet{color:#565959;font-size:.875rem}fieldset{border:1px solid #d5d9d9;border-radius:8px;margin:1rem 0}
label{display:block;padding:.25rem 0}
button{font:inherit;padding:.5rem 1rem;border-radius:8px;border:1px solid #0f6a75}
button{background:#0f6a75;color:#fff}
button.plain{background:#fff;color:#0f1111;border-color:#888c8c}
"""

_PAGE = """<!doctype html>
<html lang="de"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Seller Central (Simulator)</title><style>{style}</style></head><body><main>{body}</main></body></html>
"""
