"""Agreements: what makes one coherent, and whose signatures it takes."""

from datetime import UTC, datetime, timedelta

import pytest

from consent.agreement import Agreement, read_agreement, verify_signature
from keys import strictjson
from keys.documents import b64url, encode, parse, sha256_hex
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.identity import RootPublic
from keys.signing import sign
from tests.builders import (
    ABSENT,
    AT,
    LINE,
    PARTIES,
    SHELTER,
    agreement,
    agreement_members,
    agreement_signature,
    changed,
    root_key,
    signing_key,
)

ROOTS: dict[str, RootPublic] = {address: root_key(address).public for address in PARTIES}


def test_an_agreement_reads_back_as_written() -> None:
    """What is written is what was read, to the byte, and the agreement is named by id and version."""
    payload = encode(agreement())
    assert encode(read_agreement(payload)) == payload
    assert agreement().ref == "agr_" + "c" * 26 + "@1"


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"/version": 2}, "version-chain", "/version"),
        ({"/prev": "ab" * 32}, "version-chain", "/prev"),
        ({"/not_after": "2026-02-01T05:00:00.000Z"}, "period-reversed", "/not_after"),
        ({"/territory": "ailleurs"}, "foreign-territory", "/broker/address"),
        ({"/broker/address": SHELTER}, "foreign-territory", "/broker/address"),
        ({"/parties/2/address": "equipe-sm@ailleurs"}, "foreign-territory", "/parties/2/address"),
        ({"/parties/2/address": "gateway@laval"}, "broker-as-party", "/parties/2/address"),
        ({"/parties/3/address": LINE}, "duplicate-entry", "/parties/3/address"),
        ({"/articles/1/no": "1"}, "duplicate-entry", "/articles/1/no"),
        ({"/articles/0/to/0": "inconnu@laval"}, "not-a-party", "/articles/0/to/0"),
        ({"/articles/1/from/1": "inconnu@laval"}, "not-a-party", "/articles/1/from/1"),
        ({"/articles/1/from/0": "role-inconnu"}, "unknown-code", "/articles/1/from/0"),
        ({"/articles/0/purposes/0": "referral-anything"}, "unknown-code", "/articles/0/purposes/0"),
        ({"/articles/0/sections/0": "anything"}, "unknown-code", "/articles/0/sections/0"),
        ({"/articles/0/answer_delays/tonight": "soon"}, "wrong-form", "/articles/0/answer_delays/tonight"),
        ({"/articles/0/clear/1": "identity"}, "unknown-code", "/articles/0/clear/1"),
        ({"/articles/0/to": []}, "too-short", "/articles/0/to"),
        ({"/accession": ["inconnu@laval"]}, "not-a-party", "/accession/0"),
        ({"/parties/0/roles/0": "queen"}, "unknown-code", "/parties/0/roles/0"),
        ({"/parties/0/jurisdiction": "US"}, "unknown-code", "/parties/0/jurisdiction"),
        ({"/parties/0/root_fingerprint": "AB"}, "wrong-form", "/parties/0/root_fingerprint"),
        ({"/retention/envelope_days": 15}, "out-of-range", "/retention/envelope_days"),
        ({"/quorum/threshold": 1}, "out-of-range", "/quorum/threshold"),
        ({"/quorum/witnesses": [SHELTER, SHELTER]}, "duplicate-entry", "/quorum/witnesses/1"),
        ({"/quorum/witnesses": [SHELTER, "inconnu@laval"]}, "not-a-party", "/quorum/witnesses/1"),
        ({"/quorum/witnesses": ["gateway@laval"]}, "not-a-party", "/quorum/witnesses/0"),
        ({"/quorum/witnesses": ["witness one"]}, "wrong-vkey", "/quorum/witnesses/0"),
        ({"/impact_assessment": ABSENT}, "missing-field", "/impact_assessment"),
        ({"/impact_assessment/approved_on": "2026-02-30"}, "wrong-form", "/impact_assessment/approved_on"),
        ({"/time_zone": "Laval"}, "unknown-code", "/time_zone"),
        ({"/time_zone": "../../etc/passwd"}, "unknown-code", "/time_zone"),
        ({"/phone_fallback": "1"}, "too-short", "/phone_fallback"),
        ({"/mood": "good"}, "unknown-field", "/mood"),
        ({"/v": True}, "wrong-type", "/v"),
    ],
)
def test_an_incoherent_agreement_is_refused(changes: dict[str, object], code: str, pointer: str) -> None:
    """Each slip in an agreement is refused at its own place, line and column included."""
    with pytest.raises(MalformedError) as caught:
        read_agreement(strictjson.dumps(agreement_members(changes)))
    assert (caught.value.code, caught.value.pointer) == (code, pointer)
    assert caught.value.faults[0].line == 1
    assert caught.value.faults[0].column is not None


def test_a_fault_never_repeats_what_was_sent() -> None:
    """Neither the error nor its faults hold the value that was wrong."""
    canary = "canari-Personne-Fictive"
    changes = {"/parties/0/address": canary, "/territory": canary, "/mood": canary, "/time_zone": canary}
    with pytest.raises(MalformedError) as caught:
        read_agreement(strictjson.dumps(agreement_members(changes)))
    assert canary not in f"{caught.value!r} {caught.value.faults!r} {caught.value.__cause__!r}"


