"""What Amazon sells: forty articles of a German tea shop, which the demo seller offers, and some others."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import quote

from kogge.simulator.listings import Listing
from kogge.simulator.wire import Request

ANY_PRODUCT_TYPE = "PRODUCT"
"""Good for changes of an offer, whatever the article is."""
IMAGE_PIXELS = 500

_NEEDS_APPROVAL = "You need approval to list products of this brand in new condition."
_ESPRESSO = "You cannot list this product in new condition."


@dataclass(frozen=True, slots=True)
class Article:
    """A page in Amazon's shop. `restriction`: why not everybody may offer it."""

    asin: str
    title: str
    gtin: str = ""
    brand: str = "Kogge Teehandel"
    product_type: str = "KITCHEN"
    restriction: str = ""
    is_closed: bool = False
    """Nobody is even let to ask for permission."""


def image_document(request: Request, asin: str, link: str = "") -> dict[str, object]:
    """Where the picture of an article is: at this simulator, if nothing else is said."""
    host = request.headers.get("host", "127.0.0.1")
    link = link or f"http://{host}/images/{quote(asin or 'unknown', safe='')}.png"
    return {"link": link, "height": IMAGE_PIXELS, "width": IMAGE_PIXELS}


def articles() -> list[Article]:
    """The catalogue: what the tea shop sells and what it does not sell yet."""
    own = [Article(each.asin, each.title, each.gtin, product_type=each.product_type) for each in tea_shop()]
    return own + [
        Article(
            f"B0KOGGE{number}", title, _ean13(gtin or number), brand, product_type, restriction, is_closed
        )
        for number, (title, brand, product_type, gtin, restriction, is_closed) in enumerate(_OTHERS, 101)
    ]


def tea_shop() -> list[Listing]:
    """The demo assortment, a fresh list at each call. GTINs are valid EAN-13 for use inside a shop."""
    return [
        Listing(
            sku,
            f"B0KOGGE{number:03d}",
            title,
            Decimal(price),
            _ean13(number),
            stock,
            lead_time_days,
            product_type="KITCHEN" if number <= _LAST_OF_KITCHEN else "TEA",
        )
        for number, (sku, title, price, stock, lead_time_days) in enumerate(_ARTICLES, start=1)
    ]


def _ean13(number: int) -> str:
    digits = f"2{number:011d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


# Amazon's other articles. Two more pages each for the Matcha bowl (20) and the Matcha (25): several hits for
# one GTIN are normal at Amazon.
_OTHERS: list[tuple[str, str, str, int, str, bool]] = [
    ("Matcha-Schale, handgetöpfert, mit Ausgießer", "Töpferei Deich", "KITCHEN", 20, "", False),
    ("2er Set Matcha-Schale, handgetöpfert", "Töpferei Deich", "KITCHEN", 20, "", False),
    ("Bio-Matcha Ceremonial, Dose 30 g", "Nordmeer Tee", "TEA", 25, _NEEDS_APPROVAL, False),
    ("Teekanne „Leuchtturm“ aus Porzellan, 1,5 l", "Deichporzellan", "KITCHEN", 0, "", False),
    ("Teedose „Schiffe“, 250 g", "Blechwerk Nord", "KITCHEN", 0, "", False),
    ("Ostfriesentee Sonntagsmischung, 500 g", "Nordmeer Tee", "TEA", 0, _NEEDS_APPROVAL, False),
    ("Darjeeling Autumnal, 100 g", "Hafenkontor", "TEA", 0, "", False),
    ("Lapsang Souchong, Rauchtee, 100 g", "Hafenkontor", "TEA", 0, "", False),
    ("Kamille, ganze Blüten, 100 g", "Hafenkontor", "TEA", 0, "", False),
    ("Becher „Hafen“, 2 Stück", "Deichporzellan", "KITCHEN", 0, "", False),
    ("Teelicht-Stövchen aus Gusseisen", "Eisenhütte Ems", "KITCHEN", 0, "", False),
    ("Sahnelöffel aus Edelstahl", "Ostfriesische Löffel", "KITCHEN", 0, "", False),
    ("Teesanduhr, 3, 4 und 5 Minuten", "Hafenkontor", "KITCHEN", 0, "", False),
    ("Espressokocher aus Edelstahl, 6 Tassen", "Bella Mattina", "KITCHEN", 0, _ESPRESSO, True),
    ("Wulkje-Löffel und Kluntjezange im Set", "Ostfriesische Löffel", "KITCHEN", 0, "", False),
]

_LAST_OF_KITCHEN = 21
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
