"""Keeps the published journal up to date for as long as the broker serves."""

from __future__ import annotations

import asyncio

import structlog

from gateway.broker import Broker
from gateway.sequencer.integration import integrate
from gateway.store.store import Duty
from gateway.store.transaction import Transaction
from keys.errors import PasserelleError

__all__ = ["run_sequencer"]

INTERVAL = 0.2
"""Seconds between looks, well within the one second promised (PROTOCOL §7): a partner opens only what it can check."""
SPACING = 0.6
"""Seconds between two checkpoints under load: every one is archived for good, and each takes four kilobytes."""
_log = structlog.get_logger("gateway")


async def run_sequencer(broker: Broker) -> None:
    """Integrate until cancelled. A failure is told and tried again; it never stops the broker from serving."""
    loop = asyncio.get_running_loop()
    while True:
        is_new = False
        try:
            with broker.store.on_duty(Duty.SEQUENCER) as ours:
                if ours:
                    begun = loop.time()
                    is_new = await broker.store.write(lambda tx: _look(broker, tx))
                    if is_new:
                        # On duty while it waits: another process would sign in between. Where commits are slow, they
                        # are what keeps checkpoints apart.
                        await asyncio.sleep(max(0.0, SPACING - 2 * (loop.time() - begun)))
        except PasserelleError as error:
            _log.error("journal.integration_failed", code=error.code)
        except Exception as error:  # noqa: BLE001 - whatever it is, a journal that stops growing is worse
            _log.error("journal.integration_failed", kind=type(error).__name__)
        await asyncio.sleep(0 if is_new else INTERVAL)


def _look(broker: Broker, tx: Transaction) -> bool:
    """Publish what is new, and forget proofs that are over; whether there was anything."""
    now = broker.clock()
    before = tx.tiles.newest_size()
    integrate(tx, broker.keys.signer, now)
    tx.replay.forget(tx.journal.lock(now))
    return tx.tiles.newest_size() > before
