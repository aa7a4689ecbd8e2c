"""Pages of the training split that one fills in or reads off: form, card, price list."""

from __future__ import annotations

from webiml.forge.document import figures
from webiml.forge.document.draft import Draft
from webiml.forge.document.page import width_of
from webiml.forge.document.paper import Colour
from webiml.forge.document.parts import field, signed, stamped


def form(draft: Draft) -> None:
    """A form that was filled in: sections, labelled boxes or lines, ticks, a signature."""
    writer, em, room = draft.writer, draft.em, draft.right - draft.left
    y = draft.margin + 2 * em
    title = f"{writer.label(draft.pick('application', 'registration'))} {writer.number(3)}"
    align, at = ("centre", draft.width / 2) if draft.chance(0.5) else ("left", draft.left)
    draft.put(title, at, y, "title", face=draft.head.bold, size=1.9 * em, ink=draft.accent, align=align, room=room)
    y += 1.4 * draft.line
    if draft.chance(0.6):
        y = draft.paragraph(writer.paragraph(int(draft.rng.integers(12, 35))), draft.left, y, room) + 0.3 * em
    pen: Colour = (25, 40, 120) if draft.chance(0.45) else draft.ink
    pens = (draft.body.regular, draft.body.italic, draft.head.regular)[int(draft.rng.integers(3))]
    how = draft.pick("boxes", "lines", "shaded", "combs")
    asked = [
        ("name", writer.surname(), "name"),
        ("given names", writer.given(), "name"),
        ("date of birth", draft.day(1950, 2005), "date"),
        ("street", writer.street(), "address"),
        ("place", writer.postcode_and_town(), "address"),
        ("phone", writer.phone(), "number"),
        ("occupation", writer.job(), "text"),
        ("number", writer.number(), "number"),
        ("account", writer.iban(), "number"),
        ("valid until", draft.day(2020, 2030), "date"),
        ("amount", writer.amount(writer.cents(), currency=True), "amount"),
        ("reference", writer.number(), "number"),
        ("nationality", writer.town(), "text"),
        ("customer", writer.name(), "name"),
    ]
    tall, foot = 1.7 * em, draft.height - draft.margin - 6 * em
    index, section = 0, 0
    order = [int(one) for one in draft.rng.permutation(len(asked))] if draft.chance(0.5) else list(range(len(asked)))
    while y + 4 * em < foot and index < len(asked):
        if index % 5 == 0:
            section += 1
            draft.band(
                draft.left,
                y - 0.2 * em,
                draft.right,
                y + 1.3 * em,
                draft.tint(0.85) if how == "lines" else draft.tint(0.25),
            )
            head = (255, 255, 255) if how == "lines" else draft.ink
            draft.put(f"{section}. {writer.sentence(3).rstrip('.')}", draft.left + 0.4 * em, y + 0.9 * em, "title",
                      face=draft.head.bold, ink=head, room=room - em)  # fmt: skip
            y += 2.1 * em
        side_by_side = 2 if draft.chance(0.55) and index + 1 < len(asked) else 1
        for place in range(side_by_side):
            key, value, what = asked[order[index]]
            wide = room / side_by_side - 0.5 * em
            x = draft.left + place * (room / side_by_side + 0.25 * em)
            draft.put(writer.label(key), x, y + 0.6 * em, "label", size=0.75 * em, room=wide)
            low = y + 0.9 * em + tall
            _entry(draft, how, x, low - tall, wide, tall)
            draft.put(value, x + 0.4 * em, low - 0.5 * em, what, face=pens, ink=pen, room=wide - 0.8 * em)
            index += 1
        y += 1.5 * em + tall
    for key in ("yes", "no") if draft.chance(0.7) else ():
        x = draft.left + (0 if key == "yes" else 0.25 * room)
        draft.box(x, y, x + em, y + em)
        if draft.chance(0.5):
            draft.put("x", x + 0.5 * em, y + 0.8 * em, face=pens, ink=pen, size=1.0 * em, align="centre")
        draft.put(writer.label(key), x + 1.5 * em, y + 0.85 * em, "label", room=0.18 * room)
    y = min(max(y + 5 * em, foot + draft.rng.uniform(-4, 3) * em), draft.height - 2.5 * em)
    draft.put(f"{writer.town()}, {draft.day()}", draft.left, y - 0.3 * em, "date", face=pens, ink=pen, room=0.42 * room)
    draft.rule(draft.left, y, draft.left + 0.42 * room, y)
    signed(draft, draft.left + 0.55 * room, y, 0.45 * room)
    if draft.chance(0.3):
        stamped(draft, draft.left + draft.rng.uniform(0.3, 0.9) * room, y - 3 * em)


