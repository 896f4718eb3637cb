"""A public witness on this machine, as C2SP tlog-witness describes it; and others that do not behave."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from gateway.broker import PublicWitness
from journal.checkpoints import Checkpoint
from journal.contradictions import Contradiction
from journal.cosignatures import CosigningKey, vkey_of
from journal.witness import Witnessed, advance, cosign
from journal.witness_calls import ADD_CHECKPOINT, SIZE_TYPE
from keys.errors import ForgedError
from keys.vkeys import Vkey
from tests.builders import AT
from tests.journal.witnesses import parse_add_checkpoint

__all__ = ["NAME", "Given", "LoopbackWitness", "serving_witness"]

NAME = "temoin.example/invente"
Given = tuple[int, dict[str, str], bytes]
"""An answer: status, headers, body."""


@dataclass
class LoopbackWitness:
    """One witness: its key, what it remembers, and what it was asked; `instead` answers in place of its own word."""

    journal: tuple[Vkey, Vkey]
    key: CosigningKey = field(default_factory=Ed25519PrivateKey.generate)
    remembered: Witnessed | None = None
    asked: list[int] = field(default_factory=list)
    instead: Given | None = None
    delay: float = 0.0
    port: int = 0

    @property
    def named(self) -> PublicWitness:
        """As an operator writes it in the settings."""
        return PublicWitness(f"http://127.0.0.1:{self.port}/w", vkey_of(NAME, self.key))

    def answer(self, body: bytes) -> Given:
        """The answer to one `add-checkpoint`."""
        request = parse_add_checkpoint(body)
        self.asked.append(request.old_size)
        time.sleep(self.delay)
        if self.instead is not None:
            return self.instead
        known = self.remembered.size if self.remembered else 0
        if request.old_size != known:
            return 409, {"Content-Type": SIZE_TYPE}, b"%d\n" % known
        try:
            found = advance(self.remembered, request.note, self.journal, request.proof)
        except ForgedError as refused:
            return (422 if refused.code == "proof-does-not-hold" else 403), {}, b""
        if isinstance(found, Contradiction):
            return 409, {}, b""
        self.remembered = found
        return 200, {}, f"{self.line(Checkpoint(found.origin, found.size, found.root))}\n".encode()

    def line(self, checkpoint: Checkpoint) -> str:
        """Its signature line for a checkpoint, whatever it remembers."""
        return cosign(NAME, self.key, Witnessed(checkpoint.origin, checkpoint.size, checkpoint.root, b""), AT).line()

    @classmethod
    def of_type(cls, journal: tuple[Vkey, Vkey], kind: str) -> LoopbackWitness:
        """A witness with a key of one of the two types."""
        return cls(journal, MLDSA44PrivateKey.generate() if kind == "mldsa44" else Ed25519PrivateKey.generate())


@contextmanager
def serving_witness(witness: LoopbackWitness) -> Iterator[LoopbackWitness]:
    """Serve it on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            right = self.path == f"/w{ADD_CHECKPOINT}"
            status, headers, answer = witness.answer(body) if right else (404, {}, b"")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Tell nobody."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        witness.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield witness
        finally:
            server.shutdown()
            thread.join()
