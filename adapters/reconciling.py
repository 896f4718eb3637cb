"""Asks the gateway how our consents stand that no referral rests on: nobody sends us word of their end.

PROTOCOL §4 and §6. The gateway tells the end of a consent in a notice about a referral. One that was taken back by its
code before anything was sent under it has none, so it is asked about, a few at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from adapters.calls import GatewayCalls
from adapters.office import Office
from adapters.store.store import Transaction

__all__ = ["reconcile_consents"]

AT_ONCE: Final = 20
"""The most consents that are asked about in one round; the next round goes on behind them."""
_CURSOR: Final = "consents"


def reconcile_consents(
    office: Office, client: GatewayCalls, close: Callable[[Transaction, str, datetime], bool]
) -> list[str]:
    """Write down which of our given consents ended without a notice; their ids.

    `close` writes down that a statement was taken back at a moment, as for a notice. Raises what the client raises,
    and `StoreError`.
    """
    with office.store.transaction() as tx:
        known = tx.papers.given_unused(office.now())
        cursor = tx.traffic.cursor(_CURSOR)
    if not known:
        return []
    begin = cursor % len(known)
    asked = (known[begin:] + known[:begin])[:AT_ONCE]
    ended = []
    for statement in asked:
        standing = client.consent(statement)
        with office.store.transaction() as tx:
            if standing.state == "withdrawn" and standing.ended is not None and close(tx, statement, standing.ended):
                ended.append(statement)
    with office.store.transaction() as tx:
        tx.traffic.move_cursor(_CURSOR, cursor + len(asked))
    return ended