def _entry(draft: Draft, how: str, x: float, y: float, wide: float, tall: float) -> None:
    """Where something is filled in: a box, a line, a shaded field, or a line with teeth."""
    if how == "boxes":
        draft.box(x, y, x + wide, y + tall)
    elif how == "shaded":
        draft.band(x, y, x + wide, y + tall, draft.tint(0.12))
    else:
        draft.rule(x, y + tall, x + wide, y + tall)
    if how == "combs":
        for tooth in range(int(wide / (1.2 * draft.em)) + 1):
            at = x + 1.2 * draft.em * tooth
            draft.rule(at, y + 0.75 * tall, at, y + tall)


def card(draft: Draft) -> None:
    """A card that says who somebody is: silhouette, fields, number, signature, at times two lines for machines."""
    writer, em, rng = draft.writer, draft.em, draft.rng
    width, height, margin = draft.width, draft.height, draft.margin
    tall = 2.6 * em
    title = draft.writer.label(draft.pick("identity card", "member card"))
    firm = writer.company() if draft.chance(0.5) else writer.town()
    banded = draft.chance(0.6)
    if banded:
        draft.band(0, 0, width, tall, draft.accent)
    ink = (255, 255, 255) if banded else draft.accent
    x = margin
    if draft.chance(0.6):
        side = round(1.8 * em)
        draft.place(figures.logo(rng, side, ink), margin, 0.4 * em, "logo")
        x += side + 0.6 * em
    spacing = em * 0.12 * draft.chance(0.4)
    end = draft.put(
        title.upper(),
        x,
        1.75 * em,
        "title",
        face=draft.head.bold,
        size=1.25 * em,
        ink=ink,
        room=0.55 * width,
        spacing=spacing,
    )
    draft.put(firm, width - margin, 1.7 * em, "name", ink=ink, align="right", room=width - margin - end - em)
    machine = draft.chance(0.4)
    low = height - (3.6 * em if machine else margin * 0.6)
    photo_h = round(min(low - tall - 1.2 * em, height * rng.uniform(0.45, 0.62)))
    photo_w = round(photo_h * rng.uniform(0.72, 0.82))
    left_photo = draft.chance(0.75)
    photo_x = margin if left_photo else width - margin - photo_w
    draft.place(figures.portrait(rng, photo_w, photo_h), photo_x, tall + 0.7 * em, "portrait")
    start = margin + photo_w + 1.2 * em if left_photo else margin
    room = width - 2 * margin - photo_w - 1.2 * em
    surname, given, born = writer.surname(), writer.given(), writer.day(1945, 2008)
    number = writer.number(int(rng.integers(7, 10)))
    asked = [
        ("name", surname.upper() if draft.chance(0.5) else surname, "name"),
        ("given names", given, "name"),
        ("date of birth", writer.dated(born, draft.dates), "date"),
        ("place", writer.town(), "address"),
        ("valid until", draft.day(2025, 2036), "date"),
        ("number", number, "number"),
        ("nationality", writer.town(), "text"),
        ("occupation", writer.job(), "text"),
    ]
    how, y = draft.pick("above", "above", "beside", "below"), tall + 1.6 * em
    pair = how != "beside" and draft.chance(0.5)
    lines = len(asked) / 2 if pair else len(asked)
    more = max(0.0, min(1.5 * em, (low - y - 2 * em) / lines - (draft.line if how == "beside" else 2.6 * em)))
    step = 0
    while step < len(asked) and y + 1.8 * em < low:
        after = field(draft, *asked[step], start, y, 0.48 * room if pair else room, how)
        step += 1
        if pair and step < len(asked):
            field(draft, *asked[step], start + 0.52 * room, y, 0.48 * room, how)
            step += 1
        y = after + more
    if draft.chance(0.55):
        wide = round(0.4 * room)
        drawn = figures.signature(rng, wide, round(0.3 * wide))
        draft.place(drawn, start + rng.uniform(0.2, 0.55) * room, low - 0.34 * wide, "signature", over=True)
    if machine:
        code = f"{surname}<<{given}<{number}".upper().replace(" ", "<")
        day = f"{born:%y%m%d}"
        for index, text in enumerate((code, f"{number}<{day}<{writer.number(7)}".replace(" ", "<"))):
            size = 1.0 * em
            letters = text
            while width_of(letters + "<", draft.body.regular, size, 0.15 * em) < width - 2 * margin:
                letters += "<"
            draft.put(letters, margin, height - 2.1 * em + 1.4 * em * index, "number", size=size, spacing=0.15 * em,
                      room=width - 2 * margin)  # fmt: skip
    elif draft.chance(0.4):
        draft.put(
            number,
            photo_x,
            min(tall + photo_h + 1.9 * em, height - 0.6 * em),
            "number",
            face=draft.head.bold,
            room=photo_w,
        )


