"""What can be wrong with a document, a signature or a key, told without repeating what was sent.

An error names a *slug* (one word per refusal: the same word is the problem type over HTTP, the outcome in the
journal and the key of its sentence in French and English) and the place. It never holds an input value.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = [
    "CannotOpenError",
    "ChainConflictError",
    "Fault",
    "FileError",
    "ForgedError",
    "KeystoreError",
    "MalformedError",
    "PasserelleError",
    "UntrustedKeyError",
    "WeakKeyError",
    "about",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: its slug, and where (RFC 6901 pointer; line and column from 1 in files)."""

    code: str
    pointer: str = ""
    line: int | None = None
    column: int | None = None


class PasserelleError(Exception):
    """The root of every error a caller is meant to handle; `code` is the slug of the first fault."""

    def __init__(
        self,
        code: str,
        pointer: str = "",
        *,
        line: int | None = None,
        column: int | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        """Make an error of one fault, or of several when `faults` lists them all (the first included)."""
        super().__init__(code)
        self.code = code
        self.faults = faults or (Fault(code, pointer, line, column),)

    @property
    def pointer(self) -> str:
        """Where the first fault is, as a JSON pointer; empty for the whole document."""
        return self.faults[0].pointer


class MalformedError(PasserelleError):
    """The bytes or the document are not of the form the protocol asks for (PROTOCOL §0)."""


class ForgedError(PasserelleError):
    """A signature, digest or proof does not hold; never to be ignored (PROTOCOL §1)."""


class WeakKeyError(PasserelleError):
    """A public key that must not be registered (PROTOCOL §2, *Registration refuses*)."""


class UntrustedKeyError(PasserelleError):
    """A well-formed key that the chain of key statements does not vouch for at that moment (PROTOCOL §2)."""


class ChainConflictError(PasserelleError):
    """A key statement that does not continue its organisation's chain: a wrong `seq` or `prev` (409)."""


class CannotOpenError(PasserelleError):
    """A sealed part that this key cannot open, or that was altered after sealing (PROTOCOL §4)."""


class FileError(PasserelleError):
    """A file that cannot be read or written: missing, full disk, name taken, or private and readable by others."""


class KeystoreError(PasserelleError):
    """Private keys at rest that cannot be used: wrong or too short passphrase, altered file."""


@contextmanager
def about(document: object) -> Iterator[None]:
    """Note on any error raised inside which file or document it is about; the outermost is said first."""
    try:
        yield
    except PasserelleError as error:
        error.add_note(str(document))
        raise
