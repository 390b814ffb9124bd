"""The whole of Amazon as one function from request to answer. No sockets here: see `server`."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from email.utils import format_datetime
from urllib.parse import urlsplit

from kogge.simulator import (
    catalog_items_2022_04_01,
    control,
    fba_inventory_v1,
    feeds_2021_06_30,
    fulfillment_outbound_2020_07_01,
    fulfillment_outbound_2026_07_04,
    fulfilment,
    listings_items_2021_08_01,
    listings_restrictions_2021_08_01,
    lwa,
    notifications_v1,
    orders_2026_01_01,
    orders_v0,
    pictures,
    seller_central,
    sellers_v1,
)
from kogge.simulator.faults import Fault, instead_of_answer, spoil
from kogge.simulator.routing import Call, Route
from kogge.simulator.seller_central_parts import BASE
from kogge.simulator.wire import (
    Refusal,
    Request,
    Response,
    html_response,
    quota_exceeded,
    redirect,
    unauthorized,
)
from kogge.simulator.world import AccessToken, Account, World

ROUTES: list[Route] = [
    *orders_2026_01_01.ROUTES,
    *orders_v0.ROUTES,
    *feeds_2021_06_30.ROUTES,
    *sellers_v1.ROUTES,
    *listings_items_2021_08_01.ROUTES,
    *listings_restrictions_2021_08_01.ROUTES,
    *catalog_items_2022_04_01.ROUTES,
    *fba_inventory_v1.ROUTES,
    *fulfillment_outbound_2020_07_01.ROUTES,
    *fulfillment_outbound_2026_07_04.ROUTES,
    *notifications_v1.ROUTES,
]

# Seller Central's own path to an order; links made for the real one work here too.
_ORDER_LINK = "/orders-v3/order/"

_FOR_PEOPLE = ("/_control/", "/seller-central", _ORDER_LINK, pictures.BASE)

NOBODY = Account("", "", [])
"""Whom grantless operations are called for."""

OnExchange = Callable[[Request, Response], None]

_WITH_RATE_HEADER = {200, 201, 202, 204, 400, 404}


class Amazon:
    """Answers requests out of a `World`. `on_exchange` sees each SP-API and LWA request with its answer."""

    def __init__(self, world: World, on_exchange: OnExchange | None = None) -> None:
        self.world = world
        self.on_exchange = on_exchange

    def handle(self, request: Request) -> Response:
        """Answer one request. Thread-safe; faults that take time are left to the server to act out."""
        with self.world.lock:
            feeds_2021_06_30.process_feeds(self.world)
            self.world.carry_out_late_changes()
            fulfilment.proceed(self.world)
            response = self._answer(request)
            response.headers.setdefault("Date", format_datetime(self.world.now(), usegmt=True))
        response.headers.setdefault("x-amzn-RequestId", str(uuid.uuid4()))
        if not request.path.startswith(_FOR_PEOPLE):
            response.delay_s += self.world.settings.latency_s
            if self.on_exchange:
                self.on_exchange(request, response)
        return response

    def _answer(self, request: Request) -> Response:
        if _comes_from_elsewhere(request):
            return html_response(403, "Forbidden")
        for prefix, answer in _DOORS:
            if request.path.startswith(prefix):
                return answer(self.world, request)
        if request.path == "/":
            return redirect(BASE)
        if request.path.startswith(_ORDER_LINK):
            return redirect(f"{BASE}/orders/{request.path.removeprefix(_ORDER_LINK)}")
        return _call_operation(self.world, request)


def _comes_from_elsewhere(request: Request) -> bool:
    """A page of another site has sent a browser here with a form."""
    origin = request.headers.get("origin", "")
    return (
        request.method == "POST" and bool(origin) and urlsplit(origin).netloc != request.headers.get("host")
    )


def _token(world: World, request: Request) -> Response:
    if request.method != "POST":
        return html_response(405, "Method Not Allowed")
    return _with_faults(world, "token", lambda: lwa.token(world, request))


def _consent(world: World, request: Request) -> Response:
    if request.method not in ("GET", "POST"):
        return html_response(405, "Method Not Allowed")
    return lwa.consent(world, request)


def _upload(world: World, request: Request) -> Response:
    if request.method != "PUT":
        return html_response(405, "Method Not Allowed")
    return _with_faults(world, "upload", lambda: feeds_2021_06_30.upload(world, request))


def _download(world: World, request: Request) -> Response:
    if request.method != "GET":
        return html_response(405, "Method Not Allowed")
    return _with_faults(world, "download", lambda: feeds_2021_06_30.download(world, request))


_DOORS: list[tuple[str, Callable[[World, Request], Response]]] = [
    (lwa.TOKEN_PATH, _token),
    (lwa.CONSENT_PATH, _consent),
    ("/upload/", _upload),
    ("/download/", _download),
    ("/_control/", control.answer),
    ("/seller-central", seller_central.answer),
    (pictures.BASE, pictures.answer),
]


def _with_faults(world: World, operation: str, work: Callable[[], Response]) -> Response:
    """Run something that is no SP-API operation, with the faults ordered for it."""
    world.calls[operation] += 1
    return _run(world.faults.due(operation), work)


def _run(faults: list[Fault], work: Callable[[], Response]) -> Response:
    for fault in faults:
        if fault.is_before:
            return instead_of_answer(fault)
    response = work()
    for fault in faults:
        spoil(response, fault)
    return response


def _call_operation(world: World, request: Request) -> Response:
    """Through Amazon's front gate: known path, user agent, access token, quota, then the operation."""
    found = _route(request)
    if found is None:
        world.violation(f"unknown operation {request.method} {request.path}")
        return Refusal(404, "NotFound", "The specified resource does not exist.").response()
    route, path = found
    world.calls[route.operation] += 1
    try:
        response = _authorised(world, request, route, path)
    except Refusal as refusal:
        if refusal.is_violation:
            world.violation(f"{route.operation}: {refusal.message}")
        response = refusal.response()
    if response.status in _WITH_RATE_HEADER and not (response.fault and response.is_dropped):
        response.headers["x-amzn-RateLimit-Limit"] = str(world.limiter.plan(route.operation).rate)
    if response.status == 429:
        world.refused[route.operation] += 1
    return response


