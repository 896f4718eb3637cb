"""Invented witnesses, and one that answers calls as C2SP tlog-witness says, by the rule of `journal.witness`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from journal.checkpoints import Checkpoint
from journal.contradictions import Contradiction
from journal.cosignatures import CosigningKey, NoteSignature, vkey_of
from journal.cosignatures import cosign as sign_at
from journal.notes import parse_note
from journal.quorum import Witness
from journal.tree import NodeReader, root_of
from journal.witness import Witnessed, advance, cosign
from journal.witness_calls import MAX_PROOF_LINES, SIZE_TYPE, AddCheckpoint, parse_hash_lines
from keys.errors import ForgedError, MalformedError
from keys.vkeys import Vkey
from tests.journal.builders import AT

PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Signer:
    """Somebody who signs checkpoints with the time: a name and a private key of either kind."""

    name: str
    key: CosigningKey

    @property
    def vkey(self) -> Vkey:
        """The public key."""
        return vkey_of(self.name, self.key)

    @property
    def witness(self) -> Witness:
        """The same as a member of a quorum."""
        return Witness(self.name, (self.vkey,))

    def sign(self, checkpoint: Checkpoint, at: datetime = AT) -> NoteSignature:
        """The signature of a checkpoint, whatever it is."""
        return sign_at(self.name, self.key, checkpoint, at)


def classic(name: str = "temoin-invente.example/t1", number: int = 1) -> Signer:
    """A witness that signs by Ed25519 (type 0x04)."""
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def lasting(name: str = "refuge-invente@laval", number: int = 1) -> Signer:
    """A witness that signs by ML-DSA-44 (type 0x06), by default an organisation under its address."""
    return Signer(name, MLDSA44PrivateKey.from_seed_bytes(bytes([number]) * 32))


def policy_text(*signers: Signer) -> bytes:
    """A tlog-policy that asks for any one of these."""
    lines = [f"witness {each.name} {each.vkey}" for each in signers]
    names = " ".join(each.name for each in signers)
    return "\n".join([*lines, f"group quorum any {names}", "quorum quorum", ""]).encode()


def nodes_of(hashes: Sequence[bytes]) -> NodeReader:
    """The nodes of the tree over these leaf hashes, each computed anew."""

    def read(height: int, index: int) -> bytes:
        return root_of(hashes[index << height : (index + 1) << height])

    return read


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Read a request as strictly as a witness does; raises `MalformedError` (wrong-witness-request, and its parts')."""
    head, blank, note = body.partition(b"\n\n")
    first, *lines = head.decode("ascii", "replace").split("\n")
    size = re.fullmatch(r"old (0|[1-9][0-9]{0,15})", first, re.ASCII)
    if not blank or size is None:
        raise MalformedError("wrong-witness-request")
    proof = parse_hash_lines(lines, limit=MAX_PROOF_LINES)
    parse_note(note)
    return AddCheckpoint(int(size[1]), proof, note)


@dataclass
class AnsweringWitness:
    """A public witness of one journal, without the network: a request's body in, status, content type and body out."""

    signer: Signer
    origin: str
    journal: Collection[Vkey]
    at: datetime = AT
    seen: Witnessed | None = None
    alarms: list[Contradiction] = field(default_factory=list)

    def answer(self, body: bytes) -> tuple[int, str, bytes]:
        """Answer the call `add-checkpoint`."""
        try:
            request = parse_add_checkpoint(body)
        except MalformedError:
            return 400, PLAIN, b"malformed\n"
        checkpoint, size = parse_note(request.note).checkpoint, 0 if self.seen is None else self.seen.size
        if checkpoint.origin != self.origin:
            return 404, PLAIN, b"unknown journal\n"
        if request.old_size > checkpoint.size:
            return 400, PLAIN, b"old size too large\n"
        if request.old_size != size:
            return 409, SIZE_TYPE, f"{size}\n".encode()
        return self._advance(request)

    def _advance(self, request: AddCheckpoint) -> tuple[int, str, bytes]:
        """Sign, if the checkpoint continues what was seen."""
        try:
            after = advance(self.seen, request.note, self.journal, request.proof)
        except ForgedError as error:
            return (422 if error.code == "proof-does-not-hold" else 403), PLAIN, b"refused\n"
        if isinstance(after, Contradiction):
            self.alarms.append(after)
            return 409, PLAIN, b"another root\n"
        self.seen = after
        signature = cosign(self.signer.name, self.signer.key, after, self.at)
        return 200, PLAIN, f"{signature.line()}\n".encode()
