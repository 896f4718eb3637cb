"""Tells the demonstration in words a caseworker understands, in French or in English by locale."""

from __future__ import annotations

import sys

from adapters.store.records import LoggedStep
from consent.transitions import TRANSITIONS
from consent.vocabulary import OUTCOMES, REASONS, label
from keys.errors import PasserelleError
from keys.terminal import printable
from keys.words import Language, Words, language_of_environment

__all__ = ["Narrator"]


class Narrator:
    """Prints numbered scenes and what happens in them."""

    def __init__(self, language: Language | None = None) -> None:
        self.language: Language = language or language_of_environment()
        self._words = Words("sandbox", "adapters", "gateway", "journal", "consent", "keys")
        self._scene = 0

    def word(self, key: str, **parameters: object) -> str:
        """A sentence of the catalogue."""
        shown = {name: printable(str(value)) for name, value in parameters.items()}
        return self._words(key, self.language, **shown)

    def scene(self, key: str, **parameters: object) -> None:
        """Begin a scene."""
        self._scene += 1
        self._print(f"\n{self._scene}. {self.word(f'scene.{key}', **parameters)}")

    def tell(self, key: str, **parameters: object) -> None:
        """Tell one thing that happens."""
        self._print(f"   {self.word(f'tell.{key}', **parameters)}")

    def quote(self, text: str) -> None:
        """Show lines that somebody in the story reads."""
        for line in text.splitlines():
            self._print(f"   │ {printable(line)}")

    def say(self, key: str, **parameters: object) -> None:
        """Print a line that belongs to no scene."""
        self._print(self.word(key, **parameters))

    def step(self, step: LoggedStep) -> str:
        """One step of a referral as a line: when, who, what, and with which code."""
        event = step.header.event
        if event is None:
            raise AssertionError  # what is logged as a step takes one
        words = [label(TRANSITIONS[event.transition], self.language)]
        if event.reason:
            words.append(label(REASONS[event.reason], self.language))
        if event.outcome:
            words.append(label(OUTCOMES[event.outcome], self.language))
        return f"{step.receipt.at:%H:%M:%S} UTC · {step.header.from_} · {' · '.join(words)}"

    def failure(self, error: PasserelleError) -> None:
        """Say that the story stopped, and why."""
        self._print(f"\n{self._words.explain(error, self.language)}")

    def _print(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
