"""Registering as an app of a shop: where the owner agrees, what comes back, and the password made of it.

MD5 is the shape of VersaCommerce's protocol, not our choice.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit
from xml.etree.ElementTree import ParseError

import defusedxml
import httpx2
from defusedxml.ElementTree import fromstring

from kogge.shops.port import ShopUnavailable
from kogge.shops.versacommerce.transport import (
    Broken,
    Call,
    Patience,
    exchange,
    safe_base,
    user_agent,
)
from kogge.values import InvalidValue, is_loopback

DOMAIN = "versacommerce.de"
VALID_FOR = timedelta(hours=24)
CLOCKS_DIFFER = timedelta(hours=1)  # how far the shop's clock may be ahead of ours
UNSIGNED = {"signature", "action", "controller"}

_SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?")
_TOKEN = re.compile(r"[0-9A-Za-z_-]{1,80}")


def shop_address(typed: str) -> str:
    """The shop's base address out of what people type: its name, its host, or any address of it.

    Raises `InvalidValue`. Numbers instead of names are refused, except this machine's own.
    """
    text = typed.strip()
    host_like = text.lower()
    if _SUBDOMAIN.fullmatch(host_like) and host_like != "localhost":
        return f"https://{host_like}.{DOMAIN}"
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    try:
        parts = urlsplit(f"//{rest}")
        host, port = (parts.hostname or "").rstrip("."), parts.port
        if not is_loopback(host):
            host = host.encode("idna").decode()
    except ValueError:
        raise InvalidValue("not the address of a shop") from None
    if scheme.lower() not in {"", "http", "https"} or parts.username is not None:
        raise InvalidValue("not the address of a shop")
    place = f"[{host}]" if ":" in host else host
    if is_loopback(host):
        return safe_base(f"{scheme.lower() or 'http'}://{place}" + (f":{port}" if port else ""))
    if not _HOST.fullmatch(host):
        raise InvalidValue("not the address of a shop")
    standard = port in (None, 80, 443)
    return f"https://{host}" + ("" if standard else f":{port}")


def auth_address(base_url: str, api_key: str) -> str:
    """Where the shop's owner is sent to agree. The shop sends them back with `t`, the token."""
    return f"{safe_base(base_url)}/api/auth?{urlencode({'api_key': api_key})}"


def password(secret: str, token: str) -> str:
    """The password of an app at a shop that has given it a token."""
    return hashlib.md5((secret + token).encode(), usedforsecurity=False).hexdigest()


def signature(parameters: Mapping[str, str], secret: str) -> str:
    """The signature of the way back, over all parameters as they read after decoding."""
    parts = sorted(f"{name}={text}" for name, text in parameters.items() if name not in UNSIGNED)
    return hashlib.md5((secret + "".join(parts)).encode(), usedforsecurity=False).hexdigest()


def is_signed(parameters: Mapping[str, str], secret: str, *, now: datetime) -> bool:
    """Whether what came back is the shop's word of the last 24 hours."""
    given = parameters.get("signature", "").strip().lower()
    right = hmac.compare_digest(given.encode(), signature(parameters, secret).encode())
    return right and _is_fresh(parameters.get("timestamp", ""), now)


def request_token(
    http: httpx2.Client, base_url: str, api_key: str, *, contact: str = "", patience: Patience | None = None
) -> str | None:
    """The token of an app the shop knows already, without a browser; None if it is not registered there.

    Raises `ShopUnavailable`.
    """
    headers = {"Accept": "application/xml", "User-Agent": user_agent(contact)}
    call = Call("GET", f"{safe_base(base_url)}/api/auth.xml", (("api_key", api_key),), headers)
    answer = exchange(http, call, patience or Patience())
    if isinstance(answer, Broken):
        raise ShopUnavailable(answer.explanation)
    if answer.status in (401, 403, 404) or (answer.succeeded and not answer.content.strip()):
        return None
    if not answer.succeeded or answer.is_web_page:
        raise ShopUnavailable(f"the shop does not answer the question for the token (HTTP {answer.status})")
    return _token_in(answer.content)


def _token_in(content: bytes) -> str | None:
    try:
        root = fromstring(content)
    except (ParseError, defusedxml.DefusedXmlException, ValueError, LookupError):
        raise ShopUnavailable("the answer to the question for the token is unreadable") from None
    found = root if root.tag == "token" else root.find("token")
    token = (found.text or "").strip() if found is not None else ""
    return token if _TOKEN.fullmatch(token) else None


def _is_fresh(timestamp: str, now: datetime) -> bool:
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    age = now.timestamp() - int(timestamp)
    return -CLOCKS_DIFFER.total_seconds() <= age <= VALID_FOR.total_seconds()
