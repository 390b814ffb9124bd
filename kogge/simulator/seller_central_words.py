"""The words of the Seller Central pages in German and English."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Words:
    language: str
    decimal_comma: bool
    time_format: str
    orders: str
    feeds: str
    order: str
    items: str
    article: str
    quantity: str
    shipped: str
    note: str
    placed: str
    updated: str
    finished: str
    ship_to: str
    ship_by: str
    total: str
    state: str
    kind: str
    known: str
    all: str
    previous: str
    next: str
    marketplace: str
    fulfilled_by: str
    service: str
    programs: str
    buyer: str
    acknowledged: str
    replaces: str
    cancelled_by: str
    packages: str
    carrier: str
    tracking: str
    shipped_at: str
    timeline: str
    simulate: str
    nothing_to_do: str
    no_orders: str
    no_packages: str
    no_feeds: str
    violations: str
    no_violations: str
    not_found: str
    offers: str
    fulfilment: str
    offer: str
    picture: str
    price: str
    sale_price: str
    business_price: str
    price_limits: str
    units: str
    lead_time: str
    day: str
    days: str
    channel: str
    by_amazon: str
    by_merchant: str
    issues: str
    active: str
    inactive: str
    search: str
    search_hint: str
    no_offers: str
    change_by_hand: str
    save: str
    not_a_number: str
    accepted_changes: str
    states: dict[str, str]
    events: dict[str, str]
    acts: dict[str, str]


_GERMAN = Words(
    language="de",
    decimal_comma=True,
    time_format="%d.%m.%Y, %H:%M:%S Uhr",
    orders="Bestellungen",
    feeds="Feeds",
    order="Bestellung",
    items="Positionen",
    article="Artikel",
    quantity="Menge",
    shipped="Versendet",
    note="Hinweis",
    placed="Eingang (UTC)",
    updated="Letzte Änderung",
    finished="Fertig",
    ship_to="Lieferadresse",
    ship_by="Versenden bis",
    total="Summe",
    state="Status",
    kind="Art",
    known="Vom Händler gemeldet",
    all="Alle",
    previous="← Vorherige",
    next="Nächste →",
    marketplace="Marktplatz",
    fulfilled_by="Versand durch",
    service="Versandart",
    programs="Programme",
    buyer="Käufer",
    acknowledged="Bestätigt",
    replaces="Ersatz für",
    cancelled_by="Storniert von",
    packages="Sendungen",
    carrier="Versanddienst",
    tracking="Sendungsnummer",
    shipped_at="Versandt am",
    timeline="Verlauf",
    simulate="Simulieren",
    nothing_to_do="Für diese Bestellung gibt es nichts mehr zu simulieren.",
    no_orders="Noch keine Bestellungen.",
    no_packages="Noch keine Sendung gemeldet.",
    no_feeds="Noch keine Feeds.",
    violations="Was Amazon beanstanden würde",
    no_violations="Nichts.",
    not_found="Nicht gefunden",
    offers="Angebote",
    fulfilment="Multi-Channel-Versand",
    offer="Angebot",
    picture="Bild",
    price="Preis",
    sale_price="Angebotspreis",
    business_price="Geschäftspreis",
    price_limits="Preisgrenzen",
    units="Einheiten",
    lead_time="Bearbeitungszeit",
    day="Tag",
    days="Tage",
    channel="Versand",
    by_amazon="durch Amazon",
    by_merchant="durch Händler",
    issues="Probleme",
    active="Aktiv",
    inactive="Inaktiv",
    search="Suchen",
    search_hint="SKU, ASIN oder Titel",
    no_offers="Keine Angebote gefunden.",
    change_by_hand="Von Hand ändern, wie es der Händler in Seller Central täte",
    save="Speichern",
    not_a_number="Nicht gespeichert: Einheiten ab 0, Preis über 0, Bearbeitungszeit von 0 bis 30 Tagen.",
    accepted_changes="Änderungen per API",
    states={
        "PENDING": "Ausstehend",
        "PENDING_AVAILABILITY": "Vorbestellt",
        "UNSHIPPED": "Nicht versendet",
        "PARTIALLY_SHIPPED": "Teilweise versendet",
        "SHIPPED": "Versendet",
        "CANCELLED": "Storniert",
        "UNFULFILLABLE": "Nicht erfüllbar",
    },
    events={
        "placed": "Bestellt",
        "released": "Zur Bearbeitung freigegeben",
        "status_changed": "Status geändert",
        "acknowledged": "Vom Händler bestätigt",
        "package_confirmed": "Sendung gemeldet",
        "package_changed": "Sendung geändert",
        "shipped_elsewhere": "Außerhalb der Schnittstelle versendet",
        "cancellation_requested": "Käufer bittet um Stornierung",
        "cancelled": "Storniert",
        "address_changed": "Adresse geändert",
        "poisoned": "Antwort für Tests verändert",
    },
    acts={
        "release": "Zahlung freigeben",
        "ask-to-cancel": "Käufer bittet um Stornierung",
        "withdraw-request": "Käufer zieht die Bitte zurück",
        "buyer-cancels": "Käufer storniert",
        "amazon-cancels": "Amazon storniert",
        "ship": "In Seller Central versenden",
    },
)

_ENGLISH = Words(
    language="en",
    decimal_comma=False,
    time_format="%Y-%m-%d %H:%M:%S",
    orders="Orders",
    feeds="Feeds",
    order="Order",
    items="Items",
    article="Article",
    quantity="Quantity",
    shipped="Shipped",
    note="Note",
    placed="Placed (UTC)",
    updated="Last change",
    finished="Finished",
    ship_to="Ship to",
    ship_by="Ship by",
    total="Total",
    state="Status",
    kind="Type",
    known="Told by the seller",
    all="All",
    previous="← Previous",
    next="Next →",
    marketplace="Marketplace",
    fulfilled_by="Fulfilled by",
    service="Service level",
    programs="Programmes",
    buyer="Buyer",
    acknowledged="Acknowledged",
    replaces="Replacement for",
    cancelled_by="Cancelled by",
    packages="Packages",
    carrier="Carrier",
    tracking="Tracking number",
    shipped_at="Shipped at",
    timeline="Timeline",
    simulate="Simulate",
    nothing_to_do="There is nothing left to simulate for this order.",
    no_orders="No orders yet.",
    no_packages="No package confirmed yet.",
    no_feeds="No feeds yet.",
    violations="What Amazon would hold against the client",
    no_violations="Nothing.",
    not_found="Not found",
    offers="Offers",
    fulfilment="Multi-Channel Fulfillment",
    offer="Offer",
    picture="Picture",
    price="Price",
    sale_price="Sale price",
    business_price="Business price",
    price_limits="Price limits",
    units="Units",
    lead_time="Handling time",
    day="day",
    days="days",
    channel="Fulfilled",
    by_amazon="by Amazon",
    by_merchant="by merchant",
    issues="Issues",
    active="Active",
    inactive="Inactive",
    search="Search",
    search_hint="SKU, ASIN or title",
    no_offers="No offers found.",
    change_by_hand="Change by hand, as the seller would in Seller Central",
    save="Save",
    not_a_number="Not saved: units from 0, price above 0, handling time from 0 to 30 days.",
    accepted_changes="Changes by API",
    states={
        "PENDING": "Pending",
        "PENDING_AVAILABILITY": "Pre-ordered",
        "UNSHIPPED": "Unshipped",
        "PARTIALLY_SHIPPED": "Partially shipped",
        "SHIPPED": "Shipped",
        "CANCELLED": "Cancelled",
        "UNFULFILLABLE": "Unfulfillable",
    },
    events={
        "placed": "Placed",
        "released": "Released for shipment",
        "status_changed": "Status changed",
        "acknowledged": "Acknowledged by the seller",
        "package_confirmed": "Package confirmed",
        "package_changed": "Package changed",
        "shipped_elsewhere": "Shipped outside of the API",
        "cancellation_requested": "Buyer asks for a cancellation",
        "cancelled": "Cancelled",
        "address_changed": "Address changed",
        "poisoned": "Answer altered for tests",
    },
    acts={
        "release": "Release payment",
        "ask-to-cancel": "Buyer asks to cancel",
        "withdraw-request": "Buyer withdraws the request",
        "buyer-cancels": "Buyer cancels",
        "amazon-cancels": "Amazon cancels",
        "ship": "Ship in Seller Central",
    },
)

WORDS = {words.language: words for words in (_GERMAN, _ENGLISH)}
