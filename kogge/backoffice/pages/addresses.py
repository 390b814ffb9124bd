"""How addresses are written on a page and on paper."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kogge.values import Address

# Where the buyers of the marketplaces live. A code without a name here is shown as it is.
COUNTRIES: Mapping[str, str | Promise] = {
    "AT": _("Österreich"),
    "AU": _("Australien"),
    "BE": _("Belgien"),
    "BG": _("Bulgarien"),
    "CA": _("Kanada"),
    "CH": _("Schweiz"),
    "CY": _("Zypern"),
    "CZ": _("Tschechien"),
    "DE": _("Deutschland"),
    "DK": _("Dänemark"),
    "EE": _("Estland"),
    "ES": _("Spanien"),
    "FI": _("Finnland"),
    "FR": _("Frankreich"),
    "GB": _("Vereinigtes Königreich"),
    "GR": _("Griechenland"),
    "HR": _("Kroatien"),
    "HU": _("Ungarn"),
    "IE": _("Irland"),
    "IS": _("Island"),
    "IT": _("Italien"),
    "JP": _("Japan"),
    "LI": _("Liechtenstein"),
    "LT": _("Litauen"),
    "LU": _("Luxemburg"),
    "LV": _("Lettland"),
    "MC": _("Monaco"),
    "MT": _("Malta"),
    "MX": _("Mexiko"),
    "NL": _("Niederlande"),
    "NO": _("Norwegen"),
    "PL": _("Polen"),
    "PT": _("Portugal"),
    "RO": _("Rumänien"),
    "SE": _("Schweden"),
    "SI": _("Slowenien"),
    "SK": _("Slowakei"),
    "TR": _("Türkei"),
    "US": _("USA"),
}


def address_lines(address: Address) -> list[str]:
    """An address line by line, as it stands on a parcel; empty for an empty address."""
    lines = (
        address.name,
        address.company,
        address.line1,
        address.line2,
        address.line3,
        " ".join(part for part in (address.postal_code, address.city) if part),
        address.state,
        str(COUNTRIES.get(address.country, address.country)),
    )
    return [line for line in lines if line]
