# ruff: noqa: FBT002 - the options of a command are booleans with a default
"""What the gateway refused for good: look at it, try it again, or drop it; and what still waits to leave."""

from __future__ import annotations

from typing import Annotated

import typer

from adapters.commands.program import (
    TERMINAL,
    AsJson,
    RefusedHereError,
    SettingsFile,
    opened,
    print_json,
    word,
)
from adapters.dead_letters import drop, find_item, retry
from adapters.partner import Adapter
from adapters.settings import load_settings
from adapters.store.records import Shipment
from consent.passage import Refused
from keys.documents import format_time

__all__ = ["app"]

app = TERMINAL.app("cli.outbox.help")
Item = Annotated[str, typer.Argument(metavar=word("cli.metavar.item"), help=word("cli.outbox.item"))]


@app.command("list", help=word("cli.outbox.list"))
def list_all(as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """What was refused and what waits, in the order in which it was put there."""
    with opened(load_settings(settings_file)) as adapter, adapter.office.store.transaction() as tx:
        found = [*tx.traffic.settled("refused"), *tx.traffic.waiting()]
    if as_json:
        print_json([_as_json(item) for item in found])
        return
    for item in found:
        kind, state = word(f"cli.outbox.kinds.{item.kind}"), word(f"cli.outbox.states.{item.state}")
        title = TERMINAL.words.find(f"error.{item.problem}.title", TERMINAL.language) if item.problem else None
        TERMINAL.show(" | ".join([item.item, kind, state, *([title or item.problem] if item.problem else [])]))
    if not found:
        TERMINAL.say("cli.outbox.none")


@app.command("retry", help=word("cli.outbox.retry"))
def try_again(item: Item, settings_file: SettingsFile = None) -> None:
    """Put something refused back among what waits, and try to send it."""
    with opened(load_settings(settings_file)) as adapter:
        found, before = _found(find_item(adapter.office, item)), _waiting(adapter)
        refused = retry(adapter.office, found)
        if refused is not None:
            raise RefusedHereError(refused)
        # With its papers, and under another name where it was made anew.
        put_back = _waiting(adapter) - before
        flushed = adapter.outbox.flush()
    for name, code in flushed.refused:
        if name in put_back:
            raise RefusedHereError(Refused(code))
    TERMINAL.say("cli.shipped" if put_back <= set(flushed.accepted) else "cli.shipped-later")


@app.command("drop", help=word("cli.outbox.drop"))
def give_up(item: Item, settings_file: SettingsFile = None) -> None:
    """Decide that something refused will not leave."""
    with opened(load_settings(settings_file)) as adapter:
        drop(adapter.office, _found(find_item(adapter.office, item)))
    TERMINAL.say("cli.outbox.dropped")


def _waiting(adapter: Adapter) -> frozenset[str]:
    with adapter.office.store.transaction() as tx:
        return frozenset(each.item for each in tx.traffic.waiting())


def _found(answer: Shipment | Refused) -> Shipment:
    if isinstance(answer, Refused):
        raise RefusedHereError(answer)
    return answer


def _as_json(item: Shipment) -> dict[str, object]:
    members = {
        "item": item.item,
        "kind": item.kind,
        "state": item.state,
        "problem": item.problem,
        "attempts": item.attempts,
        "next_try": format_time(item.next_try) if item.state == "pending" else None,
    }
    return {name: value for name, value in members.items() if value is not None}
