"""Connecting a remote shop: test the access, keep it sealed, begin, pause, renew, cut."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from kogge.backoffice.models import OWN_CHANNELS, Order
from kogge.engine import due
from kogge.merchants import vault
from kogge.merchants.models import Merchant
from kogge.remote.access import Access, sealed, versacommerce
from kogge.remote.models import RegistrationAttempt, RemoteProductLink, RemoteShop
from kogge.remote.words import BY_MERCHANT, CUT, PAUSED_BECAUSE, WHAT_TO_DO, word
from kogge.shops.port import ShopRefuses, ShopUnavailable
from kogge.shops.remote import Reason, RemoteSystem, ShopAccessLost, ShopIdentity
from kogge.shops.versacommerce import registering
from kogge.values import InvalidValue, is_loopback

# How each system is reached, by the name stored in `RemoteShop.system`.
SYSTEMS: dict[str, Callable[[RemoteShop], RemoteSystem]] = {"versacommerce": versacommerce}

# What runs for a merchant who works in a remote shop; the subject is the merchant.
READ_PRODUCTS = "read_shop_products"
READ_ORDERS = "read_shop_orders"
RUN_ERRANDS = "run_errands"
OPERATIONS = (READ_PRODUCTS, READ_ORDERS, RUN_ERRANDS)

ATTEMPT_LIFE = timedelta(hours=1)  # the owner may have to register the app and to sign in first
HINT = "remote_shop.hint"
ATTEMPT_SECRET = "registration.secret"  # noqa: S105 (the name of a column)

_KEY = re.compile(r"[0-9A-Za-z_-]{4,80}")


class WrongSetting(Exception):
    """A value that cannot be right: `field` names the field it was typed into, `sentence` says what to do."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


class NotNow(Exception):
    """The shop does not answer now, so nothing can be said about the values: try again later."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


# --- which shop -------------------------------------------------------------------------------


def shop_of(merchant_id: int) -> RemoteShop | None:
    """The merchant's remote shop, at work, paused or cut; None if there never was one."""
    return RemoteShop.objects.of_id(merchant_id).select_related("merchant").first()


def active_shop(merchant_id: int) -> RemoteShop | None:
    """The merchant's remote shop if it may be asked and told."""
    shop = shop_of(merchant_id)
    return shop if shop is not None and shop.state == RemoteShop.State.ACTIVE else None


def system_of(shop: RemoteShop) -> RemoteSystem:
    """The way to the shop's API, with its access opened."""
    return SYSTEMS[shop.system](shop)


def is_cut(shop: RemoteShop) -> bool:
    """Whether the access was deleted: it works again only after connecting anew."""
    return not shop.sealed_secrets


def why_not_connect(merchant: Merchant) -> str:
    """Why this merchant cannot work elsewhere, in a sentence; empty if they can.

    A shop in use is not silently turned into a copy of another.
    """
    own = Order.objects.of(merchant).filter(channel__in=OWN_CHANNELS, remote__isnull=True)
    if own.exists():
        return _(
            "In diesem Shop sind schon eigene Bestellungen eingegangen. Er lässt sich nicht in das Abbild "
            "eines anderen Shops verwandeln: Lege für den anderen Shop einen eigenen Händler an."
        )
    return ""


# --- as an app --------------------------------------------------------------------------------


def begin(
    merchant: Merchant,
    *,
    session_key: str,
    url: str,
    api_key: str,
    secret: str,
    signature_required: bool = True,
    now: datetime,
) -> str:
    """The address where the shop asks its owner to install the app. Raises `WrongSetting`."""
    if not session_key:
        raise WrongSetting("url", _("Deine Sitzung ist abgelaufen. Melde dich neu an."))
    _check_allowed(merchant)
    access = _checked(Access(url, api_key, secret, token="-"))  # noqa: S106 (it is on its way)
    RegistrationAttempt.objects.everyone().filter(expires_at__lt=now).delete()
    RegistrationAttempt.objects.everyone().create(
        merchant=merchant,
        session_digest=_digest(session_key),
        system="versacommerce",
        url=access.url,
        api_key=access.api_key,
        sealed_secret=vault.seal(merchant.pk, ATTEMPT_SECRET, access.secret.encode()),
        signature_required=signature_required,
        created_at=now,
        expires_at=now + ATTEMPT_LIFE,
    )
    return registering.auth_address(access.url, access.api_key)


