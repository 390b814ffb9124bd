"""The carriers every shop here knows, and where their parcels can be followed."""

from __future__ import annotations

from urllib.parse import quote

TRACKING_PAGES = {
    "DHL": "https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode={number}",
    "Deutsche Post": "https://www.deutschepost.de/de/s/sendungsverfolgung.html?barcode={number}",
    "Hermes": "https://www.myhermes.de/empfangen/sendungsverfolgung/sendungsinformation#{number}",
    "DPD": "https://tracking.dpd.de/status/de_DE/parcel/{number}",
    "GLS": "https://gls-group.com/DE/de/paketverfolgung?match={number}",
    "UPS": "https://www.ups.com/track?tracknum={number}",
    "FedEx": "https://www.fedex.com/fedextrack/?trknbr={number}",
}

_BY_FOLDED_NAME = {name.casefold(): page for name, page in TRACKING_PAGES.items()}


def tracking_url(carrier: str, number: str) -> str:
    """Where the buyer can follow a parcel; empty for other carriers or without a number."""
    page = _BY_FOLDED_NAME.get(carrier.strip().casefold(), "")
    return page.format(number=quote(number, safe="")) if number else ""
