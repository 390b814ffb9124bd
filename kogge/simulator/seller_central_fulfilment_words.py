"""The words of the Seller Central pages about orders that Amazon ships for a shop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FulfilmentWords:
    received: str
    shop_order: str
    no_orders: str
    ship_to: str
    speed: str
    hold: str
    policy: str
    features: str
    version: str
    estimated: str
    echo: str
    reserved: str
    lost: str
    shipments: str
    no_shipments: str
    warehouse: str
    leaves: str
    history: str
    stock: str
    no_stock: str
    fulfillable: str
    elsewhere: str
    not_a_number: str
    nothing_to_do: str
    hangs: str
    states: dict[str, str]
    reasons: dict[str, str]
    acts: dict[str, str]


_GERMAN = FulfilmentWords(
    received="Eingang (UTC)",
    shop_order="Bestellnummer des Shops",
    no_orders="Noch keine Aufträge. Sie kommen von einem Shop, der durch Amazon versenden lässt.",
    ship_to="Lieferadresse",
    speed="Versandart",
    hold="Zurückgehalten",
    policy="Bei fehlenden Einheiten",
    features="Merkmale",
    version="Angelegt mit Version",
    estimated="Versand geschätzt",
    echo="Erscheint als Bestellung",
    reserved="Reserviert",
    lost="Nicht lieferbar",
    shipments="Sendungen",
    no_shipments="Noch keine Sendung geplant.",
    warehouse="Lager",
    leaves="Verlässt das Lager",
    history="Verlauf",
    stock="Bestand bei Amazon",
    no_stock="Amazon hat noch keine Einheiten. Sie kommen mit POST /_control/fba-stock.",
    fulfillable="Verfügbar",
    elsewhere="Unterwegs oder gesperrt",
    not_a_number="Nicht gespeichert: Einheiten ab 0.",
    nothing_to_do="Für diesen Auftrag gibt es nichts mehr zu simulieren.",
    hangs="hängt",
    states={
        "NEW": "Neu",
        "RECEIVED": "Erhalten",
        "PLANNING": "In Planung",
        "PROCESSING": "In Bearbeitung",
        "COMPLETE": "Abgeschlossen",
        "COMPLETE_PARTIALLED": "Teilweise abgeschlossen",
        "CANCELLED": "Storniert",
        "UNFULFILLABLE": "Nicht erfüllbar",
        "INVALID": "Ungültig",
    },
    reasons={
        "STOCK": "Einheiten fehlen",
        "SKU": "unbekannte SKU",
        "ADDRESS": "Adresse nicht zustellbar",
        "SELLER": "vom Händler",
        "HOLD": "nach 14 Tagen",
    },
    acts={
        "go-on": "Nächster Schritt",
        "hang": "Hängen lassen",
        "let-go": "Weiterlaufen lassen",
        "lose-one": "Eine Einheit fehlt",
        "invalid": "Adresse ungültig",
    },
)

_ENGLISH = FulfilmentWords(
    received="Received (UTC)",
    shop_order="The shop's order number",
    no_orders="No orders yet. They come from a shop that has Amazon ship.",
    ship_to="Ship to",
    speed="Service level",
    hold="On hold",
    policy="When units are missing",
    features="Features",
    version="Created with version",
    estimated="Estimated to ship",
    echo="Appears as order",
    reserved="Reserved",
    lost="Unfulfillable",
    shipments="Shipments",
    no_shipments="No shipment planned yet.",
    warehouse="Warehouse",
    leaves="Leaves the warehouse",
    history="History",
    stock="Units at Amazon",
    no_stock="Amazon has no units yet. They come with POST /_control/fba-stock.",
    fulfillable="Fulfillable",
    elsewhere="On the way or blocked",
    not_a_number="Not saved: units from 0.",
    nothing_to_do="There is nothing left to simulate for this order.",
    hangs="hangs",
    states={
        "NEW": "New",
        "RECEIVED": "Received",
        "PLANNING": "Planning",
        "PROCESSING": "Processing",
        "COMPLETE": "Complete",
        "COMPLETE_PARTIALLED": "Partially complete",
        "CANCELLED": "Cancelled",
        "UNFULFILLABLE": "Unfulfillable",
        "INVALID": "Invalid",
    },
    reasons={
        "STOCK": "units are missing",
        "SKU": "unknown SKU",
        "ADDRESS": "address cannot be delivered to",
        "SELLER": "by the seller",
        "HOLD": "after 14 days",
    },
    acts={
        "go-on": "Next step",
        "hang": "Let it hang",
        "let-go": "Let it go on",
        "lose-one": "One unit is missing",
        "invalid": "Address is invalid",
    },
)

WORDS = {"de": _GERMAN, "en": _ENGLISH}