def finish(merchant: Merchant, *, session_key: str, answer: Mapping[str, str], now: datetime) -> RemoteShop:
    """Connect with what the shop's registration sent back. Raises `WrongSetting` or `NotNow`.

    The attempt is used up by the first try, whatever comes of it.
    """
    attempt = _use(merchant, session_key, answer.get("shop", ""), now)
    secret = vault.unseal(merchant.pk, ATTEMPT_SECRET, bytes(attempt.sealed_secret)).decode()
    _check_signature(answer, secret, is_required=attempt.signature_required, now=now)
    token = answer.get("t", "").strip()
    if not token:
        raise WrongSetting(
            "registration", _("Der Shop hat keinen Token mitgeschickt. Beginne noch einmal von vorn.")
        )
    access = Access(attempt.url, attempt.api_key, secret, token)
    return connect(merchant, access, signature_required=attempt.signature_required, now=now)


def pending(merchant: Merchant, session_key: str, *, now: datetime) -> RegistrationAttempt | None:
    """The owner's newest attempt of this session that can still come back."""
    return _attempts(merchant, session_key, now).order_by("-pk").first()


def registration_address(attempt: RegistrationAttempt) -> str:
    """Where the shop asks its owner to install the app."""
    return registering.auth_address(attempt.url, attempt.api_key)


def _attempts(merchant: Merchant, session_key: str, now: datetime) -> QuerySet[RegistrationAttempt]:
    return RegistrationAttempt.objects.of(merchant).filter(
        session_digest=_digest(session_key), used_at__isnull=True, expires_at__gt=now
    )


def _use(merchant: Merchant, session_key: str, host: str, now: datetime) -> RegistrationAttempt:
    """The attempt this answer belongs to, used up by one conditional update: it is good once.

    The shop sends back no word of ours: the session and, where it is said, the shop's host tell which it is.
    """
    waiting = list(_attempts(merchant, session_key, now).order_by("-pk"))
    named = [attempt for attempt in waiting if not host or _host_of(attempt.url) == host.strip().lower()]
    for attempt in named[:1]:
        if _attempts(merchant, session_key, now).filter(pk=attempt.pk).update(used_at=now):
            return attempt
    if waiting and not named:
        sentence = _("Geantwortet hat der Shop %(host)s. Beginne noch einmal, mit dieser Adresse.")
        raise WrongSetting("registration", sentence % {"host": host[:100]})
    raise WrongSetting(
        "registration",
        _(
            "Diese Registrierung gehört nicht zu deiner Sitzung, wurde schon verwendet oder ist älter als "
            "eine Stunde. Beginne noch einmal von vorn."
        ),
    )


def _check_signature(answer: Mapping[str, str], secret: str, *, is_required: bool, now: datetime) -> None:
    """A signature that is there must be right; one that is missing is accepted only where that was agreed."""
    if answer.get("signature"):
        if not registering.is_signed(answer, secret, now=now):
            raise WrongSetting(
                "registration",
                _(
                    "Die Antwort des Shops ist nicht mit deinem App-Secret unterschrieben oder älter als "
                    "24 Stunden. Prüfe das Secret und beginne noch einmal von vorn."
                ),
            )
    elif is_required:
        raise WrongSetting(
            "registration",
            _(
                "Der Shop hat ohne Unterschrift geantwortet. Wenn dein Shop das immer tut, beginne noch "
                "einmal und nimm bei „Unterschrift verlangen“ das Häkchen weg."
            ),
        )


# --- connecting -------------------------------------------------------------------------------


def connect(
    merchant: Merchant, access: Access, *, signature_required: bool | None = None, now: datetime
) -> RemoteShop:
    """Test the access, keep it sealed, and begin; with a shop that is known its access is renewed.

    Raises `WrongSetting` or `NotNow`; then nothing has changed.
    """
    _check_allowed(merchant)
    access = _checked(access)
    draft = _filled(shop_of(merchant.pk) or _unborn(merchant, now), access)
    api = system_of(draft)
    identity = _identify(api)
    _check_same_shop(draft, identity)
    draft.name, draft.currency = identity.name[:200], identity.currency or draft.currency
    draft.may_write_orders = _may_write(api)
    if signature_required is not None:
        draft.signature_required = signature_required
    with transaction.atomic():
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        _check_allowed(merchant)
        draft.state, draft.pause_reason, draft.paused_at = RemoteShop.State.ACTIVE, "", None
        draft.last_error = ""
        draft.save()
        merchant.works_in = draft.system
        merchant.save(update_fields=["works_in"])
        _make_all_due(merchant.pk, now)
    return draft


