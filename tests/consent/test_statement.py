"""Consent statements: what one may say, who may sign it, and that a later version only narrows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.statement import (
    MAX_GRANTS,
    ConsentStatement,
    RegisteredStatement,
    read_statement,
    succession_fault,
    verify_statement,
)
from keys.documents import encode, format_time, sha256_hex, validate
from keys.errors import ForgedError, MalformedError
from keys.signing import sign
from tests.builders import (
    ABSENT,
    AGREEMENT_ID,
    AT,
    DAY,
    LINE,
    NEWCOMERS,
    SHELTER,
    registered_statement,
    signed_statement,
    signing_key,
    signing_verifier,
    statement,
    statement_members,
)


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"/version": 2}, "version-chain", "/version"),
        ({"/prev": "ab" * 32}, "version-chain", "/prev"),
        ({"/not_after": format_time(AT - DAY)}, "period-reversed", "/not_after"),
        ({"/not_after": format_time(AT + 366 * DAY)}, "consent-too-long", "/not_after"),
        ({"/not_after": ABSENT}, "missing-field", "/not_after"),
        ({"/grants/1/gid": "g1"}, "duplicate-entry", "/grants/1/gid"),
        ({"/grants": []}, "grants-and-state", "/grants"),
        ({"/state": "withdrawn"}, "grants-and-state", "/grants"),
        ({"/state": "requested"}, "unknown-code", "/state"),
        ({"/state": "refused"}, "unknown-code", "/state"),
        ({"/authority/kind": "emergency"}, "emergency-in-statement", "/authority/kind"),
        ({"/authority/kind": "legal-sharing"}, "missing-field", "/authority/article"),
        ({"/authority/kind": "care-team"}, "missing-field", "/authority/article"),
        ({"/authority/kind": "consent-representative"}, "given-by-and-kind", "/authority/given_by"),
        ({"/authority/given_by": "parent"}, "given-by-and-kind", "/authority/given_by"),
        ({"/grants/0/sections": []}, "too-short", "/grants/0/sections"),
        ({"/grants/0/sections/1": "identity"}, "duplicate-entry", "/grants/0/sections/1"),
        ({"/grants/0/geo": []}, "too-short", "/grants/0/geo"),
        ({"/grants/0/geo": ["FR", "FR"]}, "duplicate-entry", "/grants/0/geo/1"),
        ({"/grants/0/max_uses": 0}, "out-of-range", "/grants/0/max_uses"),
        ({"/grants/0/max_uses": 101}, "out-of-range", "/grants/0/max_uses"),
        ({"/grants/0/recipient": "everyone"}, "wrong-form", "/grants/0/recipient"),
        ({"/grants/0/agreement": f"{AGREEMENT_ID}@1"}, "wrong-form", "/grants/0/agreement"),
        ({"/person": "Personne-Fictive"}, "unknown-field", "/person"),
    ],
)
def test_a_statement_that_says_too_much_or_too_little_is_refused(
    changes: dict[str, object], code: str, pointer: str
) -> None:
    """Each slip in a statement is refused at its own place; nothing about the person has a place in it."""
    with pytest.raises(MalformedError) as caught:
        validate(ConsentStatement, statement_members(changes))
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


def test_a_year_is_the_longest() -> None:
    """A consent of exactly 366 days passes; legal sharing passes with its article."""
    assert statement({"/not_after": format_time(AT + 365 * DAY)}).state == "given"
    legal = {"kind": "legal-sharing", "article": "CASF, art. L.345-2-10", "given_by": "person", "jurisdiction": "FR"}
    assert statement({"/authority": legal}).authority.article is not None


def test_grants_are_counted() -> None:
    """One grant too many is refused."""
    grants = [statement_members()["grants"][0] | {"gid": f"g{number}"} for number in range(1, MAX_GRANTS + 2)]
    assert len(statement({"/grants": grants[:-1]}).grants) == MAX_GRANTS
    with pytest.raises(MalformedError) as caught:
        statement({"/grants": grants})
    assert (caught.value.code, caught.value.pointer) == ("too-long", "/grants")


def test_the_issuer_signs() -> None:
    """A statement signed by its issuer is read back as it was."""
    assert verify_statement(signed_statement(statement()), signing_verifier(LINE)) == statement()


def test_nobody_else_signs() -> None:
    """A statement in the name of the 211 line, signed by the shelter, is refused whichever key is tried."""
    forged = signed_statement(statement(), signing_key(SHELTER))
    assert read_statement(forged).issuer == LINE
    with pytest.raises(ForgedError, match="signer-is-not-issuer"):
        verify_statement(forged, signing_verifier(SHELTER))
    with pytest.raises(ForgedError, match="wrong-signers"):
        verify_statement(forged, signing_verifier(LINE))


def test_a_changed_statement_does_not_verify() -> None:
    """One more use, with the old signature, is refused."""
    signed = signed_statement(statement())
    widened = encode(statement({"/grants/0/max_uses": 2}))
    with pytest.raises(ForgedError, match="bad-signature"):
        verify_statement(type(signed)(signed.payload_type, widened, signed.signatures), signing_verifier(LINE))


def test_a_document_of_another_kind_is_not_a_statement() -> None:
    """The payload of a statement signed as something else is refused."""
    with pytest.raises(MalformedError, match="wrong-payload-type"):
        verify_statement(sign("ack", encode(statement()), (signing_key(LINE),)), signing_verifier(LINE))


def _next(previous: RegisteredStatement, changes: Mapping[str, object]) -> ConsentStatement:
    return statement({"/version": previous.document.version + 1, "/prev": previous.sha256} | dict(changes))


ENDED: dict[str, object] = {"/state": "withdrawn", "/grants": []}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"/grants/1": ABSENT},
        {"/grants/0/sections": ["identity"]},
        {"/not_after": format_time(AT)},
        {"/not_before": format_time(AT)},
        {"/record_commitment": "cd" * 32},
        ENDED,
        ENDED | {"/state": "revoked"},
        ENDED | {"/state": "invalidated"},
        ENDED | {"/not_after": format_time(AT)},
    ],
)
def test_a_later_version_may_narrow_or_end(changes: dict[str, object]) -> None:
    """Fewer grants, sections and days, another record, or the end: each follows."""
    first = registered_statement()
    assert succession_fault(first, _next(first, changes)) is None


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"/id": "cs_" + "z" * 26}, ("consent-unknown", "/id")),
        ({"/issuer": SHELTER}, ("consent-unknown", "/id")),
        ({"/version": 3}, ("version-chain", "/version")),
        ({"/prev": "00" * 32}, ("version-chain", "/prev")),
        ({"/authority/jurisdiction": "FR"}, ("consent-widened", "/authority")),
        (
            {"/authority/kind": "consent-representative", "/authority/given_by": "tutor"},
            ("consent-widened", "/authority"),
        ),
        ({"/not_before": format_time(AT - 2 * DAY)}, ("consent-widened", "/not_before")),
        ({"/not_after": format_time(AT + 90 * DAY)}, ("consent-widened", "/not_after")),
        ({"/grants/1/gid": "g3"}, ("consent-widened", "/grants/1/gid")),
        ({"/grants/0/purpose": "referral-food"}, ("consent-widened", "/grants/0/purpose")),
        ({"/grants/1/recipient": NEWCOMERS}, ("consent-widened", "/grants/1/recipient")),
        ({"/grants/0/agreement": "agr_" + "z" * 26}, ("consent-widened", "/grants/0/agreement")),
        ({"/grants/0/sections/4": "situation"}, ("consent-widened", "/grants/0/sections")),
        ({"/grants/0/max_uses": 2}, ("consent-widened", "/grants/0/max_uses")),
        ({"/grants/0/geo/1": "FR"}, ("consent-widened", "/grants/0/geo")),
    ],
)
def test_a_later_version_never_widens(changes: dict[str, object], fault: tuple[str, str]) -> None:
    """Each member by which a version would allow more, or belong to somebody else, is refused at its place."""
    first = registered_statement()
    assert succession_fault(first, _next(first, changes)) == fault


def test_two_versions_cannot_both_follow() -> None:
    """Once a second version is registered, another second version is refused: there is no fork."""
    first = registered_statement()
    second = _next(first, {"/grants/1": ABSENT})
    registered = RegisteredStatement(second, sha256_hex(encode(second)))
    assert succession_fault(registered, _next(first, {"/not_after": format_time(AT)})) == ("version-chain", "/version")
    assert succession_fault(registered, statement()) == ("version-chain", "/version")


def test_nothing_follows_the_end() -> None:
    """A consent that ended cannot be given again under the same identifier."""
    first = registered_statement()
    ended = _next(first, ENDED)
    registered = RegisteredStatement(ended, sha256_hex(encode(ended)))
    for changes in ({}, ENDED):
        assert succession_fault(registered, _next(registered, changes)) == ("consent-ended", "/state")


@pytest.mark.parametrize("how", ["withdrawn", "revoked", "invalidated", "expired"])
def test_what_ended_by_its_code_or_its_period_stays_ended(how: Any) -> None:  # noqa: ANN401 - one of the ends
    """Without a version that says so it has ended all the same: its issuer may say so too, and give nothing again."""
    first = replace(registered_statement(), ended=how)
    assert (first.state, registered_statement().state) == (how, "given")
    assert succession_fault(first, _next(first, {})) == ("consent-ended", "/state")
    assert succession_fault(first, _next(first, ENDED)) is None


def test_a_statement_begins_as_given() -> None:
    """The first version is number 1 and given."""
    first = registered_statement()
    assert succession_fault(None, first.document) is None
    assert succession_fault(None, _next(first, {})) == ("version-chain", "/version")
    assert succession_fault(None, statement(ENDED)) == ("consent-ended", "/state")


@given(
    sections=st.lists(
        st.sampled_from(["identity", "contact", "housing", "worker", "situation"]), min_size=1, unique=True
    ),
    uses=st.integers(1, 5),
    days=st.integers(0, 120),
)
def test_what_follows_allows_nothing_new(sections: list[str], uses: int, days: int) -> None:
    """Whatever version is accepted allows at most the sections, uses and days of the one before."""
    first = registered_statement({"/grants/0/max_uses": 3})
    changes: dict[str, Any] = {
        "/grants/0/sections": sections,
        "/grants/0/max_uses": uses,
        "/not_after": format_time(AT + days * DAY),
    }
    old, new = first.document, _next(first, changes)
    wider = (
        not set(sections) <= set(old.grants[0].sections)
        or uses > old.grants[0].max_uses
        or new.not_after > old.not_after
    )
    assert (succession_fault(first, new) is not None) == wider
