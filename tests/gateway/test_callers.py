"""Every call needs a token, the key it is bound to, and an active organisation; the row says what it may do."""

import hmac
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from httpx2 import Response
from sqlalchemy import text

from gateway.callers import Caller
from gateway.problems import ProblemError
from tests.gateway.sign_in import (
    ABSENT,
    ADDRESS,
    PATH,
    URL,
    Machine,
    SignIn,
    b64,
    changed,
    ed25519_jwk,
    enrol,
    es256,
    jws,
    p256_jwk,
    second_process,
    signing_in,
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SignIn]:
    """A broker with one partner enrolled."""
    with signing_in(tmp_path) as made:
        yield made


def refused(answer: Response, slug: str, error: str, pointer: str = "") -> None:
    """The answer is a problem document of status 401 with the challenge of RFC 9449 §7.1."""
    assert answer.status_code == 401, answer.text
    told = answer.json()
    assert told["type"] == f"{URL}/problems/{slug}"
    assert told["title"]
    assert told["detail"]
    assert told.get("errors", []) == ([{"pointer": pointer, "code": slug}] if pointer else [])
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('DPoP algs="ES256 Ed25519 EdDSA"')
    assert f'resource_metadata="{URL}/.well-known/oauth-protected-resource"' in challenge
    assert ("error=" in challenge) == bool(error)
    assert f'error="{error}"' in challenge or not error
    assert answer.headers["DPoP-Nonce"]


def test_a_signed_in_machine_is_let_in(desk: SignIn) -> None:
    """A token with a proper proof says who calls and what it may do."""
    answer = desk.call()
    assert (answer.status_code, answer.json()) == (
        200,
        {"asked": "refuge@laval", "address": ADDRESS, "scopes": ["envelope:send"]},
    )


def test_a_token_serves_many_calls_with_a_proof_each(desk: SignIn) -> None:
    """Five minutes of calls need one token; the scheme's case does not matter (RFC 9110 §11.1)."""
    token = desk.token()
    assert [desk.call(token=token).status_code for _ in range(3)] == [200, 200, 200]
    assert desk.call(token=token, authorization=[f"dpop {token}"]).status_code == 200


def test_a_token_narrows_and_the_row_decides(desk: SignIn) -> None:
    """A scope taken back by the operator is gone at the next call, whatever the token says."""
    token = desk.token(scope=ABSENT)
    assert desk.call(token=token).json()["scopes"] == ["envelope:receive", "envelope:send", "journal:read"]
    with desk.broker.store.engine.begin() as connection:
        connection.execute(text("update organisation set scopes = 'journal:read stats:write'"))
    assert desk.call(token=token, path=f"{PATH}?scope=journal:read").json()["scopes"] == ["journal:read"]
    assert desk.call(token=token).status_code == 403


def test_a_missing_scope_is_told(desk: SignIn) -> None:
    """RFC 6750 §3.1: the refusal names the scope that the call needs."""
    answer = desk.call(path=f"{PATH}?scope=journal:read")
    assert answer.status_code == 403
    assert answer.json()["type"] == f"{URL}/problems/scope-missing"
    assert answer.headers["WWW-Authenticate"] == 'DPoP error="insufficient_scope", scope="journal:read"'


def test_requiring_a_scope() -> None:
    """A caller has the scopes it has, and no others."""
    caller = Caller(ADDRESS, frozenset({"envelope:send"}))
    caller.require("envelope:send")
    with pytest.raises(ProblemError, match="scope-missing"):
        caller.require("envelope:receive")


def test_without_a_token_the_answer_says_how_to_get_one(desk: SignIn) -> None:
    """RFC 9728 §5.1: the challenge leads to the metadata; nothing is wrong yet, so no error is named."""
    refused(desk.client.get(PATH), "token-missing", "")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Basic", "DPoPx", ""])
def test_a_token_is_never_good_alone(desk: SignIn, scheme: str) -> None:
    """A token bound to a key is not a bearer token, with or without a proof beside it."""
    token = desk.token()
    refused(desk.call(token=token, authorization=[f"{scheme} {token}"]), "token-wrong-scheme", "invalid_token")
    refused(
        desk.call(token=token, authorization=[f"{scheme} {token}"], proofs=[]), "token-wrong-scheme", "invalid_token"
    )


def test_one_authorization_header_and_no_more(desk: SignIn) -> None:
    """Two headers, or two tokens in one, could be read differently by a proxy."""
    token = desk.token()
    twice = [f"DPoP {token}", f"DPoP {token}"]
    refused(desk.call(token=token, authorization=twice), "token-invalid", "invalid_token")
    for value in (f"DPoP {token}, DPoP {token}", f"DPoP {token} {token}", f"DPoP  {token}", "DPoP", "DPoP "):
        answer = desk.call(token=token, authorization=[value])
        refused(answer, "proof-invalid", "invalid_dpop_proof", "/ath")


