"""Our code against the vectors of agreements, statements and decisions."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from consent.agreement import SIGNATURE_KIND, RegisteredAgreement, read_agreement, verify_signature
from consent.decision import RULES, decide, rules_for
from consent.envelope import read_header
from consent.lifecycle import ReferralState
from consent.passage import DeclaredEmergency, Granted, KnownEnvelope, OpenReferral, Passage, Refused
from consent.record import record_commitment
from consent.statement import STATEMENT_KIND, ConsentStatement, RegisteredStatement, succession_fault, verify_statement
from keys import strictjson
from keys.documents import format_time, from_b64url, parse, parse_time, sha256_hex
from keys.errors import ForgedError, MalformedError
from keys.identity import RootPublic, verifier
from keys.signing import SignedDocument
from tests.builders import ABSENT, changed
from tests.vectors.vector_files import Json, cases, named, vectors

LIMIT = 1 << 20


def _roots() -> Mapping[str, RootPublic]:
    return {
        address: RootPublic(from_b64url(root["ed25519"]), from_b64url(root["mldsa65"]))
        for address, root in vectors("agreement")["roots"].items()
    }


def _verify_agreement(document: Json) -> str:
    payload = from_b64url(vectors("agreement")["payload"])
    signed = SignedDocument.from_json(document, SIGNATURE_KIND)
    return verify_signature(signed, read_agreement(payload), sha256_hex(payload), _roots())


def test_every_party_signed_the_same_bytes() -> None:
    """The digest names the exact bytes, the pinned roots are the parties’, and each signature verifies."""
    content = vectors("agreement")
    payload = from_b64url(content["payload"])
    agreement = read_agreement(payload)
    assert sha256_hex(payload) == content["sha256"]
    assert {party.address: party.root_fingerprint for party in agreement.parties} == {
        address: root.fingerprint for address, root in _roots().items()
    }
    assert {_verify_agreement(each) for each in content["signatures"]} == set(content["roots"])


@pytest.mark.parametrize("case", cases("agreement", "malformed"), ids=named)
def test_an_incoherent_agreement_is_refused_in_its_place(case: Json) -> None:
    """An agreement that contradicts itself is refused at the member at fault."""
    with pytest.raises(MalformedError) as caught:
        read_agreement(case["text"].encode())
    assert (caught.value.code, caught.value.faults[0].pointer) == (case["code"], case["pointer"])


@pytest.mark.parametrize("case", cases("agreement", "forged"), ids=named)
def test_a_forged_agreement_signature_is_refused(case: Json) -> None:
    """Only both halves of the pinned root of a party sign for it, and only these bytes."""
    with pytest.raises(ForgedError) as caught:
        _verify_agreement(case["document"])
    assert caught.value.code == case["code"]


def test_a_statement_verifies_and_commits_to_its_record() -> None:
    """The issuer’s signature, the digest of the exact bytes, and the salted digest of the record hold."""
    content = vectors("statement")
    signed = SignedDocument.from_json(content["document"], STATEMENT_KIND)
    signer = content["signer"]
    checks = verifier(signer["kid"].partition("#")[0], "signing", from_b64url(signer["public_key"]))
    assert verify_statement(signed, checks).issuer == signer["kid"].partition("#")[0]
    assert signed.sha256 == content["sha256"]
    commitment = content["commitment"]
    record, salt = from_b64url(commitment["record"]), from_b64url(commitment["salt"])
    assert record_commitment(record, salt) == commitment["sha256"]


@pytest.mark.parametrize("case", cases("statement", "malformed"), ids=named)
def test_an_incoherent_statement_is_refused_in_its_place(case: Json) -> None:
    """A statement that the law or the protocol does not allow is refused at the member at fault."""
    with pytest.raises(MalformedError) as caught:
        parse(ConsentStatement, case["text"].encode(), limit=LIMIT)
    assert (caught.value.code, caught.value.faults[0].pointer) == (case["code"], case["pointer"])


@pytest.mark.parametrize("case", cases("statement", "successors"), ids=named)
def test_a_version_may_only_narrow_or_end(case: Json) -> None:
    """What narrows or ends a consent may follow it; what widens it in any member may not."""
    content = vectors("statement")
    signed = SignedDocument.from_json(content["document"], STATEMENT_KIND)
    before = RegisteredStatement(parse(ConsentStatement, signed.payload, limit=LIMIT), signed.sha256)
    after = parse(ConsentStatement, case["text"].encode(), limit=LIMIT)
    expected = None if case["code"] is None else (case["code"], case["pointer"])
    assert succession_fault(before, after) == expected


def _question(case: Json) -> Json:
    base = vectors("decisions")["base"][case["base"]]
    absent = {pointer: ABSENT if value is None else value for pointer, value in case["changes"].items()}
    return changed(base, absent)


def _referral(members: Json | None) -> OpenReferral | None:
    if members is None:
        return None
    told: Json = {
        name: parse_time(value) if name in {"respond_by", "closed_at"} else value
        for name, value in members["state"].items()
    }
    delay = timedelta(seconds=told.pop("delay_seconds"))
    known = {"statement": None, **members, "state": ReferralState(**told, delay=delay)}
    if "emergency" in members:
        declared = members["emergency"]
        known["emergency"] = DeclaredEmergency(**{**declared, "at": parse_time(declared["at"])})
    return OpenReferral(**known)


def _envelope(members: Json | None) -> KnownEnvelope | None:
    return None if members is None else KnownEnvelope(**members)


def _agreement(members: Json | None) -> RegisteredAgreement | None:
    if members is None:
        return None
    document = read_agreement(strictjson.dumps(members["document"]))
    ended = members.get("ended_at")
    return RegisteredAgreement(document, members["sha256"], members["state"], parse_time(ended) if ended else None)


def _statement(members: Json | None) -> RegisteredStatement | None:
    if members is None:
        return None
    document = parse(ConsentStatement, strictjson.dumps(members["document"]), limit=LIMIT)
    return RegisteredStatement(document, members["sha256"], members["uses"])


def _decided(case: Json) -> Granted | Refused:
    question = _question(case)
    header = read_header(strictjson.dumps(question["header"]))
    return decide(
        Passage(
            question["gate"],
            header,
            _referral(question.get("referral")),
            frozenset(question["inactive"]),
            justification=_envelope(question.get("justification")),
            replaces=_envelope(question.get("replaces")),
            worker_barred=question.get("worker_barred", False),
        ),
        scopes=frozenset(question["scopes"]),
        agreement=_agreement(question.get("agreement")),
        statement=_statement(question.get("statement")),
        at=parse_time(question["at"]),
    )


@pytest.mark.parametrize("case", cases("decisions", "granted"), ids=named)
def test_what_is_allowed_passes(case: Json) -> None:
    """Every rule of its kind was asked; the grant and the next state are the expected ones."""
    decision = _decided(case)
    assert isinstance(decision, Granted)
    state = decision.next_state
    found = {
        "grant": decision.grant.gid if decision.grant else None,
        "status": state.status if state else None,
        "respond_by": format_time(state.respond_by) if state and state.respond_by else None,
    }
    assert {name: value for name, value in found.items() if value is not None} == case["expected"]
    assert decision.rules == tuple(rule.number for rule in rules_for(decision.passage.header, decision.passage.gate))


@pytest.mark.parametrize("case", cases("decisions", "refused"), ids=named)
def test_what_is_not_allowed_is_refused_by_its_rule(case: Json) -> None:
    """One change is refused by that rule, with that slug, at that place."""
    assert _decided(case) == Refused(case["because"], case["rule"], case["pointer"])


def test_every_rule_has_a_vector() -> None:
    """No rule could change unseen by the vectors; R33 refuses nothing while every place knows every ground."""
    assert {case["rule"] for case in cases("decisions", "refused")} == {
        rule.number for rules in RULES.values() for rule in rules
    } - {"R33"}
