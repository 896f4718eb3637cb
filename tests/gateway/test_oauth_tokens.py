"""A token is recognised by the broker that made it, for five minutes, and nothing that looks like one is."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from gateway.oauth.refusals import SignInError
from gateway.oauth.tokens import TokenAuthority, token_authority
from keys.identity import SigningKey
from tests.gateway.sign_in import ABSENT, ADDRESS, AT, URL, Json, b64, changed, ed25519_jwk, es256, jws

KEY = SigningKey.generate("gateway@laval", "tokens")
JKT = "A" * 43
KID = f"{ADDRESS}#oauth-{'0' * 32}"
NOW = int(AT.timestamp())
CLAIMS = {
    "iss": URL,
    "aud": URL,
    "sub": ADDRESS,
    "client_id": ADDRESS,
    "iat": NOW,
    "exp": NOW + 300,
    "jti": "one",
    "scope": "envelope:send",
    "cnf": {"jkt": JKT},
    "client_kid": KID,
}
HEADER = {"typ": "at+jwt", "alg": "Ed25519", "kid": KEY.kid}


@pytest.fixture
def authority() -> TokenAuthority:
    """The authority of a broker that has verified nothing yet."""
    return TokenAuthority(URL, KEY)


def made(header: Json | None = None, **claims: object) -> str:
    """A token signed with the right key, with changes."""
    return jws(changed(HEADER, header or {}), changed(CLAIMS, claims), KEY.sign)


def refusal(authority: TokenAuthority, text: str) -> str:
    """The slug of a refusal."""
    with pytest.raises(SignInError) as refused:
        authority.verify(text, AT)
    return refused.value.code


def parts(token: str) -> list[Any]:
    """The header and the claims of a token, read apart from the code under test."""
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def test_a_token_is_what_rfc_9068_says(authority: TokenAuthority) -> None:
    """Type, algorithm, issuer, one audience, client, scopes, binding, five minutes, and an identifier of its own."""
    token = authority.issue(ADDRESS, frozenset({"journal:read", "envelope:send"}), jkt=JKT, client_kid=KID, at=AT)
    header, claims = parts(token)
    assert header == HEADER
    assert len(claims.pop("jti")) >= 22
    expected = changed(CLAIMS, {"jti": ABSENT, "scope": "envelope:send journal:read"})
    assert claims == expected
    KEY.private.public_key().verify(
        base64.urlsafe_b64decode(token.rpartition(".")[2] + "=="), token.rpartition(".")[0].encode()
    )


def test_a_token_says_who_may_do_what(authority: TokenAuthority) -> None:
    """What was issued is what is read, the first time and from memory."""
    token = authority.issue(ADDRESS, frozenset({"journal:read"}), jkt=JKT, client_kid=KID, at=AT)
    first = authority.verify(token, AT)
    assert (first.address, first.scopes, first.jkt) == (ADDRESS, frozenset({"journal:read"}), JKT)
    assert first.client_kid == KID
    assert first.expires == AT + timedelta(seconds=300)
    assert authority.verify(token, AT) is first


def test_no_two_tokens_are_alike(authority: TokenAuthority) -> None:
    """Two tokens of the same moment have different identifiers."""
    tokens = {authority.issue(ADDRESS, frozenset({"journal:read"}), jkt=JKT, client_kid=KID, at=AT) for _ in range(20)}
    assert len(tokens) == 20


@pytest.mark.parametrize("known", [True, False])
def test_a_token_ends_after_five_minutes(authority: TokenAuthority, known: bool) -> None:  # noqa: FBT001 - one column of a table
    """The last millisecond counts, the next does not, even for a token that was verified before."""
    token = authority.issue(ADDRESS, frozenset({"journal:read"}), jkt=JKT, client_kid=KID, at=AT)
    if known:
        authority.verify(token, AT)
    authority.verify(token, AT + timedelta(seconds=300, milliseconds=-1))
    with pytest.raises(SignInError, match="token-expired"):
        authority.verify(token, AT + timedelta(seconds=300))


@pytest.mark.parametrize(
    "header",
    [
        *({"typ": typ} for typ in (ABSENT, None, "JWT", "dpop+jwt", "application/at+jwt", "AT+JWT")),
        *({"alg": alg} for alg in (ABSENT, None, "none", "HS256", "EdDSA", "ES256", "Ed448")),
        *({"crit": crit} for crit in (["exp"], [], None)),
        {"crit": ["b64"], "b64": False},
        {"b64": False},
    ],
)
def test_another_kind_of_jwt_is_no_token(authority: TokenAuthority, header: Json) -> None:
    """Even signed with the right key: another type or algorithm, or an extension, is refused."""
    assert refusal(authority, made(header)) == "token-invalid"


@pytest.mark.parametrize(
    "claims",
    [
        *({"iss": value} for value in (ABSENT, None, "https://other.example", f"{URL}/", [URL])),
        *({"aud": value} for value in (ABSENT, None, "https://other.example", [URL], [URL, "x"], "")),
        *({"sub": value} for value in (ABSENT, None, "autre@laval", "Refuge", 7)),
        *({"client_id": value} for value in (ABSENT, None, "autre@laval", "")),
        *({"exp": value} for value in (ABSENT, None, True, str(NOW + 300), -1)),
        *({"iat": value} for value in (ABSENT, None, "now")),
        *({"jti": value} for value in (ABSENT, None, "", 7)),
        *({"scope": value} for value in (ABSENT, None, "", ["envelope:send"])),
        *({"client_kid": value} for value in (ABSENT, None, "", 7, "x" * 201)),
        *({"cnf": value} for value in (ABSENT, None, {}, {"jkt": None}, {"x5t#S256": JKT}, JKT)),
    ],
)
def test_every_claim_is_required_and_exact(authority: TokenAuthority, claims: Json) -> None:
    """Even signed with the right key: another issuer or audience, or a missing binding, is refused."""
    assert refusal(authority, made(**claims)) == "token-invalid"


def test_the_public_key_is_not_a_secret(authority: TokenAuthority) -> None:
    """HS256 with the published key, the oldest of these attacks, gives nothing."""
    public = KEY.public_bytes
    forged = jws(HEADER | {"alg": "HS256"}, CLAIMS, lambda message: hmac.digest(public, message, "sha256"))
    assert refusal(authority, forged) == "token-invalid"


@pytest.mark.parametrize("alg", ["none", "Ed25519"])
def test_no_signature_is_no_signature(authority: TokenAuthority, alg: str) -> None:
    """An empty or null signature never passes."""
    header = HEADER | {"alg": alg}
    assert refusal(authority, jws(header, CLAIMS, lambda _message: b"")) == "token-invalid"
    assert refusal(authority, jws(header, CLAIMS, lambda _message: b"\0" * 64)) == "token-invalid"


def test_a_key_in_the_header_is_not_ours(authority: TokenAuthority) -> None:
    """`jwk`, `jku`, `x5u` and `kid` choose nothing: there is one key."""
    other = ed25519.Ed25519PrivateKey.generate()
    header = HEADER | {"jwk": ed25519_jwk(other), "jku": "https://other.example/k", "x5u": "https://other.example/x"}
    assert refusal(authority, jws(header, CLAIMS, other.sign)) == "token-invalid"
    curve = ec.generate_private_key(ec.SECP256R1())
    assert refusal(authority, jws(HEADER, CLAIMS, es256(curve))) == "token-invalid"


def test_another_broker_s_token_is_not_ours(authority: TokenAuthority) -> None:
    """The same issuer name with another key, or the same key for another issuer, is another broker."""
    scopes = frozenset({"journal:read"})
    impostor = TokenAuthority(URL, SigningKey.generate("gateway@laval", "tokens"))
    assert refusal(authority, impostor.issue(ADDRESS, scopes, jkt=JKT, client_kid=KID, at=AT)) == "token-invalid"
    neighbour = TokenAuthority("https://other.example", KEY)
    assert refusal(authority, neighbour.issue(ADDRESS, scopes, jkt=JKT, client_kid=KID, at=AT)) == "token-invalid"


def test_a_second_spelling_of_a_token_is_refused(authority: TokenAuthority) -> None:
    """The unused bits of the last character cannot be used to write the same token another way."""
    token = made()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + alphabet[alphabet.index(token[-1]) + 1]
    assert base64.urlsafe_b64decode(twin.rpartition(".")[2] + "==") == base64.urlsafe_b64decode(
        token.rpartition(".")[2] + "=="
    )
    assert refusal(authority, twin) == "token-invalid"


TOKEN = made()


@given(st.integers(0, len(TOKEN) - 1), st.characters())
def test_no_altered_token_is_ours(place: int, character: str) -> None:
    """Changing any character of a token makes it worthless, also to an authority that knows the original."""
    altered = TOKEN[:place] + character + TOKEN[place + 1 :]
    authority = token_authority(URL, KEY)
    authority.verify(TOKEN, AT)
    if altered != TOKEN:
        assert refusal(authority, altered) == "token-invalid"


def test_memory_is_bounded_and_holds_no_token(authority: TokenAuthority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the limit the oldest is forgotten and simply verified again; what is kept is a digest, never a token."""
    monkeypatch.setattr("gateway.oauth.tokens._CACHED", 3)
    tokens = [authority.issue(ADDRESS, frozenset({"journal:read"}), jkt=JKT, client_kid=KID, at=AT) for _ in range(5)]
    first = authority.verify(tokens[0], AT)
    for token in tokens:
        authority.verify(token, AT)
    kept = vars(authority)["_verified"]
    assert list(kept) == [hashlib.sha256(token.encode()).digest() for token in tokens[2:]]
    assert authority.verify(tokens[0], AT) == first


def test_the_published_key_verifies_tokens(authority: TokenAuthority) -> None:
    """The key set holds the public half under its key id, and nothing of the private half."""
    assert authority.jwk == ed25519_jwk(KEY.private) | {"kid": KEY.kid, "use": "sig", "alg": "Ed25519"}
    assert b64(KEY.seed) not in json.dumps(authority.jwk)
