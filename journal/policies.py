"""A quorum as a file that other programs read too: one line for each log, witness and group, and one for the quorum.

C2SP tlog-policy. Names in it mean nothing outside the file. It is read more strictly than the format asks for: in
UTF-8 only, and not a byte longer than a real policy takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from journal.quorum import NOBODY, Group, Member, QuorumPolicy, Witness
from keys.errors import MalformedError, PasserelleError
from keys.vkeys import COSIGNING, ED25519_COSIGNATURE, Vkey, parse_vkey

__all__ = ["MAX_GROUPS", "MAX_POLICY", "MAX_POLICY_LINES", "parse_policy"]

MAX_POLICY: Final = 512 * 1024
"""Bytes of the largest policy that is read; an ML-DSA-44 vkey takes about 1.8 kB."""
MAX_POLICY_LINES: Final = 1024
"""Lines of the longest one, comments included; the format asks readers for 32 logs, witnesses and groups."""
MAX_GROUPS: Final = 64
"""Groups of the most complex one, each of which may be inside the one before."""
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BLANK = re.compile(r"[ \t]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,3}")
_WITHOUT_URL: Final = 2
_SHORTEST_GROUP: Final = 3
_QUORUM: Final = "quorum"


def parse_policy(data: bytes) -> QuorumPolicy:
    """Read a policy.

    Raises `MalformedError` with the line: too-large, not-utf8, wrong-policy-line, wrong-policy-quorum unless there is
    exactly one quorum line, unknown-witness for a name not defined above, duplicate-entry for a name defined or used
    twice, or a key listed twice under whatever names, out-of-range for a threshold, not-a-journal-key,
    not-a-witness-key, and what `parse_vkey` raises.
    """
    if len(data) > MAX_POLICY:
        raise MalformedError("too-large")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("not-utf8") from None
    lines = text.split("\n")
    if lines.pop() or len(lines) > MAX_POLICY_LINES:
        raise MalformedError("wrong-policy-line", line=len(lines) + 1, column=1)
    reading = _Reading()
    for number, line in enumerate(lines, start=1):
        try:
            reading.take(line)
        except PasserelleError as error:
            raise MalformedError(error.code, line=number, column=1) from None
    return reading.policy()


class _Reading:
    """What the lines read so far define."""

    def __init__(self) -> None:
        self._logs: list[Vkey] = []
        self._keys: set[bytes] = set()
        self._members: dict[str, Member] = {}
        self._free: set[str] = set()
        self._quorum: tuple[int, tuple[Member, ...]] | None = None

    def take(self, line: str) -> None:
        """Read one line."""
        if _FORBIDDEN.search(line):
            raise MalformedError("wrong-policy-line")
        words = _BLANK.split(line.strip(" \t"))
        if words == [""] or words[0].startswith("#"):
            return
        define = _LINES.get(words[0])
        if define is None:
            raise MalformedError("wrong-policy-line")
        define(self, words[1:])

    def policy(self) -> QuorumPolicy:
        """The policy, once every line is read."""
        if self._quorum is None:
            raise MalformedError("wrong-policy-quorum")
        threshold, members = self._quorum
        return QuorumPolicy(threshold, members, tuple(self._logs))

    def log(self, words: Sequence[str]) -> None:
        """`log <vkey> [<url>]`."""
        if not 1 <= len(words) <= _WITHOUT_URL:
            raise MalformedError("wrong-policy-line")
        vkey = parse_vkey(words[0])
        if vkey.type == ED25519_COSIGNATURE:
            raise MalformedError("not-a-journal-key")
        self._logs.append(self._new(vkey))

    def witness(self, words: Sequence[str]) -> None:
        """`witness <name> <vkey> [<url>]`."""
        if not _WITHOUT_URL <= len(words) <= _WITHOUT_URL + 1:
            raise MalformedError("wrong-policy-line")
        vkey = parse_vkey(words[1])
        if vkey.type not in COSIGNING:
            raise MalformedError("not-a-witness-key")
        self._define(Witness(words[0], (self._new(vkey),)))

    def group(self, words: Sequence[str]) -> None:
        """`group <name> all|any|<k> <name>...`."""
        if len(words) < _SHORTEST_GROUP:
            raise MalformedError("wrong-policy-line")
        name, threshold, *names = words
        if threshold not in ("all", "any") and not _NUMBER.fullmatch(threshold):
            raise MalformedError("wrong-policy-line")
        if sum(isinstance(member, Group) for member in self._members.values()) == MAX_GROUPS:
            raise MalformedError("too-large")
        members = tuple(self._take(each) for each in names)
        needed = {"any": 1, "all": len(members)}.get(threshold) or int(threshold)
        if needed > len(members):
            raise MalformedError("out-of-range")
        self._define(Group(name, needed, members))

    def quorum(self, words: Sequence[str]) -> None:
        """`quorum <name>`, or `quorum none`."""
        if len(words) != 1:
            raise MalformedError("wrong-policy-line")
        if self._quorum is not None:
            raise MalformedError("wrong-policy-quorum")
        if words[0] == NOBODY:
            self._quorum = 0, ()
            return
        # A quorum may be a group that is in another group as well: it is not one of its members.
        member = self._members.get(words[0])
        if member is None:
            raise MalformedError("unknown-witness")
        self._quorum = (member.threshold, member.members) if isinstance(member, Group) else (1, (member,))

    def _new(self, vkey: Vkey) -> Vkey:
        if vkey.public_key in self._keys:
            raise MalformedError("duplicate-entry")
        self._keys.add(vkey.public_key)
        return vkey

    def _define(self, member: Member) -> None:
        if member.name == NOBODY:
            raise MalformedError("wrong-name")
        if member.name in self._members:
            raise MalformedError("duplicate-entry")
        self._members[member.name] = member
        self._free.add(member.name)

    def _take(self, name: str) -> Member:
        """A member for a group; each is in one group at most, so that nobody counts in two ways."""
        if name not in self._members:
            raise MalformedError("unknown-witness")
        if name not in self._free:
            raise MalformedError("duplicate-entry")
        self._free.remove(name)
        return self._members[name]


_LINES: Final[Mapping[str, Callable[[_Reading, Sequence[str]], None]]] = MappingProxyType(
    {"log": _Reading.log, "witness": _Reading.witness, "group": _Reading.group, _QUORUM: _Reading.quorum}
)
