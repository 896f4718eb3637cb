"""How much of what should not be in a free text the leak check finds, how often it is wrong, and what it costs.

    python -m benchmarks.leaks               the development halves, which the rules were written with
    python -m benchmarks.leaks --held-out    the halves written by somebody else, to be opened once, after the rules

A leak counts as found when a find of the same kind overlaps it; a find counts as right when it overlaps a leak of its
kind. The cost of a referral stands beside one plain `str.casefold` of the same texts.
"""

from __future__ import annotations

import argparse
import statistics
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from adapters.leaks import KINDS, Leak, LeakKind, find_in_text, find_leaks
from adapters.referral_sections import ReferralSections
from benchmarks.pairing import paired, per_second
from keys.documents import validate
from keys.words import Language

FOLDER = Path(__file__).parent.parent / "tests" / "adapters" / "leaks"
Half = Literal["development", "held-out"]
FILES: dict[Half, str] = {"development": "sentences_{}.toml", "held-out": "held_out_{}.toml"}
LANGUAGES: tuple[Language, ...] = ("fr", "en")


@dataclass(frozen=True, slots=True)
class Expected:
    """One leak that a person marked: what it is, and where it stands."""

    kind: LeakKind
    start: int
    end: int

    def is_met_by(self, leak: Leak) -> bool:
        """Whether a find is of this kind and shares a character with it."""
        return leak.kind == self.kind and leak.start < self.end and self.start < leak.end


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, the names of its referral, and the leaks that a person marked in it."""

    text: str
    names: tuple[str, ...]
    leaks: tuple[Expected, ...]

    def found(self, language: Language | None) -> tuple[Leak, ...]:
        """What the leak check finds in it."""
        return find_in_text(self.text, names=self.names, language=language)


@dataclass(slots=True)
class Tally:
    """Counts of one kind: leaks marked, those of them found, finds, those of them right."""

    marked: int = 0
    met: int = 0
    finds: int = 0
    right: int = 0

    @property
    def recall(self) -> float:
        """The share of leaks that are found; 1 where there is none."""
        return self.met / self.marked if self.marked else 1.0

    @property
    def precision(self) -> float:
        """The share of finds that are right; 1 where there is none."""
        return self.right / self.finds if self.finds else 1.0

    def add(self, other: Tally) -> None:
        """Count another kind with this one."""
        self.marked, self.met = self.marked + other.marked, self.met + other.met
        self.finds, self.right = self.finds + other.finds, self.right + other.right


@dataclass(slots=True)
class Score:
    """The counts of some sentences, by kind."""

    sentences: int = 0
    by_kind: dict[LeakKind, Tally] = field(default_factory=lambda: {kind: Tally() for kind in KINDS})

    @property
    def overall(self) -> Tally:
        """All kinds together."""
        total = Tally()
        for tally in self.by_kind.values():
            total.add(tally)
        return total

    def count(self, sentence: Sentence, finds: Iterable[Leak]) -> None:
        """Count one sentence and what was found in it."""
        found = tuple(finds)
        self.sentences += 1
        for leak in found:
            tally = self.by_kind[leak.kind]
            tally.finds += 1
            tally.right += any(expected.is_met_by(leak) for expected in sentence.leaks)
        for expected in sentence.leaks:
            tally = self.by_kind[expected.kind]
            tally.marked += 1
            tally.met += any(expected.is_met_by(leak) for leak in found)


def read_sentences(language: Language, half: Half) -> tuple[Sentence, ...]:
    """The sentences of one half; `ValueError` names the number of one whose leak is not in its text or of no kind."""
    document = tomllib.loads((FOLDER / FILES[half].format(language)).read_text(encoding="utf-8"))
    items = [item for value in document.values() if isinstance(value, list) for item in value]
    sentences = []
    for number, item in enumerate(items, start=1):
        try:
            leaks = tuple(_marked(item["text"], item.get("leaks", ())))
        except (KeyError, ValueError):
            raise ValueError(number) from None
        sentences.append(Sentence(item["text"], tuple(item.get("names", ())), leaks))
    return tuple(sentences)


def _marked(text: str, leaks: Iterable[dict[str, str]]) -> Iterable[Expected]:
    """Where each leak stands; the same words marked twice are their first and their second place."""
    after: dict[str, int] = {}
    for leak in leaks:
        kind = next(kind for kind in KINDS if kind == leak["kind"]) if leak["kind"] in KINDS else None
        if kind is None:
            raise ValueError
        start = text.index(leak["text"], after.get(leak["text"], 0))
        after[leak["text"]] = start + len(leak["text"])
        yield Expected(kind, start, start + len(leak["text"]))


def score(sentences: Iterable[Sentence], language: Language | None) -> Score:
    """Count what the leak check finds in some sentences, told their language or left to guess it (None)."""
    counted = Score()
    for sentence in sentences:
        counted.count(sentence, sentence.found(language))
    return counted


def table(counted: Score) -> str:
    """The figures as text, one kind a line."""
    lines = [f"  {'kind':<18}{'marked':>8}{'recall':>9}{'finds':>8}{'precision':>11}"]
    for name, tally in (*counted.by_kind.items(), ("overall", counted.overall)):
        lines.append(f"  {name:<18}{tally.marked:>8}{tally.recall:>9.3f}{tally.finds:>8}{tally.precision:>11.3f}")
    return "\n".join(lines)


def errors(sentences: Iterable[Sentence], language: Language | None) -> Iterable[str]:
    """What was missed and what was found wrongly, one a line, in the development half only."""
    for sentence in sentences:
        found = sentence.found(language)
        for expected in sentence.leaks:
            if not any(expected.is_met_by(leak) for leak in found):
                yield f"  missed {expected.kind}: «{sentence.text[expected.start : expected.end]}» in: {sentence.text}"
        for leak in found:
            if not any(expected.is_met_by(leak) for expected in sentence.leaks):
                yield f"  wrong {leak.kind}: «{sentence.text[leak.start : leak.end]}» in: {sentence.text}"


NOTE = (
    "Madame Fictive dort chez une amie depuis trois semaines avec ses deux enfants. Elle cherche un logement près de "
    "l’école, parle surtout le matin, et peut se libérer le jeudi. Rappeler au 450 555-0142 ; elle a peur de son ex."
)
REFERRAL = validate(
    ReferralSections,
    {
        "identity": {"given_name": "Canari", "family_name": "Fictive", "age_band": "25-54"},
        "contact": {
            "reach": "direct",
            "channels": [{"channel": "phone", "value": "450 555-0142", "safe_to_leave_message": "no"}],
        },
        "situation": {"needs": [{"need": "shelter-tonight", "urgency": "urgent"}], "note": NOTE},
        "housing": {"tonight": "hosted", "address": "12, rue Inventée, app. 3, Laval"},
        "health-note": {"note": f"Ne peut pas monter d’escalier. {NOTE} {NOTE}"},
        "worker": {"name": "Intervenante Inventée", "team": "Équipe de nuit", "phone": "450 555-0100"},
    },
)
TEXTS = (NOTE, NOTE, NOTE, "12, rue Inventée, app. 3, Laval", "450 555-0142")


def cost() -> str:
    """Milliseconds that one ordinary referral takes, and how many plain case foldings of its texts that is."""
    find_leaks(REFERRAL)
    figure = paired(
        lambda: per_second(lambda: find_leaks(REFERRAL)),
        lambda: per_second(lambda: [text.casefold() for text in TEXTS]),
    )
    milliseconds = 1000 / statistics.median(figure.first)
    return (
        f"  leak check of one referral of {sum(map(len, TEXTS)):,} characters {milliseconds:>12.2f} ms\n"
        f"  the same, in times one str.casefold of its texts {1 / figure.ratio:>8,.0f}"
    )


def main() -> None:
    """Print recall and precision by language, half and kind, then the cost of one referral."""
    parser = argparse.ArgumentParser(description="Recall, precision and cost of the leak check.")
    parser.add_argument("--held-out", action="store_true", help="open the held-out halves too; meant to be done once")
    parser.add_argument("--errors", action="store_true", help="show what was missed or wrong in the development halves")
    parser.add_argument(
        "--guess", action="store_true", help="let the check guess the language, as it does on a referral"
    )
    options = parser.parse_args()
    halves: tuple[Half, ...] = ("development", "held-out") if options.held_out else ("development",)
    for language in LANGUAGES:
        for half in halves:
            sentences = read_sentences(language, half)
            counted = score(sentences, None if options.guess else language)
            clean = sum(not sentence.leaks for sentence in sentences)
            print(f"{language}, {half} half: {counted.sentences} sentences, {clean} of them without a leak")
            print(table(counted))
            if options.errors and half == "development":
                print("\n".join(errors(sentences, None if options.guess else language)))
    print("Cost")
    print(cost())


if __name__ == "__main__":
    main()