def test(shop: RemoteShop, *, now: datetime) -> bool:
    """Ask the shop who it is and whether orders may be written; what waits for that is done now.

    Raises `WrongSetting` or `NotNow`.
    """
    api = system_of(shop)
    identity = _identify(api)
    may_write = _may_write(api)
    with transaction.atomic():
        known = RemoteShop.objects.of_id(shop.merchant_id)
        known.update(name=identity.name[:200], may_write_orders=may_write, last_error="")
        if may_write:
            due.make_due(RUN_ERRANDS, shop.merchant_id, now=now)
    shop.refresh_from_db()
    return may_write


def hint_word(shop: RemoteShop) -> str:
    """The secret word in the address for webhooks."""
    return vault.unseal(shop.merchant_id, HINT, bytes(shop.sealed_hint or b"")).decode()


def shop_hinted(hint: str) -> RemoteShop | None:
    """The shop to whose address something was sent."""
    return RemoteShop.objects.everyone().filter(hint_digest=_digest(hint)).first() if hint else None


def _unborn(merchant: Merchant, now: datetime) -> RemoteShop:
    hint = secrets.token_urlsafe(24)
    return RemoteShop(
        merchant=merchant,
        connected_at=now,
        sealed_hint=vault.seal(merchant.pk, HINT, hint.encode()),
        hint_digest=_digest(hint),
    )


def _filled(shop: RemoteShop, access: Access) -> RemoteShop:
    shop.url, shop.way, shop.api_key = access.url, access.way, access.api_key
    shop.sealed_secrets = sealed(shop.merchant_id, access)
    return shop


def _identify(api: RemoteSystem) -> ShopIdentity:
    with _failures_explained():
        return api.identify()


def _may_write(api: RemoteSystem) -> bool:
    with _failures_explained():
        return api.may_write_orders()


@contextmanager
def _failures_explained() -> Iterator[None]:
    """What the shop's failures mean for who is just typing in its access."""
    try:
        yield
    except ShopAccessLost as lost:
        sentence = _("Der Zugang geht nicht: %(reason)s. Prüfe Adresse, Schlüssel und Secret.")
        told = sentence % {"reason": word(PAUSED_BECAUSE, lost.reason)}
        raise WrongSetting("url" if lost.reason == Reason.NO_SHOP else "access", told) from None
    except ShopUnavailable as down:
        raise NotNow(
            _("Der Shop antwortet gerade nicht. Versuche es in einigen Minuten noch einmal. (%s)") % down
        ) from None
    except ShopRefuses as refusal:
        raise WrongSetting("access", _("Der Shop lehnt die Anfrage ab: %s") % refusal) from None


def _check_allowed(merchant: Merchant) -> None:
    if sentence := why_not_connect(merchant):
        raise WrongSetting("merchant", sentence)


def _check_same_shop(shop: RemoteShop, identity: ShopIdentity) -> None:
    """What is in the copy belongs to one shop; its address may change, but not which shop it is."""
    if not shop.pk or not RemoteProductLink.objects.of_id(shop.merchant_id).exists():
        return
    before = RemoteShop.objects.of_id(shop.merchant_id).values_list("url", "name").get()
    is_named_alike = bool(before[1]) and before[1] == identity.name[:200]
    if is_named_alike or _host_of(before[0]) in {_host_of(shop.url), identity.host.lower()}:
        return
    raise WrongSetting(
        "url",
        _(
            "Das ist ein anderer Shop als „%(name)s“, dessen Abbild hier liegt. Lege für ihn einen eigenen "
            "Händler an."
        )
        % {"name": before[1] or before[0]},
    )


# --- pausing and cutting ----------------------------------------------------------------------


def pause(merchant_id: int, reason: str, *, now: datetime) -> None:
    """Neither ask nor tell the shop anything; errands wait. A pause keeps its first reason."""
    active = RemoteShop.objects.of_id(merchant_id).filter(state=RemoteShop.State.ACTIVE)
    active.update(state=RemoteShop.State.PAUSED, pause_reason=reason, paused_at=now)


