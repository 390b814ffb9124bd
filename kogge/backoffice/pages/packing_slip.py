"""Packzettel: what belongs into the parcel, as a PDF. One page an order, more when it is long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from fpdf import FPDF
from fpdf.enums import MethodReturnValue, WrapMode, XPos, YPos
from fpdf.fonts import CoreFont, TTFFont

from kogge.backoffice.channels import channel_title
from kogge.backoffice.models import Order, OrderLine, Parcel
from kogge.backoffice.pages.addresses import address_lines
from kogge.backoffice.pages.numbers import read_numbers
from kogge.backoffice.people import people_of
from kogge.backoffice.progress import own_units
from kogge.merchants.access import MerchantRequest, reader
from kogge.merchants.models import Merchant

FONTS = Path(__file__).with_name("fonts")
FAMILY = "DejaVu"
UNKNOWN = "\ufffd"  # printed for what the font cannot show
MARGIN = 20  # mm
QUIET, INK, LINE = (90, 98, 110), (22, 32, 44), (214, 219, 225)
CODE_WIDTH, UNITS_WIDTH = 38, 18  # mm
ROW = 5.2  # mm a line of text


@reader
def packing_slip(request: MerchantRequest, number: int) -> HttpResponse:
    """The packing slip of one order."""
    order = get_object_or_404(_orders(request.merchant), number=number)
    return _pdf(draw(request.merchant, [order]), f"packzettel-{order.number}.pdf")


@reader
def packing_slips(request: MerchantRequest) -> HttpResponse:
    """The packing slips of all orders named by `orders`, in one file."""
    found = list(_orders(request.merchant).filter(number__in=read_numbers(request.GET.getlist("orders"))))
    if not found:
        raise Http404
    return _pdf(draw(request.merchant, found), "packzettel.pdf")


def draw(merchant: Merchant, orders: Sequence[Order]) -> bytes:
    """The packing slips of these orders as a PDF."""
    sheet = _Sheet()
    for order in orders:
        sheet.slip(merchant, order)
    return bytes(sheet.output())


def _orders(merchant: Merchant) -> QuerySet[Order]:
    lines = Prefetch("lines", OrderLine.objects.of(merchant).order_by("position"))
    parcels = Prefetch("parcels", Parcel.objects.of(merchant).prefetch_related("items"))
    return Order.objects.of(merchant).prefetch_related(lines, parcels).order_by("number")


def _pdf(document: bytes, name: str) -> HttpResponse:
    return HttpResponse(
        document,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )


class _Sheet(FPDF):
    """A4 with a font that knows Latin, Greek, Cyrillic, Arabic and Hebrew letters."""

    def __init__(self) -> None:
        super().__init__(format="A4")
        self.add_font(FAMILY, "", FONTS / "DejaVuSansCondensed.ttf")
        self.add_font(FAMILY, "B", FONTS / "DejaVuSansCondensed-Bold.ttf")
        self.known = {style: _letters(self.fonts[FAMILY.lower() + style]) for style in ("", "B")}
        self.set_margin(MARGIN)
        self.set_auto_page_break(auto=True, margin=MARGIN)
        self.set_title(_("Packzettel"))
        self.set_creator("Kogge")
        self.foot = ""

    def slip(self, merchant: Merchant, order: Order) -> None:
        """One order, beginning on a page of its own."""
        people = people_of(order)
        self.foot = ""  # the page before ends with its own order's foot
        self.add_page()
        self.foot = _("Bestellung %(number)s") % {"number": order.number}
        self._head(merchant, order)
        self._address(
            address_lines(people.shipping) or [people.buyer_name or _("Keine Lieferadresse bekannt")]
        )
        self._table(order, people.gift_texts)
        if order.note:
            self._text(_("Notiz"), bold=True, gap=4)
            self._text(order.note)

    def footer(self) -> None:
        """Order number and page, so that sheets can be put together again."""
        self.set_y(-MARGIN + 4)
        self._pen(8, colour=QUIET)
        page = _("Seite %(number)s") % {"number": self.page_no()}
        self.cell(w=0, text=self._printable(f"{self.foot} · {page}"), align="R")

    def _head(self, merchant: Merchant, order: Order) -> None:
        self._text(merchant.name, size=10, colour=QUIET)
        self._text(
            _("Packzettel zu Bestellung %(number)s") % {"number": order.number}, size=17, bold=True, gap=1
        )
        facts = [formats.date_format(timezone.localtime(order.placed_at), "DATE_FORMAT")]
        if order.external_id:
            facts.append(f"{order.origin or order.channel} {order.external_id}")
        if order.ship_by:
            due = formats.date_format(timezone.localtime(order.ship_by), "DATE_FORMAT")
            facts.append(_("versenden bis %(date)s") % {"date": due})
        self._text(" · ".join(facts), colour=QUIET, gap=1)

    def _address(self, lines: Sequence[str]) -> None:
        self.ln(8)
        self._text(_("Lieferadresse"), size=8, colour=QUIET)
        for line in lines:
            self._text(line, size=11)
        self.ln(8)

    def _table(self, order: Order, gift_texts: dict[int, str]) -> None:
        self._pen(8, colour=QUIET)
        self._row(_("Artikelnummer"), _("Stück"), _("Artikel"))
        to_pack = _units_to_pack(order)
        for line in order.lines.all():
            if units := to_pack[line.position]:
                self._position(line.code, units, line.title, gift_texts.get(line.position, ""))
        self._elsewhere(order, is_empty=not any(to_pack.values()))

    def _elsewhere(self, order: Order, *, is_empty: bool) -> None:
        """What a channel ships out of its own warehouse is not on the list; the packer must not miss it."""
        lines = [line for line in order.lines.all() if line.quantity > line.cancelled]
        names = {channel_title(line.fulfilled_by) for line in lines if line.fulfilled_by}
        if not names:
            return
        told = (
            _("Diese Bestellung versendet %(channel)s. Hier ist nichts zu packen.")
            if is_empty
            else _("Die übrigen Artikel dieser Bestellung kommen getrennt: Versand durch %(channel)s.")
        )
        self._text(told % {"channel": ", ".join(sorted(names))}, colour=QUIET, gap=4)

    def _position(self, code: str, units: int, title: str, gift_text: str) -> None:
        self.set_draw_color(*LINE)
        self.line(self.l_margin, self.get_y() + 1, self.w - self.r_margin, self.get_y() + 1)
        self.ln(2.5)
        self._pen(10)
        self._row(code or "–", f"{units} ×", title)
        if gift_text:
            self._pen(9, colour=QUIET)
            self._row("", "", _("Geschenknachricht: %(text)s") % {"text": gift_text})

    def _row(self, code: str, units: str, title: str) -> None:
        """Three cells side by side that grow downward; a row that fits on no rest moves as a whole."""
        cells = [
            (CODE_WIDTH, WrapMode.CHAR, self._printable(code)),
            (UNITS_WIDTH, WrapMode.WORD, self._printable(units)),
            (self.epw - CODE_WIDTH - UNITS_WIDTH, WrapMode.WORD, self._printable(title)),
        ]
        height = max(self._height(*cell) for cell in cells)
        if self.get_y() + min(height, self.eph) > self.page_break_trigger:
            self.add_page()
        top, left = self.get_y(), self.l_margin
        for width, wrap, text in cells:
            self.set_xy(left, top)
            self.multi_cell(w=width, h=ROW, text=text, align="L", wrapmode=wrap)
            left += width
        # A text longer than a sheet has moved on by itself; the row goes on below its end.
        self.set_xy(self.l_margin, self.get_y() if height > self.eph else top + height)

    def _height(self, width: float, wrap: WrapMode, text: str) -> float:
        lines = self.multi_cell(
            w=width, h=ROW, text=text, align="L", wrapmode=wrap, dry_run=True, output=MethodReturnValue.LINES
        )
        assert isinstance(lines, list)
        return len(lines) * ROW

    def _text(
        self,
        text: str,
        *,
        size: float = 10,
        bold: bool = False,
        colour: tuple[int, int, int] = INK,
        gap: float = 0,
    ) -> None:
        self.ln(gap)
        self._pen(size, bold=bold, colour=colour)
        self.multi_cell(
            w=0, h=size * 0.52, text=self._printable(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )

    def _pen(self, size: float, *, bold: bool = False, colour: tuple[int, int, int] = INK) -> None:
        self.set_font(FAMILY, "B" if bold else "", size)
        self.set_text_color(*colour)

    def _printable(self, text: str) -> str:
        """The text with a mark for every letter the font lacks: a buyer's name must not crash the
        slip, nor reach the log through the PDF library's warning about missing glyphs."""
        known = self.known[self.font_style]
        return "".join(letter if letter == "\n" or ord(letter) in known else UNKNOWN for letter in text)


def _letters(font: CoreFont | TTFFont) -> Collection[int]:
    assert isinstance(font, TTFFont), "added from a file above"
    return font.cmap


def _units_to_pack(order: Order) -> dict[int, int]:
    """Units by position that the merchant still has to pack; if there are none, what the merchant sent."""
    lines = order.lines.all()
    if any(own_units(line) for line in lines):
        return {line.position: own_units(line) for line in lines}
    by_channels = Counter[int]()
    for parcel in order.parcels.all():
        if parcel.fulfilled_by:
            by_channels.update({item.line_id: item.quantity for item in parcel.items.all()})
    return {line.position: line.shipped - by_channels[line.pk] for line in lines}
