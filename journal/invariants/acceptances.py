"""What the journal tells of an accepted envelope, and the header that it must have had.

The journal does not hold headers. It holds every member of them that a decision looks at, so a header can be written
again that would be decided alike; what the journal does not tell is filled in with what favours the sender.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from sys import intern
from typing import Final, Literal

from consent.conditions import CLOCK_SKEW
from consent.headers import MAX_LIFE, EventHeader, Header, Justification, MessageHeader, ReferralHeader
from consent.vocabulary import PRIORITIES
from journal.entries import Entry
from keys.documents import Address, format_time, validate

__all__ = ["FIRST_STEP", "Acceptance", "Kind", "place_in_entry"]

Kind = Literal["referral", "message", "event"]
_MOMENT: Final = timedelta(milliseconds=1)
FIRST_STEP: Final = "T02"
"""The step that admits a referral: its envelope is the step itself."""
_HEADERS: Final[Mapping[Kind, type[Header]]] = {
    "referral": ReferralHeader,
    "message": MessageHeader,
    "event": EventHeader,
}
_PLACES: Final = {
    "id": "envelope",
    "iat": "expires",
    "exp": "expires",
    "authority": "statement",
    "authority/version": "version",
    "authority/sha256": "statement_sha256",
    "emergency": "reason",
    "emergency/justification": "justification",
    "event": "transition",
    "event/reason": "reason",
    "slots": "sections",
}
_SLOT = re.compile(r"slots/([0-9]+)(?:/.*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One accepted envelope, small enough that a replay can remember every one of them."""

    kind: Kind
    envelope: str | None
    ref: str | None
    part_of: str | None
    replaces: str | None
    sender: Address | None
    recipient: Address | None
    payload_sha256: str | None
    agreement: str | None
    agreement_sha256: str | None
    article: str | None
    at: datetime
    expires: datetime
    statement: str | None
    version: int | None
    statement_sha256: str | None
    purpose: str | None
    sections: tuple[str, ...] | None
    need: str | None
    territory: str | None
    transition: str | None
    reason: str | None
    justification: Justification | None

    @classmethod
    def of(cls, entry: Entry) -> Acceptance:
        """What an `envelope.accepted` or `task.transition` entry tells.

        An entry without `expires` counts as the latest that an envelope of that moment may expire.
        """
        return cls(
            kind=_kind(entry),
            envelope=entry.envelope,
            ref=entry.ref,
            part_of=entry.part_of,
            replaces=entry.replaces,
            sender=_shared(entry.from_),
            recipient=_shared(entry.to),
            payload_sha256=entry.payload_sha256,
            agreement=_shared(entry.agreement),
            agreement_sha256=_shared(entry.agreement_sha256),
            article=_shared(entry.article),
            at=entry.time,
            expires=entry.expires or entry.time + MAX_LIFE,
            statement=entry.statement,
            version=entry.version,
            statement_sha256=entry.statement_sha256,
            purpose=_shared(entry.purpose),
            sections=None if entry.sections is None else tuple(map(intern, entry.sections)),
            need=_shared(entry.need),
            territory=_shared(entry.territory),
            transition=_shared(entry.transition),
            reason=_shared(entry.reason),
            justification=entry.justification,
        )

    @property
    def is_emergency(self) -> bool:
        """Whether it rests on a declared emergency, whose ground the journal tells as its reason."""
        return self.kind != "event" and self.statement is None and self.reason is not None

    def header(self) -> Header:
        """The header this envelope must have had; raises `MalformedError`, whose places `place_in_entry` translates.

        The earliest moment at which it can have been written is taken for `iat`; author, priority and `seq` are not
        told and decide nothing.
        """
        members: dict[str, object] = {
            "v": 1,
            "suite": "PQ1",
            "typ": self.kind,
            "id": self.envelope,
            "ref": self.ref,
            "part_of": self.part_of,
            "replaces": self.replaces,
            "seq": 0,
            "from": self.sender,
            "to": self.recipient,
            "iat": format_time(self._written()),
            "exp": format_time(self.expires),
            "author": "not-told",
            "agreement": self.agreement,
            "agreement_sha256": self.agreement_sha256,
            "article": self.article,
        }
        members |= self._step() if self.kind == "event" else self._sealed()
        return validate(_HEADERS[self.kind], _present(members))

    def _written(self) -> datetime:
        """When it may have been written: as early as it can, or for an emergency, whose life is short, as late."""
        if self.is_emergency:
            return min(self.at + CLOCK_SKEW, self.expires - _MOMENT)
        return self.expires - MAX_LIFE

    def _step(self) -> dict[str, object]:
        return {"event": _present({"transition": self.transition, "reason": self.reason})}

    def _sealed(self) -> dict[str, object]:
        slots = [
            {"sid": f"s{number}", "section": section, "schema": f"{section}/1"}
            for number, section in enumerate(self.sections or (), start=1)
        ]
        authority = {"statement": self.statement, "version": self.version, "sha256": self.statement_sha256}
        named = self.justification.model_dump() if self.justification else None
        emergency = {"ground": self.reason, "directive": "not-told", "worker": "not-told", "justification": named}
        members: dict[str, object] = {
            "authority": None if self.is_emergency else _present(authority),
            "emergency": _present(emergency) if self.is_emergency else None,
            "slots": None if self.sections is None else slots,
        }
        if self.kind == "referral":
            own = {"purpose": self.purpose, "need": self.need, "territory": self.territory}
            members |= own | {"priority": next(iter(PRIORITIES))}
        return members


def place_in_entry(pointer: str) -> str:
    """Where a member of a header stands in the entry that tells of it."""
    path = pointer.removeprefix("/")
    slot = _SLOT.fullmatch(path)
    if slot:
        return f"/sections/{slot[1]}"
    known = _PLACES.get(path) or _PLACES.get(path.partition("/")[0]) or path
    return f"/{known}" if known else ""


def _kind(entry: Entry) -> Kind:
    if entry.type == "task.transition":
        return "event"
    return "referral" if entry.transition == FIRST_STEP else "message"


def _shared(text: str | None) -> str | None:
    """One copy in memory of what many entries repeat."""
    return None if text is None else intern(text)


def _present(members: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}
