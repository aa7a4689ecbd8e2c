"""What is written where something else stood: other digits of an amount, another day, another name."""

from __future__ import annotations

from webiml.forge.document.content import Writer, writer_of
from webiml.forge.objects import Rng


def other_text(text: str, what: str, rng: Rng) -> str:
    """Text of the same sort, `what` as in `Words`, that says something else."""
    if what in ("amount", "number", "date") and any(letter.isdigit() for letter in text):
        return _other_digits(text, what, rng)
    writer = writer_of(rng)
    for _ in range(12):
        new = _drawn(text, what, writer)
        if new and new != text and 0.5 * len(text) <= len(new) <= 1.4 * len(text) + 2:
            return _cased(new, text)
    return _cased(_words(len(text), writer), text)


def changed_part(old: str, new: str) -> tuple[int, int] | None:
    """Where two texts differ, first to last + 1, when one can stand for the other letter by letter; else None."""
    if len(old) != len(new):
        return None
    differing = [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    return (differing[0], differing[-1] + 1) if differing else None


def _other_digits(text: str, what: str, rng: Rng) -> str:
    places = [i for i, letter in enumerate(text) if letter.isdigit()]
    if what == "date":  # the last digit of the day, the month or the year, or two of them: still a date, mostly
        places = [i for i in places if i + 1 == len(text) or not text[i + 1].isdigit()]
    letters = list(text)
    count = min(len(places), int(rng.choice([1, 2, 3, len(places)], p=[0.35, 0.3, 0.15, 0.2])))
    first = int(rng.integers(len(places) - count + 1))
    for i in places[first : first + count]:
        letters[i] = str((int(letters[i]) + int(rng.integers(1, 10))) % 10)
        if letters[i] == "0" and i == places[0] and len(places) > 1:
            letters[i] = "1" if text[i] != "1" else "9"
    if what == "amount" and rng.random() < 0.12:  # ten times as much
        letters.insert(places[0], str(int(rng.integers(1, 10))))
    return "".join(letters)


def _drawn(text: str, what: str, writer: Writer) -> str:
    rng = writer.rng
    if what == "name":
        return writer.name() if " " in text else (writer.surname() if rng.random() < 0.6 else writer.given())
    if what == "address":
        return writer.street() if rng.random() < 0.6 else writer.postcode_and_town()
    if what == "date":
        return writer.dated(writer.day(), 3)
    if what in ("amount", "number"):
        return writer.number()
    if what == "title":
        return writer.goods() if rng.random() < 0.5 else writer.job()
    return _words(len(text), writer)


def _words(length: int, writer: Writer) -> str:
    """Words of about `length` letters together."""
    text = ""
    for word in writer.sentence(max(4, length // 4)).strip(".").lower().split():
        text = f"{text} {word}".strip()
        if len(text) >= length - 2:
            break
    return text


def _cased(new: str, old: str) -> str:
    """In capitals or with one where the old text is so."""
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new
