"""Connecting a seller account: test the credentials, keep them sealed, start the work, stop it again."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from kogge.amazon.connections import explaining, marketplaces, news
from kogge.amazon.connections.credentials import SealedTokenCache, credentials_of, sealed_credentials
from kogge.amazon.connections.limits import BucketLimiter, Unmetered
from kogge.amazon.connections.models import Connection, ConsentAttempt
from kogge.backoffice import installing
from kogge.backoffice.builtin_shop import BuiltinShop
from kogge.backoffice.refusal import Refusal
from kogge.engine import due
from kogge.engine.work import Rank
from kogge.merchants.models import Merchant
from kogge.remote.adapter import RemoteBackedShop
from kogge.shops.port import Shop
from kogge.spapi.auth import AccessToken, Credentials
from kogge.spapi.client import Amazon, Endpoints
from kogge.spapi.errors import AskHuman, FixSettings, TryLater
from kogge.spapi.marketplaces import REGIONS
from kogge.spapi.sellers_v1 import Participation, marketplace_participations
from kogge.spapi.transport import open_http

CHANNEL = "amazon"  # the app's name at the shop, see `kogge.backoffice.installing`

# The shop a merchant works in, by `Merchant.works_in`.
SHOPS: dict[str, Callable[[int], Shop]] = {"": BuiltinShop, "versacommerce": RemoteBackedShop}

# What runs for a connection, and within which time its first runs are spread over the day, so that
# many connections never ask Amazon in the same second. Zero: at once.
OPERATIONS: dict[str, timedelta] = {
    "check_orders": timedelta(0),
    "backfill_orders": timedelta(0),
    "read_shop": timedelta(0),
    "confirm_shipments": timedelta(0),
    "send_feeds": timedelta(0),
    "send_offers": timedelta(0),
    "read_offers": timedelta(0),
    "read_fba_stock": timedelta(0),
    "hand_over": timedelta(0),
    "follow_fulfillment": timedelta(0),
    "watch_expiry": timedelta(0),
    "check_fba_orders": timedelta(hours=1),
    "compare_orders": timedelta(days=1),
    "purge_people": timedelta(days=1),
}

FIRST_LOOK_BACK = timedelta(days=30)
LONGEST_LOOK_BACK = timedelta(days=2 * 365)  # Amazon keeps orders for two years
CONSENT_LIFE = timedelta(days=365)
SECRET_LIFE = timedelta(days=180)

CONSENT_PATH = "/apps/authorize/consent"

BY_MERCHANT = "by_merchant"
DISCONNECTED = "disconnected"
CHANNEL_OFF = "channel_off"

# These go on while the channel is off, and cause no traffic.
GOES_ON = {"purge_people", "watch_expiry"}

_SELLER_ID = re.compile(r"[A-Z0-9]{5,20}")


class WrongSetting(Exception):
    """A value that cannot be right: `field` names connect's argument, `sentence` says what to do."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


class NotNow(Exception):
    """Amazon does not answer now, so nothing can be said about the values: try again later."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class ConnectedAmazon(Amazon):
    """spapi's client for one connection; `calls` counts the requests by operation."""

    def __init__(self, connection: Connection, clock: Callable[[], datetime], rank: Rank) -> None:
        self.calls: Counter[str] = Counter()
        self._limits = BucketLimiter(connection.pk, clock, rank)
        super().__init__(
            credentials_of(connection),
            endpoints(connection.region),
            self._limits,
            SealedTokenCache(connection),
            http=shared_http(),
            clock=clock,
            on_call=self._count_call,
        )

    def ranked(self, rank: Rank) -> AbstractContextManager[None]:
        """Ask at another rank for a while: not all that one run does is equally pressing."""
        return self._limits.ranked(rank)

    def _count_call(self, operation: str) -> None:
        self.calls[operation] += 1


