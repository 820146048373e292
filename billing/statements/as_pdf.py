"""A month's statement as PDF. Whatever the number of entries, it has few pages and adds up.

It lists what changed the balance; where that is too much to read, it lists the days instead and leaves the rest to the
CSV. The first font that has a character prints it, so that every script is legible (billing/fonts).
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import Align, MethodReturnValue, XPos, YPos

from accounts.models import User
from billing.amounts import format_credits
from billing.statements import as_csv, statement
from billing.statements.as_csv import Names
from billing.statements.months import Month
from billing.statements.statement import Totals
from billing.statements.wording import told

FONTS = Path(__file__).parent / "fonts"
MAIN = "DejaVuSans"
FALLBACKS = ("DroidSansFallback.ttf", "Unifont.otf", "UnifontUpper.otf")
# More rows than this fill more pages than anybody reads.
LISTED = 500
NOTE_CHARACTERS = 160
MISSING = "\ufffd"
# What controls a line is nothing to print, and could turn amounts round.
UNSEEN = ("Cc", "Cf")

Colour = tuple[int, int, int]
INK: Colour = (20, 21, 43)
SOFT: Colour = (88, 91, 115)
LINE: Colour = (222, 223, 236)
PAPER: Colour = (244, 244, 251)
# Millimetres; together the width between the margins.
WIDTHS = (27, 71, 19, 19, 18, 22)
ROW = 4.6
BELOW: Any = {"new_x": XPos.LMARGIN, "new_y": YPos.NEXT}
HEADINGS = ("Time", "What", "In", "Out", "Expired", "Balance")

Line = tuple[str, str, str, str, str, str]


def render(user: User, month: Month, names: Names) -> bytes:
    """The PDF of a month that has begun."""
    totals = statement.of_period(user.pk, month.start, month.end)
    lines, by_day = _lines(user.pk, month, names, totals.opening)
    pdf = _paper(f"Statement {month} · {user.email}", [user.email, *(line[1] for line in lines)])
    pdf.add_page()
    _head(pdf, user, month)
    _sum(pdf, totals)
    _table(pdf, lines, totals)
    _foot(pdf, by_day)
    return bytes(pdf.output())


# What is printed


def _lines(user_id: int, month: Month, names: Names, opening: int) -> tuple[list[Line], bool]:
    """A line for each entry that changed the balance, or for each day where there are more than `LISTED`."""
    found: list[Line] = []
    for rows in statement.walk(user_id, month.start, month.end, opening, all_of_them=False):
        if len(found) + len(rows) > LISTED:
            return _days(user_id, month), True
        named = names([row.entry.about for row in rows])
        for row in rows:
            what = told(row.entry, named.get(row.entry.about, row.entry.about))
            what = f"{what}: {row.entry.note[:NOTE_CHARACTERS]}" if row.entry.note else what
            at = row.entry.created_at.astimezone(month.zone)
            found.append(
                (
                    f"{at:%Y-%m-%d %H:%M}",
                    printable(what),
                    *_amounts(as_csv.parts(row)),
                    format_credits(row.after),
                )
            )
    return found, False


def _days(user_id: int, month: Month) -> list[Line]:
    day, edges = month.start.date(), [month.start]
    while edges[-1] < month.end:
        day += timedelta(days=1)
        edges.append(datetime(day.year, day.month, day.day, tzinfo=month.zone))
    days = zip(edges, statement.of_spans(user_id, edges), strict=False)
    return [_day(start, totals) for start, totals in days if start <= timezone.now()]


def _day(start: datetime, totals: Totals) -> Line:
    amounts = _amounts((totals.came_in, totals.out, totals.expired))
    return (f"{start:%Y-%m-%d}", "All movements of the day", *amounts, format_credits(totals.closing))


def _amounts(parts: tuple[int, int, int]) -> tuple[str, str, str]:
    came_in, out, expired = (format_credits(part) if part else "" for part in parts)
    return came_in, out, expired


# How it is printed


class _Paper(FPDF):
    """A page with its number and what it is, and below the first one the headings of the table."""

    title_line = ""
    with_headings = False

    def header(self) -> None:
        if self.with_headings:
            _headings(self)

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font(MAIN, size=7)
        self.set_text_color(*SOFT)
        self.cell(0, 5, self.title_line)
        self.set_x(self.l_margin)
        self.cell(0, 5, f"{self.page_no()} / {{nb}}", align=Align.R)


def _paper(title: str, texts: Sequence[str]) -> _Paper:
    pdf = _Paper()
    pdf.title_line = title
    pdf.set_title(title)
    pdf.set_margins(17, 16, 17)
    pdf.set_auto_page_break(True, 20)
    pdf.add_font(MAIN, "", FONTS / f"{MAIN}.ttf")
    pdf.add_font(MAIN, "B", FONTS / f"{MAIN}-Bold.ttf")
    characters = set().union(*texts)
    missing, fallbacks = characters - _characters(f"{MAIN}.ttf"), []
    for file in FALLBACKS:
        # Loading a large font takes long, and few statements need one.
        if found := missing & _characters(file):
            pdf.add_font(file, "", FONTS / file)
            fallbacks.append(file)
            missing -= found
    pdf.set_fallback_fonts(fallbacks, exact_match=False)
    # Takes long too, and only what runs from right to left needs it.
    pdf.set_text_shaping(any(unicodedata.bidirectional(character) in ("R", "AL") for character in characters))
    return pdf


@lru_cache(maxsize=8)
def _characters(file: str) -> frozenset[str]:
    with TTFont(FONTS / file, lazy=True) as font:
        return frozenset(map(chr, font.getBestCmap()))


def printable(text: str) -> str:
    """What some font has a character for, on one line; the rest is marked as missing."""
    fonts = [_characters(file) for file in (f"{MAIN}.ttf", *FALLBACKS)]
    line = " ".join("".join(c for c in text if unicodedata.category(c) not in UNSEEN or c.isspace()).split())
    return "".join(character if any(character in font for font in fonts) else MISSING for character in line)


def _head(pdf: _Paper, user: User, month: Month) -> None:
    pdf.set_text_color(*INK)
    pdf.set_font(MAIN, "B", 18)
    pdf.cell(0, 10, f"Statement {month.start:%B %Y}", **BELOW)
    pdf.set_font(MAIN, size=9)
    pdf.set_text_color(*SOFT)
    now = timezone.now().astimezone(month.zone)
    state = f"as of {now:%Y-%m-%d %H:%M}; the month is not over" if now < month.end else f"printed {now:%Y-%m-%d %H:%M}"
    for line in (printable(user.email), f"Credits; times in {month.zone.key}; {state}", settings.PUBLIC_URL):
        pdf.cell(0, 5, line, **BELOW)
    pdf.ln(5)


def _sum(pdf: _Paper, totals: Totals) -> None:
    """Opening + in − out − expired = closing, and beneath it what in and out consist of."""
    names = ("Opening", "+ In", "− Out", "− Expired", "= Closing")
    amounts = (totals.opening, totals.came_in, totals.out, totals.expired, totals.closing)
    width, top = pdf.epw / len(names), pdf.get_y()
    pdf.set_fill_color(*PAPER)
    pdf.rect(pdf.l_margin, top, pdf.epw, 17, style="F", round_corners=True, corner_radius=2.5)
    for number, (name, amount) in enumerate(zip(names, amounts, strict=True)):
        left = pdf.l_margin + number * width + 4
        pdf.set_xy(left, top + 2.5)
        _write(pdf, width - 4, name, SOFT, size=7.5)
        pdf.set_xy(left, top + 8)
        _write(pdf, width - 4, format_credits(amount), INK, "B", 11)
    pdf.set_xy(pdf.l_margin, top + 20)
    details = " · ".join(f"{name} {_signed(amount)}" for name, amount in totals.lines)
    pdf.set_font(MAIN, size=8)
    pdf.set_text_color(*SOFT)
    pdf.multi_cell(0, 4.5, details or "Nothing moved.", **BELOW)
    pdf.ln(3)


def _table(pdf: _Paper, lines: Sequence[Line], totals: Totals) -> None:
    _headings(pdf)
    pdf.with_headings = True
    _line(pdf, ("", "Opening balance", "", "", "", format_credits(totals.opening)), "B")
    for line in lines:
        _line(pdf, line)
    sums = _amounts((totals.came_in, totals.out, totals.expired))
    _line(pdf, ("", "Closing balance", *sums, format_credits(totals.closing)), "B")
    pdf.with_headings = False


def _headings(pdf: FPDF) -> None:
    for number, (width, words) in enumerate(zip(WIDTHS, HEADINGS, strict=True)):
        _write(pdf, width, words, SOFT, "B", 7.5, align=Align.R if number > 1 else Align.L)
    pdf.ln(6)


def _line(pdf: FPDF, line: Line, style: str = "") -> None:
    """A row as high as its words need, never torn between two pages."""
    pdf.set_font(MAIN, style, 8)
    words: Any = pdf.multi_cell(WIDTHS[1], ROW, line[1], dry_run=True, output=MethodReturnValue.LINES)
    if pdf.will_page_break(ROW * len(words) + 1):
        pdf.add_page()
    pdf.set_draw_color(*LINE)
    pdf.line(pdf.l_margin, pdf.get_y(), pdf.l_margin + pdf.epw, pdf.get_y())
    top = pdf.get_y() + 0.5
    pdf.set_y(top)
    _write(pdf, WIDTHS[0], line[0], SOFT, style)
    left = pdf.get_x()
    pdf.set_text_color(*INK)
    pdf.set_font(MAIN, style, 8)
    pdf.multi_cell(WIDTHS[1], ROW, line[1], align=Align.L, new_x=XPos.RIGHT, new_y=YPos.TOP)
    pdf.set_xy(left + WIDTHS[1], top)
    for width, amount in zip(WIDTHS[2:], line[2:], strict=True):
        _write(pdf, width, amount, INK, style, align=Align.R)
    pdf.set_y(top + ROW * max(1, len(words)) + 0.5)


def _write(
    pdf: FPDF, width: float, text: str, colour: Colour, style: str = "", size: float = 8, align: Align = Align.L
) -> None:
    pdf.set_font(MAIN, style, size)
    pdf.set_text_color(*colour)
    pdf.cell(width, ROW, text, align=align)


def _foot(pdf: FPDF, by_day: bool) -> None:
    what = f"More than {LISTED} movements: each line is a day. " if by_day else ""
    pdf.ln(4)
    pdf.set_font(MAIN, size=7.5)
    pdf.set_text_color(*SOFT)
    note = "What is held and given back does not change the balance; with every single entry it stands in the CSV."
    pdf.multi_cell(0, 4, what + note, **BELOW)


def _signed(amount: int) -> str:
    return f"{'+' if amount > 0 else '−'}{format_credits(abs(amount))}"
