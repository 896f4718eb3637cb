"""Nonces: only a fresh one of ours makes a proof worth anything."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.oauth.dpop import Proof, ProvenCall, read_proof
from gateway.oauth.nonces import CLOCKS_APART, NONCE_LIFE, check_nonce, fresh_nonce
from gateway.oauth.refusals import SignInError
from tests.gateway.sign_in import (
    ABSENT,
    AT,
    PATH,
    URL,
    HeldClock,
    Machine,
    SignIn,
    b64,
    signing_in,
)

NOW = int(AT.timestamp())
SECRET = bytes(range(32))
TOKEN = "an.access.token"
CALL = ProvenCall("GET", URL, "/v1/probe/refuge@laval", TOKEN)
NONCE = fresh_nonce(SECRET, AT)


@pytest.fixture
def machine() -> Machine:
    """A partner's machine."""
    return Machine(HeldClock())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SignIn]:
    """A broker with one partner enrolled."""
    with signing_in(tmp_path) as made:
        yield made


def checked(*headers: str, call: ProvenCall = CALL) -> Proof:
    """Check the headers of a call, the signature included."""
    proof = read_proof(list(headers), call, nonce_secret=SECRET, at=AT)
    proof.verify()
    return proof


def made(machine: Machine, **changes: object) -> str:
    """A proof for `CALL` with changes."""
    return machine.proof(**({"token": TOKEN, "nonce": NONCE} | changes))  # type: ignore[arg-type]  # the changes of a test


def refusal(*headers: str, call: ProvenCall = CALL) -> tuple[str, str]:
    """The slug and the place of a refusal."""
    with pytest.raises(SignInError) as refused:
        checked(*headers, call=call)
    return refused.value.code, refused.value.pointer


@pytest.mark.parametrize(
    "nonce",
    [
        ABSENT,
        None,
        "",
        "nonce",
        NONCE[:-1],
        NONCE + "A",
        NONCE.swapcase(),
        fresh_nonce(bytes(32), AT),
        b64(bytes.fromhex("0000019d00000000") + bytes(32)),
        b64(bytes.fromhex("ffffffffffffffff") + bytes(32)),
        b64(bytes(8)),
        b64(b""),
    ],
)
def test_a_nonce_that_is_not_ours_is_replaced(machine: Machine, nonce: object) -> None:
    """Missing, altered and invented nonces are answered by asking for one, not by an error that ends the call."""
    assert refusal(made(machine, nonce=nonce)) == ("nonce-required", "/nonce")


@pytest.mark.parametrize("nonce", [7, ["n"], "n" * 257])
def test_a_nonce_is_a_short_text(machine: Machine, nonce: object) -> None:
    """Anything else is a malformed proof."""
    assert refusal(made(machine, nonce=nonce)) == ("proof-invalid", "/nonce")


def test_a_nonce_lasts_two_minutes() -> None:
    """To the last millisecond before 120 s; from a minute before, for a process whose clock is behind the giver's."""
    clock = HeldClock()
    nonce = fresh_nonce(SECRET, clock.at)
    assert check_nonce(SECRET, nonce, clock.at) == clock.at + NONCE_LIFE
    clock.move(seconds=120, milliseconds=-1)
    check_nonce(SECRET, nonce, clock.at)
    clock.move(milliseconds=1)
    with pytest.raises(SignInError, match="nonce-required"):
        check_nonce(SECRET, nonce, clock.at)
    check_nonce(SECRET, nonce, AT - CLOCKS_APART)
    with pytest.raises(SignInError, match="nonce-required"):
        check_nonce(SECRET, nonce, AT - CLOCKS_APART - NONCE_LIFE / 120000)


@given(st.integers(0, len(NONCE) - 1), st.characters(codec="ascii"))
def test_no_altered_nonce_is_ours(place: int, character: str) -> None:
    """Changing any character of a nonce makes it worthless."""
    altered = NONCE[:place] + character + NONCE[place + 1 :]
    if altered != NONCE:
        with pytest.raises(SignInError, match="nonce-required"):
            check_nonce(SECRET, altered, AT)


def test_every_answer_carries_a_nonce(desk: SignIn) -> None:
    """Answers, refusals, unknown pages and wrong methods: each brings a nonce that can be used at once."""
    asked = [
        ("GET", "/oauth/jwks"),
        ("GET", PATH),
        ("POST", "/oauth/token"),
        ("GET", "/.well-known/oauth-protected-resource"),
        ("GET", "/no-such-page"),
    ]
    for method, path in asked:
        [nonce] = desk.client.request(method, path).headers.get_list("DPoP-Nonce")
        assert check_nonce(desk.broker.keys.nonce_secret, nonce, desk.clock.at) == desk.clock.at + NONCE_LIFE