@pytest.mark.parametrize("text_of_token", ["x", "a.b.c", "null", "é", "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_not_a_token_is_refused(desk: SignIn, text_of_token: str) -> None:
    """Even with a proof over that very text."""
    proof = desk.machine.proof(token=text_of_token, nonce=desk.nonce())
    header = f"DPoP {text_of_token}".encode()
    answer = desk.client.get(PATH, headers=[(b"Authorization", header), (b"DPoP", proof.encode())])
    assert answer.status_code == 401
    assert answer.json()["type"].rpartition("/")[2] in {"token-invalid", "proof-invalid"}


def test_a_stolen_token_is_worth_nothing(desk: SignIn) -> None:
    """A proof by another key, be it another enrolled partner's, does not carry the token."""
    thief = Machine(desk.clock, "voleur-invente@laval")
    enrol(desk.broker, thief)
    token = desk.token()
    proof = thief.proof(token=token, nonce=desk.nonce())
    refused(desk.call(token=token, proofs=[proof]), "token-wrong-key", "invalid_token")


def test_a_proof_is_missing_or_double(desk: SignIn) -> None:
    """Exactly one proof comes with a call."""
    token = desk.token()
    refused(desk.call(token=token, proofs=[]), "proof-missing", "invalid_dpop_proof")
    two = [desk.machine.proof(token=token, nonce=desk.nonce()) for _ in range(2)]
    refused(desk.call(token=token, proofs=two), "proof-invalid", "invalid_dpop_proof")


@pytest.mark.parametrize(
    ("claims", "pointer"),
    [
        ({"htm": "POST"}, "/htm"),
        ({"htu": f"{URL}/v1/envelopes"}, "/htu"),
        ({"htu": f"https://an-address-chosen-by-the-caller.example{PATH}"}, "/htu"),
        ({"ath": ABSENT}, "/ath"),
        ({"iat": 1}, "/iat"),
        ({"jti": ABSENT}, "/jti"),
    ],
)
def test_a_proof_of_another_call_is_refused(desk: SignIn, claims: dict[str, Any], pointer: str) -> None:
    """Method, public address, token and time are those of this call; the `Host` header has no say."""
    refused(desk.call(**claims), "proof-invalid", "invalid_dpop_proof", pointer)


def test_the_proof_of_the_token_request_is_not_the_proof_of_a_call(desk: SignIn) -> None:
    """A proof recorded at the token endpoint opens nothing else."""
    proof = desk.machine.proof(nonce=desk.nonce())
    refused(desk.call(proofs=[proof]), "proof-invalid", "invalid_dpop_proof", "/htm")


@pytest.mark.parametrize("nonce", [ABSENT, "", "invented"])
def test_a_nonce_is_asked_for(desk: SignIn, nonce: object) -> None:
    """RFC 9449 §9: the refusal brings the nonce with which the same call succeeds."""
    token = desk.token()
    first = desk.call(token=token, nonce=nonce)
    refused(first, "nonce-required", "use_dpop_nonce", "/nonce")
    assert desk.call(token=token, nonce=first.headers["DPoP-Nonce"]).status_code == 200


def test_a_recorded_call_cannot_be_played_again(desk: SignIn) -> None:
    """The same headers are refused at once, and still after the nonce has ended."""
    token = desk.token()
    proof = desk.machine.proof(token=token, nonce=desk.nonce())
    assert desk.call(token=token, proofs=[proof]).status_code == 200
    refused(desk.call(token=token, proofs=[proof]), "proof-replayed", "invalid_dpop_proof")
    desk.clock.move(seconds=119)
    refused(desk.call(token=token, proofs=[proof]), "proof-replayed", "invalid_dpop_proof")
    desk.clock.move(seconds=1)
    refused(desk.call(token=token, proofs=[proof]), "proof-invalid", "invalid_dpop_proof", "/iat")


def test_a_proof_is_remembered_for_as_long_as_it_could_be_used(desk: SignIn) -> None:
    """Forgetting what is past never makes a proof good again: not by its nonce, not by an `iat` in the future."""
    token = desk.token()
    nonce = desk.nonce()
    ahead = desk.machine.proof(token=token, nonce=nonce, iat=int(desk.clock.at.timestamp()) + 120)
    assert desk.call(token=token, proofs=[ahead]).status_code == 200
    for _ in range(30):
        desk.clock.move(seconds=10)
        with desk.broker.store.transaction() as tx:
            tx.replay.forget(desk.clock.at)
        assert desk.call(token=token, proofs=[ahead]).status_code == 401


def test_another_process_knows_the_proof_too(desk: SignIn) -> None:
    """The memory of proofs is in the database: a second broker process refuses what the first has seen."""
    token = desk.token()
    proof = desk.machine.proof(token=token, nonce=desk.nonce())
    assert desk.call(token=token, proofs=[proof]).status_code == 200
    with second_process(desk) as twin:
        refused(twin.call(token=token, proofs=[proof]), "proof-replayed", "invalid_dpop_proof")
        assert twin.call(token=token).status_code == 200


def test_a_late_clock_fails_closed(desk: SignIn) -> None:
    """When the journal is minutes ahead of this process, a proof may already be forgotten elsewhere: it is refused."""
    token = desk.token()
    with desk.broker.store.engine.begin() as connection:
        connection.execute(text("update journal_head set time = '2026-11-21T14:08:59.999Z'"))
    assert desk.call(token=token).status_code == 200
    with desk.broker.store.engine.begin() as connection:
        connection.execute(text("update journal_head set time = '2026-11-21T14:09:00.000Z'"))
    refused(desk.call(token=token), "proof-expired", "invalid_dpop_proof")


def test_a_token_ends_on_the_second(desk: SignIn) -> None:
    """The last millisecond of its five minutes counts, the next does not."""
    token = desk.token()
    desk.clock.move(seconds=300, milliseconds=-1)
    assert desk.call(token=token).status_code == 200
    desk.clock.move(milliseconds=1)
    refused(desk.call(token=token), "token-expired", "invalid_token")


def test_a_suspension_is_immediate(desk: SignIn) -> None:
    """A suspended organisation's next call is refused, token or not; lifting it lets the same token in again."""
    token = desk.token()
    with desk.broker.store.transaction() as tx:
        tx.organisations.set_active(ADDRESS, active=False)
    refused(desk.call(token=token), "client-suspended", "invalid_token")
    with desk.broker.store.transaction() as tx:
        tx.organisations.set_active(ADDRESS, active=True)
    assert desk.call(token=token).status_code == 200


def test_an_organisation_that_is_gone_is_out(desk: SignIn) -> None:
    """Without a row there is nothing to be allowed."""
    token = desk.token()
    with desk.broker.store.engine.begin() as connection:
        connection.execute(text("delete from organisation"))
    refused(desk.call(token=token), "client-suspended", "invalid_token")


def _token_by(desk: SignIn, header: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    now = int(desk.clock.at.timestamp())
    claims = {"iss": URL, "aud": URL, "sub": ADDRESS, "client_id": ADDRESS, "iat": now, "exp": now + 300}
    claims |= {"jti": "forged", "scope": "envelope:send", "cnf": {"jkt": desk.machine.jkt}}
    claims |= {"client_kid": desk.machine.client_key.kid}
    return jws(changed({"typ": "at+jwt", "alg": "Ed25519"}, header), claims, sign)


def test_a_forged_token_is_refused_whoever_signs(desk: SignIn) -> None:
    """No signature, the public key as a secret, a partner's key, the broker's other key: none of them makes a token."""
    keys, own = desk.broker.keys, ec.generate_private_key(ec.SECP256R1())
    desk.machine.proof_key, own_jwk, own_signs = own, p256_jwk(own), es256(own)
    public = keys.tokens.public_bytes
    forgeries = [
        (_token_by(desk, {"alg": "none"}, lambda _message: b""), "/alg"),
        (_token_by(desk, {"alg": "HS256"}, lambda message: hmac.digest(public, message, "sha256")), "/alg"),
        (_token_by(desk, {"alg": "ES256", "jwk": own_jwk}, own_signs), "/alg"),
        (_token_by(desk, {"crit": ["exp"]}, keys.tokens.sign), "/crit"),
        (_token_by(desk, {"typ": "JWT"}, keys.tokens.sign), "/typ"),
        (_token_by(desk, {}, lambda _message: b"\0" * 64), ""),
        (_token_by(desk, {"jwk": ed25519_jwk(keys.receipts.private)}, keys.receipts.sign), ""),
    ]
    for token, place in forgeries:
        refused(desk.call(token=token), "token-invalid", "invalid_token", place)
    assert desk.call(token=_token_by(desk, {}, keys.tokens.sign)).status_code == 200


def test_a_refusal_repeats_nothing(desk: SignIn) -> None:
    """Neither the token nor the proof, nor any value in them, comes back in an answer."""
    token = desk.token()
    proof = desk.machine.proof(token=token, nonce=desk.nonce(), jti="Canari-Fictif", htm="CANARI")
    answer = desk.call(token=token, proofs=[proof])
    shown = answer.text + str(answer.headers)
    for secret in (token, proof, "Canari", "CANARI", b64(b"Canari-Fictif")):
        assert secret not in shown
