"""A token ends with the sign-in key to which it was issued, at the very next call."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import Response
from sqlalchemy import text

from keys.identity import ClientKey
from tests.builders import DAY, SHELTER, signing_key
from tests.gateway.chains import next_statement, publish_statement
from tests.gateway.sign_in import ADDRESS, URL, Machine, SignIn, enrol, jws, signing_in
from tests.gateway.world import World, refusal_of


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SignIn]:
    """A broker with one partner enrolled."""
    with signing_in(tmp_path) as made:
        yield made


def refused(answer: Response) -> bool:
    """The call was refused because of the key behind the token, and the client is told to get another token."""
    told = answer.json()["type"] == f"{URL}/problems/client-key-revoked"
    return answer.status_code == 401 and told and 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_revoked_sign_in_key_ends_its_tokens(desk: SignIn) -> None:
    """From the revocation on, the very next call is refused, and nobody signs in with the key any more."""
    token = desk.token()
    assert desk.call(token=token).status_code == 200
    with desk.broker.store.engine.begin() as connection:
        connection.execute(text("update published_key set revoked_index = 3 where use = 'oauth'"))
    assert refused(desk.call(token=token))
    assert desk.ask().json()["error"] == "invalid_client"


def test_a_sign_in_key_that_ended_ends_its_tokens(desk: SignIn) -> None:
    """A token of the last minute of a key does not outlive it."""
    desk.clock.move(days=60, seconds=-60)
    token = desk.token()
    assert desk.call(token=token).status_code == 200
    desk.clock.move(seconds=60)
    assert refused(desk.call(token=token))


@pytest.mark.parametrize("kid", ["signing", "unknown", "of another"])
def test_a_token_stands_on_a_sign_in_key_of_its_own_organisation(desk: SignIn, kid: str) -> None:
    """Even a token that the broker signed: a key of another use, of nobody, or of another partner carries none."""
    other = Machine(desk.clock, "autre-invente@laval")
    enrol(desk.broker, other)
    with desk.broker.store.reading() as tx:
        chain = tx.keys.chain(ADDRESS)
    assert chain is not None
    named = {"signing": chain.keys[1].kid, "unknown": f"{ADDRESS}#oauth-{'0' * 32}", "of another": other.client_key.kid}
    assert refused(desk.call(token=_token_by_broker(desk, named[kid])))
    assert desk.call(token=_token_by_broker(desk, desk.machine.client_key.kid)).status_code == 200


def _token_by_broker(desk: SignIn, kid: str) -> str:
    now = int(desk.clock.at.timestamp())
    claims = {"iss": URL, "aud": URL, "sub": ADDRESS, "client_id": ADDRESS, "iat": now, "exp": now + 300}
    claims |= {"jti": "made", "scope": "envelope:send", "cnf": {"jkt": desk.machine.jkt}, "client_kid": kid}
    return jws({"typ": "at+jwt", "alg": "Ed25519"}, claims, desk.broker.keys.tokens.sign)


def test_a_revoked_sign_in_key_is_replaced_without_losing_a_call(world: World) -> None:
    """The next key is published with the old one; the revocation ends the old one's token, the next one signs in."""
    shelter = world.shelter
    fresh = ClientKey.generate(SHELTER)
    period = (world.clock.at, world.clock.at + 80 * DAY)
    signed = next_statement(world, "oauth", fresh.public_bytes, period, signers=(signing_key(SHELTER),))
    assert publish_statement(world, signed).status_code == 201
    assert shelter.revoke(shelter.client_key.kid).status_code == 201
    assert refusal_of(shelter.get("/v1/agreements")) == (401, "client-key-revoked")
    shelter.sign_in_with(fresh)
    assert shelter.get("/v1/agreements").status_code == 200
    assert world.types() == ["key.published", "key.revoked"]


def test_a_suspended_partner_is_out_whatever_its_keys(world: World) -> None:
    """Suspension and revocation are told apart, and each works at the very next call."""
    assert world.shelter.get("/v1/agreements").status_code == 200
    world.act(lambda tx, _at: tx.organisations.set_active(SHELTER, active=False))
    assert refusal_of(world.shelter.get("/v1/agreements")) == (401, "client-suspended")
    world.act(lambda tx, _at: tx.organisations.set_active(SHELTER, active=True))
    assert world.shelter.get("/v1/agreements").status_code == 200
