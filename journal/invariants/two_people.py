"""I5: acts that need two people were done in the one form there is for them, and each is told.

PROTOCOL §5. Letting a partner or a worker back in, putting an agreement in force, erasing, and accepting keys will take
the assertions of two people. Until people can sign in, they are commands of the operator on the broker's own host: so
the broker is their actor, they carry no document but that of their kind, and a report says how many there were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from consent.identifiers import Author, gateway_address
from journal.entries import Entry
from journal.erasures import read_erasure
from journal.invariants.findings import Finding, refusals
from journal.invariants.keychains import said_by_broker
from journal.unread import Unread
from keys.documents import Address, Base64Url, Document, Time, Version, parse
from keys.errors import Fault, MalformedError
from keys.signing import MAX_DOCUMENT
from keys.strictjson import MAX_INTEGER

__all__ = ["ACTS", "SettledAlarm", "TwoPeople", "broker_of"]

ACTS: Final = (
    "admitted",
    "resumed",
    "keys-added",
    "worker-lifted",
    "in-force",
    "erasure",
    "erasure-ordered",
    "alarm-settled",
)
"""The acts, by the code under which they are counted.

Who comes in or back, whose keys, what governs, what is gone in its time and what before, which past was called false.
"""
_CHANGES: Final = {
    "key-statements": "keys-added",
    "emergency-worker-lifted": "worker-lifted",
    "alarm-settled": "alarm-settled",
}
"""By the state of an `admin.change`."""


class _Worker(Document):
    v: Version
    worker: Author


class SettledAlarm(Document):
    """Which checkpoint an alarm was about, and by a code why it is none.

    `begin` and `end` are the time in which a copy of the database signed, where the operator says that one did.
    """

    v: Version
    size: Annotated[int, Field(ge=0, le=MAX_INTEGER)]
    root: Base64Url
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    begin: Annotated[Time | None, Field(alias="from")] = None
    end: Annotated[Time | None, Field(alias="until")] = None


_DOCUMENTS: Final[dict[str, type[Document]]] = {"worker-lifted": _Worker, "alarm-settled": SettledAlarm}
"""What an act carries."""


def broker_of(origin: str) -> Address | None:
    """The address of the broker whose journal has this origin, `<public host>/<territory>/journal/<shard>`."""
    parts = origin.split("/")
    return gateway_address(parts[-3]) if len(parts) > 3 and parts[-2] == "journal" else None  # noqa: PLR2004 - host, territory, "journal", shard


class TwoPeople:
    """Recognises the acts, counts them, and marks as erased what an erasure says it erased."""

    number: Final = "I5"

    def __init__(self, broker: Address | None, unread: Unread) -> None:
        """Expect `broker` as the actor; None when the journal's origin does not tell which one it is."""
        self._broker = broker
        self._unread = unread
        self._suspended: set[Address | None] = set()
        self.counted: Counter[str] = Counter()
        """How many of each act were done by a command on the broker's host, without two assertions."""

    def examine(self, entry: Entry) -> Iterator[Finding]:
        """As `Invariant.examine`.

        Slugs: wrong-actor, missing-field, unexpected-member, erasure-ahead, and those of `journal.erasures`.
        """
        act = self._act(entry)
        if act is None:
            return
        faults = list(self._unfit(act, entry))
        yield from faults
        if not faults:
            was_ordered = act == "erasure" and read_erasure(entry.document or b"").ordered
            self.counted["erasure-ordered" if was_ordered else act] += 1

    def _act(self, entry: Entry) -> str | None:
        if entry.type == "client.suspended":
            self._suspended.add(entry.from_)
        if entry.type == "client.registered":
            was_suspended = entry.from_ in self._suspended
            self._suspended.discard(entry.from_)
            return "resumed" if was_suspended else "admitted"
        if entry.type == "admin.change":
            return _CHANGES.get(entry.state or "")
        return {"agreement.in-force": "in-force", "erasure": "erasure"}.get(entry.type)

    def _unfit(self, act: str, entry: Entry) -> Iterator[Fault]:
        """Why an act is not in its form."""
        is_broker = entry.actor == self._broker if self._broker else said_by_broker(entry)
        if not is_broker:
            yield Fault("wrong-actor", "/actor")
        elif act == "erasure":
            yield from refusals("/document", partial(self._erase, entry))
        elif act in _DOCUMENTS:
            yield from refusals("/document", partial(parse, _DOCUMENTS[act], entry.document or b"", limit=MAX_DOCUMENT))
        elif entry.document is not None:
            yield Fault("unexpected-member", "/document")
        if act not in {"in-force", "erasure", "alarm-settled"} and entry.from_ is None:
            yield Fault("missing-field", "/from")

    def _erase(self, entry: Entry) -> None:
        """Only what was written before can be erased: nothing may be declared gone before it is there."""
        erasure = read_erasure(entry.document or b"")
        for position, (_, last) in enumerate(erasure.ranges):
            if last >= entry.index:
                raise MalformedError("erasure-ahead", f"/indices/{position}/1")
        self._unread.erase(erasure.ranges)
