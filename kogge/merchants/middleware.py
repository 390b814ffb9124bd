"""What every request passes: its language, its merchant, and what its page may load."""

from __future__ import annotations

from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers

from kogge.merchants.access import SESSION_KEY
from kogge.merchants.models import Membership, Role
from kogge.spapi.marketplaces import MARKETPLACES, REGIONS

Answer = Callable[[HttpRequest], HttpResponseBase]


class LanguageMiddleware:
    """The language a person chose (cookie), else the browser's, else German."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language = translation.get_language_from_request(request)
        request.LANGUAGE_CODE = language
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ["Accept-Language", "Cookie"])
        return response


class MerchantMiddleware:
    """Sets `request.merchant` and `request.role`: the merchant chosen in the session, else the first.

    `request.other_merchants` are those the person could switch to. The choice is looked up among the
    user's memberships every time, so that a role taken away or a forged session opens nothing.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        memberships = _memberships(request)
        membership = next(iter(memberships), None)
        request.merchant = membership.merchant if membership else None  # type: ignore[attr-defined]
        request.role = Role(membership.role) if membership else None  # type: ignore[attr-defined]
        request.other_merchants = [other.merchant for other in memberships[1:]]  # type: ignore[attr-defined]
        return self.get_response(request)


class ContentSecurityPolicyMiddleware:
    """Pages load and send nothing but to this server; forms may also lead to Amazon's consent page.

    A view that shows pictures from elsewhere says so with `allow_images`.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self.form_action = " ".join(["form-action 'self'", *_consent_origins()])

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self._policy(response))
        return response

    def _policy(self, response: HttpResponseBase) -> str:
        return "; ".join(
            (
                "default-src 'self'",
                # Tabler draws its check marks as data: images
                " ".join(["img-src 'self' data:", *getattr(response, _IMAGE_ORIGINS, ())]),
                "object-src 'none'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
                self.form_action,
            )
        )


_IMAGE_ORIGINS = "image_origins"


def allow_images(response: HttpResponseBase, origins: Collection[str]) -> None:
    """Let this one page also show pictures from these origins."""
    setattr(response, _IMAGE_ORIGINS, tuple(origins))


def _memberships(request: HttpRequest) -> list[Membership]:
    """What the person may do for whom; the chosen merchant first."""
    if not request.user.is_authenticated:
        return []
    chosen = request.session.get(SESSION_KEY)
    known = request.user.memberships.select_related("merchant").order_by("id")
    return sorted(known, key=lambda membership: membership.merchant_id != chosen)


def _consent_origins() -> list[str]:
    """Browsers hold a form's redirects to `form-action` too, and consent begins with a form."""
    urls = [region.consent_url for region in REGIONS.values()]
    urls += [f"https://{marketplace.seller_central}" for marketplace in MARKETPLACES.values()]
    if settings.KOGGE_AMAZON_CONSENT_URL:
        urls.append(settings.KOGGE_AMAZON_CONSENT_URL)
    return sorted({f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in urls})
