"""Pages of the held-out split that firms send: account statement, ticket, delivery note."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from webiml.forge.document import figures
from webiml.forge.document.draft import Draft
from webiml.forge.document.parts import Column, field, signed, stamped, table


def statement(draft: Draft) -> None:
    """What a bank sends: holder and account, and one line for each payment with the balance after it."""
    writer, em, rng, room = draft.writer, draft.em, draft.rng, draft.right - draft.left
    banded = draft.chance(0.5)
    side, y = round(2.6 * em), draft.margin + em
    if banded:
        draft.band(0, 0, draft.width, y + 2.4 * em, draft.accent)
    ink = (255, 255, 255) if banded else draft.accent
    draft.place(figures.logo(rng, side, ink), draft.left, y - 0.8 * em, "logo")
    bank = f"{writer.surname()} Bank" if draft.chance(0.6) else writer.company()
    draft.put(
        bank, draft.left + side + em, y + em, "name", face=draft.head.bold, size=1.7 * em, ink=ink, room=0.45 * room
    )
    draft.put(writer.label("account statement"), draft.right, y + em, "title", ink=ink, size=1.2 * em, align="right",
              room=0.4 * room)  # fmt: skip
    y += 4.4 * em
    top, how = y, draft.pick("beside", "above")
    for text, what in ((writer.name(), "name"), (writer.street(), "address"), (writer.postcode_and_town(), "address")):
        draft.put(text, draft.left, y, what, room=0.45 * room)
        y += draft.line
    day, aside = writer.day(2012, 2026), top
    for key, value, what in (
        ("account", writer.iban(), "number"),
        ("date", writer.dated(day + timedelta(days=31), draft.dates), "date"),
        ("customer", writer.number(7), "number"),
        ("page", f"{int(rng.integers(1, 4))} / 3", "number"),
    )[: int(rng.integers(2, 5))]:
        aside = field(draft, key, value, what, draft.left + 0.5 * room, aside, 0.5 * room, how)
    y = max(y, aside) + draft.line
    balance, split_sides = writer.cents(100, 20000), draft.chance(0.5)
    draft.put(
        f"{writer.label('balance')} {writer.dated(day, draft.dates)}", draft.left, y, "label", face=draft.body.bold
    )
    draft.put(writer.amount(balance, currency=True), draft.right, y, "amount", face=draft.body.bold, align="right")
    y += 1.8 * draft.line
    rows = []
    for _ in range(int(rng.integers(8, 36))):
        cents = writer.cents(3, 900) * (1 if draft.chance(0.25) else -1)
        balance, day = balance + cents, day + timedelta(days=int(rng.integers(0, 4)))
        told = draft.pick(writer.company(), writer.name(), f"{writer.goods()} {writer.number(6)}", writer.sentence(3))
        amounts = [writer.amount(-cents) if cents < 0 else "", writer.amount(cents) if cents > 0 else ""]
        amounts = amounts if split_sides else [writer.amount(cents)]
        rows.append([writer.dated(day, min(draft.dates, 2)), told, *amounts, writer.amount(balance)])
    sides = [Column(writer.label(key), 1.0, "right", "amount") for key in ("debit", "credit")]
    columns = [
        Column(writer.label("date"), 1.1, "left", "date"),
        Column(writer.label("description"), 2.6, "left", "text"),
        *(sides if split_sides else [Column(writer.label("amount"), 1.1, "right", "amount")]),
        Column(writer.label("balance"), 1.2, "right", "amount"),
    ]
    foot = draft.height - draft.margin
    y, written = table(draft, columns, rows, draft.left, y, room, foot - 3 * draft.line)
    if written:
        draft.put(f"{writer.label('balance')}  {rows[written - 1][-1]}", draft.right - 0.35 * em, y, "amount",
                  face=draft.body.bold, align="right")  # fmt: skip
        y += 2 * draft.line
    if draft.chance(0.5):
        draft.paragraph(writer.paragraph(int(rng.integers(10, 40))), draft.left, y, room, lowest=foot - 1.5 * em)
    draft.put(f"{bank}, {writer.street()}, {writer.phone()}", draft.width / 2, foot, "address", size=0.75 * em,
              align="centre", room=room)  # fmt: skip


def ticket(draft: Draft) -> None:
    """A ticket with a stub: from, to, when, where to sit, and a code."""
    writer, em, rng = draft.writer, draft.em, draft.rng
    width, height, margin = draft.width, draft.height, draft.margin
    stub = width * rng.uniform(0.66, 0.76)
    tall = 2.7 * em
    if draft.chance(0.75):
        draft.band(0, 0, width, tall, draft.accent)
        ink = (255, 255, 255)
    else:
        draft.rule(margin, tall, width - margin, tall, colour=draft.accent)
        ink = draft.accent
    draft.rule(stub, tall if draft.chance(0.5) else 0, stub, height - 1, dash=em)
    x = margin
    if draft.chance(0.7):
        side = round(1.8 * em)
        draft.place(figures.logo(rng, side, ink), x, 0.45 * em, "logo")
        x += side + 0.6 * em
    draft.put(writer.company(), x, 1.75 * em, "name", face=draft.head.bold, size=1.2 * em, ink=ink, room=0.3 * width)
    title = writer.label("ticket").upper()
    draft.put(title, stub - em, 1.75 * em, "title", ink=ink, align="right", room=0.2 * width, spacing=0.1 * em)
    person, start, end, seat = (
        writer.name(),
        writer.town(),
        writer.town(),
        f"{int(rng.integers(1, 40))}{draft.pick(*'ABCDEF')}",
    )
    how = draft.pick("above", "above", "below")
    y, room = tall + 1.7 * em, stub - margin - em
    code_side = round(min(height - tall - 2 * em, 7.5 * em))
    coded = draft.chance(0.45) and draft.place(
        figures.square_code(rng, code_side), stub - em - code_side, tall + em, "code"
    )
    if coded:
        room -= code_side + em
    y = field(draft, "passenger", person.upper() if draft.chance(0.4) else person, "name", margin, y, 0.55 * room, how)
    if y + 3.5 * em < height:
        big = 1.8 * em
        for key, town, at in (("from", start, margin), ("to", end, margin + 0.5 * room)):
            draft.put(writer.label(key), at, y, "label", size=0.72 * em, room=0.4 * room)
            draft.put(town, at, y + 1.8 * em, "address", face=draft.head.bold, size=big, room=0.44 * room)
        y += 3.7 * em
    clock = f"{int(rng.integers(0, 24)):02d}:{int(rng.integers(0, 12)) * 5:02d}"
    day = draft.day()
    number = writer.number(8)
    asked = [
        ("date", day, "date"), ("departure", clock, "number"), ("gate", str(int(rng.integers(1, 30))), "number"),
        ("seat", seat, "number"), ("class", draft.pick("1", "2", "A", "Y"), "number"),
        ("price", writer.amount(writer.cents(8, 600), currency=True), "amount"), ("number", number, "number"),
    ]  # fmt: skip
    each, index = room / 4, 0
    while y + 1.6 * em < height and index < len(asked):
        for place in range(4):
            if index < len(asked):
                field(draft, *asked[index], margin + place * each, y, each - 0.6 * em, how)
                index += 1
        y += 2.9 * em
    if not coded and y + 1.5 * em < height:
        wide = round(rng.uniform(0.4, 0.7) * room)
        draft.place(
            figures.bar_code(rng, wide, round(min(2.5 * em, height - y - 0.6 * em))), margin, y - 0.5 * em, "code"
        )
    x, y, room = stub + em, tall + 1.7 * em, width - margin - stub - em
    picked = [("passenger", person, "name"), ("from", start, "address"), ("to", end, "address"), *asked[:4], asked[-1]]
    for key, value, what in picked:
        if y + 1.6 * em > height:
            break
        y = field(draft, key, value, what, x, y, room, how)


def delivery_note(draft: Draft) -> None:
    """What comes with goods: from and to in boxes, number, codes, quantities and weights, who received them."""
    writer, em, rng, room = draft.writer, draft.em, draft.rng, draft.right - draft.left
    y = draft.margin + 1.6 * em
    draft.put(writer.label("delivery note").upper(), draft.left, y, "title", face=draft.head.bold, size=1.8 * em,
              ink=draft.accent, room=0.55 * room)  # fmt: skip
    wide = round(0.34 * room)
    if draft.chance(0.7):
        draft.place(figures.bar_code(rng, wide, round(2.6 * em)), draft.right - wide, y - 1.5 * em, "code")
    else:
        side = round(4 * em)
        draft.place(figures.square_code(rng, side), draft.right - side, y - 1.5 * em, "code")
    y += 1.8 * em
    draft.put(
        f"{writer.label('number')} {writer.number()}", draft.left, y, "number", face=draft.body.bold, room=0.5 * room
    )
    y += 2.4 * em
    tall, boxed = 1.6 * em + 4 * draft.line, draft.chance(0.7)
    for place, key in enumerate(("from", "to")):
        x = draft.left + place * 0.52 * room
        if boxed:
            draft.box(x, y, x + 0.48 * room, y + tall, colour=draft.tint(0.8))
        draft.put(
            writer.label(key), x + 0.5 * em, y + 1.1 * em, "label", size=0.8 * em, ink=draft.accent, room=0.3 * room
        )
        line = y + 1.1 * em + draft.line
        for text, what in (
            (writer.company() if place == 0 else writer.name(), "name"),
            (writer.street(), "address"),
            (writer.postcode_and_town(), "address"),
            (writer.phone(), "number"),
        )[: int(rng.integers(3, 5))]:
            draft.put(text, x + 0.5 * em, line, what, room=0.44 * room)
            line += draft.line
    y += tall + 2 * em
    for place, (key, value, what) in enumerate(
        (
            ("date", draft.day(), "date"),
            ("reference", writer.number(6), "number"),
            ("customer", writer.number(5), "number"),
        )
    ):
        field(draft, key, value, what, draft.left + place * room / 3, y, room / 3 - em, "above")
    y += 3.4 * em
    heavy = draft.chance(0.6)
    columns = [
        Column(writer.label("item"), 1.2, "left", "number"),
        Column(writer.label("description"), 2.6, "left", "text"),
        Column(writer.label("quantity"), 0.9, "right", "number"),
        *([Column(writer.label("weight"), 1.1, "right", "number")] if heavy else []),
    ]
    rows = []
    for _ in range(int(rng.integers(3, 18))):
        weight = [f"{writer.cents(0.2, 80) / 100:.1f} kg"] if heavy else []
        rows.append([writer.number(6), writer.goods(), str(int(np.ceil(60 * rng.random() ** 3))), *weight])
    foot = draft.height - draft.margin
    y, _ = table(draft, columns, rows, draft.left, y, room, foot - 7 * em)
    draft.put(f"{writer.label('remarks')}:", draft.left, y + 0.4 * em, "label", face=draft.body.bold, room=0.25 * room)
    tokens = writer.paragraph(int(rng.integers(5, 25)))
    draft.paragraph(
        tokens, draft.left + 0.27 * room, y + 0.4 * em, 0.73 * room, lowest=min(y + 3 * draft.line, foot - 4 * em)
    )
    low = foot - 1.2 * em
    draft.box(draft.left, low - 0.8 * em, draft.left + 0.8 * em, low)
    draft.put(f"{writer.label('received')}: {draft.day()}", draft.left + 1.4 * em, low, "date", room=0.4 * room)
    signed(draft, draft.left + 0.55 * room, low, 0.45 * room)
    if draft.chance(0.4):
        stamped(draft, draft.left + rng.uniform(0.3, 0.7) * room, low - 2 * em)
