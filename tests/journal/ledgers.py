"""Journals written entry by entry, turned into bundles, and audited; see `tests.journal.lives` for whole ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from consent.agreement import Agreement
from consent.statement import ConsentStatement
from consent.transitions import TRANSITIONS
from journal.bundle import Bundle, write_bundle
from journal.entries import Opening, clear_leaf, commitment_leaf, must_be_clear
from journal.layout import SignedAgreement
from journal.notes import JournalSigner
from journal.replay import verify
from journal.report import AuditReport
from journal.shards import CLOSED, HAND_OVER, OPENED, RESTARTED
from keys.documents import b64url, encode, format_time, sha256_hex
from keys.identity import RootPublic, Signer
from keys.signing import SignedDocument
from keys.statements import KeyRevocation, PublishedUse, publish, read_statement, revoke
from tests.builders import (
    BROKER,
    DAY,
    LINE,
    REF,
    SHELTER,
    Json,
    agreement,
    agreement_signature,
    root_key,
    sealing_key,
    signed_statement,
    signing_key,
)
from tests.journal.relays import START, encoded, journal_keys, legs, restarts, salt, shard_files

__all__ = ["START", "Found", "Ledger", "Written", "cited", "envelope_id", "journal_keys", "salt"]


Found = tuple[str, str, str, str]
"""A violation: the promise, the name of the entry, the slug, the member."""


@dataclass
class Written:
    """One entry of a ledger: its name in the tests, its members, and how it is journalled."""

    name: str
    members: Json
    clear: bool
    shown: bool = True
    raw: bytes | None = None
    held: int | None = None
    """Of the first entry of a restarted shard: how many entries of the shard before the broker still has."""


@dataclass
class Ledger:
    """Entries in order, with the documents that a bundle shows beside them."""

    entries: list[Written] = field(default_factory=list)
    agreements: list[SignedAgreement] = field(default_factory=list)
    statements: list[SignedDocument] = field(default_factory=list)
    chains: dict[str, tuple[int, str | None]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Json:
        """The members of the entry of this name, to be changed."""
        return self.written(name).members

    def written(self, name: str) -> Written:
        """The entry of this name."""
        return next(entry for entry in self.entries if entry.name == name)

    def index(self, name: str) -> int:
        """Where the entry of this name stands."""
        return next(index for index, entry in enumerate(self.entries) if entry.name == name)

    @property
    def now(self) -> datetime:
        """The time of the next entry."""
        return START + timedelta(seconds=len(self.entries))

    def add(self, name: str, kind: str, actor: str, before: str | None = None, **members: object) -> Ledger:
        """Journal an act as the broker does: at the end, or just before the entry named."""
        made: Json = {"v": 1, "index": 0, "time": format_time(self.now), "type": kind, "actor": actor}
        made |= {member.rstrip("_"): value for member, value in members.items() if value is not None}
        written = Written(name, made, must_be_clear(kind))
        if before is None:
            self.entries.append(written)
        else:
            made["time"] = self[before]["time"]
            self.entries.insert(self.index(before), written)
        return self

    def again(self, name: str, new_name: str, before: str | None = None, **changes: object) -> Ledger:
        """Journal an entry once more, some of its members changed."""
        members = self[name] | changes
        kind, actor = str(members.pop("type")), str(members.pop("actor"))
        for member in ("v", "index", "time"):
            del members[member]
        return self.add(new_name, kind, actor, before, **members)

    def key(
        self,
        name: str,
        address: str,
        use: PublishedUse,
        public: bytes | RootPublic,
        *,
        start: datetime = START - DAY,
        days: int = 6,
        before: str | None = None,
    ) -> Ledger:
        """Publish a key."""
        by_root = use in {"root", "signing", "witness"}
        signers: Iterable[Signer] = root_key(address).signers if by_root else (signing_key(address),)
        position = self.chains.get(address, (0, None))
        signed = publish(position, address, use, public, (start, start + days * DAY), signers)
        return self.key_statement(name, signed, before)

    def revocation(self, name: str, address: str, kid: str, before: str | None = None) -> Ledger:
        """Revoke a key."""
        seq, prev = self.chains[address]
        signed = revoke((seq, prev or ""), address, kid, "compromised", root_key(address).signers)
        return self.key_statement(name, signed, before)

    def key_statement(self, name: str, signed: SignedDocument, before: str | None = None) -> Ledger:
        """Journal a key statement whole."""
        read = read_statement(signed)
        self.chains[read.org] = (read.seq + 1, signed.sha256)
        kind = "key.revoked" if isinstance(read, KeyRevocation) else "key.published"
        return self.add(name, kind, read.org, before, from_=read.org, document=b64url(signed.encode()))

    def enrol(self, address: str) -> Ledger:
        """Publish an organisation's root, signing and sealing keys, and register it as a client."""
        self.key(f"root {address}", address, "root", root_key(address).public, days=3000)
        self.key(f"signing {address}", address, "signing", signing_key(address).public_bytes, days=300)
        self.key(f"sealing {address}", address, "sealing", sealing_key(address).public.data)
        return self.add(f"client {address}", "client.registered", BROKER, from_=address, state="active")

    def agree(self, document: Agreement, name: str = "") -> Ledger:
        """Propose an agreement, have every party sign it, and put it in force."""
        self.add(f"proposed{name}", "agreement.proposed", BROKER, **cited(document))
        signatures = []
        for party in document.parties:
            signed = agreement_signature(document, party.address)
            signatures.append(signed)
            proof = {"from_": party.address, "document": b64url(signed.encode())}
            self.add(f"signed{name} {party.address}", "agreement.signed", party.address, **cited(document), **proof)
        self.agreements.append(SignedAgreement(encode(document), tuple(signatures)))
        return self.add(f"in-force{name}", "agreement.in-force", BROKER, **cited(document))

    def consent(self, name: str, document: ConsentStatement, before: str | None = None) -> Ledger:
        """Register a version of a consent, or its end."""
        signed = signed_statement(document)
        self.statements.append(signed)
        members = {
            "statement": document.id,
            "version": document.version,
            "statement_sha256": signed.sha256,
            "state": document.state,
            "expires": format_time(document.not_after),
        }
        kind = "consent.registered" if document.state == "given" else "consent.withdrawn"
        return self.add(name, kind, document.issuer, before, from_=document.issuer, **members)

    def step(self, name: str, actor: str, transition: str, **changes: object) -> Ledger:
        """A party's event; or the broker's own, of which nothing else is told."""
        reasons = TRANSITIONS[transition].reasons
        members: Json = {"from": actor, "to": LINE if actor != LINE else SHELTER, "ref": REF, "transition": transition}
        members["reason"] = reasons[0] if reasons else None
        if actor != BROKER:
            own = {"envelope": envelope_id(name), "payload_sha256": sha256_hex(name.encode())}
            members |= own | cited(agreement()) | {"article": "1", "signer_kid": signing_key(actor).kid}
        return self.add(name, "task.transition", actor, **(members | changes))

    def rotate(self) -> Ledger:
        """Close the shard and open the next one."""
        number = legs(self.entries)[-1].shard.number
        self.add(f"closed {number}", HAND_OVER, BROKER, state=CLOSED)
        return self.add(f"opened {number + 1}", HAND_OVER, BROKER, state=OPENED)

    def restart(self, held: str | int, name: str = "restarted") -> Ledger:
        """Go on in a new shard after a backup was restored that holds `held` entries, or those before the one named."""
        place = self.index(held) if isinstance(held, str) else held
        self.add(name, HAND_OVER, BROKER, state=RESTARTED)
        self.entries[-1].held = place - legs(self.entries[:-1])[-1].start
        return self

    def leaves(self) -> list[bytes]:
        """The leaves, in order, through all shards."""
        return [
            clear_leaf(data) if entry.clear else commitment_leaf(Opening(data, salt(index)))
            for index, (entry, data) in enumerate(zip(self.entries, self.encoded(), strict=True))
        ]

    def encoded(self) -> list[bytes]:
        """The exact bytes of the entries, each told where it stands; those between shards carry their documents."""
        return encoded(self.entries)

    def openings(self) -> list[tuple[int, Opening]]:
        """What opens the commitments that are shown."""
        written = zip(self.entries, self.encoded(), strict=True)
        return [
            (index, Opening(data, salt(index)))
            for index, (entry, data) in enumerate(written)
            if entry.shown and not entry.clear
        ]

    def bundle(
        self,
        folder: Path,
        *,
        signer: JournalSigner | None = None,
        lost: bool = False,
        later: dict[int, Json] | None = None,
        **changes: Any,  # noqa: ANN401 - any member of what is replaced
    ) -> Path:
        """The bundle of the whole ledger as a file; `changes` replace what it holds of the first shard, and documents.

        `later` are changes of any shard, by number. Entries that the broker lost are not in it, unless `lost`.
        """
        given: Json = {"agreements": self.agreements, "statements": self.statements}
        documents = {name: changes.pop(name) for name in given.keys() & changes.keys()}
        shards = shard_files(self, signer, lost=lost)
        for number, members in ((1, changes), *(later or {}).items()):
            shards[number] = replace(shards[number], **members)
        path = folder / "bundle.zip"
        with path.open("wb") as out:
            write_bundle(out, shards=shards.values(), **(given | documents))
        return path

    def audit(self, folder: Path) -> AuditReport:
        """What the auditor says of the whole ledger."""
        with Bundle.open(self.bundle(folder)) as bundle:
            return verify(bundle, journal_keys().vkeys, later=restarts(self))

    def found(self, folder: Path) -> list[Found]:
        """The violations, each by the name of its entry."""
        violations = self.audit(folder).violations
        return [(each.invariant, self.entries[each.index].name, each.code, each.pointer) for each in violations]


def cited(document: Agreement) -> Json:
    """How an entry names an agreement."""
    return {"agreement": document.ref, "agreement_sha256": sha256_hex(encode(document))}


def envelope_id(name: str) -> str:
    """The id of an envelope, the same for the same name."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    digits = int.from_bytes(bytes.fromhex(sha256_hex(name.encode())))
    return "env_" + "".join(letters[digits >> 5 * place & 31] for place in range(26))
