"""Shows each new checkpoint to the public witnesses and keeps their cosignatures; publishing never waits for them.

PROTOCOL §7. Of several processes one does it. A witness that does not answer is asked again after a pause that doubles.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx2
import structlog

from gateway.broker import Broker, PublicWitness
from gateway.restores import confirm_if_all_showed
from gateway.sequencer.published import tree
from gateway.sequencer.witness_calls import Asked, WitnessAheadError, ask
from gateway.store.cosignatures import Cosignature
from gateway.store.store import Duty
from gateway.store.tiles import PublishedCheckpoint
from gateway.store.transaction import Transaction
from journal.notes import parse_note
from journal.tree import consistency_proof
from keys.errors import PasserelleError

__all__ = ["ALARMING", "INTERVAL", "LONGEST_PAUSE", "Watch", "ask_all", "run_witnesses", "show_newest"]

INTERVAL: Final = 5.0
"""Seconds between two rounds: what is confirmed is so within ten, and no witness is asked more often."""
LONGEST_PAUSE: Final = 600.0
"""Seconds, at most, until a witness that failed is asked again."""
ALARMING: Final = frozenset({"witness-ahead", "witness-saw-another-root"})
"""What a witness answers that has seen another journal of this name: a person has to look."""
_log = structlog.get_logger("gateway")


@dataclass
class Watch:
    """One witness, and when it is to be asked again: seconds of the event loop's clock."""

    witness: PublicWitness
    not_before: float = 0.0
    pause: float = field(default=INTERVAL)

    def failed(self, now: float) -> None:
        """Leave it alone for a while, each time twice as long."""
        self.not_before = now + self.pause
        self.pause = min(LONGEST_PAUSE, self.pause * 2)

    def answered(self) -> None:
        """It works (again)."""
        self.not_before, self.pause = 0.0, INTERVAL


async def run_witnesses(broker: Broker) -> None:
    """Show new checkpoints to every witness of the settings until cancelled; no failure stops it."""
    watches = [Watch(witness) for witness in broker.settings.witnesses]
    # No cookies, logins or proxies from the environment: only what the operator wrote in the settings is called.
    async with httpx2.AsyncClient(trust_env=False) as http:
        while True:
            try:
                # Outside any transaction: what a witness keeps us waiting for must not keep the database's old rows.
                with broker.store.on_duty(Duty.WITNESSES, lasting=True) as ours:
                    if ours:
                        await asyncio.gather(*(_watched(broker, http, watch) for watch in watches))
            except PasserelleError as error:
                _log.error("witness.round_failed", code=error.code)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next checkpoint is still shown
                _log.error("witness.round_failed", kind=type(error).__name__)
            await asyncio.sleep(INTERVAL)


async def _watched(broker: Broker, http: httpx2.AsyncClient, watch: Watch) -> None:
    """Show the newest checkpoint to one witness unless it is to be left alone; what goes wrong is told."""
    loop = asyncio.get_running_loop()
    if loop.time() < watch.not_before:
        return
    try:
        await show_newest(broker, http, watch.witness)
    except PasserelleError as error:
        watch.failed(loop.time())
        tell = _log.error if error.code in ALARMING else _log.warning
        tell("witness.failed", code=error.code, where=watch.witness.vkey.name)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other witnesses are still asked
        watch.failed(loop.time())
        _log.error("witness.failed", kind=type(error).__name__, where=watch.witness.vkey.name)
    else:
        watch.answered()


async def ask_all(broker: Broker) -> dict[str, PasserelleError]:
    """Show the newest checkpoint to every witness once; by name, why some did not cosign it."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        shown = (show_newest(broker, http, witness) for witness in broker.settings.witnesses)
        answers = await asyncio.gather(*shown, return_exceptions=True)
    refused: dict[str, PasserelleError] = {}
    for witness, answer in zip(broker.settings.witnesses, answers, strict=True):
        if isinstance(answer, PasserelleError):
            refused[witness.vkey.name] = answer
        elif isinstance(answer, BaseException):
            raise answer
    return refused


async def show_newest(broker: Broker, http: httpx2.AsyncClient, witness: PublicWitness) -> bool:
    """Have the witness cosign the newest checkpoint; False when it had cosigned one of this size.

    Raises what `ask` raises, and `StoreUnavailableError`.
    """
    name, key_id = witness.vkey.name, witness.vkey.key_id.hex()
    with broker.store.reading() as tx:
        newest, head = tx.tiles.newest_checkpoint(), tx.journal.head()
        last = max(0, tx.cosignatures.last_of(name, key_id) - head.start)
        known = newest is None or tx.cosignatures.has(newest.size, name)
        if head.restored is not None:
            known = name in tx.shown.all()  # what it cosigned before says nothing of what it has seen since
    if newest is None or known:
        return False
    vkeys = broker.keys.signer(head.shard).vkeys
    asked = Asked(newest.note, vkeys, lambda size: _proof(broker, head.shard, newest, size))
    try:
        signature = await ask(http, witness, asked, last)
    except WitnessAheadError as ahead:
        seen = head.start + ahead.size
        await broker.store.write(lambda tx: _showed(broker, tx, name, seen))
        raise
    cosignature = Cosignature(name, key_id, signature.line())
    return await broker.store.write(lambda tx: _kept(broker, tx, newest, cosignature))


def _kept(broker: Broker, tx: Transaction, newest: PublishedCheckpoint, cosignature: Cosignature) -> bool:
    is_new = tx.cosignatures.keep(newest.size, newest.time, cosignature, tx.journal.lock(broker.clock()))
    _showed(broker, tx, cosignature.name, newest.size)
    return is_new


def _showed(broker: Broker, tx: Transaction, name: str, size: int) -> None:
    """While a restored backup is examined, keep how much of the journal a witness has seen."""
    if tx.journal.head().restored is None:
        return
    at = tx.journal.lock(broker.clock())
    tx.shown.keep(name, size, at)
    confirm_if_all_showed(broker, tx, at)


def _proof(broker: Broker, shard: int, newest: PublishedCheckpoint, size: int) -> Sequence[bytes]:
    """The proof that the tree of the newest checkpoint continues the one of `size` leaves; nothing from nothing."""
    if size == 0:
        return ()
    checkpoint = parse_note(newest.note).checkpoint
    with broker.store.reading() as tx:
        return consistency_proof(size, checkpoint.size, tree(tx, shard, checkpoint.size, checkpoint.root))
