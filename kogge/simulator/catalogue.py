"""Forty articles of a German tea shop: what the demo seller offers on Amazon."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(slots=True)
class Listing:
    """One offer of the seller. `stock` is what the seller has told Amazon (or keeps in its own shop)."""

    sku: str
    asin: str
    title: str
    price: Decimal
    gtin: str = ""
    stock: int = 100
    lead_time_days: int = 1


def tea_shop() -> list[Listing]:
    """The demo assortment, a fresh list at each call. GTINs are valid EAN-13 for use inside a shop."""
    return [
        Listing(sku, f"B0KOGGE{number:03d}", title, Decimal(price), _ean13(number), stock, lead_time_days)
        for number, (sku, title, price, stock, lead_time_days) in enumerate(_ARTICLES, start=1)
    ]


def _ean13(number: int) -> str:
    digits = f"2{number:011d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


_ARTICLES = [
    ("TK-12-WEISS", "Teekanne „Möwe“ aus Porzellan, weiß, 1,2 l", "34.90", 48, 1),
    ("TK-08-BLAU", "Teekanne „Möwe“ aus Porzellan, blau, 0,8 l", "29.90", 36, 1),
    ("TK-GLAS-10", "Teekanne aus Glas mit Sieb, 1,0 l", "24.95", 60, 1),
    ("TK-GUSS-09", "Teekanne aus Gusseisen, schwarz, 0,9 l", "54.00", 18, 2),
    ("TK-REISE", "Reise-Teeset mit Kanne und zwei Bechern", "39.50", 22, 2),
    ("STV-GLAS", "Stövchen aus Glas für Teelichte", "12.95", 75, 1),
    ("STV-HOLZ", "Stövchen aus Nussbaumholz", "27.90", 14, 3),
    ("TS-01", "Teesieb aus Edelstahl, fein", "9.98", 140, 1),
    ("TS-02", "Teesieb mit Ablage, extra fein", "13.90", 85, 1),
    ("TE-ZANGE", "Teezange aus Edelstahl", "6.95", 120, 1),
    ("TF-100", "Teefilter aus Papier, 100 Stück", "3.49", 400, 1),
    ("TF-250", "Teefilter aus Papier, 250 Stück", "7.49", 220, 1),
    ("TL-MASS", "Teemaß aus Buchenholz", "4.95", 160, 1),
    ("TD-100-ROT", "Teedose mit Aromadeckel, rot, 100 g", "8.90", 95, 1),
    ("TD-100-GRUEN", "Teedose mit Aromadeckel, grün, 100 g", "8.90", 90, 1),
    ("TD-500", "Vorratsdose für Tee, 500 g", "16.90", 40, 1),
    ("BE-FRIES-6", "Becher „Friesland“, 6 Stück", "42.00", 25, 2),
    ("BE-DOPPEL-2", "Doppelwandige Teegläser, 2 Stück", "19.95", 70, 1),
    ("BE-THERMO", "Thermobecher für Tee mit Sieb, 450 ml", "27.95", 55, 1),
    ("TA-CHAWAN", "Matcha-Schale, handgetöpfert", "32.00", 12, 3),
    ("MB-BAMBUS", "Matcha-Besen aus Bambus, 80 Borsten", "14.90", 45, 1),
    ("SE-FUKU-100", "Sencha Fukujyu, Grüntee aus Japan, 100 g", "11.90", 130, 1),
    ("SE-CHINA-250", "Sencha China, Grüntee, 250 g", "9.95", 110, 1),
    ("GY-ASA-100", "Gyokuro Asahi, Schattentee, 100 g", "26.50", 35, 1),
    ("MA-BIO-30", "Bio-Matcha Ceremonial, 30 g", "22.90", 65, 1),
    ("GE-GENM-100", "Genmaicha mit geröstetem Reis, 100 g", "8.50", 80, 1),
    ("OS-BOP-250", "Ostfriesen-Teemischung Broken, 250 g", "7.95", 260, 1),
    ("OS-BLATT-500", "Ostfriesen-Teemischung Blatt, 500 g", "14.95", 150, 1),
    ("DA-FF-100", "Darjeeling First Flush, 100 g", "15.90", 60, 1),
    ("DA-SF-250", "Darjeeling Second Flush, 250 g", "18.90", 55, 1),
    ("AS-GOLD-250", "Assam Goldspitzen, 250 g", "12.50", 90, 1),
    ("CE-OP-250", "Ceylon Orange Pekoe, 250 g", "9.50", 85, 1),
    ("EG-BIO-100", "Bio-Earl-Grey mit Bergamotte, 100 g", "6.95", 170, 1),
    ("OO-MILKY-100", "Milky Oolong, 100 g", "13.50", 50, 1),
    ("RB-VAN-250", "Rooibos Vanille, 250 g", "8.95", 140, 1),
    ("FR-WINTER-250", "Früchtetee Winterapfel, 250 g", "7.50", 190, 1),
    ("KR-PFEFF-100", "Pfefferminze, ganze Blätter, 100 g", "4.95", 210, 1),
    ("KL-KANDIS-WEISS", "Kluntje, weißer Kandis, 500 g", "3.95", 230, 1),
    ("KL-KANDIS-BRAUN", "Krustenkandis, braun, 500 g", "4.25", 180, 1),
    ("GS-PROBIER-12", "Geschenkset „Zwölf Tees zum Probieren“", "24.90", 38, 2),
]
