"""The whole life of one referral as a journal, valid by default; a test changes one entry and looks at what is found.

Organisations, agreement and consent are the invented ones of `tests.builders`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache

from keys.documents import format_time
from tests.builders import (
    AT,
    DAY,
    ENVELOPE_ID,
    LINE,
    PARTIES,
    REF,
    SHELTER,
    STATEMENT_ID,
    Json,
    agreement,
    sealing_kid,
    signed_statement,
    signing_key,
    statement,
)
from tests.journal.ledgers import Ledger, cited, envelope_id

PASSAGES = ["accepted", "released", "message", "message released", "answer", "answer released"]
"""The entries of a life by which something sealed passes."""
_SECTIONS = ["identity", "contact", "housing"]


def _consented() -> Json:
    return {"statement": STATEMENT_ID, "version": 1, "statement_sha256": signed_statement(statement()).sha256}


@cache
def _lived() -> Ledger:
    ledger = Ledger()
    for address in PARTIES:
        ledger.enrol(address)
    ledger.agree(agreement())
    ledger.consent("consent", statement())
    sent = {"from": LINE, "to": SHELTER, "ref": REF}
    basis = cited(agreement()) | {"article": "1"} | _consented()
    sealed = {
        "signer_kid": signing_key(LINE).kid,
        "seal_kid": sealing_kid(SHELTER),
        "expires": format_time(AT + 7 * DAY),
    }
    referral = {"envelope": ENVELOPE_ID, "payload_sha256": "ab" * 32}
    message = {"envelope": envelope_id("message"), "payload_sha256": "cd" * 32}
    clear: Json = {"purpose": "referral-shelter", "sections": _SECTIONS, "need": "shelter-tonight", "transition": "T02"}
    ledger.add("accepted", "envelope.accepted", LINE, **sent, **referral, **basis, **sealed, **clear)
    out = sent | cited(agreement()) | _consented()
    ledger.add("released", "envelope.released", SHELTER, **out, **referral)
    ledger.add("acknowledged", "envelope.acknowledged", SHELTER, **sent, **referral, state="stored")
    ledger.step("seen", SHELTER, "T03").step("asks", SHELTER, "T06")
    ledger.add("message", "envelope.accepted", LINE, **sent, **message, **basis, **sealed, sections=["contact"])
    ledger.add("message released", "envelope.released", SHELTER, **out, **message)
    ledger.step("provides", LINE, "T07").step("accepts", SHELTER, "T08").step("waits", SHELTER, "T15")
    answer = sent | {"from": SHELTER, "to": LINE, "envelope": envelope_id("answer"), "payload_sha256": "ef" * 32}
    sealed |= {"signer_kid": signing_key(SHELTER).kid, "seal_kid": sealing_kid(LINE)}
    ledger.add("answer", "envelope.accepted", SHELTER, **answer, **basis, **sealed, sections=["outcome"])
    ledger.add("answer released", "envelope.released", LINE, **answer, **cited(agreement()), **_consented())
    ledger.step("completes", SHELTER, "T17").step("helped", LINE, "T25")
    changes = {"/version": 2, "/prev": signed_statement(statement()).sha256, "/state": "withdrawn", "/grants": []}
    return ledger.consent("withdrawn", statement(changes))


def lived() -> Ledger:
    """A fresh ledger of the whole life of a referral, from the keys to the withdrawal of the consent."""
    return copy.deepcopy(_lived())


def under_agreement(changes: Mapping[str, object]) -> Ledger:
    """A life under an agreement that differs from the usual one; everything cites it correctly."""
    document = agreement(changes)
    usual, ledger = lived(), Ledger()
    for address in PARTIES:
        ledger.enrol(address)
    ledger.agree(document)
    ledger.entries += usual.entries[usual.index("consent") :]
    ledger.statements = usual.statements
    for entry in ledger.entries[ledger.index("consent") :]:
        if "agreement" in entry.members:
            entry.members.update(cited(document))
    return ledger


def under_consent(changes: Mapping[str, object]) -> Ledger:
    """A life under a consent that differs from the usual one; everything cites it correctly."""
    document = statement(changes)
    ledger = lived()
    withdrawn = ledger.entries.pop()
    ledger.statements.clear()
    ledger.entries.remove(ledger.written("consent"))
    ledger.consent("consent", document, before="accepted")
    digest = ledger["consent"]["statement_sha256"]
    for entry in ledger.entries[ledger.index("accepted") :]:
        if "statement_sha256" in entry.members:
            entry.members.update(statement=document.id, statement_sha256=digest)
    assert withdrawn.name == "withdrawn"
    return ledger