@contextmanager
def amazon_client(
    connection: Connection, clock: Callable[[], datetime], rank: Rank = Rank.CANCEL_AND_DISPATCH
) -> Iterator[ConnectedAmazon]:
    """A client for the connection: its credentials, its limits, its access token shared by all processes.

    At a less pressing `rank` it leaves a part of the limits to the others (`limits.RESERVES`).
    """
    with ConnectedAmazon(connection, clock, rank) as client:
        yield client


def shop_of(connection: Connection) -> Shop:
    """The shop the connection's merchant works in."""
    return SHOPS[connection.merchant.works_in](connection.merchant_id)


def check_credentials(
    *, region: str, client_id: str, client_secret: str, refresh_token: str, now: datetime
) -> list[Participation]:
    """Where the seller may sell, asked of Amazon with these credentials.

    Raises `WrongSetting` for a value Amazon does not accept, `NotNow` when it does not answer.
    """
    _check_words(region, client_id, client_secret, refresh_token)
    credentials = Credentials(client_id.strip(), client_secret.strip(), refresh_token.strip())
    client = Amazon(
        credentials, endpoints(region), Unmetered(), OneToken(), http=shared_http(), clock=lambda: now
    )
    try:
        found = marketplaces.usable(marketplace_participations(client), region)
    except FixSettings as refusal:
        raise WrongSetting(*explaining.refusal(refusal.reason)) from None
    except TryLater as error:
        raise NotNow(
            _("Amazon antwortet gerade nicht. Versuche es in einigen Minuten noch einmal. (%s)") % error
        ) from None
    except AskHuman as error:
        raise WrongSetting("client_id", _("Amazon lehnt die Anfrage ab: %s") % error) from None
    if not found:
        raise WrongSetting("region", explaining.nowhere_in_region())
    return found


def connect(
    merchant: Merchant,
    *,
    region: str,
    seller_id: str,
    client_id: str,
    client_secret: str,
    refresh_token: str,
    marketplace_ids: Collection[str],
    dispatch_mail: bool,
    start_from: datetime | None,
    is_private_app: bool = True,
    consented_on: date | None = None,
    secret_expires_on: date | None = None,
    by: str = "Kogge",
    now: datetime,
) -> Connection:
    """Test the values at Amazon, keep them, and start the work. `start_from` None means 30 days back.

    The same seller account in the same region again means new credentials: the connection goes on
    where it stood. Where the app is not installed or registered yet, `by` does that, too. Raises
    `WrongSetting` or `NotNow`; then nothing was changed.
    """
    _check_channel(merchant)
    seller = _seller_id(seller_id)
    start = _start(start_from, now)
    found = check_credentials(
        region=region,
        client_id=client_id,
        client_secret=client_secret,
        refresh_token=refresh_token,
        now=now,
    )
    _check_chosen(marketplace_ids, found)
    credentials = Credentials(client_id.strip(), client_secret.strip(), refresh_token.strip())
    stored = Connection.objects.of(merchant).filter(region=region, seller_id=seller).first()
    today = timezone.localdate(now)
    values: dict[str, Any] = {
        **_fresh_start(merchant, credentials),
        "store_name": _store_name(found, marketplace_ids),
        "dispatch_mail": dispatch_mail,
        "is_private_app": is_private_app,
        "consent_expires_on": None if is_private_app else (consented_on or today) + CONSENT_LIFE,
        "secret_expires_on": secret_expires_on or _secret_expiry(stored, credentials, today),
    }
    if start_from is not None:
        values["start_from"] = start
    with transaction.atomic():
        _set_up_app(merchant, by=by, now=now)
        connection, created = Connection.objects.everyone().update_or_create(
            merchant=merchant,
            region=region,
            seller_id=seller,
            defaults=values,
            create_defaults={**values, "start_from": start, "connected_at": now},
        )
        added = marketplaces.store(connection, found, marketplace_ids)
        _start_work(connection.pk, now)
        _tell_connected(connection, created=created, now=now)
        if not created:
            _tell_added(connection.pk, added, now)
    return connection


