"""Registering what a person allowed: what is taken, what is answered, and who may not touch it."""

import pytest

from consent.statement import ConsentStatement
from keys.documents import encode, format_time
from keys.signing import sign
from tests.builders import (
    AT,
    DAY,
    LINE,
    SHELTER,
    STATEMENT_ID,
    registered_statement,
    signed_statement,
    signing_key,
    statement,
)
from tests.gateway.world import World, receipt_of, refusal_of


def _second(**changes: object) -> dict[str, object]:
    """Changes that make the second version of the builders' statement."""
    return {"/version": 2, "/prev": registered_statement().sha256, **changes}


def test_a_statement_gets_a_receipt_and_an_entry_that_only_its_issuer_opens(world: World) -> None:
    """201 with a signed receipt; the entry names no recipient, so that nobody learns of a consent from it."""
    answer = world.line.register()
    assert answer.status_code == 201
    receipt = receipt_of(answer)
    assert (receipt["statement"], receipt["version"]) == (STATEMENT_ID, 1)
    assert receipt["payload_sha256"] == registered_statement().sha256
    entry = world.entries()[receipt["index"]]
    assert (entry.type, entry.state, entry.from_, entry.to) == ("consent.registered", "given", LINE, None)
    assert entry.expires == AT + 89 * DAY
    for address, partner in world.partners.items():
        found = partner.get(f"/v1/journal/openings?after={receipt['index']}").json()["openings"]
        assert len(found) == (1 if address == LINE else 0)


def test_a_repeated_statement_is_answered_byte_for_byte(world: World) -> None:
    """The same version gets the same receipt, even once a later one stands."""
    first = world.line.register()
    assert world.line.withdraw().status_code == 201
    again = world.line.register()
    assert (again.status_code, again.content) == (200, first.content)
    assert world.types() == ["consent.registered", "consent.withdrawn"]


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"/grants/0/sections": ["identity", "contact", "housing", "worker", "health-note"]}, "consent-widened", ""),
        ({"/grants/0/max_uses": 2}, "consent-widened", "/payload/grants/0/max_uses"),
        ({"/grants/1/recipient": SHELTER}, "consent-widened", "/payload/grants/1/recipient"),
        ({"/not_after": format_time(AT + 90 * DAY)}, "consent-widened", "/payload/not_after"),
        ({"/version": 3}, "version-chain", "/payload/version"),
        ({"/prev": "ab" * 32}, "version-chain", "/payload/prev"),
    ],
)
def test_a_later_version_only_narrows(world: World, changes: dict[str, object], code: str, pointer: str) -> None:
    """More of anything, a gap or a fork is refused with its place, and the first version stands."""
    world.line.register()
    answer = world.line.register(_second(**changes))
    assert refusal_of(answer)[1] == code
    if pointer:
        assert answer.json()["errors"] == [{"pointer": pointer, "code": code}]
    assert world.types() == ["consent.registered"]


def test_a_narrower_version_takes_effect_at_once(world: World) -> None:
    """Once the second version no longer grants housing, a referral that carries it is refused."""
    world.line.register()
    answer = world.line.register(_second(**{"/grants/0/sections": ["identity", "contact"]}))
    assert answer.status_code == 201
    changes = {"/authority/version": 2, "/authority/sha256": receipt_of(answer)["payload_sha256"]}
    assert refusal_of(world.line.deposit(world.referral(changes))) == (403, "section-not-granted")


def test_a_consent_that_ended_does_not_begin_again(world: World) -> None:
    """After the withdrawal a third version is refused: the person is asked anew, under a new statement."""
    world.line.register()
    withdrawn = world.line.withdraw()
    third = {"/version": 3, "/prev": receipt_of(withdrawn)["payload_sha256"]}
    assert refusal_of(world.line.register(third))[1] == "consent-ended"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"/not_before": format_time(AT - 2 * DAY), "/not_after": format_time(AT)}, "consent-expired"),
        ({"/grants/0/agreement": "agr_" + "z" * 26}, "agreement-unknown"),
        ({"/grants/0/recipient": "inconnu@laval"}, "not-a-party"),
        (_second(), "version-chain"),
        ({"/state": "withdrawn", "/grants": []}, "consent-ended"),
    ],
)
def test_a_first_version_rests_on_something(world: World, changes: dict[str, object], code: str) -> None:
    """Over before it begins, under an unknown agreement, for a stranger, or continuing nothing: refused."""
    assert refusal_of(world.line.register(changes))[1] == code
    assert world.types() == []


def _registered(world: World, document: ConsentStatement, signer: str, caller: str) -> tuple[int, str]:
    signed = signed_statement(document, signing_key(signer))
    return refusal_of(world.partners[caller].post("/v1/consents", signed.encode(), "statement"))


@pytest.mark.parametrize(("signer", "caller"), [(SHELTER, SHELTER), (SHELTER, LINE), (LINE, SHELTER)])
def test_nobody_registers_for_somebody_else(world: World, signer: str, caller: str) -> None:
    """Issuer, signer and caller are one organisation."""
    assert _registered(world, statement(), signer, caller) == (403, "signer-is-not-sender")
    assert world.types() == []


def test_nobody_ends_the_consent_of_another(world: World) -> None:
    """A partner that knows the statement's id cannot withdraw it in its own name; unknown and not-yours are one."""
    world.line.register()
    ended = statement(_second(**{"/state": "withdrawn", "/grants": [], "/issuer": SHELTER}))
    answer = world.shelter.post("/v1/consents", signed_statement(ended).encode(), "statement")
    assert refusal_of(answer)[1] == "consent-unknown"
    assert world.types() == ["consent.registered"]


def test_a_tampered_statement_is_forged(world: World) -> None:
    """A payload that was changed after it was signed does not verify."""
    signed = signed_statement(statement())
    other = sign("statement", encode(statement({"/grants/0/max_uses": 9})), (signing_key(LINE, "unpublished"),))
    mixed = type(signed)(signed.payload_type, other.payload, signed.signatures)
    answer = world.line.post("/v1/consents", mixed.encode(), "statement")
    assert refusal_of(answer) == (403, "bad-signature")


def test_registering_needs_the_scope(world: World) -> None:
    """A token without consent:write registers nothing."""
    world.line.narrow("envelope:send")
    assert refusal_of(world.line.register()) == (403, "scope-missing")
