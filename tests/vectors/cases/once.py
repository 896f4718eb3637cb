"""What no program can make twice: randomised signatures and ciphertexts, made once and kept with what they are of.

ML-DSA signatures, HPKE encapsulations and Cobblestone nonces are random by design, so a vector can only say: this one
verifies, or opens. Everything else in the vectors is computed anew on each run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from keys.documents import b64url, from_b64url, sha256_hex
from keys.identity import Signer

__all__ = ["KeptSigner", "Once", "kept_signers"]


@dataclass
class Once:
    """Values by the digest of what they were made of; `made` counts those that were not kept before."""

    kept: Mapping[str, str]
    used: dict[str, str] = field(default_factory=dict)
    made: int = 0

    def value(self, make: Callable[[], bytes], *made_of: bytes) -> bytes:
        """The value kept for these inputs, or a new one that is kept from now on."""
        name = sha256_hex(b"".join(len(part).to_bytes(4) + part for part in made_of))
        if name in self.kept:
            self.used[name] = self.kept[name]
        elif name not in self.used:
            self.used[name] = b64url(make())
            self.made += 1
        return from_b64url(self.used[name])


@dataclass(frozen=True)
class KeptSigner:
    """A signer whose signature of a message is made once."""

    signer: Signer
    once: Once

    @property
    def kid(self) -> str:
        """The key id of the signer."""
        return self.signer.kid

    def sign(self, message: bytes) -> bytes:
        """The kept signature of exactly these bytes."""
        return self.once.value(lambda: self.signer.sign(message), self.kid.encode(), message)


def kept_signers(once: Once, signers: tuple[Signer, ...]) -> tuple[Signer, ...]:
    """Signers that remember."""
    return tuple(KeptSigner(signer, once) for signer in signers)