def set_marketplaces(connection: Connection, marketplace_ids: Collection[str], *, now: datetime) -> None:
    """Ask for orders of exactly these marketplaces from now on. Raises `WrongSetting`."""
    known = set(connection.marketplaces.values_list("marketplace_id", flat=True))
    if not marketplace_ids:
        raise WrongSetting("marketplace_ids", _("Wähle mindestens einen Marktplatz."))
    if strangers := set(marketplace_ids) - known:
        raise _not_participating(sorted(strangers)[0])
    with transaction.atomic():
        added = marketplaces.choose(connection, marketplace_ids)
        due.make_due("check_orders", connection.pk, now=now)
        _tell_added(connection.pk, added, now)


def pause(connection_id: int, reason: str, *, now: datetime) -> None:
    """Stop all traffic until `resume` or new credentials. A paused connection stays as it is."""
    with transaction.atomic():
        paused = (
            Connection.objects.everyone()
            .filter(pk=connection_id, state=Connection.State.ACTIVE)
            .update(
                state=Connection.State.PAUSED,
                pause_reason=reason,
                paused_at=now,
                sealed_access_token=None,
                access_token_expires_at=None,
            )
        )
        if not paused:
            return
        details = {"reason": reason}
        news.happened.send(None, connection_id=connection_id, kind="paused", at=now, details=details)
        if reason not in {BY_MERCHANT, DISCONNECTED, CHANNEL_OFF}:
            news.trouble_met.send(
                None, connection_id=connection_id, kind="settings", key="settings", now=now, details=details
            )


def resume(connection: Connection, now: datetime) -> None:
    """Take the work up again.

    Raises `WrongSetting` when there are no credentials to do it with, or the channel is switched off.
    """
    _check_channel(connection.merchant)
    if not connection.sealed_credentials:
        raise WrongSetting("refresh_token", _("Die Verbindung wurde getrennt. Verbinde das Konto neu."))
    with transaction.atomic():
        resumed = (
            Connection.objects.everyone()
            .filter(pk=connection.pk, state=Connection.State.PAUSED)
            .update(state=Connection.State.ACTIVE, pause_reason="", paused_at=None)
        )
        if not resumed:
            return
        _start_work(connection.pk, now)
        _settle_settings(connection.pk, now)
        news.happened.send(None, connection_id=connection.pk, kind="resumed", at=now, details={})
    connection.refresh_from_db()


def disconnect(connection: Connection, now: datetime) -> None:
    """Forget the secrets and stop. Orders, journal and the duty to purge personal data remain."""
    rows = Connection.objects.everyone().filter(pk=connection.pk)
    news.ending.send(None, connection=connection, now=now)
    with transaction.atomic():
        if rows.filter(state=Connection.State.PAUSED).exclude(pause_reason=DISCONNECTED).exists():
            details = {"reason": DISCONNECTED}  # `pause` has nothing to tell of one that is paused already
            news.happened.send(None, connection_id=connection.pk, kind="paused", at=now, details=details)
        pause(connection.pk, DISCONNECTED, now=now)
        rows.update(
            pause_reason=DISCONNECTED,
            sealed_credentials=b"",
            sealed_access_token=None,
            access_token_expires_at=None,
        )
        due.unschedule(None, connection.pk, among=OPERATIONS.keys() - {"purge_people"})
        _settle_settings(connection.pk, now)
    connection.refresh_from_db()


def switch_off(merchant: Merchant, *, now: datetime) -> None:
    """Stop the traffic of all connections; one that is paused already keeps its own reason.

    Work that goes on loses its lease: it stops before its next step.
    """
    active = Connection.objects.of(merchant).filter(state=Connection.State.ACTIVE)
    for connection_id in list(active.order_by("pk").values_list("pk", flat=True)):
        pause(connection_id, CHANNEL_OFF, now=now)
        due.unschedule(None, connection_id, among=OPERATIONS.keys() - GOES_ON)