def test_articles_name_parties_by_address_or_by_role() -> None:
    """An article covers a direction only from those it names to those it names."""
    document = agreement()
    line, shelter, health = (document.party(address) for address in list(PARTIES)[:3])
    first, second = document.articles
    assert line is not None
    assert shelter is not None
    assert health is not None
    assert first.covers_direction(line, shelter)
    assert first.covers_direction(line, health)
    assert not first.covers_direction(shelter, line)
    assert not first.covers_direction(line, line)
    assert second.covers_direction(shelter, line)
    assert not second.covers_direction(health, line)


def test_the_time_to_answer_is_the_articles_else_the_priority() -> None:
    """The delay of the article counts; without one, that of the priority, in business days of the time zone."""
    article = agreement().articles[0]
    assert article.answer_due("tonight", AT, "America/Toronto") == AT + timedelta(hours=1)
    assert article.answer_due("urgent", AT, "America/Toronto") == AT + timedelta(hours=4)
    # Five business days from Monday 2 March at 10:00, across the change of hour of 8 March.
    assert article.answer_due("routine", AT, "America/Toronto") == datetime(2026, 3, 9, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize("address", PARTIES)
def test_each_party_signs_with_its_root(address: str) -> None:
    """A signature by the root that the agreement pins is its party's."""
    document = agreement()
    signature = agreement_signature(document, address)
    assert verify_signature(signature, document, sha256_hex(encode(document)), ROOTS) == address


def _refused(
    signed_by: str = SHELTER,
    roots: dict[str, RootPublic] | None = None,
    changes: dict[str, object] | None = None,
) -> ForgedError:
    document = agreement()
    signed = agreement_signature(document, signed_by, changes=changes)
    with pytest.raises(ForgedError) as caught:
        verify_signature(signed, document, sha256_hex(encode(document)), ROOTS if roots is None else roots)
    return caught.value


@pytest.mark.parametrize(
    ("member", "value"),
    [("agreement", "agr_" + "z" * 26), ("version", 2), ("agreement_sha256", "00" * 32)],
)
def test_a_signature_of_another_agreement_is_refused(member: str, value: object) -> None:
    """A signature counts for one agreement, one version and one digest, and the member that differs is told."""
    error = _refused(changes={f"/{member}": value})
    assert (error.code, error.pointer) == ("other-agreement", f"/{member}")


def test_a_changed_agreement_keeps_no_signature() -> None:
    """One more section in an article after signing, and the signature no longer fits."""
    signature = agreement_signature(agreement(), SHELTER)
    widened = agreement({"/articles/1/sections/2": "health-note"})
    with pytest.raises(ForgedError, match="other-agreement"):
        verify_signature(signature, widened, sha256_hex(encode(widened)), ROOTS)


def test_a_stranger_cannot_sign() -> None:
    """Somebody who is not a party is refused, whatever root the broker would vouch for."""
    assert _refused("intrus@laval", ROOTS | {"intrus@laval": root_key("intrus@laval").public}).code == "not-a-party"


def test_a_root_the_broker_made_up_is_refused() -> None:
    """The agreement pins the root: a broker that makes another one for a party cannot sign in its place."""
    document, made_up = agreement(), root_key(SHELTER, "made up by the broker")
    signed = agreement_signature(document, SHELTER, root=made_up)
    with pytest.raises(ForgedError) as caught:
        verify_signature(signed, document, sha256_hex(encode(document)), ROOTS | {SHELTER: made_up.public})
    assert (caught.value.code, caught.value.pointer) == ("other-root", "/by")


def test_an_unknown_root_is_refused() -> None:
    """A party whose root is not known cannot be verified, hence did not sign."""
    assert _refused(roots={LINE: ROOTS[LINE]}).code == "other-root"


@pytest.mark.parametrize("half", [0, 1])
def test_half_a_root_is_not_a_signature(half: int) -> None:
    """Both halves of a root have to sign: either one alone is refused."""
    document = agreement()
    signed = agreement_signature(document, SHELTER)
    alone = type(signed)(signed.payload_type, signed.payload, (signed.signatures[half],))
    with pytest.raises(ForgedError, match="wrong-signers"):
        verify_signature(alone, document, sha256_hex(encode(document)), ROOTS)


def test_one_party_cannot_sign_for_another() -> None:
    """A signature in another party's name, made with one's own root, is refused."""
    document = agreement()
    signed = agreement_signature(document, SHELTER, root=root_key(LINE))
    with pytest.raises(ForgedError, match="wrong-signers"):
        verify_signature(signed, document, sha256_hex(encode(document)), ROOTS)


def test_a_signature_made_for_something_else_does_not_count() -> None:
    """The same payload signed as a document of another kind is refused: the kind is part of what is signed."""
    document = agreement()
    signed = agreement_signature(document, SHELTER)
    other = sign("ack", signed.payload, root_key(SHELTER).signers)
    with pytest.raises(MalformedError, match="wrong-payload-type"):
        verify_signature(other, document, sha256_hex(encode(document)), ROOTS)


def test_a_signing_key_cannot_sign_an_agreement() -> None:
    """The everyday signing key of a party is not its root."""
    document = agreement()
    signed = agreement_signature(document, SHELTER)
    other = sign("agreement-signature", signed.payload, (signing_key(SHELTER),))
    with pytest.raises(PasserelleError, match="wrong-signers"):
        verify_signature(other, document, sha256_hex(encode(document)), ROOTS)


def test_the_receipt_key_has_its_size() -> None:
    """A receipt key of 31 bytes is refused where it stands."""
    members = changed(agreement_members(), {"/broker/receipts": b64url(bytes(31))})
    with pytest.raises(MalformedError) as caught:
        parse(Agreement, strictjson.dumps(members), limit=100_000)
    assert (caught.value.code, caught.value.pointer) == ("too-short", "/broker/receipts")
