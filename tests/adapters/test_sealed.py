"""Opening an envelope, step by step: each tampering is refused at its own step, with the code that is acknowledged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.sealed import Expectations, NotOpened, Opened, open_envelope, seal
from adapters.sections import parse_section
from consent.envelope import ReferralHeader, UnverifiedEnvelope, compose, protect
from keys import strictjson
from keys.documents import Document, b64url, validate
from keys.errors import UntrustedKeyError
from keys.sealing import Slot, seal_sections
from keys.sealing_keys import SealingKey
from keys.statements import KeyChain, publish, replay
from tests.envelopes import event_envelope, referral_members
from tests.invented import AT, DAY, LINE, SHELTER, root_key, sealing_key, sealing_kid, signing_key

SAID: Mapping[str, object] = {
    "identity": {"alias": "Canari", "age_band": "25-54"},
    "housing": {"tonight": "street"},
}
SECTIONS: Mapping[str, Document] = {
    code: parse_section(code, f"{code}/1", strictjson.dumps(said)) for code, said in SAID.items()
}
PLACE = 40
"""Where in the journal the envelope stands."""


def header(**changes: object) -> ReferralHeader:
    """A referral of the 211 line to the shelter, with two sections."""
    slots = [{"sid": f"s{n}", "section": code, "schema": f"{code}/1"} for n, code in enumerate(SAID, start=1)]
    return validate(ReferralHeader, referral_members() | {"slots": slots} | changes)


def wire(**changes: object) -> bytes:
    """The referral, sealed and signed."""
    return seal(header(**changes), SECTIONS, signing_key(LINE), (sealing_kid(SHELTER), sealing_key(SHELTER).public))


def chain(*, revoked: int | None = None) -> KeyChain:
    """The sender's key chain, its signing key published at index 1; `revoked` is the index of its revocation."""
    root, period = root_key(LINE), (AT - DAY, AT + 300 * DAY)
    first = publish((0, None), LINE, "root", root.public, period, root.signers)
    second = publish((1, first.sha256), LINE, "signing", signing_key(LINE).public_bytes, period, root.signers)
    made = replay([(first, AT - DAY, 0), (second, AT - DAY, 1)])
    if revoked is None:
        return made
    keys = tuple(replace(key, revoked_index=revoked) if key.use == "signing" else key for key in made.keys)
    return replace(made, keys=keys)


def expectations(**changes: Any) -> Expectations:  # noqa: ANN401 - any member of the expectations
    """What the shelter knows when this envelope comes."""
    usual: dict[str, Any] = {
        "address": SHELTER,
        "at": AT,
        "accepted": AT,
        "place": PLACE,
        "chain": chain(),
        "sealing_key": {sealing_kid(SHELTER): sealing_key(SHELTER)}.get,
        "header_fits": lambda _header: True,
    }
    return Expectations(**(usual | changes))


def opened(data: bytes, **changes: Any) -> Opened | NotOpened:  # noqa: ANN401 - as above
    """What comes of opening an envelope with what is known, changed."""
    return open_envelope(data, lambda _unverified: expectations(**changes))


def altered(change: Callable[[dict[str, Any]], None], data: bytes | None = None) -> bytes:
    """The envelope with its outer JSON altered."""
    value = json.loads(data or wire())
    change(value)
    return strictjson.dumps(value)


def test_what_was_sealed_is_what_is_opened() -> None:
    """Every step holds, and the sections are read in their forms."""
    outcome = opened(wire())
    assert isinstance(outcome, Opened)
    assert dict(outcome.sections) == dict(SECTIONS)
    assert outcome.header == header()


@pytest.mark.parametrize(
    ("data", "because"),
    [(b"", "not-json"), (b"{}", "missing-field"), (wire()[:-1], "not-json"), (event_envelope(), "nothing-sealed")],
)
def test_step_1_the_form(data: bytes, because: str) -> None:
    """Bytes that are no envelope, or hold nothing sealed, are answered `schema` and never looked up."""
    outcome = open_envelope(data, lambda _unverified: pytest.fail("nothing may be looked up for it"))
    assert outcome == NotOpened("schema", because)


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"chain": None}, "sender-unknown"),
        ({"chain": chain(revoked=PLACE)}, "key-revoked"),
        ({"accepted": AT + 400 * DAY}, "key-not-in-period"),
        ({"place": 0}, "key-unknown"),
    ],
)
def test_step_2_the_key(changes: Mapping[str, object], because: str) -> None:
    """A key that was not vouched for where the journal accepted the envelope is answered `signature`."""
    assert opened(wire(), **changes) == NotOpened("signature", because)


