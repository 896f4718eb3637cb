"""What an operator reads while a restored backup is examined: who is awaited, who saw more, and what to run next."""

from __future__ import annotations

from collections.abc import Callable

from gateway.broker import BrokerSettings
from gateway.commands.program import TERMINAL, now, word
from gateway.restores import Witnessed, witnessed
from gateway.store.store import Store

__all__ = ["show_examination", "show_witnessed"]


def show_examination(settings: BrokerSettings, store: Store, tell: Callable[[str], None] = TERMINAL.show) -> bool:
    """Tell that a restored backup is examined, what witnesses have shown, and the next command; False when none is."""
    with store.reading() as tx:
        if tx.journal.head().restored is None:
            return False
        found = witnessed(settings, tx, now())
    tell(word("cli.journal-group.restored-waits"))
    show_witnessed(found, tell)
    tell(word(f"cli.journal-group.{_next(found)}"))
    return True


def show_witnessed(found: Witnessed, tell: Callable[[str], None] = TERMINAL.show) -> None:
    """One witness a line: what it has shown, or that it is awaited."""
    for name, size in found.shown.items():
        slug = "showed-more" if size > found.size else "showed"
        tell(word(f"cli.journal-group.{slug}", name=name, size=size, held=found.held))
    for name in found.missing:
        tell(word("cli.journal-group.awaited", name=name))


def _next(found: Witnessed) -> str:
    """The words for what the operator does now."""
    if found.is_behind:
        return "next-behind"
    if not found.saw_more:
        return "next-wait" if found.missing else "next-resume"
    known = max(found.size, *(each.size for each in found.lost)) if found.lost else found.size
    return "next-note" if any(size > known for size in found.shown.values()) else "next-restart"