def resume(shop: RemoteShop, *, now: datetime) -> None:
    """Take the work up again with the access there is. Raises `WrongSetting` or `NotNow`."""
    if is_cut(shop):
        raise WrongSetting("access", _("Der Zugang zum Shop ist gelöscht. Verbinde ihn neu."))
    test(shop, now=now)
    with transaction.atomic():
        shop.state, shop.pause_reason, shop.paused_at = RemoteShop.State.ACTIVE, "", None
        shop.save(update_fields=["state", "pause_reason", "paused_at"])
        _make_all_due(shop.merchant_id, now)


@transaction.atomic
def cut(shop: RemoteShop, *, works_here: bool, now: datetime) -> None:
    """Forget the access and stop. What was read and what waits stays.

    `works_here`: the merchant goes on in the built-in shop. Else the shop's pages stay a copy, until it is
    connected again.
    """
    shop.sealed_secrets = None
    shop.state, shop.pause_reason, shop.paused_at = RemoteShop.State.PAUSED, CUT, now
    shop.save(update_fields=["sealed_secrets", "state", "pause_reason", "paused_at"])
    RegistrationAttempt.objects.of_id(shop.merchant_id).delete()
    due.unschedule(None, shop.merchant_id, among=OPERATIONS)
    if works_here:
        Merchant.objects.filter(pk=shop.merchant_id).update(works_in="")


def what_to_do(shop: RemoteShop) -> str:
    """What the merchant does about a pause, in a sentence."""
    return word(WHAT_TO_DO, shop.pause_reason)


def is_paused_by_merchant(shop: RemoteShop) -> bool:
    """Whether the pause is the merchant's own wish."""
    return shop.pause_reason in {BY_MERCHANT, CUT}


# --- what the work notes ----------------------------------------------------------------------


def note_error(shop: RemoteShop, sentence: str) -> None:
    """What the last call met; empty: it went well."""
    if shop.last_error != sentence:
        RemoteShop.objects.of_id(shop.merchant_id).update(last_error=sentence)
        shop.last_error = sentence


def note_writing(shop: RemoteShop, *, may_write: bool) -> None:
    """Whether the shop lets us write orders, as it showed itself."""
    if shop.may_write_orders is not may_write:
        RemoteShop.objects.of_id(shop.merchant_id).update(may_write_orders=may_write)
        shop.may_write_orders = may_write


def _make_all_due(merchant_id: int, now: datetime) -> None:
    for operation in OPERATIONS:
        due.make_due(operation, merchant_id, now=now)


# --- what can be typed ------------------------------------------------------------------------


def _checked(access: Access) -> Access:
    """The access as it is stored. Raises `WrongSetting`."""
    url = shop_url(access.url)
    keys = {
        "api_key": access.api_key.strip(),
        "secret": access.secret.strip(),
        "token": access.token.strip(),
        "shop_key": access.shop_key.strip(),
    }
    if keys["shop_key"]:
        if not _KEY.fullmatch(keys["shop_key"]):
            raise WrongSetting(
                "shop_key", _("Das ist kein Schlüssel: Er besteht aus 40 Ziffern und Buchstaben.")
            )
        return Access(url, shop_key=keys["shop_key"])
    if not _KEY.fullmatch(keys["api_key"]):
        raise WrongSetting(
            "api_key",
            _("Der App-Schlüssel steht im Partnerbereich bei deiner App: 40 Ziffern und Buchstaben."),
        )
    if not _KEY.fullmatch(keys["secret"]):
        raise WrongSetting("secret", _("Das Secret steht im Partnerbereich neben dem App-Schlüssel."))
    if not keys["token"]:
        raise WrongSetting("token", _("Es fehlt der Token, den der Shop beim Installieren der App vergibt."))
    return Access(url, keys["api_key"], keys["secret"], keys["token"])


def shop_url(typed: str) -> str:
    """The shop's address out of what people type: `mein-shop`, a host name, or a whole address.

    Raises `WrongSetting`. This machine itself is no merchant's shop, but in the demo and in tests.
    """
    try:
        url = registering.shop_address(typed)
    except InvalidValue:
        raise _wrong_url() from None
    if is_loopback(urlsplit(url).hostname or "") and not settings.KOGGE_SHOPS_ON_LOOPBACK:
        raise _wrong_url()
    return url


def _wrong_url() -> WrongSetting:
    return WrongSetting(
        "url", _("Das ist keine Adresse eines Shops. Sie sieht so aus: mein-shop.versacommerce.de")
    )


def _host_of(url: str) -> str:
    return urlsplit(url).netloc.lower()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