def test_a_key_revoked_later_still_opens_what_came_before() -> None:
    """Keys are judged at the index of the envelope, not by what happened since."""
    assert isinstance(opened(wire(), chain=chain(revoked=PLACE + 1)), Opened)


def test_step_3_the_signature() -> None:
    """Another key under the same name, and a payload changed after signing, are answered `signature`."""
    forged = seal(header(), SECTIONS, signing_key(LINE, "another"), (sealing_kid(SHELTER), sealing_key(SHELTER).public))
    stolen_name = altered(lambda v: v["signatures"][0].update(keyid=signing_key(LINE).kid), forged)
    assert opened(stolen_name) == NotOpened("signature", "bad-signature")
    assert opened(forged) == NotOpened("signature", "key-unknown")


def _swap_sections(value: dict[str, Any]) -> None:
    parts = value["sections"]
    parts["s1"], parts["s2"] = parts["s2"], parts["s1"]


@pytest.mark.parametrize(
    "change",
    [
        _swap_sections,
        lambda value: value["sections"].pop("s2"),
        lambda value: value["sections"].update(s3=value["sections"]["s1"]),
        lambda value: value["sections"].update(s1=b64url(b"x" * 64)),
        lambda value: value.update(key=b64url(b"x" * 64)),
        lambda value: value.pop("key"),
    ],
)
def test_step_4_the_digests(change: Callable[[dict[str, Any]], None]) -> None:
    """A sealed part that is not the one that was signed is answered `digest`."""
    assert opened(altered(change)) == NotOpened("digest", "digest-mismatch")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"address": "equipe-sm@laval"}, "schema"),
        ({"header_fits": lambda _header: False}, "schema"),
        ({"at": AT + 8 * DAY}, "expired"),
        ({"at": header().exp}, "expired"),
    ],
)
def test_step_5_the_header(changes: Mapping[str, object], code: str) -> None:
    """To somebody else or out of place: `schema`; at its end or past it: `expired`."""
    outcome = opened(wire(), **changes)
    assert isinstance(outcome, NotOpened)
    assert outcome.code == code


def test_an_envelope_is_open_until_the_last_moment() -> None:
    """Periods exclude their end and nothing before it."""
    assert isinstance(opened(wire(), at=header().exp - timedelta(milliseconds=1)), Opened)


def test_step_6_the_key_block() -> None:
    """A key of ours that was destroyed is answered `key`; a block that is not for our key, `decrypt`."""
    assert opened(wire(), sealing_key=lambda _kid: None) == NotOpened("key", "sealing-key-gone")
    other = SealingKey.generate()
    assert opened(wire(), sealing_key=lambda _kid: other) == NotOpened("decrypt", "key-block-does-not-open")


def _composed(protected: bytes, sealed_to: bytes, parts: Mapping[str, object]) -> bytes:
    """An envelope signed by its sender over parts sealed under another header: a sender's own trick."""
    plain = {
        Slot(sid, str(code)): strictjson.dumps(said)
        for sid, (code, said) in zip(("s1", "s2"), parts.items(), strict=True)
    }
    sealed = seal_sections(b64url(sealed_to), sealing_kid(SHELTER), sealing_key(SHELTER).public, plain)
    return compose(
        protected, signing_key(LINE), kid=sealing_kid(SHELTER), key=sealed.key, sections=sealed.sections.items()
    )


def test_step_7_the_sections_belong_to_this_header() -> None:
    """What was sealed under another header does not open under this one, even signed by the sender itself."""
    this, other = protect(header()), protect(header(seq=9))
    assert opened(_composed(this, other, SAID)) == NotOpened("decrypt", "key-block-does-not-open")
    assert isinstance(opened(_composed(this, this, SAID)), Opened)


@pytest.mark.parametrize(
    ("identity", "because"),
    [
        ({"alias": "Canari", "age_band": "25-54", "address": "1, rue Inventée"}, "unknown-field"),
        ({"alias": "Canari", "age_band": "adult"}, "unknown-code"),
        ({}, "identity-without-name"),
        ("text", "wrong-type"),
    ],
)
def test_step_8_the_form_of_each_section(identity: object, because: str) -> None:
    """A mislabelled or overfull section is answered `schema`: the broker cannot see it, so the recipient looks."""
    protected = protect(header())
    data = _composed(protected, protected, {**SAID, "identity": identity})
    assert opened(data) == NotOpened("schema", because)


def test_not_being_able_to_look_is_no_fault_of_the_envelope() -> None:
    """When the journal was not read far enough, the error passes through and nothing is answered."""

    def behind(_unverified: UnverifiedEnvelope) -> Expectations:
        raise UntrustedKeyError("journal-behind")

    with pytest.raises(UntrustedKeyError, match="journal-behind"):
        open_envelope(wire(), behind)
