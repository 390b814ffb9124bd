"""Invented buyers and addresses, the pleasant and the nasty ones. No real person, street number or phone."""

from __future__ import annotations

from random import Random

from kogge.simulator.world import Order

_FIRST_NAMES = [
    "Erika",
    "Max",
    "Lena",
    "Jonas",
    "Sabine",
    "Okko",
    "Wiebke",
    "Ayşe",
    "Björn",
    "Frauke",
    "Noah",
    "Mia",
]
_LAST_NAMES = [
    "Muster",
    "Beispiel",
    "Groß",
    "O'Brien",
    "von der Weide",
    "Öztürk",
    "Janßen",
    "Meyer-Lüdeking",
    "Yıldız",
]

_PLACES: dict[str, list[tuple[str, str]]] = {
    "DE": [
        ("20095", "Hamburg"),
        ("26721", "Emden"),
        ("10115", "Berlin"),
        ("80331", "München"),
        ("50667", "Köln"),
    ],
    "AT": [("1010", "Wien"), ("5020", "Salzburg"), ("8010", "Graz")],
    "FR": [("75001", "Paris"), ("69001", "Lyon"), ("35400", "Saint-Malo")],
    "IT": [("00118", "Roma"), ("20121", "Milano"), ("34121", "Trieste")],
}
_STREETS: dict[str, list[str]] = {
    "DE": ["Beispielweg", "Musterstraße", "Am Deich", "Kaffeegasse", "Lindenallee"],
    "AT": ["Mustergasse", "Beispielring"],
    "FR": ["rue de l'Exemple", "avenue du Modèle"],
    "IT": ["via dell'Esempio", "piazza Modello"],
}
_DIAL_CODES = {"DE": "+49", "AT": "+43", "FR": "+33", "IT": "+39"}

GIFT_MESSAGES = [
    "Alles Gute zum Geburtstag! 🎂 Deine Oma",
    "Danke für alles & bis bald",
    "Frohe Weihnachten\nwünschen Jan und Grete",
]

NASTY_TEXTS = [
    'Robert\'); DROP TABLE orders;-- "Bobby" <b>&amp;</b>',
    "</script><script>alert('x')</script> ]]> <!-- & --> {{ 7*7 }} {% now %} %s %(x)s",
    "عربي \u202eesrever\u202c עברית \u200b zero\u200bwidth",
    "👩\u200d👩\u200d👧\u200d👦🏳️\u200d🌈 e\u0301 ﷽ 𝕋𝕖𝕖",
    "Tab\tNewline\nReturn\r\nNul\x00Bell\x07Escape\x1b[31mDel\x7f\u2028\u2029\ufeff",
    '=HYPERLINK("http://example.invalid")',
    "Sehr langer Titel " * 60,
]


def introduce(order: Order, country: str, random: Random) -> None:
    """Give the order a buyer with relay address and a delivery address in `country`."""
    place = country if country in _PLACES else "DE"
    name = f"{random.choice(_FIRST_NAMES)} {random.choice(_LAST_NAMES)}"
    postal_code, city = random.choice(_PLACES[place])
    order.buyer_name = name
    order.buyer_email = (
        f"{random.randrange(36**8):x}@{order.marketplace.domain.replace('www.', 'marketplace.')}"
    )
    order.address = {
        "name": name,
        "addressLine1": _street(place, random),
        "city": city,
        "postalCode": postal_code,
        "countryCode": country,
        "phone": f"{_DIAL_CODES[place]} 40 0000{random.randrange(1000):03d}",
        "addressType": "RESIDENTIAL",
    }
    if random.random() < 0.2:
        order.address["addressLine2"] = random.choice(["Hinterhaus", "3. Stock links", "c/o Nachbar"])


def pickup_point(name: str, random: Random) -> dict[str, str]:
    """A parcel locker: the second line carries the customer's number with the carrier."""
    return {
        "name": name,
        "addressLine1": f"Packstation {random.randint(101, 199)}",
        "addressLine2": f"{random.randrange(10**7, 10**8)}",
        "city": "Hamburg",
        "postalCode": "20095",
        "countryCode": "DE",
        "addressType": "PICKUP_POINT",
    }


def nasty_address() -> dict[str, str]:
    return {
        "name": NASTY_TEXTS[0],
        "companyName": NASTY_TEXTS[3],
        "addressLine1": NASTY_TEXTS[2],
        "addressLine2": NASTY_TEXTS[4],
        "addressLine3": NASTY_TEXTS[1],
        "city": "Łódź & <Söhne>",
        "postalCode": " 20095 ",
        "countryCode": "DE",
        "addressType": "SOMETHING_NEW",
    }


def _street(country: str, random: Random) -> str:
    street, number = random.choice(_STREETS[country]), random.randint(1, 99)
    return f"{number} {street}" if country == "FR" else f"{street} {number}"
