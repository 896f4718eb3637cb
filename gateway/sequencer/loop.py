"""Keeps the published journal up to date for as long as the broker serves."""

from __future__ import annotations

import asyncio

import structlog

from gateway.broker import Broker
from gateway.sequencer.integration import integrate
from gateway.store.store import Duty
from keys.errors import PasserelleError

__all__ = ["run_sequencer"]

INTERVAL = 0.2
"""Seconds between looks, well within the one second promised (PROTOCOL §7): a partner opens only what it can check."""
_log = structlog.get_logger("gateway")


async def run_sequencer(broker: Broker) -> None:
    """Integrate until cancelled. A failure is told and tried again; it never stops the broker from serving."""
    while True:
        more = False
        try:
            with broker.store.on_duty(Duty.SEQUENCER) as ours:
                if ours:
                    more = await broker.store.write(lambda tx: integrate(tx, broker.keys.journal, broker.clock()))
                    await broker.store.write(lambda tx: tx.replay.forget(tx.journal.lock(broker.clock())))
        except PasserelleError as error:
            _log.error("journal.integration_failed", code=error.code)
        except Exception as error:  # noqa: BLE001 - whatever it is, a journal that stops growing is worse
            _log.error("journal.integration_failed", kind=type(error).__name__)
        await asyncio.sleep(0 if more else INTERVAL)