def _route(request: Request) -> tuple[Route, dict[str, str]] | None:
    for route in ROUTES:
        if route.method == request.method and (path := route.match(request.path)) is not None:
            return route, path
    return None


def _authorised(world: World, request: Request, route: Route, path: dict[str, str]) -> Response:
    if not request.headers.get("user-agent", "").strip():
        raise Refusal(400, "InvalidInput", "The header user-agent is missing", is_violation=True)
    grant = _access_token(world, request, route.scope).grant
    now = world.now()
    if not world.limiter.take(grant.seller_id, grant.client_id, route.operation, now):
        raise quota_exceeded()
    included = frozenset(request.parameters().get("includedData", "").split(","))
    faults = world.faults.due(route.operation, data_sets=included)
    account = NOBODY if route.scope else world.accounts[grant.seller_id]
    call = Call(world, account, request, route.operation, now, path, faults, grant.client_id)
    return _run(faults, lambda: _checked(call, route))


def _checked(call: Call, route: Route) -> Response:
    """The operation with its refusals as answers, so that faults can spoil those too."""
    try:
        return route.answer(call)
    except Refusal as refusal:
        if refusal.is_violation:
            call.world.violation(f"{route.operation}: {refusal.message}")
        return refusal.response()


def _access_token(world: World, request: Request, scope: str) -> AccessToken:
    text = request.headers.get("x-amz-access-token", "")
    if not text:
        raise unauthorized("Access token is missing in the request header.")
    token = world.access_tokens.get(text)
    if token is None:
        raise unauthorized("The access token you provided is revoked, malformed or invalid.")
    if world.now() >= token.expires_at:
        raise unauthorized("The access token you provided has expired.")
    if token.scope != scope:
        world.violation(f"a token of scope {token.scope!r} where {scope!r} is needed")
        raise unauthorized("The access token you provided is not good for this operation.")
    return token
