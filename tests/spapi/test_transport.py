"""The transport over a real socket: what a wire of objects cannot show."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from kogge.spapi import OutcomeUnknown, TryLater, open_http
from kogge.spapi.transport import Answer, Call, Patience, exchange

HEAD = b"HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 09:00:05 GMT\r\nContent-Length: 10\r\n\r\n"

Behaviour = Callable[[socket.socket], None]


@contextmanager
def server(behave: Behaviour) -> Iterator[str]:
    """A server for one connection, reading a request before it behaves."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            connection.recv(65536)
            behave(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            thread.join(5)


def send(url: str, patience: Patience | None = None) -> Answer:
    call = Call("createFeed", "POST", url, body=b"{}", writes=True, patience=patience or Patience())
    with open_http() as http:
        return exchange(http, call)


def test_a_whole_answer_is_read() -> None:
    with server(lambda connection: connection.sendall(HEAD + b"0123456789")) as url:
        answer = send(url)

    assert (answer.status, answer.content) == (200, b"0123456789")


@pytest.mark.parametrize(
    "behave",
    [
        lambda connection: None,
        lambda connection: connection.sendall(HEAD + b"01234"),
        lambda connection: connection.sendall(b"HTTP/1.1 20"),
        lambda connection: connection.sendall(b"what is this?\r\n\r\n"),
    ],
    ids=["dropped", "cut off", "cut off in its head", "not HTTP"],
)
def test_a_write_that_got_no_whole_answer_has_an_unknown_outcome(behave: Behaviour) -> None:
    with server(behave) as url, pytest.raises(OutcomeUnknown):
        send(url)


def test_silence_ends_with_our_patience() -> None:
    patience_ended = threading.Event()

    def stay_silent(connection: socket.socket) -> None:
        assert patience_ended.wait(5)

    with server(stay_silent) as url:
        with pytest.raises(OutcomeUnknown, match="no answer in time"):
            send(url, Patience(read=0.05))
        patience_ended.set()


def test_a_write_to_nobody_did_not_arrive() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(TryLater) as caught:
        send(f"http://127.0.0.1:{port}/")

    assert not isinstance(caught.value, OutcomeUnknown)


def test_a_connection_serves_many_calls() -> None:
    def answer_twice(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"0123456789")
        connection.recv(65536)
        connection.sendall(HEAD + b"9876543210")

    with server(answer_twice) as url, open_http() as http:
        contents = [exchange(http, Call("getOrder", "GET", url)).content for _ in range(2)]

    assert contents == [b"0123456789", b"9876543210"]
