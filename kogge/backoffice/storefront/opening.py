"""Opening and closing the storefront: what a merchant must have said before anybody may buy."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from kogge.backoffice import stock
from kogge.backoffice.refusal import Refusal
from kogge.backoffice.storefront.models import ShippingOption, Storefront
from kogge.merchants.models import Merchant

COUNTRIES = ("DE", "AT")  # where the prices, with German VAT in them, may be charged


def storefront_of(merchant: Merchant) -> Storefront:
    """The merchant's storefront; closed and empty before anybody cared for it."""
    found = Storefront.objects.of(merchant).first()
    return found or Storefront(merchant=merchant)


def has_storefront(merchant: Merchant) -> bool:
    """Whether the merchant may have one: who works in a shop elsewhere sells there."""
    return not merchant.works_in


def open_storefront(slug: str) -> Storefront | None:
    """The storefront at this address, if it is open."""
    known = Storefront.objects.everyone().select_related("merchant")
    return known.filter(merchant__slug=slug, is_open=True, merchant__works_in="").first()


def missing(storefront: Storefront) -> list[str]:
    """What must be said before the storefront may open, a sentence each."""
    wanted = [
        (storefront.imprint.strip(), _("Das Impressum fehlt.")),
        (storefront.privacy.strip(), _("Die Datenschutzerklärung fehlt.")),
        (storefront.withdrawal.strip(), _("Die Widerrufsbelehrung fehlt.")),
        (
            storefront.takes_prepayment or storefront.takes_invoice,
            _("Wähle mindestens eine Zahlart: Vorkasse oder Rechnung."),
        ),
        (
            storefront.bank_account.strip() or not storefront.takes_prepayment,
            _("Für Vorkasse fehlt die Bankverbindung."),
        ),
        (storefront.countries, _("Wähle mindestens ein Lieferland.")),
        (options_of(storefront.merchant), _("Lege mindestens eine Versandart mit ihrem Preis an.")),
    ]
    return [sentence for is_there, sentence in wanted if not is_there]


def options_of(merchant: Merchant) -> Sequence[ShippingOption]:
    """The ways the storefront sends, in the merchant's order."""
    return list(ShippingOption.objects.of(merchant))


@transaction.atomic
def save(storefront: Storefront) -> None:
    """Keep what the merchant said. Raises `Refusal` when an open storefront would lack something.

    Whether it is open is said by `set_open`, except of a new one.
    """
    stock.lock_shop(storefront.merchant_id)
    if stored := Storefront.objects.of(storefront.merchant).first():
        storefront.pk, storefront.is_open = stored.pk, stored.is_open
    _check(storefront)
    storefront.save()


@transaction.atomic
def set_open(merchant: Merchant, *, is_open: bool) -> None:
    """Open or close. Raises `Refusal` with what is missing."""
    if is_open and not has_storefront(merchant):
        raise Refusal(_("Du arbeitest in einem Shop in einem anderen System. Verkauft wird dort."))
    stock.lock_shop(merchant.pk)
    storefront = storefront_of(merchant)
    storefront.is_open = is_open
    _check(storefront)
    storefront.save()


@transaction.atomic
def save_option(option: ShippingOption) -> None:
    """Add or change a way of sending. Raises `Refusal` when another one has its name."""
    stock.lock_shop(option.merchant_id)
    same = ShippingOption.objects.of(option.merchant).filter(title=option.title)
    if same.exclude(pk=option.pk).exists():
        raise Refusal(_("Diese Versandart gibt es schon."))
    option.save()


@transaction.atomic
def remove_option(merchant: Merchant, pk: int) -> None:
    """Take a way of sending away. Raises `Refusal` for the last one of an open storefront."""
    stock.lock_shop(merchant.pk)
    options = ShippingOption.objects.of(merchant)
    if storefront_of(merchant).is_open and not options.exclude(pk=pk).exists():
        raise Refusal(_("Ein geöffneter Laden braucht mindestens eine Versandart."))
    options.filter(pk=pk).delete()


def _check(storefront: Storefront) -> None:
    if storefront.is_open and (lacks := missing(storefront)):
        raise Refusal(" ".join(lacks))
