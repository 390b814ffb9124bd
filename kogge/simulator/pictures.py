"""Pictures of the articles: flat drawings, the same at every call, made when somebody asks for one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from io import BytesIO
from urllib.parse import unquote

from PIL import Image, ImageDraw

from kogge.simulator.catalogue import IMAGE_PIXELS
from kogge.simulator.wire import Request, Response, html_response
from kogge.simulator.world import World

BASE = "/images/"

_PAPER, _INK = "#ffffff", "#22343a"
_COLOURS = ("#0b6e75", "#b4472e", "#3d6b3a", "#7a4b8c", "#c08a1e", "#37568c", "#8c3a52", "#5d6b2f")
_CLAY = "#8a6a4f"
_NAMED_COLOURS = {
    "weiß": "#e4e0d6", "weißer": "#efeae0", "blau": "#37568c", "schwarz": "#33383b", "rot": "#b4472e",
    "grün": "#3d6b3a", "glas": "#bcdce0", "nussbaumholz": "#7b5536", "buchenholz": "#c79a63",
    "bambus": "#cdb071", "braun": "#8a5a32", "gusseisen": "#33383b", "edelstahl": "#aab4b8",
}  # fmt: skip

Box = tuple[float, float, float, float]


def answer(world: World, request: Request) -> Response:
    """`/images/{asin}.png`"""
    asin = unquote(request.path.removeprefix(BASE)).removesuffix(".png")
    article = world.find_article(asin)
    if request.method != "GET" or article is None:
        return html_response(404, "Not Found")
    return Response(200, picture(article.title), {"Content-Type": "image/png"})


@lru_cache(maxsize=256)
def picture(title: str) -> bytes:
    """A PNG of 500 by 500 pixels of what the title says it is."""
    scale = 2  # drawn large and made smaller: smooth edges
    image = Image.new("RGB", (IMAGE_PIXELS * scale, IMAGE_PIXELS * scale), _PAPER)
    _shape(title)(_Pen(ImageDraw.Draw(image), scale), _colour(title))
    small = image.resize((IMAGE_PIXELS, IMAGE_PIXELS), Image.Resampling.LANCZOS)
    file = BytesIO()
    small.quantize(64).save(file, "PNG", optimize=True)
    return file.getvalue()


class _Pen:
    """Draws in pixels of the finished picture."""

    def __init__(self, draw: ImageDraw.ImageDraw, scale: int) -> None:
        self._draw = draw
        self._scale = scale

    def _scaled(self, numbers: Box) -> Box:
        left, top, right, bottom = (number * self._scale for number in numbers)
        return left, top, right, bottom

    def oval(self, box: Box, fill: str) -> None:
        self._draw.ellipse(self._scaled(box), fill=fill)

    def ring(self, box: Box, colour: str, width: int) -> None:
        self._draw.ellipse(self._scaled(box), outline=colour, width=width * self._scale)

    def block(self, box: Box, fill: str, radius: int = 0) -> None:
        self._draw.rounded_rectangle(self._scaled(box), radius * self._scale, fill=fill)

    def polygon(self, points: Sequence[tuple[float, float]], fill: str) -> None:
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in points], fill=fill)

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: int) -> None:
        scaled = [(x * self._scale, y * self._scale) for x, y in points]
        self._draw.line(scaled, colour, width * self._scale, joint="curve")

    def shadow(self, left: float = 110, right: float = 390) -> None:
        self.oval((left, 392, right, 428), "#eceeee")


def _teapot(pen: _Pen, colour: str) -> None:
    pen.shadow()
    pen.ring((315, 190, 430, 330), colour, 22)
    pen.polygon([(165, 300), (70, 195), (98, 180), (190, 235)], colour)
    pen.oval((120, 170, 380, 410), colour)
    pen.block((190, 158, 310, 184), _darker(colour), 12)
    pen.oval((230, 122, 270, 162), _darker(colour))
    pen.oval((160, 215, 215, 285), _lighter(colour))


def _tin(pen: _Pen, colour: str) -> None:
    pen.shadow(130, 370)
    pen.block((150, 140, 350, 410), colour, 16)
    pen.block((142, 104, 358, 166), _darker(colour), 14)
    pen.block((178, 220, 322, 340), "#f4efe4", 8)
    _leaf(pen, 250, 280, _darker(colour))


def _cup(pen: _Pen, colour: str) -> None:
    pen.shadow(100, 400)
    pen.ring((310, 215, 420, 325), colour, 20)
    pen.polygon([(120, 190), (350, 190), (318, 370), (152, 370)], colour)
    pen.block((150, 350, 320, 400), colour, 24)
    pen.oval((120, 168, 350, 214), _lighter(colour))
    pen.oval((138, 176, 332, 208), "#9c6a35")
    for x in (190, 235, 280):
        pen.line([(x, 146), (x + 10, 124), (x, 102), (x + 10, 80)], "#d3d9da", 7)


def _bowl(pen: _Pen, colour: str) -> None:
    pen.shadow(130, 370)
    pen.polygon([(95, 205), (405, 205), (340, 375), (160, 375)], colour)
    pen.block((170, 360, 330, 405), _darker(colour), 12)
    pen.oval((95, 170, 405, 240), _lighter(colour))
    pen.oval((120, 182, 380, 230), "#7fa650")


def _pouch(pen: _Pen, colour: str) -> None:
    pen.shadow(120, 380)
    pen.polygon([(150, 100), (350, 100), (378, 410), (122, 410)], colour)
    pen.block((146, 92, 354, 136), _darker(colour), 6)
    pen.block((180, 190, 320, 340), "#f4efe4", 10)
    _leaf(pen, 250, 262, _darker(colour))


def _sieve(pen: _Pen, colour: str) -> None:
    pen.shadow(90, 300)
    pen.line([(270, 235), (445, 120)], _darker(colour), 24)
    pen.polygon([(85, 240), (305, 240), (262, 370), (128, 370)], colour)
    pen.block((128, 352, 262, 402), colour, 24)
    pen.oval((78, 212, 312, 268), _darker(colour))
    pen.oval((96, 220, 294, 260), _lighter(colour))
    for y in (295, 325, 355):
        for x in range(130, 270, 24):
            pen.oval((x, y, x + 9, y + 9), _darker(colour))


def _spoon(pen: _Pen, colour: str) -> None:
    pen.line([(220, 270), (400, 110)], colour, 26)
    pen.oval((385, 88, 425, 128), colour)
    pen.oval((85, 235, 265, 400), colour)
    pen.oval((112, 258, 240, 376), _darker(colour))


def _whisk(pen: _Pen, colour: str) -> None:
    pen.shadow(150, 350)
    pen.block((215, 80, 285, 230), colour, 18)
    for bend in range(-90, 91, 18):
        pen.line([(250 + bend * 0.3, 225), (250 + bend, 310), (250 + bend * 0.8, 405)], _darker(colour), 6)
    pen.line([(212, 222), (288, 222)], _INK, 8)


def _warmer(pen: _Pen, colour: str) -> None:
    pen.shadow()
    pen.polygon([(130, 210), (370, 210), (400, 400), (100, 400)], colour)
    pen.oval((180, 250, 320, 390), _darker(colour))
    pen.polygon([(250, 275), (275, 335), (250, 365), (225, 335)], "#f2a93b")
    pen.block((105, 185, 395, 225), _darker(colour), 16)


def _sugar(pen: _Pen, colour: str) -> None:
    pen.shadow()
    light = _lighter(colour)
    for x, y in ((120, 300), (230, 310), (310, 290), (170, 220), (270, 210), (220, 130)):
        pen.polygon([(x, y + 25), (x + 45, y), (x + 90, y + 25), (x + 45, y + 50)], light)
        pen.polygon([(x, y + 25), (x + 45, y + 50), (x + 45, y + 105), (x, y + 80)], colour)
        pen.polygon(
            [(x + 90, y + 25), (x + 45, y + 50), (x + 45, y + 105), (x + 90, y + 80)], _darker(colour)
        )


def _box(pen: _Pen, colour: str) -> None:
    pen.shadow(90, 410)
    pen.block((110, 190, 390, 410), colour, 10)
    pen.block((98, 150, 402, 214), _darker(colour), 10)
    pen.block((232, 150, 268, 410), "#f4efe4")
    pen.ring((180, 92, 252, 158), "#e0d6bf", 14)
    pen.ring((248, 92, 320, 158), "#e0d6bf", 14)


def _filters(pen: _Pen, colour: str) -> None:
    pen.shadow(120, 380)
    for shift in (40, 20, 0):
        body = [
            (135 + shift, 130 - shift),
            (325 + shift, 130 - shift),
            (285 + shift, 400),
            (175 + shift, 400),
        ]
        pen.polygon(body, "#efe6d2" if shift else "#f7f1e3")
        pen.line([*body, body[0]], "#cdbf9f", 4)
    _leaf(pen, 230, 260, colour)


def _leaf(pen: _Pen, x: float, y: float, colour: str) -> None:
    pen.polygon([(x - 45, y + 20), (x - 20, y - 30), (x + 45, y - 35), (x + 30, y + 20)], colour)
    pen.line([(x - 55, y + 35), (x + 25, y - 15)], "#f4efe4", 5)


# The first word that occurs in the title says what to draw.
_SHAPES: list[tuple[str, Callable[[_Pen, str], None]]] = [
    ("geschenk", _box), ("reise", _teapot), ("stövchen", _warmer), ("kanne", _teapot), ("kocher", _teapot),
    ("teefilter", _filters), ("sieb aus", _sieve), ("teesieb", _sieve), ("zange", _spoon), ("löffel", _spoon),
    ("teemaß", _spoon), ("dose", _tin), ("uhr", _tin), ("schale", _bowl), ("besen", _whisk), ("becher", _cup),
    ("gläser", _cup), ("kandis", _sugar),
]  # fmt: skip


def _shape(title: str) -> Callable[[_Pen, str], None]:
    lowered = title.lower()
    return next((shape for word, shape in _SHAPES if word in lowered), _pouch)


def _colour(title: str) -> str:
    words = title.lower().replace(",", " ").split()
    named = next((_NAMED_COLOURS[word] for word in words if word in _NAMED_COLOURS), None)
    if named is None and "handgetöpfert" in words:
        return _CLAY
    return named or _COLOURS[hashlib.sha256(title.encode()).digest()[0] % len(_COLOURS)]


def _darker(colour: str) -> str:
    return _mixed(colour, "#000000")


def _lighter(colour: str) -> str:
    return _mixed(colour, "#ffffff")


def _mixed(colour: str, other: str) -> str:
    """Three parts of the one, one part of the other."""
    pairs = ((int(colour[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{(3 * one + two) // 4:02x}" for one, two in pairs)
