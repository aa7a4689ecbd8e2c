"""Pages of the held-out split that schools give: certificate, transcript of marks or timetable."""

from __future__ import annotations

from webiml.forge.document import figures
from webiml.forge.document.draft import Draft
from webiml.forge.document.parts import Column, field, signed, stamped, table


def certificate(draft: Draft) -> None:
    """A frame, a title, a name in large letters, what for, a date, one or two signatures, a seal."""
    writer, em, rng = draft.writer, draft.em, draft.rng
    width, height, middle = draft.width, draft.height, draft.width / 2
    inset = rng.uniform(0.02, 0.045) * min(width, height)
    for turn in range(int(rng.integers(1, 4))):
        gap = inset + turn * 0.45 * em
        draft.box(gap, gap, width - gap, height - gap, colour=draft.accent)
    margin = max(draft.margin, inset + 3 * em)
    room, y = width - 2 * margin, height * rng.uniform(0.13, 0.2)
    if draft.chance(0.5):
        side = round(rng.uniform(3, 5) * em)
        draft.place(figures.logo(rng, side, draft.accent), middle - side / 2, y - 1.5 * em, "logo")
        y += side + 2.2 * em
    title = writer.label("certificate")
    draft.put(title.upper() if draft.chance(0.5) else title, middle, y, "title",
              face=draft.head.bold if draft.chance(0.6) else draft.head.italic, size=em * rng.uniform(2.3, 3.6),
              ink=draft.accent, align="centre", room=room, spacing=em * 0.25 * draft.chance(0.4))  # fmt: skip
    y += 2.4 * draft.line
    draft.put(writer.company(), middle, y, "name", align="centre", room=room)
    y += 1.8 * draft.line
    draft.put(writer.label("this certifies that"), middle, y, align="centre", face=draft.body.italic, room=room)
    y += 2.4 * em
    face = draft.head.italic if draft.chance(0.5) else draft.body.bold
    draft.put(writer.name(), middle, y, "name", face=face, size=em * rng.uniform(1.7, 2.4), align="centre", room=room)
    if draft.chance(0.5):
        draft.rule(middle - 0.35 * room, y + 0.7 * em, middle + 0.35 * room, y + 0.7 * em)
    y += 2.3 * draft.line
    draft.put(f"{writer.label('has passed')}: {writer.school_subject()}", middle, y, align="centre", room=room)
    y += 1.6 * draft.line
    low = height - inset - 3.4 * em
    tokens = writer.paragraph(int(rng.integers(12, 45)))
    y = draft.paragraph(tokens, middle - 0.42 * room, y, 0.84 * room, how="centre", lowest=low - 3.5 * em)
    draft.put(f"{writer.town()}, {draft.day()}", margin, low - 0.3 * em, "date", room=0.4 * room)
    draft.rule(margin, low, margin + 0.38 * room, low)
    signed(draft, margin + 0.6 * room, low, 0.38 * room)
    draft.put(writer.number(), middle, height - inset - 1.6 * em - 0.9 * em, "number", size=0.7 * em, align="centre")
    if draft.chance(0.65):
        stamped(draft, middle + rng.normal(0, 0.06) * room, low - 1.5 * em)


def transcript(draft: Draft) -> None:
    """A school's list of marks, or a timetable: who, and a grid of subjects, hours, marks or times."""
    writer, em, rng, room = draft.writer, draft.em, draft.rng, draft.right - draft.left
    y, align = draft.margin + 1.6 * em, draft.pick("left", "centre")
    at = draft.left if align == "left" else draft.width / 2
    draft.put(f"{writer.town()} {draft.pick('College', 'Institute', 'Academy')}", at, y, "name", align=align, room=room)
    y += 2.2 * em
    marks = draft.chance(0.65)
    title = writer.label("transcript" if marks else "timetable")
    draft.put(title, at, y, "title", face=draft.head.bold, size=em * rng.uniform(1.6, 2.3), ink=draft.accent,
              align=align, room=room)  # fmt: skip
    y += 1.9 * draft.line
    born, form = draft.day(1980, 2008), f"{int(rng.integers(5, 13))}{draft.pick(*'abc')}"
    for pair in (
        (("name", writer.name(), "name"), ("date of birth", born, "date")),
        (("number", writer.number(), "number"), ("class", form, "number")),
    ):
        for place, (key, value, what) in enumerate(pair):
            field(draft, key, value, what, draft.left + place * 0.52 * room, y, 0.48 * room, "beside")
        y += draft.line
    y += 1.2 * draft.line
    subjects = [writer.school_subject() for _ in range(int(rng.integers(6, 20)))]
    foot = draft.height - draft.margin
    if marks:
        best = draft.pick("letters", "points", "tenths")
        columns = [
            Column(writer.label("subject"), 2.4, "left", "text"),
            Column(writer.label("hours"), 0.8, draft.pick("right", "centre"), "number"),
            Column(writer.label("mark"), 0.8, draft.pick("right", "centre"), "number"),
            Column(writer.label("date"), 1.2, "right", "date"),
        ][: 4 if draft.chance(0.5) else 3]
        rows = []
        for subject in subjects:
            mark = {
                "letters": draft.pick(*"AABBCCDE"),
                "points": str(int(rng.integers(3, 16))),
                "tenths": f"{rng.uniform(1, 6):.1f}",
            }[best]
            rows.append([subject, str(int(rng.integers(1, 9)) * 10), mark, draft.day(2015, 2026)][: len(columns)])
    else:
        days = int(rng.integers(3, 6))
        columns = [Column(writer.label("hours"), 0.8, "left", "number")]
        columns += [Column(str(day + 1), 1.3, "centre", "text") for day in range(days)]
        rows = []
        for hour in range(int(rng.integers(6, 13))):
            cells = [draft.pick(*subjects, "") for _ in range(days)]
            rows.append([f"{7 + hour}:{draft.pick('00', '15', '30')}", *cells])
    y, _ = table(draft, columns, rows, draft.left, y, room, foot - 6.5 * em)
    if draft.chance(0.7):
        y = draft.paragraph(
            writer.paragraph(int(rng.integers(8, 40))), draft.left, y + 0.5 * em, room, lowest=foot - 5.5 * em
        )
    low = min(y + 5 * em, foot - 1.2 * em)
    draft.put(f"{writer.town()}, {draft.day(2015, 2026)}", draft.left, low, "date", room=0.45 * room)
    signed(draft, draft.left + 0.6 * room, low, 0.4 * room)
    if draft.chance(0.45):
        stamped(draft, draft.left + rng.uniform(0.35, 0.6) * room, low - em)
