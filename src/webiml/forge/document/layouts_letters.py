"""Pages of the training split with running text or a table: letter, receipt, invoice."""

from __future__ import annotations

from webiml.forge.document import figures
from webiml.forge.document.draft import Draft
from webiml.forge.document.page import width_of
from webiml.forge.document.parts import Column, field, sender, signed, stamped, table


def letter(draft: Draft) -> None:
    """A firm's letter: head, address, date, subject, paragraphs, signature, a line at the foot."""
    writer, em, room = draft.writer, draft.em, draft.right - draft.left
    y = sender(draft, draft.margin + 1.5 * em) + draft.rng.uniform(0, 2) * em
    top = y
    for text, what in (
        (writer.name(), "name"),
        (writer.street(), "address"),
        (writer.postcode_and_town(), "address"),
    ):
        draft.put(text, draft.left, y, what, room=0.55 * room)
        y += draft.line
    if draft.chance(0.5):
        y = field(draft, "reference", writer.number(), "number", draft.left + 0.6 * room, top, 0.4 * room, "beside")
        field(draft, "date", draft.day(), "date", draft.left + 0.6 * room, y, 0.4 * room, "beside")
        y = top + 3 * draft.line
    else:
        y += draft.line
        draft.put(f"{writer.town()}, {draft.day()}", draft.right, y, "date", align="right", room=0.6 * room)
    y += 2 * draft.line
    subject = f"{writer.label(draft.pick('invoice', 'application', 'reference', 'account'))} {writer.number()}"
    ink = draft.accent if draft.chance(0.4) else draft.ink
    draft.put(subject, draft.left, y, "title", face=draft.head.bold, size=em * draft.rng.uniform(1, 1.4), ink=ink)
    y += 2 * draft.line
    draft.put(f"{writer.label('dear')} {writer.name()},", draft.left, y, "name")
    foot = draft.height - draft.margin
    y += 1.5 * draft.line
    how = draft.pick("left", "left", "justified")
    lowest = foot - 6 * draft.line - 4.5 * em  # room to sign above the foot
    for _ in range(int(draft.rng.integers(2, 7))):
        y = draft.paragraph(
            writer.paragraph(int(draft.rng.integers(15, 80))), draft.left, y, room, how=how, lowest=lowest
        )
        y += draft.rng.uniform(0.3, 0.8) * draft.line
    y += 0.5 * draft.line
    draft.put(writer.label("yours sincerely"), draft.left, y)
    y += 3 * draft.line
    signed(draft, draft.left, y, 0.35 * room, line=draft.chance(0.3))
    draft.put(writer.name(), draft.left, y + 2.2 * em, "name", room=0.5 * room)
    if draft.chance(0.25):
        stamped(draft, draft.left + draft.rng.uniform(0.5, 0.85) * room, y)
    if draft.chance(0.7):
        small = 0.72 * em
        draft.rule(draft.left, foot - 1.3 * em, draft.right, foot - 1.3 * em, colour=draft.accent)
        line = f"{writer.company()}  {writer.phone()}  {writer.iban()}"
        draft.put(line, draft.width / 2, foot, "number", size=small, align="centre", room=room)


