"""Attacks on the first gate: whatever is altered, borrowed or made up is refused and leaves no trace."""

import pytest

from consent.envelope import UnverifiedEnvelope, compose
from keys import strictjson
from keys.identity import SigningKey
from tests.builders import HEALTH, LINE, SHELTER, changed, sealing_kid, signing_key
from tests.gateway.world import World, refusal_of


def _altered(wire: bytes, what: str) -> bytes:
    """One thing changed on the way, as somebody in between could."""
    value = strictjson.loads(wire, limit=len(wire))
    sections = value["sections"]
    changes: dict[str, dict[str, object]] = {
        "section": {"/sections/s1": _flipped(sections["s1"])},
        "swapped": {"/sections/s1": sections["s2"], "/sections/s2": sections["s1"]},
        "key": {"/key": _flipped(value["key"])},
        "signature": {"/signatures/0/sig": _flipped(value["signatures"][0]["sig"])},
    }
    return strictjson.dumps(changed(value, changes[what]))


def _flipped(text: str) -> str:
    return ("B" if text[0] == "A" else "A") + text[1:]


def _composed(wire: bytes, *, signer: SigningKey | None = None, kid: str | None = None) -> bytes:
    """The same header and ciphertexts, signed by another key or said to be sealed to another one."""
    parsed = UnverifiedEnvelope.parse(wire)
    assert parsed.payload.key is not None
    return compose(
        parsed.payload.protected,
        signer or signing_key(parsed.header.from_),
        kid=kid or parsed.payload.key.kid,
        key=parsed.key,
        sections=parsed.sections.items(),
    )


@pytest.mark.parametrize(
    ("what", "code", "pointer"),
    [
        ("section", "digest-mismatch", "/sections/s1"),
        ("swapped", "digest-mismatch", "/sections/s1"),
        ("key", "digest-mismatch", "/key"),
        ("signature", "bad-signature", ""),
    ],
)
def test_a_tampered_envelope_is_forged(world: World, what: str, code: str, pointer: str) -> None:
    """One changed byte anywhere, or two sections exchanged, is 403 with its place, and nothing is written."""
    world.line.register()
    answer = world.line.deposit(_altered(world.referral(), what))
    assert refusal_of(answer) == (403, code)
    assert answer.json().get("errors", []) == ([{"pointer": pointer, "code": code}] if pointer else [])
    assert world.types() == ["consent.registered"]


def test_nobody_deposits_for_somebody_else(world: World) -> None:
    """An envelope genuinely signed by the line is refused from the hands of another partner."""
    world.line.register()
    assert refusal_of(world.shelter.deposit(world.referral())) == (403, "sender-is-not-caller")
    assert world.types() == ["consent.registered"]


def test_an_envelope_signed_by_another_than_its_sender_is_forged(world: World) -> None:
    """A partner that signs an envelope in the line's name is refused, whoever brings it."""
    world.line.register()
    forged = _composed(world.referral(), signer=signing_key(SHELTER))
    for partner in (world.shelter, world.line):
        assert refusal_of(partner.deposit(forged)) == (403, "signer-is-not-sender")


def test_an_unpublished_signing_key_is_unknown(world: World) -> None:
    """A key that no chain vouches for signs nothing, whatever organisation its name claims."""
    world.line.register()
    forged = _composed(world.referral(), signer=signing_key(LINE, "unpublished"))
    assert refusal_of(world.line.deposit(forged)) == (403, "key-unknown")


def test_a_key_of_another_use_does_not_sign_envelopes(world: World) -> None:
    """A key serves for one use: the name of another published key of the sender is as unknown as none."""
    world.line.register()
    kid = sealing_kid(LINE)
    wire = world.referral()
    value = changed(strictjson.loads(wire, limit=len(wire)), {"/signatures/0/keyid": kid})
    assert refusal_of(world.line.deposit(strictjson.dumps(value))) == (403, "key-unknown")


def test_a_sealing_key_that_the_recipient_never_published_is_refused(world: World) -> None:
    """What is sealed to an unknown key would be lost: the recipient could never open it."""
    world.line.register()
    forged = _composed(world.referral(), kid=f"{SHELTER}#sealing-{'0' * 32}")
    assert refusal_of(world.line.deposit(forged)) == (403, "key-not-of-recipient")


def test_a_sealing_key_of_a_third_partner_is_refused_by_form(world: World) -> None:
    """An envelope to the shelter sealed to somebody else's key is malformed: the key's name says whose it is."""
    world.line.register()
    forged = _composed(world.referral(), kid=sealing_kid(HEALTH))
    assert refusal_of(world.line.deposit(forged)) == (422, "key-of-somebody-else")


def test_an_ended_sealing_key_is_refused(world: World) -> None:
    """A sealing epoch serves for seven days, and not a moment longer."""
    world.line.register()
    wire = world.referral()
    world.clock.move(days=6)
    assert refusal_of(world.line.deposit(wire)) == (403, "key-not-in-period")


@pytest.mark.parametrize("what", ["signing", "sealing"])
def test_a_revoked_key_stops_at_the_next_call(world: World, what: str) -> None:
    """From the index of its revocation on, a key neither signs nor is sealed to."""
    world.line.register()
    wire = world.referral()
    owner, kid = (world.line, signing_key(LINE).kid) if what == "signing" else (world.shelter, sealing_kid(SHELTER))
    assert owner.revoke(kid).status_code == 201
    assert refusal_of(world.line.deposit(wire)) == (403, "key-revoked")
    assert world.types() == ["consent.registered", "key.revoked"]


def test_a_revocation_after_the_acceptance_does_not_reach_back(world: World) -> None:
    """Keys are judged at the index of acceptance: what was accepted before is still delivered (PROTOCOL §6)."""
    world.deposited()
    assert world.line.revoke(signing_key(LINE).kid).status_code == 201
    assert len(world.shelter.lease()) == 1


def test_another_callers_proof_does_not_serve(world: World) -> None:
    """A token is bound to the key that asked for it: another partner's proof does not go with it."""
    world.line.register()
    path = "/v1/envelopes"
    headers = world.line.headers("POST", path) | {"Content-Type": "application/json"}
    mixed = headers | {"DPoP": world.shelter.headers("POST", path)["DPoP"]}
    answer = world.client.post(path, content=world.referral(), headers=mixed)
    assert answer.status_code == 401
    assert world.types() == ["consent.registered"]


def test_a_captured_call_is_not_replayed(world: World) -> None:
    """The very same request, headers included, is refused the second time: a proof serves once."""
    world.line.register()
    path = "/v1/envelopes"
    headers = world.line.headers("POST", path) | {"Content-Type": "application/json"}
    wire = world.referral()
    assert world.client.post(path, content=wire, headers=headers).status_code == 201
    assert refusal_of(world.client.post(path, content=wire, headers=headers)) == (401, "proof-replayed")


def test_a_caller_without_a_token_is_asked_for_one(world: World) -> None:
    """401 with the challenge of RFC 9449, before the body is even read."""
    answer = world.client.post("/v1/envelopes", content=b"{}", headers={"Content-Type": "application/json"})
    assert refusal_of(answer) == (401, "token-missing")
    assert answer.headers["www-authenticate"].startswith("DPoP ")