def price_list(draft: Draft) -> None:
    """What a shop or kitchen offers: headings, goods, dots that lead to prices, in one or two columns."""
    writer, em, rng = draft.writer, draft.em, draft.rng
    room = draft.right - draft.left
    framed = draft.chance(0.45)
    if framed:
        inset = 0.35 * draft.margin
        for gap in (inset, inset + 0.4 * em)[: int(rng.integers(1, 3))]:
            draft.box(gap, gap, draft.width - gap, draft.height - gap, colour=draft.accent)
    y = draft.margin + 2.4 * em
    if draft.chance(0.35):
        side = round(3.5 * em)
        draft.place(figures.logo(rng, side, draft.accent), (draft.width - side) / 2, y - 1.6 * em, "logo")
        y += side + 1.4 * em
    middle = draft.width / 2
    title = writer.label("price list") if draft.chance(0.4) else writer.company()
    draft.put(title, middle, y, "title", face=draft.head.bold, size=em * rng.uniform(2, 3), ink=draft.accent,
              align="centre", room=room)  # fmt: skip
    y += 1.8 * em
    draft.put(writer.sentence(5).rstrip("."), middle, y, face=draft.body.italic, align="centre", room=room)
    top, columns = y + 2 * draft.line, 2 if draft.chance(0.5) else 1
    foot = draft.height - draft.margin - 2 * draft.line
    leaders, currency = draft.pick(".", ".", "", "_"), draft.chance(0.5)
    described, step = draft.chance(0.35), draft.line * rng.uniform(1.0, 1.3)
    face = draft.body.bold if draft.chance(0.25) else draft.body.regular
    for column in range(columns):
        wide = room if columns == 1 else 0.46 * room
        x, y = draft.left + column * 0.54 * room, top
        while y + 3 * step < foot:
            heading = writer.goods().split()[0].capitalize()
            at, align = (x + wide / 2, "centre") if draft.chance(0.2) else (x, "left")
            draft.put(
                heading, at, y, "title", face=draft.head.bold, size=1.3 * em, ink=draft.accent, align=align, room=wide
            )
            y += 1.3 * step
            for _ in range(int(rng.integers(3, 8))):
                if y > foot:
                    break
                cost = writer.amount(writer.cents(0.8, 80), currency=currency)
                draft.put(cost, x + wide, y, "amount", face=face, align="right")
                before = wide - width_of(cost, face, em) - em
                end = draft.put(writer.goods(), x, y, face=face, room=before)
                if leaders == "_":
                    draft.rule(x, y + 0.35 * em, x + wide, y + 0.35 * em, colour=draft.tint(0.4))
                elif leaders:
                    draft.rule(end + 0.4 * em, y, x + before + 0.6 * em, y, dash=0.35 * em)
                y += step
                if described and draft.chance(0.5) and y < foot:
                    draft.put(
                        writer.sentence(6), x, y - 0.15 * em, face=draft.body.italic, size=0.8 * em, room=wide - 4 * em
                    )
                    y += 0.9 * step
            y += 0.8 * step
    last = draft.height - draft.margin
    draft.put(
        f"{writer.street()}, {writer.phone()}", middle, last, "address", size=0.85 * em, align="centre", room=room
    )
