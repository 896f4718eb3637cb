"""Who must have seen a checkpoint before what it holds counts as confirmed, and who has not seen it yet.

PROTOCOL §7. One witness that the broker does not hold makes it impossible to show two people two different journals
unnoticed; a quorum of them makes it impossible although some are asleep, or dishonest. C2SP tlog-policy: a witness
may stand in a group, of which so many count as one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from consent.quorum import Quorum, is_address
from journal.notes import OpenedNote
from keys.errors import MalformedError
from keys.vkeys import COSIGNING, MLDSA44, Vkey, parse_vkey

__all__ = ["NOBODY", "Confirmation", "Group", "Member", "QuorumPolicy", "Witness", "agreed_policy"]

NOBODY: Final = "none"
"""The name that no witness may bear: in a policy it stands for a quorum that asks for nobody."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody who watches: the name they go by in the policy, and the keys of which any one signs for them."""

    name: str
    vkeys: tuple[Vkey, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Several who count as one once `threshold` of them have seen a checkpoint."""

    name: str
    threshold: int
    members: tuple[Member, ...]


Member = Witness | Group


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether the quorum has seen a checkpoint, which witnesses have, and which have not yet, by name."""

    confirmed: bool
    seen_by: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QuorumPolicy:
    """How many of which members must have cosigned; with a threshold of 0 the journal's own signature is enough.

    `logs` are the keys of the journals that the policy is about, if it says. Raises `MalformedError`: out-of-range for
    a threshold that cannot be reached (in a group also for 0), wrong-name, duplicate-entry for a name that comes twice.
    """

    threshold: int
    witnesses: tuple[Member, ...]
    logs: tuple[Vkey, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= len(self.witnesses):
            raise MalformedError("out-of-range")
        known: set[str] = set()
        for member in _everybody(self.witnesses):
            if member.name == NOBODY or not member.name or any(each.isspace() or each < " " for each in member.name):
                raise MalformedError("wrong-name")
            if member.name in known:
                raise MalformedError("duplicate-entry")
            known.add(member.name)
            if isinstance(member, Group) and not 1 <= member.threshold <= len(member.members):
                raise MalformedError("out-of-range")

    @property
    def vkeys(self) -> tuple[Vkey, ...]:
        """The keys of all witnesses, to verify a note with: `open_note(note, journal, witnesses=policy.vkeys)`."""
        witnesses = (member for member in _everybody(self.witnesses) if isinstance(member, Witness))
        return tuple(vkey for witness in witnesses for vkey in witness.vkeys)

    def confirmation(self, note: OpenedNote) -> Confirmation:
        """Whether this quorum has seen a verified checkpoint, opened with `vkeys` as its witnesses.

        A key counts once, under whatever names it is listed. A signature that states no time does not count, because
        it does not say that no larger tree had been seen; nor does one by the journal itself.
        """
        seen: dict[str, None] = {}
        signers = _witnessing(note)
        met = sum([_met(member, signers, seen) for member in self.witnesses])
        names = [member.name for member in _everybody(self.witnesses) if isinstance(member, Witness)]
        return Confirmation(met >= self.threshold, tuple(seen), tuple(name for name in names if name not in seen))


def agreed_policy(quorum: Quorum, published: Callable[[str], Iterable[bytes]], logs: Iterable[Vkey]) -> QuorumPolicy:
    """The quorum of an agreement, with the keys that count at one point of the journal whose keys are `logs`.

    `published` gives, by an organisation's address, its raw ML-DSA-44 witness keys that are in force at the index of
    the checkpoint, from the chain of key statements that starts with the root the agreement pins; an organisation that
    has none yet is missing until it has. A key that the journal holds counts for nobody: one party that publishes it
    as its own must not keep all others from reading the journal. Raises `MalformedError` as `Vkey` does.
    """
    own = tuple(logs)
    return QuorumPolicy(quorum.threshold, tuple(_agreed(text, published, own) for text in quorum.witnesses), own)


def _agreed(text: str, published: Callable[[str], Iterable[bytes]], own: Collection[Vkey]) -> Witness:
    if is_address(text):
        name, vkeys = text, [Vkey(text, MLDSA44, key) for key in published(text)]
    else:
        vkey = parse_vkey(text)
        name, vkeys = vkey.name, [vkey]
    names, held = {log.name for log in own}, {log.public_key for log in own}
    return Witness(name, tuple(each for each in vkeys if each.name not in names and each.public_key not in held))


def _everybody(members: Iterable[Member]) -> Iterator[Member]:
    """The members, and those of the groups among them, each before the group it is in."""
    for member in members:
        if isinstance(member, Group):
            yield from _everybody(member.members)
        yield member


def _witnessing(note: OpenedNote) -> set[Vkey]:
    """The keys that saw the checkpoint and say when, the journal's own left out."""
    signed = [(each.vkey, each.at) for each in note.signatures]
    own = {vkey.public_key for vkey, _ in signed if vkey.name == note.checkpoint.origin}
    return {vkey for vkey, at in signed if at and vkey.type in COSIGNING and vkey.public_key not in own}


def _met(member: Member, signers: set[Vkey], seen: dict[str, None]) -> bool:
    """Whether a member has seen the checkpoint; a key that counted is taken from `signers`, a name put in `seen`."""
    if isinstance(member, Group):
        return sum([_met(each, signers, seen) for each in member.members]) >= member.threshold
    signed = next((vkey for vkey in member.vkeys if vkey in signers), None)
    if signed is None:
        return False
    seen[member.name] = None
    for vkey in [vkey for vkey in signers if vkey.public_key == signed.public_key]:
        signers.remove(vkey)
    return True