def switch_on(merchant: Merchant, *, now: datetime) -> None:
    """Take up again what `switch_off` stopped, where it stopped."""
    stopped = Connection.objects.of(merchant).filter(pause_reason=CHANNEL_OFF)
    for connection in stopped.select_related("merchant").order_by("pk"):
        resume(connection, now)


def forget_all(merchant: Merchant, *, now: datetime) -> None:
    """Disconnect every connection and forget whatever could open one again."""
    for connection in Connection.objects.of(merchant).select_related("merchant").order_by("pk"):
        disconnect(connection, now)
    Connection.objects.of(merchant).update(
        client_id="", denied_operations="", secret_expires_on=None, consent_expires_on=None
    )
    ConsentAttempt.objects.of(merchant).delete()


def endpoints(region: str) -> Endpoints:
    """Amazon's hosts for the region, or those the installation names instead."""
    overrides = {
        "api_url": settings.KOGGE_AMAZON_API_URL,
        "lwa_url": settings.KOGGE_AMAZON_LWA_URL,
        # Both the host and the whole address of the page are understood.
        "consent_url": settings.KOGGE_AMAZON_CONSENT_URL.removesuffix(CONSENT_PATH),
    }
    return Endpoints.for_region(region, overrides)


_http: list[httpx2.Client] = []


def shared_http() -> httpx2.Client:
    """One HTTP client a process: its connections to Amazon are kept alive from run to run."""
    if not _http:
        _http.append(open_http())
    return _http[0]


class OneToken:
    """A token cache that lives as long as one check, or a few calls that belong together."""

    def __init__(self) -> None:
        self._token: AccessToken | None = None

    def load(self) -> AccessToken | None:
        return self._token

    def store(self, token: AccessToken) -> None:
        self._token = token


def _check_channel(merchant: Merchant) -> None:
    """Nothing goes to Amazon while the merchant has switched the channel off. Raises `WrongSetting`."""
    if installing.is_off(merchant.pk, CHANNEL):
        raise WrongSetting("merchant", explaining.channel_is_off())


def _set_up_app(merchant: Merchant, *, by: str, now: datetime) -> None:
    """Holds the app's row, so that nobody switches the channel off meanwhile. Raises `WrongSetting`."""
    try:
        installing.set_up(merchant, CHANNEL, by=by, now=now)
    except Refusal:
        raise WrongSetting("merchant", explaining.channel_is_off()) from None


def _check_words(region: str, client_id: str, client_secret: str, refresh_token: str) -> None:
    """Say at once what cannot be right, before Amazon is asked."""
    if region not in REGIONS:
        raise WrongSetting("region", explaining.unknown_region())
    named = {"client_id": client_id, "client_secret": client_secret, "refresh_token": refresh_token}
    for field, word in named.items():
        if not _is_word(word):
            raise WrongSetting(field, explaining.where_to_find(field))
    if refresh_token.strip().startswith("Atza|"):
        raise WrongSetting("refresh_token", explaining.access_token_instead())


def _is_word(text: str) -> bool:
    """Something that can be a credential: printable, without blanks inside, not a whole document."""
    word = text.strip()
    return 0 < len(word) <= 4000 and word.isascii() and word.isprintable() and " " not in word


def _seller_id(text: str) -> str:
    found = text.strip().upper()
    if not _SELLER_ID.fullmatch(found):
        raise WrongSetting("seller_id", explaining.where_to_find("seller_id"))
    return found


def _start(start_from: datetime | None, now: datetime) -> datetime:
    if start_from is None:
        return now - FIRST_LOOK_BACK
    if start_from > now:
        raise WrongSetting("start_from", _("Der Beginn der Übernahme liegt in der Zukunft."))
    if start_from < now - LONGEST_LOOK_BACK:
        raise WrongSetting("start_from", _("Amazon gibt Bestellungen höchstens zwei Jahre zurück heraus."))
    return start_from


