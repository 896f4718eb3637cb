"""The whole life of one referral as a journal, valid by default; a test changes one entry and looks at what is found.

Organisations, agreement and consent are the invented ones of `tests.builders`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache

from consent.agreement import Agreement
from consent.emergency_review import REVIEW_KIND
from consent.headers import ReferralHeader, protect
from consent.statement import ConsentStatement
from keys import strictjson
from keys.documents import b64url, format_time, validate
from keys.signing import sign
from tests.builders import (
    AT,
    AUDITORS,
    BROKER,
    DAY,
    ENVELOPE_ID,
    JUSTIFICATION_SHA256,
    LINE,
    PARENT,
    PARTIES,
    REF,
    SHELTER,
    STATEMENT_ID,
    UNDELIVERED_ID,
    UNDELIVERED_SHA256,
    Json,
    agreement,
    emergency_agreement,
    emergency_members,
    emergency_message_members,
    emergency_reply_members,
    justification_members,
    referral_members,
    replacing_members,
    sealing_kid,
    signed_statement,
    signing_key,
    statement,
)
from tests.journal.ledgers import START, Ledger, cited, envelope_id

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


def _entry(header: Json, payload_sha256: str) -> Json:
    """The members of the entry by which the broker accepts a sealed envelope of this header, as it writes them."""
    urgent, ends = header.get("emergency", {}), {"from": header["from"], "to": header["to"], "ref": header["ref"]}
    basis = {"reason": urgent["ground"], "justification": urgent.get("justification")} if urgent else _consented()
    told = ("part_of", "replaces", "agreement", "agreement_sha256", "article", "purpose", "need")
    members = ends | basis | {member: header[member] for member in told if member in header}
    members |= {"envelope": header["id"], "payload_sha256": payload_sha256, "expires": header["exp"]}
    members |= {"signer_kid": signing_key(header["from"]).kid, "seal_kid": sealing_kid(header["to"])}
    members |= {"sections": [slot["section"] for slot in header["slots"]]}
    members |= {"transition": "T02"} if header["typ"] == "referral" else {}
    return {member: value for member, value in members.items() if value is not None}


def pass_on(ledger: Ledger, name: str, header: Json, payload_sha256: str) -> Ledger:
    """Accept a sealed envelope and hand it out to its recipient, who stores it."""
    accept(ledger, name, header, payload_sha256)
    return hand_out(ledger, name)


def accept(ledger: Ledger, name: str, header: Json, payload_sha256: str) -> Ledger:
    """Accept a sealed envelope."""
    return ledger.add(name, "envelope.accepted", header["from"], **_entry(header, payload_sha256))


def hand_out(ledger: Ledger, name: str) -> Ledger:
    """Hand out an envelope that was accepted under this name, and have it stored."""
    members = ledger[name]
    shown = ("from", "to", "ref", "envelope", "payload_sha256")
    cites = ("agreement", "agreement_sha256", "statement", "version", "statement_sha256")
    about = {member: members[member] for member in shown}
    rests = {member: members[member] for member in cites if member in members}
    ledger.add(f"{name} released", "envelope.released", members["to"], **about, **rests)
    return ledger.add(f"{name} stored", "envelope.acknowledged", members["to"], **about, state="stored")


def begun(document: Agreement) -> Ledger:
    """An agreement in force between organisations that are enrolled."""
    ledger = Ledger()
    for party in document.parties:
        ledger.enrol(party.address)
    return ledger.agree(document)


_A_DAY = {"/iat": format_time(START), "/exp": format_time(START + DAY)}
_NOT_DECLARED = frozenset({"v", "index", "time", "type", "actor", "signer_kid", "seal_kid", "expires", "need"})


def declare(ledger: Ledger, name: str, envelope: Json) -> Ledger:
    """Declare the emergency under which the entry `name` accepted a referral of this header, as the broker does."""
    told = {member: value for member, value in ledger[name].items() if member not in _NOT_DECLARED}
    clear = b64url(protect(validate(ReferralHeader, envelope)))
    return ledger.add("declared", "emergency.declared", envelope["from"], **told | {"document": clear})


def review(ledger: Ledger, name: str, verdict: str = "justified", before: str | None = None, **changes: object) -> Json:
    """Have a second person review the emergency that the entry `name` accepted; the members of what is journalled."""
    members: Json = {"v": 1, "by": LINE, "envelope": ledger[name]["envelope"], "reviewer": "int-3", "verdict": verdict}
    members |= {"payload_sha256": ledger[name]["payload_sha256"], "at": format_time(ledger.now)} | changes
    signed = sign(REVIEW_KIND, strictjson.dumps(members), (signing_key(LINE),))
    told = {"from_": LINE, "to": AUDITORS, "ref": ledger[name]["ref"], "envelope": ledger[name]["envelope"]}
    told |= {"reason": ledger[name]["reason"], "state": verdict, "document": b64url(signed.encode())}
    ledger.add("reviewed", "emergency.reviewed", LINE, before, **told)
    return ledger["reviewed"]


@cache
def _urgent() -> Ledger:
    ledger = begun(emergency_agreement().document)
    accept(ledger, "justified", justification_members(_A_DAY), JUSTIFICATION_SHA256)
    accept(ledger, "accepted", emergency_members(_A_DAY), "3c" * 32)
    declare(ledger, "accepted", emergency_members(_A_DAY))
    hand_out(hand_out(ledger, "justified"), "accepted")
    pass_on(ledger, "more", emergency_message_members(_A_DAY | {"/id": envelope_id("more")}), "4d" * 32)
    ledger.step("accepts", SHELTER, "T08", **cited(emergency_agreement().document))
    pass_on(ledger, "answer", emergency_reply_members(_A_DAY | {"/id": envelope_id("answer")}), "5e" * 32)
    review(ledger, "accepted")
    return ledger


def urgent() -> Ledger:
    """A fresh ledger of an emergency: the auditors are told, then the referral goes, is accepted and reviewed."""
    return copy.deepcopy(_urgent())


@cache
def _replaced() -> Ledger:
    ledger = begun(agreement()).consent("consent", statement())
    accept(ledger, "lost", referral_members({"/id": UNDELIVERED_ID}), UNDELIVERED_SHA256)
    ledger.step("undeliverable", BROKER, "T04", envelope=envelope_id("notice"))
    pass_on(ledger, "again", replacing_members(), "6f" * 32)
    return ledger.step("accepts", SHELTER, "T08")


def replaced() -> Ledger:
    """A fresh ledger of a referral that could not be delivered, and of the envelope that took its place."""
    return copy.deepcopy(_replaced())


def twice() -> ConsentStatement:
    """The usual consent, with a second use."""
    return statement({"/grants/0/max_uses": 2})


def withdrawn_by_code() -> Ledger:
    """A fresh ledger of a referral handed out and one that waits, and of the person's spoken code, which ends both.

    The broker journals the end itself, destroys what waits, cancels it, and tells the recipient it already served.
    """
    ledger = begun(agreement()).consent("consent", twice())
    pass_on(ledger, "accepted", referral_members(), "ab" * 32)
    accept(ledger, "waiting", referral_members({"/ref": PARENT, "/id": envelope_id("waiting")}), "8b" * 32)
    for name in ("accepted", "accepted released", "waiting"):
        ledger[name]["statement_sha256"] = ledger["consent"]["statement_sha256"]
    ends = {member: ledger["consent"][member] for member in ("statement", "version", "statement_sha256")}
    ledger.add("spoken", "consent.withdrawn", BROKER, **ends, from_=LINE, state="withdrawn")
    lost = {member: ledger["waiting"][member] for member in ("from", "to", "ref", "envelope", "payload_sha256")}
    ledger.add("destroyed", "envelope.destroyed", BROKER, **lost, rule="R17", state="consent-withdrawn")
    ledger.step("ended", BROKER, "T12", ref=PARENT, reason="consent-withdrawn", envelope=envelope_id("ended"))
    told = {"from": BROKER, "to": SHELTER, "ref": REF, "envelope": envelope_id("told")}
    return ledger.add("told", "envelope.accepted", BROKER, **told, payload_sha256="7a" * 32)


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
