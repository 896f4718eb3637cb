"""The token endpoint gives a token to an enrolled partner's machine that asks properly, and to nobody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import Response
from sqlalchemy import text

from tests.gateway.sign_in import (
    ABSENT,
    ADDRESS,
    GRANTED,
    URL,
    Json,
    Machine,
    SignIn,
    enrol,
    second_process,
    signing_in,
)

REASONS = {"title", "remedy", "error_description", "error"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SignIn]:
    """A broker with one partner enrolled."""
    with signing_in(tmp_path) as made:
        yield made


def refused(answer: Response, error: str, description: str, status: int = 400) -> None:
    """The answer is the OAuth error expected, in the form of RFC 6749 §5.2."""
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.json()["error_description"] == description
    assert set(answer.json()) == REASONS
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["DPoP-Nonce"]


def test_an_enrolled_machine_gets_a_token(desk: SignIn) -> None:
    """A proper request is answered as RFC 6749 §5.1 and RFC 9449 §5 say, and no cache may keep the answer."""
    answer = desk.ask()
    assert answer.status_code == 200
    told = answer.json()
    assert told.pop("access_token").count(".") == 2
    assert told == {"token_type": "DPoP", "expires_in": 300, "scope": "envelope:send"}
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    assert answer.headers["Content-Type"] == "application/json"


def test_unknown_parameters_and_a_matching_client_id_do_not_matter(desk: SignIn) -> None:
    """RFC 6749 §3.2: parameters nobody knows are ignored; `client_id` may repeat whom the assertion names."""
    assert desk.ask(form={"client_id": ADDRESS, "colour": "blue", "client_secret": ""}).status_code == 200


def test_no_scope_asks_for_everything_granted(desk: SignIn) -> None:
    """RFC 6749 §3.3: without `scope` the token carries what the operator granted, and says so."""
    assert set(desk.ask(form={"scope": ABSENT}).json()["scope"].split()) == GRANTED


@pytest.mark.parametrize(
    "scope",
    [
        *("consent:write", "envelope:send consent:write", "everything", "envelope:send  journal:read"),
        *(" envelope:send", "envelope:send ", "ENVELOPE:SEND", "envelope:send\tjournal:read", 'envelope:send "x"', "é"),
    ],
)
def test_a_scope_that_was_not_granted_is_refused(desk: SignIn, scope: str) -> None:
    """Nothing beyond what the operator granted is given, and nothing less than what was asked is given silently."""
    refused(desk.ask(form={"scope": scope}), "invalid_scope", "scope-not-granted /scope")


def test_an_organisation_without_scopes_gets_no_token(desk: SignIn) -> None:
    """A token that could do nothing is refused rather than given."""
    desk.machine = Machine(desk.clock, "sans-droits@laval")
    enrol(desk.broker, desk.machine, frozenset())
    refused(desk.ask(form={"scope": ABSENT}), "invalid_scope", "scope-not-granted /scope")


@pytest.mark.parametrize(
    "resource", [ABSENT, f"{URL}/", f"{URL}/v1", "http://passerelle.example", URL.upper(), "https://other.example"]
)
def test_a_token_is_for_this_broker_and_no_other(desk: SignIn, resource: object) -> None:
    """RFC 8707: `resource` is required and is exactly the public URL."""
    refused(desk.ask(form={"resource": resource}), "invalid_target", "resource-unknown /resource")


@pytest.mark.parametrize("grant", [ABSENT, "authorization_code", "password", "refresh_token", "Client_credentials"])
def test_other_grants_do_not_exist(desk: SignIn, grant: object) -> None:
    """Only client credentials are a grant here."""
    refused(desk.ask(form={"grant_type": grant}), "unsupported_grant_type", "grant-unsupported /grant_type")


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ({"client_assertion": ABSENT}, "/client_assertion"),
        ({"client_assertion_type": ABSENT}, "/client_assertion_type"),
        (
            {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
            "/client_assertion_type",
        ),
    ],
)
def test_a_machine_must_say_who_it_is(desk: SignIn, form: Json, place: str) -> None:
    """Without a JWT assertion nobody gets in, whatever else is sent."""
    refused(desk.ask(form=form), "invalid_client", f"assertion-missing {place}")


def test_client_id_may_not_contradict_the_assertion(desk: SignIn) -> None:
    """RFC 7521 §4.2: a `client_id` names whom the assertion names."""
    answer = desk.ask(form={"client_id": "autre-invente@laval"})
    refused(answer, "invalid_client", "assertion-invalid /client_id")


@pytest.mark.parametrize(
    ("form", "headers"),
    [({"client_secret": "hunter2"}, {}), ({}, {"Authorization": "Basic YTpi"}), ({}, {"Authorization": "DPoP abc"})],
)
def test_two_ways_of_authenticating_are_one_too_many(desk: SignIn, form: Json, headers: Json) -> None:
    """RFC 6749 §2.3: a request uses one method, so that nobody has to guess which one counted."""
    refused(desk.ask(form=form, headers=headers), "invalid_request", "authentication-twice")


def test_unknown_suspended_and_forged_clients_are_answered_alike(desk: SignIn) -> None:
    """Nobody learns from the answer whether an organisation exists, is suspended, or has another key."""
    impostor = Machine(desk.clock)
    impostor.client_key = Machine(desk.clock).client_key
    kid = {"kid": desk.machine.client_key.kid}
    stranger = Machine(desk.clock, "inconnu@laval")
    suspended = Machine(desk.clock, "suspendu@laval")
    enrol(desk.broker, suspended)
    with desk.broker.store.transaction() as tx:
        tx.organisations.set_active(suspended.address, active=False)
    sent = [impostor.assertion(), impostor.assertion(kid), stranger.assertion(), suspended.assertion()]
    answers = [desk.ask(form={"client_assertion": assertion}) for assertion in sent]
    for answer in answers:
        refused(answer, "invalid_client", "client-refused")
    assert len({answer.content for answer in answers}) == 1


def test_a_suspension_that_is_lifted_lets_the_machine_in_again(desk: SignIn) -> None:
    """The row decides at every request."""
    with desk.broker.store.transaction() as tx:
        tx.organisations.set_active(ADDRESS, active=False)
    refused(desk.ask(), "invalid_client", "client-refused")
    with desk.broker.store.transaction() as tx:
        tx.organisations.set_active(ADDRESS, active=True)
    assert desk.ask().status_code == 200


def test_a_sign_in_key_ends_with_its_period(desk: SignIn) -> None:
    """The key counts up to its last millisecond, and no longer."""
    desk.clock.move(days=60, milliseconds=-1)
    assert desk.ask().status_code == 200
    desk.clock.move(milliseconds=1)
    refused(desk.ask(), "invalid_client", "client-refused")


def test_a_revoked_sign_in_key_is_refused(desk: SignIn) -> None:
    """A revocation closes the door at once, even in the middle of the key's period."""
    with desk.broker.store.engine.begin() as connection:
        connection.execute(text("update published_key set revoked_index = 3 where use = 'oauth'"))
    refused(desk.ask(), "invalid_client", "client-refused")


