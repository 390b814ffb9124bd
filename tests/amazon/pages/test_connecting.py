from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from kogge.amazon.connections.models import Connection
from kogge.amazon.pages.models import Draft
from kogge.engine import due
from kogge.engine.models import Due
from kogge.engine.work import Outcome, Work
from kogge.schedule import OPERATIONS
from kogge.simulator import (
    APPLICATION_ID,
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    SELLER_ID,
    STORE_NAME,
    Simulator,
)
from tests.amazon.account import DE, FR
from tests.amazon.pages.conftest import browser

WAY = "/apps/amazon/verbinden/"
PRIVATE = "/apps/amazon/verbinden/eigene-app/"
CONSENT = "/apps/amazon/verbinden/zustimmung/"
CHOOSE = "/apps/amazon/verbinden/auswahl/"
RETURN = "/apps/amazon/zustimmung/"

pytestmark = pytest.mark.django_db


def values(**other: str) -> dict[str, str]:
    right = {
        "region": "eu",
        "seller_id": SELLER_ID,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH_TOKEN,
    }
    return right | other


def choice(**other: Any) -> dict[str, Any]:
    start = timezone.localdate() - timedelta(days=10)
    return {"marketplace_ids": [DE], "start_from": start.isoformat(), "dispatch_mail": "no"} | other


def body(response: Any) -> str:
    return str(response.content.decode())


def agree(address: str) -> str:
    """What a seller does on Amazon's consent page; the address Amazon sends the browser back to."""
    page = urlsplit(address)
    asked = {name: found[0] for name, found in parse_qs(page.query).items()}
    decision = asked | {"decision": "agree", "seller_id": SELLER_ID}
    answer = httpx2.post(f"{page.scheme}://{page.netloc}{page.path}", data=decision)
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


def ask_consent(client: Client) -> Any:
    return client.post(
        CONSENT,
        {
            "region": "eu",
            "application_id": APPLICATION_ID,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "draft": "on",
        },
    )


def test_the_first_step_says_what_is_needed(owner: Client) -> None:
    page = owner.get(WAY)

    assert "Professionell" in body(page)
    assert PRIVATE in body(page)
    assert CONSENT in body(page)


def test_the_right_values_connect_the_account(owner: Client, amazon: Simulator, merchant: Any) -> None:
    tested = owner.post(PRIVATE, values())
    chosen = owner.get(CHOOSE)
    connected = owner.post(CHOOSE, choice(), follow=True)

    assert tested.headers["Location"] == CHOOSE
    assert STORE_NAME in body(chosen)
    connection = Connection.objects.of(merchant).get()
    assert connected.redirect_chain == [(f"/apps/amazon/{connection.pk}/verbunden/", 302)]
    assert STORE_NAME in body(connected)
    assert connection.dispatch_mail is False
    assert list(connection.marketplaces.filter(active=True).values_list("marketplace_id", flat=True)) == [DE]
    assert Due.objects.filter(operation="check_orders", subject=connection.pk).exists()
    assert not Draft.objects.of(merchant).exists()


def test_all_marketplaces_are_chosen_at_first_and_the_mail_is_off(owner: Client, amazon: Simulator) -> None:
    owner.post(PRIVATE, values())

    form = owner.get(CHOOSE).context["form"]

    assert {DE, FR} <= set(form["marketplace_ids"].value())
    assert form["dispatch_mail"].value() == "no"


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("client_secret", "amzn1.oa2-cs.v1.somebody-elses"),
        ("refresh_token", "Atzr|expired"),
        ("client_id", ""),
        ("refresh_token", ""),
    ],
)
def test_a_wrong_value_is_named_beside_its_field(
    owner: Client, amazon: Simulator, field: str, wrong: str
) -> None:
    page = owner.post(PRIVATE, values(**{field: wrong}))

    assert page.status_code == 200
    assert list(page.context["form"].errors) == [field]
    assert page.context["form"].errors[field][0] in body(page).replace("&quot;", '"')


def test_what_was_typed_comes_back_but_never_the_secrets(owner: Client, amazon: Simulator) -> None:
    page = owner.post(PRIVATE, values(seller_id=""))

    assert CLIENT_ID in body(page)
    assert CLIENT_SECRET not in body(page)
    assert REFRESH_TOKEN not in body(page)


def test_between_the_steps_the_secrets_are_sealed_and_in_no_page_and_no_session(
    owner: Client, amazon: Simulator, merchant: Any
) -> None:
    owner.post(PRIVATE, values())

    draft = Draft.objects.of(merchant).get()
    stored = bytes(draft.sealed_settings)
    sessions = [str(session.get_decoded()) for session in Session.objects.all()]
    for secret in (CLIENT_SECRET, REFRESH_TOKEN):
        assert secret.encode() not in stored
        assert secret not in body(owner.get(CHOOSE))
        assert not any(secret in session for session in sessions)


def test_the_last_step_belongs_to_the_session_that_took_the_others(
    owner: Client, amazon: Simulator, anna: Any, stranger: Client
) -> None:
    owner.post(PRIVATE, values())

    assert browser(anna).get(CHOOSE).headers["Location"] == WAY
    assert stranger.get(CHOOSE).headers["Location"] == WAY
    assert owner.get(CHOOSE).status_code == 200


def test_a_draft_is_forgotten_after_half_an_hour(owner: Client, amazon: Simulator, merchant: Any) -> None:
    owner.post(PRIVATE, values())
    Draft.objects.of(merchant).update(expires_at=timezone.now() - timedelta(seconds=1))

    page = owner.get(CHOOSE, follow=True)

    assert page.redirect_chain == [(WAY, 302)]
    assert "Beginne bitte noch einmal" in body(page)