def receipt(draft: Draft) -> None:
    """A till's slip: shop, goods with amounts at the right, sums, a code at the foot."""
    writer, em, room = draft.writer, draft.em, draft.right - draft.left
    y = draft.margin + 2 * em
    if draft.chance(0.4):
        side = round(3.2 * em)
        draft.place(figures.logo(draft.rng, side, draft.ink), (draft.width - side) / 2, y - em, "logo")
        y += side + em
    middle, big = draft.width / 2, em * draft.rng.uniform(1.2, 1.9)
    draft.put(writer.company(), middle, y, "name", face=draft.head.bold, size=big, align="centre", room=room)
    y += 1.6 * em
    for text, what in (
        (writer.street(), "address"),
        (writer.postcode_and_town(), "address"),
        (writer.phone(), "number"),
    ):
        draft.put(text, middle, y, what, align="centre", room=room)
        y += 1.25 * em
    dash = em * draft.rng.uniform(0.4, 1.2) * draft.chance(0.7)
    draft.rule(draft.left, y - 0.4 * em, draft.right, y - 0.4 * em, dash=dash)
    y += em
    clock = f"{int(draft.rng.integers(7, 23)):02d}:{int(draft.rng.integers(60)):02d}"
    end = draft.put(draft.day(), draft.left, y, "date", room=0.6 * room)
    draft.put(clock, max(end + em, draft.right - 3 * em), y, "number", room=3 * em)
    y += draft.line
    draft.put(f"{writer.label('receipt')} {writer.number()}", draft.left, y, "number", room=room)
    y += 0.6 * em
    draft.rule(draft.left, y, draft.right, y, dash=dash)
    y += 1.4 * em
    total, lowest, counted = 0, draft.height - draft.margin - 13 * em, draft.chance(0.4)
    while y < lowest:
        many, each = int(draft.rng.choice([1, 1, 1, 2, 3])), writer.cents(0.5, 60)
        cost = writer.amount(many * each)
        draft.put(cost, draft.right, y, "amount", align="right")
        name_room = room - width_of(cost, draft.body.regular, em) - em
        draft.put(
            f"{many} x {writer.goods()}" if counted or many > 1 else writer.goods(), draft.left, y, room=name_room
        )
        total, y = total + many * each, y + draft.line
        if many > 1 and draft.chance(0.5):
            draft.put(f"{many} x {writer.amount(each)}", draft.left + 1.5 * em, y, "amount", size=0.85 * em)
            y += draft.line
        if draft.chance(0.03):
            break
    draft.rule(draft.left, y - 0.6 * em, draft.right, y - 0.6 * em, dash=dash)
    y += 0.8 * em
    tax = total * int(draft.rng.choice([7, 10, 19, 20])) // 100
    paid = -(-total // 500) * 500
    sums = [("subtotal", total - tax), ("tax", tax), ("total", total), ("cash", paid), ("change", paid - total)]
    for key, cents in sums if draft.chance(0.6) else sums[1:3]:
        y += 0.3 * em * (key == "total")
        face, size = (draft.body.bold, 1.25 * em) if key == "total" else (draft.body.regular, em)
        draft.put(writer.label(key), draft.left, y, "label", face=face, size=size, room=0.45 * room)
        draft.put(
            writer.amount(cents, currency=key == "total"), draft.right, y, "amount", face=face, size=size, align="right"
        )
        y += draft.line * (1.3 if key == "total" else 1)
    y += 0.5 * em
    draft.put(writer.label("thank you") + draft.pick("!", "", "!!"), middle, y, align="centre", room=room)
    y += em
    if draft.chance(0.6):
        wide = round(draft.rng.uniform(0.6, 0.95) * room)
        draft.place(figures.bar_code(draft.rng, wide, round(3 * em)), middle - wide / 2, y, "code")
    elif draft.chance(0.6):
        draft.place(figures.square_code(draft.rng, round(5 * em)), middle - 2.5 * em, y, "code")


def invoice(draft: Draft) -> None:
    """A bill: seller, buyer, numbers and dates, a table of goods, sums at the right, how to pay."""
    writer, em, room = draft.writer, draft.em, draft.right - draft.left
    y = sender(draft, draft.margin + 1.5 * em) + em
    title = writer.label("invoice")
    ink = draft.accent if draft.chance(0.6) else draft.ink
    align, at = ("right", draft.right) if draft.chance(0.3) else ("left", draft.left)
    draft.put(
        title.upper() if draft.chance(0.5) else title, at, y, "title",
        face=draft.head.bold, size=em * draft.rng.uniform(1.6, 2.6), ink=ink, align=align,
    )  # fmt: skip
    y += 2.2 * draft.line
    top, how = y, draft.pick("beside", "above")
    for text, what in (
        (writer.company() if draft.chance(0.5) else writer.name(), "name"),
        (writer.street(), "address"),
        (writer.postcode_and_town(), "address"),
    ):
        draft.put(text, draft.left, y, what, room=0.48 * room)
        y += draft.line
    aside = top
    for key, value, what in (
        ("number", writer.number(), "number"),
        ("date", draft.day(), "date"),
        ("due", draft.day(), "date"),
        ("customer", writer.number(6), "number"),
    )[: int(draft.rng.integers(2, 5))]:
        aside = field(draft, key, value, what, draft.left + 0.55 * room, aside, 0.45 * room, how)
    y = max(y, aside) + draft.line
    columns = [
        Column("#", 0.4, "left", "number"),
        Column(writer.label("description"), 2.6, "left", "text"),
        Column(writer.label("quantity"), 1.1, "right", "number"),
        Column(writer.label("price"), 1.1, "right", "amount"),
        Column(writer.label("amount"), 1.2, "right", "amount"),
    ]
    kept = [0, 1, 2, 3, 4] if draft.chance(0.4) else [1, 2, 3, 4] if draft.chance(0.7) else [1, 4]
    goods = [
        (str(index + 1), writer.goods(), int(draft.rng.integers(1, 13)), writer.cents(1, 900))
        for index in range(int(draft.rng.integers(3, 22)))
    ]
    cells = [[no, what, str(many), writer.amount(each), writer.amount(many * each)] for no, what, many, each in goods]
    cells = [[row[index] for index in kept] for row in cells]
    foot = draft.height - draft.margin - 7 * draft.line
    y, written = table(draft, [columns[index] for index in kept], cells, draft.left, y, room, foot)
    net = sum(many * each for _, _, many, each in goods[:written])
    rate = int(draft.rng.choice([7, 10, 19, 20, 21, 25]))
    start = draft.left + 0.55 * room
    for key, cents in (("subtotal", net), ("tax", net * rate // 100), ("total", net + net * rate // 100)):
        face = draft.body.bold if key == "total" else draft.body.regular
        if key == "total" and draft.chance(0.5):
            draft.rule(start, y - em, draft.right, y - em)
        draft.put(writer.label(key) + f" {rate} %" * (key == "tax"), start, y, "label", face=face, room=0.2 * room)
        draft.put(writer.amount(cents, currency=True), draft.right - 0.35 * em, y, "amount", face=face, align="right")
        y += draft.line
    y += draft.line
    if draft.chance(0.6):
        y = draft.paragraph(writer.paragraph(int(draft.rng.integers(10, 30))), draft.left, y, room)
    draft.put(writer.iban(), draft.left, y + 0.4 * em, "number", room=room)
    if draft.chance(0.3) and y + 6 * em < draft.height:
        signed(draft, draft.left + 0.6 * room, min(y + 4 * em, draft.height - 2.5 * em), 0.35 * room)
    if draft.chance(0.35):
        stamped(draft, draft.left + draft.rng.uniform(0.2, 0.8) * room, y - draft.rng.uniform(-2, 6) * em)
