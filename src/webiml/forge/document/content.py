"""What is written on a page: names, streets, dates, amounts, goods and paragraphs, in languages of Latin letters.

People and firms are made up by the library faker (joke2k/faker, MIT). Every text keeps to the letters that all of our
typefaces have.
"""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from webiml.forge.document.fonts import check_installed
from webiml.forge.document.vocabulary import GOODS, LABELS, MONTHS, SUBJECTS
from webiml.forge.objects import Rng

if TYPE_CHECKING:
    from faker import Faker

LETTERS = "".join(chr(code) for code in (*range(32, 127), *range(0xC0, 0x100))) + "£§°«»¿¡·€"
"""What is written with; every face of every family has them."""
Token = tuple[str, str]  # what is written, and what it says: "name", "date", "amount", "number" or "text"

_LOCALES = {  # language of the labels, and how amounts are written: currency, point of the thousands and of the cents
    "en_US": ("en", "$", ",", "."),
    "en_GB": ("en", "£", ",", "."),
    "de_DE": ("de", "€", ".", ","),
    "fr_FR": ("fr", "€", " ", ","),
    "es_ES": ("es", "€", ".", ","),
    "it_IT": ("it", "€", ".", ","),
    "nl_NL": ("nl", "€", ".", ","),
    "pt_BR": ("en", "R$", ".", ","),
    "sv_SE": ("en", "kr", " ", ","),
    "da_DK": ("en", "kr", ".", ","),
    "fi_FI": ("en", "€", " ", ","),
}
_OFTEN = (4, 3, 3, 3, 3, 2, 2, 1, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes in one language; every call draws from `rng` and from a faker that was seeded from it."""

    rng: Rng
    faker: Faker
    locale: str

    @property
    def language(self) -> str:
        """Language of the labels, a key of LABELS' rows."""
        return _LOCALES[self.locale][0]

    def label(self, key: str) -> str:
        """A label in the page's language, with a capital letter."""
        text = LABELS[key][self.language]
        return text[0].upper() + text[1:]

    def name(self) -> str:
        """Of a person that does not exist."""
        return plain(f"{self.given()} {self.surname()}")

    def given(self) -> str:
        """A first name."""
        return plain(self.faker.first_name())

    def surname(self) -> str:
        """A last name."""
        return plain(self.faker.last_name())

    def company(self) -> str:
        """Of a firm that does not exist."""
        return plain(self.faker.company())

    def street(self) -> str:
        """Street and number."""
        return plain(self.faker.street_address())

    def town(self) -> str:
        """A town alone."""
        return plain(self.faker.city())

    def postcode_and_town(self) -> str:
        """As on an envelope."""
        postcode, town = plain(self.faker.postcode()), self.town()
        return f"{town} {postcode}" if self.language == "en" else f"{postcode} {town}"

    def phone(self) -> str:
        """A phone number."""
        return plain(self.faker.phone_number())

    def iban(self) -> str:
        """An account number in groups of four."""
        text = self.faker.iban()
        return " ".join(text[i : i + 4] for i in range(0, len(text), 4))

    def job(self) -> str:
        """An occupation."""
        return plain(self.faker.job()).split(",")[0].capitalize()

    def number(self, digits: int | None = None) -> str:
        """A number of a bill, card or customer, some with letters before it."""
        digits = int(self.rng.integers(5, 10)) if digits is None else digits
        text = "".join(str(digit) for digit in self.rng.integers(0, 10, digits))
        if self.rng.random() < 0.35:
            before = "".join(chr(65 + int(i)) for i in self.rng.integers(0, 26, int(self.rng.integers(1, 4))))
            text = before + str(self.rng.choice(["-", "", " "])) + text
        return text

    def day(self, first: int = 2008, last: int = 2026) -> date:
        """A day between two years."""
        return date(first, 1, 1) + timedelta(days=int(self.rng.integers(0, 365 * (last - first))))

    def dated(self, day: date, how: int) -> str:
        """A day as it is written; `how` 0..4 is the page's habit, 3 and 4 with the month's name."""
        month = MONTHS[self.language].split()[day.month - 1]
        point = "." if self.language == "de" else ""
        return (
            f"{day:%d.%m.%Y}" if self.language in ("de", "it") else f"{day:%d/%m/%Y}",
            f"{day:%Y-%m-%d}",
            f"{day:%d.%m.%y}",
            f"{day.day}{point} {month} {day.year}",
            f"{month[:3]} {day.day:02d}, {day.year}",
        )[how]

    def amount(self, cents: int, *, currency: bool = False) -> str:
        """An amount of money as the page's country writes it."""
        _, sign, thousands, point = _LOCALES[self.locale]
        text = f"{abs(cents) // 100:,}".replace(",", thousands) + f"{point}{abs(cents) % 100:02d}"
        if currency:
            text = f"{sign}{text}" if sign in "$£" else f"{text} {sign}"
        return f"-{text}" if cents < 0 else text

    def cents(self, least: float = 0.5, most: float = 5000.0) -> int:
        """How much something costs, in cents; small amounts are as frequent as large ones."""
        cents = round(100 * float(least * (most / least) ** self.rng.random()))
        return cents if self.rng.random() < 0.6 else max(5, cents // 10 * 10 - int(self.rng.integers(0, 2)))

    def goods(self) -> str:
        """Something that is sold."""
        if self.language == "en":
            text = str(self.rng.choice(GOODS))
        else:
            text = plain(" ".join(self.faker.words(int(self.rng.integers(1, 4)))))
        return text[0].upper() + text[1:] if self.rng.random() < 0.8 else text.upper()

    def school_subject(self) -> str:
        """What is taught."""
        return str(self.rng.choice(SUBJECTS))

    def sentence(self, words: int = 8) -> str:
        """About as many words, of the language where faker knows it."""
        return plain(self.faker.sentence(words))

    def paragraph(self, words: int) -> list[Token]:
        """About as many words, one a token; now and then a date, an amount, a name or a number among them."""
        tokens: list[Token] = []
        while len(tokens) < words:
            sentence = self.sentence(int(self.rng.integers(6, 15)))
            tokens += [(word, "text") for word in sentence.split()]
            chance = self.rng.random()
            if chance < 0.45:
                how = int(self.rng.integers(0, 5))
                said = [
                    (self.dated(self.day(), how), "date"),
                    (self.amount(self.cents(), currency=True), "amount"),
                    (self.name(), "name"),
                    (self.number(), "number"),
                ][int(chance / 0.45 * 4)]
                tokens.insert(len(tokens) - int(self.rng.integers(1, len(sentence.split()))), said)
        return tokens


def writer_of(rng: Rng) -> Writer:
    """A writer in a language drawn from `rng`.

    Raises:
        SettingError: faker is not installed.
    """
    check_installed("faker")
    locale = str(rng.choice(list(_LOCALES), p=[often / sum(_OFTEN) for often in _OFTEN]))
    faker = _faker(locale)
    faker.seed_instance(int(rng.integers(1 << 62)))
    return Writer(rng, faker, locale)


def plain(text: str) -> str:
    """Text on one line with nothing but LETTERS: a letter that is not among them loses its marks."""
    kept = (one if one in LETTERS else unicodedata.normalize("NFKD", one)[0] for one in " ".join(text.split()))
    return "".join(one for one in kept if one in LETTERS)


@functools.lru_cache(maxsize=len(_LOCALES))
def _faker(locale: str) -> Faker:
    from faker import Faker

    return Faker(locale)  # 0.06 s: kept, and seeded anew for every page
