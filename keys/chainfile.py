"""A chain of key statements carried in a file, checked offline before a root relies on it.

The file is a JSON array of signed statements in order. It does not hold the times at which the journal took them.
"""

from __future__ import annotations

from keys import strictjson
from keys.errors import MalformedError, about
from keys.signing import SignedDocument
from keys.statements import KIND, KeyChain, KeyPublication, read_statement

__all__ = ["MAX_CHAIN_FILE", "read_chain"]

MAX_CHAIN_FILE = 16 * 1024 * 1024
"""Bytes; a year of weekly sealing keys takes about 200 KiB."""


def read_chain(data: bytes) -> KeyChain:
    """Replay every statement of a chain file, its place in the file standing for its index in the journal.

    Each statement is judged at the earliest moment at which its signer could have signed it and its predecessors
    stood: a chain that the journal accepted passes, and a wrong signer, fork or gap does not. Raises what
    `KeyChain.extend` raises, with the number of the statement noted on the error.
    """
    value = strictjson.loads(data, limit=MAX_CHAIN_FILE)
    if not isinstance(value, list) or not value:
        raise MalformedError("not-a-chain")
    documents = [SignedDocument.from_json(item, KIND, pointer=f"/{number}") for number, item in enumerate(value)]
    with about("#0"):
        first = read_statement(documents[0])
        if not isinstance(first, KeyPublication):
            raise MalformedError("not-a-chain", "/use")
        at = first.not_before
        chain = KeyChain.start(documents[0], at=at, index=0)
    for number, signed in enumerate(documents[1:], start=1):
        at = max([at, *(key.not_before for key in chain.keys if key.kid in signed.keyids)])
        with about(f"#{number}"):
            chain = chain.extend(signed, at=at, index=number)
    return chain
