"""Waits for something to come, as long as the caller asked, and asks the database only when it may have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.broker import Broker
from gateway.callers import Caller, Presented, admit
from gateway.store.transaction import Transaction
from keys.documents import Address

__all__ = ["MAX_WAIT", "admitted", "poll"]

MAX_WAIT = 30
"""Seconds a call may wait; proxies cut longer ones."""

T = TypeVar("T")


def admitted(
    broker: Broker, tx: Transaction, presented: Presented, scope: str, *, while_stopped: bool = False
) -> Caller:
    """The caller, admitted under the lock and holding `scope`; raises as `admit` does."""
    caller = admit(tx, presented, tx.journal.lock(broker.clock()), while_stopped=while_stopped)
    caller.require(scope)
    return caller


async def poll(broker: Broker, address: Address, seconds: float, look: Callable[[], Awaitable[list[T]]]) -> list[T]:
    """What `look` finds, now or as soon as there is something, at the latest after `seconds`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        with broker.mailboxes.listening(address) as rung:
            # Listening begins before looking, so that nothing falls between the two.
            found = await look()
            left = deadline - loop.time()
            if found or left <= 0:
                return found
            await rung(left)
