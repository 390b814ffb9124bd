"""`kogge doctor` finds what is wrong, and says what to do."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kogge.amazon.connections.models import Connection
from kogge.cli import doctor
from kogge.cli.doctor import Finding
from kogge.cli.processes import free_port
from kogge.engine.models import Due
from kogge.merchants.keyring import KeyRing
from kogge.merchants.models import Merchant
from kogge.simulator import Simulator
from tests.backoffice.shop import product

pytestmark = pytest.mark.django_db


def now() -> datetime:
    return datetime.now(UTC)


def sick(what: str, *, network: bool = False) -> list[str]:
    """What is said against it."""
    found = doctor.examine(now(), network=network)
    return [finding.sentence for finding in found if finding.what == what and not finding.ok]


def test_a_new_installation_is_well() -> None:
    assert all(finding.ok for finding in doctor.examine(now(), network=True))


def test_work_that_was_given_up_is_named() -> None:
    Due.objects.create(operation="check_orders", subject=1, due_at=now(), parked_at=now())

    assert "1 aufgegeben (check_orders)" in sick("dead letters")[0]
    assert sick("background work") == []  # nobody waits for it to be overdue as well


def test_the_longest_overdue_work_and_the_last_that_was_done_are_named() -> None:
    Due.objects.create(operation="send_feeds", subject=1, due_at=now() - timedelta(hours=2))
    Due.objects.create(
        operation="check_orders", subject=1, due_at=now() - timedelta(hours=1), finished_at=now()
    )

    (said,) = sick("background work")
    assert "2 überfällig" in said
    assert "send_feeds" in said


def test_what_was_sealed_with_another_key_is_named(merchant: Merchant, settings: Any) -> None:
    from kogge.amazon.pages.models import Draft
    from kogge.merchants import vault

    sealed = vault.seal(merchant.pk, "settings", b"x")
    Draft.objects.everyone().create(merchant=merchant, sealed_settings=sealed, expires_at=now())
    assert sick("key ring") == []

    settings.KOGGE_KEY_RING = KeyRing.parse(KeyRing.new_key())

    assert "amazon_pages_draft.sealed_settings" in sick("key ring")[0]


def test_a_clock_that_goes_wrong_is_said() -> None:
    behind = doctor._compared("clock", now() + timedelta(minutes=10), "")
    right = doctor._compared("clock", now() + timedelta(seconds=5), "")

    assert (behind.ok, right.ok) == (False, True)
    assert "NTP" in behind.sentence


def test_pictures_another_machine_keeps_are_missed(merchant: Merchant) -> None:
    shown = product(merchant)
    shown.image = "AAAAAAAAAAAAAAAAAAAAAA.webp"
    shown.save()

    assert "1 von 1" in sick("pictures")[0]


def test_every_name_allowed_is_too_many(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]

    assert "KOGGE_ALLOWED_HOSTS" in sick("hosts")[0]


def test_a_mail_server_is_greeted_and_sent_nothing(settings: Any) -> None:
    said: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_greet, args=(server, said), daemon=True)
        thread.start()
        _use_mail(settings, server.getsockname()[1])
        assert sick("mail server", network=True) == []
        thread.join(5)

    assert [line[:4] for line in said] == [b"ehlo", b"quit"]


def test_a_mail_server_that_is_not_there_is_said(settings: Any) -> None:
    _use_mail(settings, free_port())

    assert "KOGGE_EMAIL_URL" in sick("mail server", network=True)[0]


def test_amazon_is_asked_for_any_answer_and_no_token_is_shown(merchant: Merchant, settings: Any) -> None:
    Connection.objects.everyone().create(
        merchant=merchant, region="eu", seller_id="A1", connected_at=now(), start_from=now()
    )
    with Simulator() as amazon:
        settings.KOGGE_AMAZON_API_URL, settings.KOGGE_AMAZON_LWA_URL = amazon.api_url, amazon.lwa_url
        found = list(doctor._amazon(now()))
    assert found
    assert all(finding == Finding("amazon 127.0.0.1", True, "antwortet") for finding in found)

    settings.KOGGE_AMAZON_API_URL = f"http://127.0.0.1:{free_port()}"
    assert any("Firewall" in finding.sentence for finding in doctor._amazon(now()) if not finding.ok)


def _use_mail(settings: Any, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_HOST_USER, settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = "", False, False


def _greet(server: socket.socket, said: list[bytes]) -> None:
    """A mail server that is polite and knows nothing."""
    visitor, _address = server.accept()
    with visitor, visitor.makefile("rwb") as talk:
        talk.write(b"220 hello\r\n")
        talk.flush()
        for line in talk:
            said.append(line)
            talk.write(b"221 bye\r\n" if line.startswith(b"quit") else b"250 yes\r\n")
            talk.flush()
