"""The socket server: keep-alive, compression, and faults as the wire shows them."""

from __future__ import annotations

import gzip
import http.client
import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlencode, urlsplit

import msgspec
import pytest

from kogge.simulator import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Request, Response, Simulator
from tests.amazon_models import check_exchange

SEARCH = "/orders/2026-01-01/orders?lastUpdatedAfter=2026-01-01T00:00:00Z"


@pytest.fixture
def amazon() -> Iterator[Simulator]:
    with Simulator(quotas="off", seed=1, on_exchange=check_exchange) as running:
        yield running


@pytest.fixture
def connection(amazon: Simulator) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection(urlsplit(amazon.url).netloc, timeout=10)) as opened:
        yield opened


def access_token(connection: http.client.HTTPConnection) -> str:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": REFRESH_TOKEN,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/auth/o2/token", urlencode(form), headers)
    token: str = msgspec.json.decode(connection.getresponse().read())["access_token"]
    return token


def test_one_connection_serves_many_requests(connection: http.client.HTTPConnection) -> None:
    headers = {"user-agent": "tests", "x-amz-access-token": access_token(connection)}
    ports = set()

    for _ in range(3):
        connection.request("GET", SEARCH, headers=headers)
        assert connection.getresponse().read().startswith(b'{"orders":[]')
        ports.add(connection.sock.getsockname())

    assert len(ports) == 1


def test_large_answers_are_compressed_for_those_who_accept_it(
    amazon: Simulator, connection: http.client.HTTPConnection
) -> None:
    amazon.place_orders(20)
    amazon.advance(121)
    headers = {"user-agent": "tests", "x-amz-access-token": access_token(connection)}
    connection.request("GET", SEARCH, headers=headers)
    plain = connection.getresponse().read()

    connection.request("GET", SEARCH, headers=headers | {"accept-encoding": "gzip"})

    response = connection.getresponse()
    assert response.headers["Content-Encoding"] == "gzip"
    packed = gzip.decompress(response.read())
    assert msgspec.json.decode(packed)["orders"] == msgspec.json.decode(plain)["orders"]


def test_a_truncated_page_ends_in_the_middle(
    amazon: Simulator, connection: http.client.HTTPConnection
) -> None:
    headers = {"user-agent": "tests", "x-amz-access-token": access_token(connection)}
    amazon.fault("searchOrders", "truncated-page")
    connection.request("GET", SEARCH, headers=headers)

    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()


@pytest.mark.parametrize("kind", ["drop-connection", "drop-after", "timeout", "timeout-after"])
def test_a_dropped_connection_gives_no_answer(
    amazon: Simulator, connection: http.client.HTTPConnection, kind: str
) -> None:
    headers = {"user-agent": "tests", "x-amz-access-token": access_token(connection)}
    amazon.fault("searchOrders", kind, seconds=0.01)  # type: ignore[arg-type]
    connection.request("GET", SEARCH, headers=headers)

    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        connection.getresponse()


def test_the_time_of_the_answer_is_amazons(amazon: Simulator, connection: http.client.HTTPConnection) -> None:
    amazon.advance(400 * 86400)
    connection.request("GET", "/_control/state")

    date = connection.getresponse().headers["Date"]

    assert str(amazon.world.now().year) in date


def test_stopping_closes_idle_connections_at_once() -> None:
    with (
        Simulator(quotas="off") as amazon,
        closing(
            socket.create_connection(("127.0.0.1", int(amazon.url.rpartition(":")[2])), timeout=10)
        ) as idle,
    ):
        idle.sendall(b"GET /_control/state HTTP/1.1\r\nhost: x\r\n\r\n")
        assert idle.recv(15) == b"HTTP/1.1 200 OK"
        amazon.stop()
        while idle.recv(65536):
            pass

    assert amazon.errors == []


def test_a_failed_check_of_an_exchange_is_raised_at_the_end() -> None:
    def refuse(request: Request, response: Response) -> None:
        raise AssertionError("not as in the model")

    def run() -> None:
        with (
            Simulator(quotas="off", on_exchange=refuse) as amazon,
            closing(http.client.HTTPConnection(urlsplit(amazon.url).netloc, timeout=10)) as connection,
        ):
            access_token(connection)

    with pytest.raises(AssertionError, match="not as in the model"):
        run()


def test_orders_arrive_by_themselves_in_the_demo() -> None:
    placed = 0
    with Simulator(quotas="off", orders_per_minute=60_000) as amazon:
        while not placed:
            placed = len(amazon.orders)

    assert placed


def test_the_addresses_are_on_one_port() -> None:
    with Simulator(quotas="off") as amazon:
        assert amazon.lwa_url == f"{amazon.url}/auth/o2/token"
        assert amazon.consent_url == f"{amazon.url}/apps/authorize/consent"
        assert amazon.api_url == amazon.url