def test_what_was_entered_and_left_is_deleted_when_it_expires(
    owner: Client, amazon: Simulator, merchant: Any, other_merchant: Any
) -> None:
    owner.post(PRIVATE, values())
    owner.post(PRIVATE, values())
    first, second = Draft.objects.of(merchant).order_by("expires_at")
    Draft.objects.everyone().create(
        merchant=other_merchant, reference_digest="x", sealed_settings=b"", expires_at=first.expires_at
    )
    planned = Due.objects.get(operation="forget_drafts", subject=merchant.pk).due_at

    early = _forget_drafts(merchant, first.expires_at - timedelta(seconds=1))
    after_one = _forget_drafts(merchant, first.expires_at)
    left = list(Draft.objects.of(merchant))
    after_both = _forget_drafts(merchant, second.expires_at)

    assert planned == first.expires_at
    assert early == Outcome(first.expires_at)
    assert after_one == Outcome(second.expires_at, done=1)
    assert left == [second]
    assert after_both == Outcome(second.expires_at + timedelta(days=1), done=1)
    assert [draft.merchant for draft in Draft.objects.everyone()] == [other_merchant]


@pytest.mark.parametrize("day", [timedelta(days=-731), timedelta(days=1)])
def test_the_start_lies_within_the_last_two_years(owner: Client, amazon: Simulator, day: timedelta) -> None:
    owner.post(PRIVATE, values())

    page = owner.post(CHOOSE, choice(start_from=(timezone.localdate() + day).isoformat()))

    assert list(page.context["form"].errors) == ["start_from"]


def test_at_least_one_marketplace_is_needed(owner: Client, amazon: Simulator, merchant: Any) -> None:
    owner.post(PRIVATE, values())

    page = owner.post(CHOOSE, choice(marketplace_ids=[]))

    assert list(page.context["form"].errors) == ["marketplace_ids"]
    assert not Connection.objects.of(merchant).exists()


@pytest.mark.parametrize("address", [WAY, PRIVATE, CONSENT, CHOOSE, RETURN])
def test_only_owners_connect(staff: Client, reader: Client, address: str) -> None:
    assert staff.get(address).status_code == 403
    assert reader.get(address).status_code == 403
    assert staff.post(address).status_code in {403, 405}


def test_a_consent_leads_to_a_connection(owner: Client, amazon: Simulator, merchant: Any) -> None:
    sent = ask_consent(owner)
    returned = owner.get(agree(sent.headers["Location"]))
    connected = owner.post(CHOOSE, choice(), follow=True)

    assert returned.headers["Location"] == CHOOSE
    assert returned.headers["Referrer-Policy"] == "no-referrer"
    assert STORE_NAME in body(connected)
    connection = Connection.objects.of(merchant).get()
    assert connection.is_private_app is False
    assert connection.consent_expires_on == timezone.localdate() + timedelta(days=365)


def test_a_state_is_good_once(owner: Client, amazon: Simulator, merchant: Any) -> None:
    way_back = agree(ask_consent(owner).headers["Location"])
    owner.get(way_back)

    replayed = owner.get(way_back, follow=True)

    assert replayed.redirect_chain == [(CONSENT, 302)]
    assert "Beginne noch einmal" in body(replayed)


def test_a_state_of_another_session_is_refused(
    owner: Client, amazon: Simulator, anna: Any, stranger: Client
) -> None:
    way_back = agree(ask_consent(owner).headers["Location"])

    assert browser(anna).get(way_back).headers["Location"] == CONSENT
    assert stranger.get(way_back).headers["Location"] == CONSENT
    assert not Draft.objects.everyone().exists()
    assert owner.get(way_back).headers["Location"] == CHOOSE


def test_a_consent_that_was_declined_brings_nothing(owner: Client, amazon: Simulator) -> None:
    state = parse_qs(urlsplit(ask_consent(owner).headers["Location"]).query)["state"][0]

    page = owner.get(RETURN, {"state": state, "error": "access_denied"}, follow=True)

    assert page.redirect_chain == [(CONSENT, 302)]
    assert "keine Zustimmung" in body(page)


def test_new_credentials_wake_a_paused_connection(owner: Client, connection: Connection) -> None:
    Connection.objects.everyone().update(state="paused", pause_reason="invalid_grant")

    page = owner.post(
        f"/apps/amazon/{connection.pk}/zugangsdaten/",
        {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN},
    )

    connection.refresh_from_db()
    assert page.headers["Location"] == "/apps/amazon/"
    assert (connection.state, connection.pause_reason) == ("active", "")
    assert connection.marketplaces.filter(active=True).count() == 2


def test_renewing_a_consent_starts_with_what_is_known(
    owner: Client, stranger: Client, connection: Connection
) -> None:
    mine = owner.get(CONSENT, {"konto": connection.pk})
    theirs = stranger.get(CONSENT, {"konto": connection.pk})

    assert CLIENT_ID in body(mine)
    assert CLIENT_ID not in body(theirs)


def test_a_new_secret_does_not_renew_the_consent(owner: Client, connection: Connection) -> None:
    until = timezone.localdate() + timedelta(days=20)
    Connection.objects.everyone().update(is_private_app=False, consent_expires_on=until)

    owner.post(
        f"/apps/amazon/{connection.pk}/zugangsdaten/",
        {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN},
    )

    connection.refresh_from_db()
    assert connection.consent_expires_on == until


def _forget_drafts(merchant: Any, now: datetime) -> Outcome:
    """One run of the handler that the schedule knows by this name."""
    lease = due.claim_one("forget_drafts", merchant.pk, "test", now=now)
    assert lease is not None
    outcome = OPERATIONS["forget_drafts"](Work("forget_drafts", merchant.pk, lambda: now, lease))
    due.finish(lease, now=now, next_due=outcome.next_due)
    return outcome