def _check_chosen(marketplace_ids: Collection[str], found: Collection[Participation]) -> None:
    if not marketplace_ids:
        raise WrongSetting("marketplace_ids", _("Wähle mindestens einen Marktplatz."))
    if strangers := set(marketplace_ids) - {place.marketplace_id for place in found}:
        raise _not_participating(sorted(strangers)[0])


def _not_participating(marketplace_id: str) -> WrongSetting:
    return WrongSetting("marketplace_ids", explaining.not_participating(marketplace_id))


def _fresh_start(merchant: Merchant, credentials: Credentials) -> dict[str, Any]:
    """New credentials: whatever stood in the way of the old ones is over."""
    return {
        "client_id": credentials.client_id,
        "sealed_credentials": sealed_credentials(
            merchant.pk, client_secret=credentials.client_secret, refresh_token=credentials.refresh_token
        ),
        "sealed_access_token": None,
        "access_token_expires_at": None,
        "state": Connection.State.ACTIVE,
        "pause_reason": "",
        "paused_at": None,
        "denied_operations": "",
    }


def _secret_expiry(stored: Connection | None, credentials: Credentials, today: date) -> date:
    """A secret does not grow younger by being entered again."""
    if stored is not None and stored.sealed_credentials and stored.secret_expires_on is not None:
        known = credentials_of(stored)
        if (known.client_id, known.client_secret) == (credentials.client_id, credentials.client_secret):
            return stored.secret_expires_on
    return today + SECRET_LIFE


def _store_name(found: Collection[Participation], chosen: Collection[str]) -> str:
    """The store's name where the merchant sells; it can differ from marketplace to marketplace."""
    names = [place.store_name for place in found if place.marketplace_id in chosen and place.store_name]
    return names[0][:200] if names else ""


def _start_work(connection_id: int, now: datetime) -> None:
    for operation, spread in OPERATIONS.items():
        if spread:
            due.schedule(operation, connection_id, at=now + share_of(connection_id, operation, spread))
        else:
            due.make_due(operation, connection_id, now=now)


def share_of(connection_id: int, operation: str, period: timedelta) -> timedelta:
    """A connection's own moment within a period: always the same, different from its neighbours'."""
    digest = hashlib.blake2b(f"{connection_id}:{operation}".encode(), digest_size=8).digest()
    return period * (int.from_bytes(digest) / 2**64)


def next_turn(connection_id: int, operation: str, period: timedelta, now: datetime) -> datetime:
    """The connection's own next moment in the grid of `period`, after `now` and at most a period later.

    What was due at once for very many, after a standstill, is spread again by the next turn.
    """
    first = datetime.fromtimestamp(0, UTC) + share_of(connection_id, operation, period)
    return first + ((now - first) // period + 1) * period


def _tell_connected(connection: Connection, *, created: bool, now: datetime) -> None:
    _settle_settings(connection.pk, now)
    details = {"store_name": connection.store_name, "again": not created}
    news.happened.send(None, connection_id=connection.pk, kind="connected", at=now, details=details)


def _tell_added(connection_id: int, marketplace_ids: Collection[str], now: datetime) -> None:
    """The checks only find what changes from now on; what happened there before must be fetched as well."""
    if marketplace_ids:
        news.marketplaces_added.send(
            None, connection_id=connection_id, marketplace_ids=sorted(marketplace_ids), now=now
        )


def _settle_settings(connection_id: int, now: datetime) -> None:
    """What was wrong with the settings is settled; single denied operations find out by themselves."""
    keys = ["settings", *(f"settings:{operation}" for operation in OPERATIONS)]
    news.trouble_settled.send(None, connection_id=connection_id, keys=keys, now=now)
