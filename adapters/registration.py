"""How a new consent statement travels: with the withdrawal code that the person got, once, and never again.

The body of `POST /v1/consents` is a signed statement alone, or for a first version `{v, statement, withdrawal_code}`
(PROTOCOL §3 and §6). The broker keeps no code but a keyed digest of it. Here it is in the outbox until the broker took
the statement or a person drops it, and on the printed receipt, until that is handed over and destroyed; nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import StringConstraints

from consent.statement import STATEMENT_KIND
from consent.withdrawal_code import check_code
from keys import strictjson
from keys.documents import Document, Version, validate
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["compose_registration", "read_registration"]


class _Registration(Document):
    v: Version
    statement: dict[str, Any]
    withdrawal_code: Annotated[str, StringConstraints(pattern=r"^[0-9A-HJKMNP-TV-Z]{16}$")]


def compose_registration(signed: SignedDocument, code: str | None = None) -> bytes:
    """The bytes to post: the statement alone, or beside its withdrawal code (16 characters, no separators)."""
    if code is None:
        return signed.encode()
    return strictjson.dumps({"v": 1, "statement": signed.to_json(), "withdrawal_code": check_code(code)})


def read_registration(body: bytes) -> tuple[SignedDocument, str | None]:
    """The statement in a body, and its code if it has one; raises `MalformedError` with every fault."""
    value = strictjson.loads(body, limit=MAX_DOCUMENT)
    if not isinstance(value, dict) or "withdrawal_code" not in value:
        return SignedDocument.parse(body, STATEMENT_KIND), None
    registration = validate(_Registration, value)
    statement = SignedDocument.from_json(registration.statement, STATEMENT_KIND, pointer="/statement")
    return statement, check_code(registration.withdrawal_code, pointer="/withdrawal_code")
