"""A journal of several shards in which one hand-over was forged, each in its own way."""

from __future__ import annotations

from journal.shards import CLOSED, HAND_OVER, RESTARTED, announce, commit
from keys.documents import b64url
from tests.builders import BROKER
from tests.journal.builders import journal_signer
from tests.journal.ledgers import Ledger
from tests.journal.relays import legs, shard_keys
from tests.journal.serials import cut, shard_note, timed


def other_keys() -> Ledger:
    """The closing entry names keys that are not those of the next shard."""
    ledger = cut()
    keys = journal_signer(shard_keys(2).origin)
    ledger["closed 1"]["document"] = b64url(announce(legs(ledger.entries)[0].shard, keys.vkeys))
    return ledger


def other_past() -> Ledger:
    """The second shard commits to an earlier checkpoint of the first."""
    ledger = cut()
    ledger["opened 2"]["document"] = b64url(commit(2, shard_note(ledger, 1, 20)))
    return ledger


def unannounced() -> Ledger:
    """The first shard ends without a word of the next."""
    ledger = cut()
    ledger.entries.remove(ledger.written("closed 1"))
    return timed(ledger)


def entries_after() -> Ledger:
    """An entry follows the one that closed its shard."""
    return timed(cut().add("more", "audit.read", BROKER, before="opened 2"))


def twice() -> Ledger:
    """A shard is closed twice, the second time for other keys."""
    ledger = cut().add("again", HAND_OVER, BROKER, before="opened 2", state=CLOSED)
    keys = journal_signer(shard_keys(2).origin)
    ledger["again"]["document"] = b64url(announce(legs(ledger.entries)[0].shard, keys.vkeys))
    return timed(ledger)


def restarted() -> Ledger:
    """An announced shard says that nobody announced it."""
    ledger = cut()
    ledger["opened 2"]["state"] = RESTARTED
    return ledger


def hidden() -> Ledger:
    """The first entry of a shard is a commitment: nobody sees to what past it belongs."""
    ledger = cut()
    ledger.written("opened 2").clear = False
    return ledger