def test_a_key_of_another_use_does_not_sign_in(desk: SignIn) -> None:
    """A key published for something else opens nothing here, even with its own organisation's consent."""
    with desk.broker.store.engine.begin() as connection:
        connection.execute(text("update published_key set use = 'signing' where use = 'oauth'"))
    refused(desk.ask(), "invalid_client", "client-refused")


def test_an_assertion_is_good_once(desk: SignIn) -> None:
    """The same assertion with a fresh proof is refused, and so is another one with the same `jti`."""
    assertion = desk.machine.assertion(jti="only-once")
    assert desk.ask(form={"client_assertion": assertion}).status_code == 200
    refused(desk.ask(form={"client_assertion": assertion}), "invalid_client", "assertion-replayed")
    again = desk.machine.assertion(jti="only-once", exp=int(desk.clock.at.timestamp()) + 90)
    refused(desk.ask(form={"client_assertion": again}), "invalid_client", "assertion-replayed")


def test_a_jti_belongs_to_its_organisation(desk: SignIn) -> None:
    """An organisation cannot use up the identifiers of another."""
    other = Machine(desk.clock, "autre-invente@laval")
    enrol(desk.broker, other)
    assert desk.ask(form={"client_assertion": other.assertion(jti="shared")}).status_code == 200
    assert desk.ask(form={"client_assertion": desk.machine.assertion(jti="shared")}).status_code == 200


def test_a_proof_is_good_once(desk: SignIn) -> None:
    """The same proof with a fresh assertion is refused."""
    proof = desk.machine.proof(nonce=desk.nonce())
    assert desk.ask(proofs=[proof]).status_code == 200
    refused(desk.ask(proofs=[proof]), "invalid_dpop_proof", "proof-replayed")


def test_what_was_refused_is_used_up_too(desk: SignIn) -> None:
    """An assertion seen with a wrong scope cannot be tried again with a better one."""
    assertion = desk.machine.assertion()
    refused(
        desk.ask(form={"client_assertion": assertion, "scope": "consent:write"}),
        "invalid_scope",
        "scope-not-granted /scope",
    )
    refused(desk.ask(form={"client_assertion": assertion}), "invalid_client", "assertion-replayed")


def test_a_stranger_fills_no_table(desk: SignIn) -> None:
    """Whoever is refused before being known leaves nothing behind in the database."""
    stranger = Machine(desk.clock, "inconnu@laval")
    desk.ask(form={"client_assertion": stranger.assertion()}, proofs=[stranger.proof(nonce=desk.nonce())])
    with desk.broker.store.engine.begin() as connection:
        assert connection.execute(text("select count(*) from replay")).scalar() == 0


def test_the_first_request_is_told_the_nonce(desk: SignIn) -> None:
    """RFC 9449 §8: without a nonce the answer is `use_dpop_nonce`, with one that works; the assertion stays good."""
    assertion = desk.machine.assertion()
    first = desk.ask(form={"client_assertion": assertion}, proofs=[desk.machine.proof()])
    refused(first, "use_dpop_nonce", "nonce-required /nonce")
    proof = desk.machine.proof(nonce=first.headers["DPoP-Nonce"])
    assert desk.ask(form={"client_assertion": assertion}, proofs=[proof]).status_code == 200


def test_nonces_hold_in_every_process_of_the_broker(desk: SignIn, tmp_path: Path) -> None:
    """A nonce given by one process is accepted by another that has the same keys, and by no other broker."""
    with second_process(desk) as twin:
        assert twin.ask(proofs=[desk.machine.proof(nonce=desk.nonce())]).status_code == 200
    (tmp_path / "other").mkdir()
    with signing_in(tmp_path / "other") as stranger:
        answer = desk.ask(proofs=[desk.machine.proof(nonce=stranger.nonce())])
    refused(answer, "use_dpop_nonce", "nonce-required /nonce")
