"""What many pages share: tables, labelled fields, a sender's head, a place to sign."""

from __future__ import annotations

from dataclasses import dataclass

from webiml.forge.document import figures
from webiml.forge.document.draft import ASCENT, Draft


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its title, share of the width, "left", "right" or "centre", and what its cells say."""

    title: str
    share: float
    align: str
    what: str


def table(
    draft: Draft, columns: list[Column], rows: list[list[str]], x: float, baseline: float, room: float, lowest: float
) -> tuple[float, int]:
    """Write a table, ruled, striped, boxed or bare; the baseline below it, and how many rows end above `lowest`."""
    em, pad = draft.em, 0.35 * draft.em
    step = draft.line * draft.rng.uniform(1.0, 1.35)
    drawn = draft.pick("none", "rows", "rows", "grid", "stripes", "columns")
    titled = draft.pick("band", "light", "rule", "bold")
    total = sum(column.share for column in columns)
    edges = [x]
    for column in columns:
        edges.append(edges[-1] + room * column.share / total)
    above, below = 0.5 * step + 0.35 * em, 0.5 * step - 0.35 * em
    titles_ink = draft.ink
    if titled in ("band", "light"):
        dark = titled == "band"
        draft.band(x, baseline - above, x + room, baseline + below, draft.accent if dark else draft.tint(0.2))
        titles_ink = (255, 255, 255) if dark else draft.ink
    elif titled == "rule":
        draft.rule(x, baseline + below, x + room, baseline + below, colour=draft.accent)
    places = []
    for column, start, end in zip(columns, edges, edges[1:], strict=False):
        at = {"left": start + pad, "right": end - pad, "centre": (start + end) / 2}[column.align]
        places.append((at, end - start - 2 * pad))
        face = draft.head.regular if titled == "rule" else draft.head.bold
        inner = end - start - 2 * pad
        draft.put(column.title, at, baseline, "label", face=face, ink=titles_ink, align=column.align, room=inner)
    top, written = baseline - above, 0
    for row in rows:
        if baseline + step + below > lowest:
            break
        baseline += step
        if drawn == "stripes" and written % 2:
            draft.band(x, baseline - above, x + room, baseline + below, draft.tint(0.1))
        for column, text, (at, inner) in zip(columns, row, places, strict=True):
            draft.put(text, at, baseline, column.what, align=column.align, room=inner)
        if drawn in ("rows", "grid"):
            draft.rule(x, baseline + below, x + room, baseline + below, colour=draft.tint(0.5))
        written += 1
    bottom = baseline + below
    if drawn in ("grid", "columns"):
        for edge in edges[1:-1]:
            draft.rule(edge, top, edge, bottom, colour=draft.tint(0.5))
        draft.box(x, top, x + room, bottom, colour=draft.tint(0.7))
    elif drawn == "none" or titled == "rule":
        draft.rule(x, bottom, x + room, bottom, colour=draft.accent)
    return baseline + step, written


def field(draft: Draft, key: str, value: str, what: str, x: float, baseline: float, room: float, how: str) -> float:
    """A label and what it names, "beside", "above" or "below" one another; the baseline after both."""
    label, small = draft.writer.label(key), 0.72 * draft.em
    light = tuple(min(150, one + 70) for one in draft.ink)
    if how == "beside":
        tab = min(0.45 * room, 9 * draft.em)
        draft.put(label + draft.pick(":", ":", ""), x, baseline, "label", room=tab - 0.5 * draft.em)
        draft.put(value, x + tab, baseline, what, room=room - tab)
        return baseline + draft.line
    upper, lower = (baseline, baseline + 1.15 * draft.em) if how == "above" else (baseline + 1.0 * draft.em, baseline)
    draft.put(label, x, upper, "label", size=small, ink=(light[0], light[1], light[2]), room=room)
    draft.put(value, x, lower, what, room=room)
    return max(upper, lower) + 1.5 * draft.em


def sender(draft: Draft, baseline: float) -> float:
    """A firm's head: logo, name, street, town and phone at the left, right or middle; the baseline below it."""
    writer, em = draft.writer, draft.em
    align = draft.pick("left", "left", "right", "centre")
    x = {"left": draft.left, "right": draft.right, "centre": draft.width / 2}[align]
    company, size = writer.company(), em * draft.rng.uniform(1.4, 2.4)
    room = draft.right - draft.left
    if draft.chance(0.65):
        side = round(em * draft.rng.uniform(2.4, 4.2))
        at = {"left": draft.left, "right": draft.right - side, "centre": draft.left}[align]
        if draft.chance(0.4):  # on the other side of the name
            at = draft.right - side if align == "left" else draft.left
        y = baseline - ASCENT * size
        if draft.place(figures.logo(draft.rng, side, draft.accent), at, y, "logo"):
            room -= side + em
            if align == "left" and at == draft.left:
                x += side + em
            elif align == "right" and at > draft.left:
                x -= side + em
            elif align == "centre":
                room -= side + em
    ink = draft.accent if draft.chance(0.6) else draft.ink
    draft.put(
        company, x, baseline + 0.2 * size, "name", face=draft.head.bold, size=size, ink=ink, align=align, room=room
    )
    baseline += 0.2 * size + 1.35 * em
    lines = [(writer.street(), "address"), (writer.postcode_and_town(), "address"), (writer.phone(), "number")]
    if draft.chance(0.4):
        lines = [(f"{lines[0][0]}, {lines[1][0]}", "address"), lines[2]]
    for text, what in lines[: int(draft.rng.integers(1, len(lines) + 1))]:
        draft.put(text, x, baseline, what, size=0.85 * em, align=align, room=room)
        baseline += 1.15 * em
    floor = max([baseline, *(box[3] + ASCENT * em for box in draft.taken)])
    if draft.chance(0.35):
        draft.rule(draft.left, floor - 0.5 * em, draft.right, floor - 0.5 * em, colour=draft.accent)
    return floor + 0.6 * draft.line


def signed(draft: Draft, x: float, y: float, room: float, *, line: bool = True) -> float:
    """A signature that stands on a line at `y`, its label below; the baseline after it."""
    em = draft.em
    width, height = round(min(room, em * draft.rng.uniform(7, 12))), round(em * draft.rng.uniform(2.2, 3.4))
    drawn = figures.signature(draft.rng, width, height)
    draft.place(drawn, x + draft.rng.uniform(0, max(1, room - width)), y - 0.8 * height, "signature", over=True)
    if line:
        draft.rule(x, y, x + room, y, dash=em * draft.chance(0.3))
        draft.put(draft.writer.label("signature"), x, y + em, "label", size=0.7 * em, room=room)
    return y + 2.2 * em


def stamped(draft: Draft, x: float, y: float) -> None:
    """A stamp with its middle about there, over what is written."""
    side = round(draft.em * draft.rng.uniform(6, 10))
    upper = draft.pick(draft.writer.label("paid"), draft.writer.label("received"), draft.writer.town(), "COPY", "OK")
    face = draft.head.bold
    made = figures.stamp(draft.rng, side, upper.upper(), draft.day(), face)
    x, y = (min(max(0.0, at - side / 2), full - side) for at, full in ((x, draft.width), (y, draft.height)))
    draft.place(made, x, y, "stamp", over=True)
