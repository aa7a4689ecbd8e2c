"""A page while it is written: places words and figures, and refuses what would lie over others or leave the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from webiml.forge.document.content import Token, Writer
from webiml.forge.document.fonts import Face, Family
from webiml.forge.document.page import Figure, Page, Words, draw_figure, draw_words, width_of
from webiml.forge.document.paper import Colour
from webiml.forge.objects import Rng

ASCENT, DESCENT = 0.8, 0.25  # em that a line of text takes up above and below its baseline


@dataclass(frozen=True, slots=True)
class Layout:
    """A kind of page.

    Attributes:
        write: fills a draft.
        aspects: width over height, least and most.
        em: size of body text where the longer side has 768 pixels, least and most.
        paper: (rng, (H, W)) -> (H, W, 3) uint8.
        cropped: probability that the picture shows a part of the page only.
    """

    write: Callable[[Draft], None]
    aspects: tuple[float, float]
    em: tuple[float, float]
    paper: Callable[[Rng, tuple[int, int]], np.ndarray]
    cropped: float = 0.35


@dataclass(slots=True, eq=False)
class Draft:
    """A page that fills up.

    Attributes:
        paper: (H, W, 3) uint8, drawn on.
        em: size of body text, pixels. line: from baseline to baseline. margin: left, right, above and below.
        body, head: families of the text and of titles, often one.
        ink, accent: colours of the text, and of titles, rules and bands.
        dates: the page's habit, 0..4 for `Writer.dated`.
        refused: how many runs of text found no room.
    """

    rng: Rng
    writer: Writer
    paper: np.ndarray
    em: float
    line: float
    margin: float
    body: Family
    head: Family
    ink: Colour
    accent: Colour
    dates: int
    words: list[Words] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)
    refused: int = 0

    @property
    def width(self) -> int:
        """Of the page, pixels."""
        return self.paper.shape[1]

    @property
    def height(self) -> int:
        """Of the page, pixels."""
        return self.paper.shape[0]

    @property
    def left(self) -> float:
        """Where lines start."""
        return self.margin

    @property
    def right(self) -> float:
        """Where lines end."""
        return self.width - self.margin

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < probability)

    def pick(self, *of: str) -> str:
        """One of the words given."""
        return of[int(self.rng.integers(len(of)))]

    def day(self, first: int = 2008, last: int = 2026) -> str:
        """A date as this page writes dates."""
        return self.writer.dated(self.writer.day(first, last), self.dates)

    # ---------------------------------------------------------------- text

    def put(
        self,
        text: str,
        x: float,
        baseline: float,
        what: str = "text",
        *,
        face: Face | None = None,
        size: float = 0.0,
        ink: Colour | None = None,
        align: str = "left",
        room: float = 0.0,
        spacing: float = 0.0,
    ) -> float:
        """Write one run; where it ends, or `x` where there was no room for it.

        Args:
            text: what; where it is wider than `room` pixels it is made smaller, then cut after a word.
            x: left end, right end or middle, by `align`: "left", "right", "centre".
        """
        face, size = face or self.body.regular, size or self.em
        wide = width_of(text, face, size, spacing) if text else 0.0
        if room and wide > room:
            whole = what not in ("text", "name", "address", "title") or " " not in text  # a number is not cut
            size *= max(0.55 if whole else 0.75, 0.98 * room / wide)
            while (wide := width_of(text, face, size, spacing)) > room:
                if " " not in text:
                    self.refused += 1
                    return x
                text = text.rsplit(" ", 1)[0].rstrip(",;")
        start = x - {"left": 0.0, "right": wide, "centre": wide / 2}[align]
        box = (start, baseline - ASCENT * size, start + wide, baseline + DESCENT * size)
        if not text.strip() or not self.free(box):
            self.refused += bool(text.strip())
            return x
        self.taken.append(box)
        self.words.append(Words(text, start, baseline, size, face, ink or self.ink, what, spacing))
        return start + wide

    def free(self, box: tuple[float, float, float, float]) -> bool:
        """Whether x0, y0, x1, y1 lies on the page and over nothing."""
        x0, y0, x1, y1 = box
        if x0 < 1 or y0 < 1 or x1 > self.width - 2 or y1 > self.height - 1:
            return False
        return not any(x0 < b[2] and b[0] < x1 and y0 < b[3] and b[1] < y1 for b in self.taken)

    def paragraph(
        self, tokens: list[Token], x: float, baseline: float, room: float, *, how: str = "left", lowest: float = 0.0
    ) -> float:
        """Write tokens in lines of `room` pixels, one run a token; the baseline after the last line.

        `how` is "left", "centre" or "justified"; nothing is written below `lowest` (0: the lower margin).
        """
        face, lowest = self.body.regular, lowest or self.height - self.margin
        space = width_of(" ", face, self.em)
        while tokens and baseline + DESCENT * self.em < lowest:
            fits, used = 0, 0.0
            widths = []
            for text, _ in tokens:
                wide = width_of(text, face, self.em)
                if fits and used + wide > room:
                    break
                fits, used = fits + 1, used + wide + space
                widths.append(wide)
            used -= space
            ends = fits == len(tokens)
            gap = (room - used) / (fits - 1) if how == "justified" and fits > 1 and not ends else 0.0
            pen = x + (room - used) / 2 * (how == "centre")
            for (text, what), wide in zip(tokens[:fits], widths, strict=True):
                self.put(text, pen, baseline, what, room=room)
                pen += wide + space + gap
            tokens, baseline = tokens[fits:], baseline + self.line
        return baseline

    # ---------------------------------------------------------------- drawn

    def rule(
        self, x0: float, y0: float, x1: float, y1: float, *, colour: Colour | None = None, dash: float = 0.0
    ) -> None:
        """A thin line, level or upright; with `dash` pixels from one dash to the next."""
        thick = max(1, round(self.em / 14))
        stops = np.linspace(0, 1, max(2, 2 * round(max(x1 - x0, y1 - y0) / dash))) if dash else np.array([0.0, 1])
        for start, end in zip(stops[::2], stops[1::2], strict=False):
            points = [(round(x0 + t * (x1 - x0)), round(y0 + t * (y1 - y0))) for t in (start, end)]
            cv2.line(self.paper, points[0], points[1], colour or self.ink, thick)

    def box(self, x0: float, y0: float, x1: float, y1: float, *, colour: Colour | None = None) -> None:
        """A frame."""
        ends = (round(x0), round(y0)), (round(x1), round(y1))
        cv2.rectangle(self.paper, *ends, colour or self.ink, max(1, round(self.em / 14)))

    def band(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """A filled rectangle, under the text."""
        cv2.rectangle(self.paper, (round(x0), round(y0)), (round(x1), round(y1)), colour, -1)

    def tint(self, share: float) -> Colour:
        """The accent, thinned with white: 0 is white, 1 the accent."""
        red, green, blue = (round(255 - share * (255 - one)) for one in self.accent)
        return red, green, blue

    def place(self, rgba: np.ndarray, x: float, y: float, what: str, *, over: bool = False) -> bool:
        """Lay a figure, upper left corner there; False where it leaves the page or, unless `over`, meets text."""
        h, w = rgba.shape[:2]
        box = (x, y, x + w, y + h)
        inside = x >= 0 and y >= 0 and x + w <= self.width and y + h <= self.height
        if not inside or not (over or self.free(box)):
            return False
        if not over:
            self.taken.append(box)
        self.figures.append(Figure(rgba, round(x), round(y), what))
        return True

    def page(self, layout: str) -> Page:
        """The page as it stands."""
        return Page(layout, self.paper, tuple(self.words), tuple(self.figures))


def part_of(page: Page, x: int, y: int, width: int, height: int) -> Page:
    """The page seen through a window: words and figures that its edge cuts become paper, those outside are gone."""
    paper = page.paper[y : y + height, x : x + width].copy()
    words, figures = [], []
    for one in page.words:
        moved = Words(one.text, one.x - x, one.baseline - y, one.size, one.face, one.ink, one.what, one.spacing)
        wide = width_of(one.text, one.face, one.size, one.spacing)
        box = (moved.x, moved.baseline - one.size, moved.x + wide, moved.baseline + 0.3 * one.size)
        if box[0] >= 1 and box[1] >= 0 and box[2] <= width - 1 and box[3] <= height:
            words.append(moved)
        elif box[0] < width and box[1] < height and box[2] > 0 and box[3] > 0:
            draw_words(paper, moved)
    for one in page.figures:
        moved = Figure(one.rgba, one.x - x, one.y - y, one.what)
        h, w = one.rgba.shape[:2]
        if moved.x >= 0 and moved.y >= 0 and moved.x + w <= width and moved.y + h <= height:
            figures.append(moved)
        else:
            draw_figure(paper, moved)
    return Page(page.layout, paper, tuple(words), tuple(figures))
