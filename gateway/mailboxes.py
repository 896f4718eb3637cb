"""Wakes the partners who wait for mail, the moment there is some."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from keys.documents import Address

__all__ = ["Mailboxes"]


class Mailboxes:
    """Who waits for what, in this process; the database says what there is."""

    def __init__(self) -> None:
        self._waiting: defaultdict[Address, set[asyncio.Event]] = defaultdict(set)

    def ring(self, address: Address) -> None:
        """Wake everyone who listens at this address; called after the commit, never before."""
        for event in self._waiting.get(address, ()):
            event.set()

    def ring_all(self) -> None:
        """Wake everyone, when it is not known for whom there is something."""
        for address in tuple(self._waiting):
            self.ring(address)

    @contextmanager
    def listening(self, address: Address) -> Iterator[Callable[[float], Awaitable[None]]]:
        """Listen at an address; what is given waits until it rings, or for so many seconds."""
        event = asyncio.Event()
        self._waiting[address].add(event)

        async def rung(seconds: float) -> None:
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)

        try:
            yield rung
        finally:
            self._waiting[address].discard(event)
            if not self._waiting[address]:
                del self._waiting[address]
