"""The clear header of each kind of envelope: what it must hold, and what it may not."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from consent.envelope import MAX_HEADER, EventHeader, MessageHeader, NoticeHeader, ReferralHeader, protect, read_header
from keys import strictjson
from keys.documents import format_time
from keys.errors import MalformedError
from tests.builders import (
    ABSENT,
    AT,
    DAY,
    LINE,
    SHELTER,
    UNDELIVERED_ID,
    Json,
    changed,
    consent_ended_members,
    emergency_members,
    emergency_message_members,
    emergency_reply_members,
    event_members,
    header,
    justification_members,
    message_members,
    notice_members,
    referral_members,
    replacing_members,
    reply_members,
)

MANY = ["env_" + "ab"[number >> 1 & 1] * 25 + "ab"[number & 1] for number in range(101)]
PLACE = "/payload/protected"


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        (referral_members(), ReferralHeader),
        (message_members(), MessageHeader),
        (reply_members(), MessageHeader),
        (event_members(), EventHeader),
        (notice_members(), NoticeHeader),
        (consent_ended_members(), NoticeHeader),
        (emergency_members(), ReferralHeader),
        (emergency_message_members(), MessageHeader),
        (emergency_reply_members(), MessageHeader),
        (justification_members(), MessageHeader),
        (replacing_members(), ReferralHeader),
    ],
)
def test_each_kind_reads_back_as_written(members: Json, kind: type) -> None:
    """A header of each kind is read as that kind, and written back to the same members."""
    read = header(members)
    assert isinstance(read, kind)
    assert strictjson.loads(protect(read), limit=MAX_HEADER) == members


def _fault(members: Json) -> tuple[str, str]:
    with pytest.raises(MalformedError) as caught:
        header(members)
    assert caught.value.pointer.startswith(PLACE)
    return caught.value.code, caught.value.pointer.removeprefix(PLACE)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"/typ": "letter"}, ("unknown-code", "/typ")),
        ({"/typ": ABSENT}, ("unknown-code", "/typ")),
        ({"/typ": ["referral"]}, ("unknown-code", "/typ")),
        ({"/v": 2}, ("out-of-range", "/v")),
        ({"/suite": "PQ2"}, ("unknown-code", "/suite")),
        ({"/id": "env_1"}, ("wrong-form", "/id")),
        ({"/ref": "env_" + "a" * 26}, ("wrong-form", "/ref")),
        ({"/seq": -1}, ("out-of-range", "/seq")),
        ({"/seq": False}, ("wrong-type", "/seq")),
        ({"/from": "ligne-211"}, ("wrong-form", "/from")),
        ({"/to": LINE}, ("sent-to-oneself", "/to")),
        ({"/iat": "2026-03-02T15:00:00Z"}, ("bad-time", "/iat")),
        ({"/exp": format_time(AT - timedelta(minutes=1))}, ("envelope-life", "/exp")),
        ({"/exp": format_time(AT + 14 * DAY)}, ("envelope-life", "/exp")),
        ({"/author": "Personne Fictive"}, ("wrong-form", "/author")),
        ({"/agreement": "agr_" + "c" * 26}, ("wrong-form", "/agreement")),
        ({"/agreement": "agr_" + "c" * 26 + "@0"}, ("wrong-form", "/agreement")),
        ({"/article": "one"}, ("wrong-form", "/article")),
        ({"/purpose": "referral-anything"}, ("unknown-code", "/purpose")),
        ({"/priority": "whenever"}, ("unknown-code", "/priority")),
        ({"/need": "everything"}, ("unknown-code", "/need")),
        ({"/territory": "Laval, 12 rue Inventée"}, ("wrong-form", "/territory")),
        ({"/authority": ABSENT}, ("missing-field", "/authority")),
        ({"/authority/version": 0}, ("out-of-range", "/authority/version")),
        ({"/slots": []}, ("too-short", "/slots")),
        ({"/slots/1/sid": "s3"}, ("slots-out-of-order", "/slots/1/sid")),
        ({"/slots/0/sid": "s0"}, ("wrong-form", "/slots/0/sid")),
        ({"/slots/1/section": "identity", "/slots/1/schema": "identity/1"}, ("duplicate-entry", "/slots/1/section")),
        ({"/slots/1/schema": "identity/1"}, ("schema-of-another-section", "/slots/1/schema")),
        ({"/slots/1/section": "diary"}, ("unknown-code", "/slots/1/section")),
        ({"/from_": LINE}, ("unknown-field", "/from_")),
        ({"/event": {"transition": "T08"}}, ("unknown-field", "/event")),
        ({"/notice": {"kind": "timer"}}, ("unknown-field", "/notice")),
        ({"/replaces": "ref_" + "a" * 26}, ("wrong-form", "/replaces")),
        ({"/emergency": emergency_members()["emergency"]}, ("unexpected-member", "/emergency")),
        ({"/note": "Personne Fictive"}, ("unknown-field", "/note")),
    ],
)
def test_a_referral_header_with_a_slip_is_refused(changes: dict[str, object], fault: tuple[str, str]) -> None:
    """Each slip in a referral's header is refused at its own place below `/payload/protected`."""
    assert _fault(referral_members(changes)) == fault


@pytest.mark.parametrize(
    ("members", "changes", "fault"),
    [
        (message_members, {"/purpose": "referral-shelter"}, ("unknown-field", "/purpose")),
        (message_members, {"/authority": ABSENT}, ("missing-field", "/authority")),
        (message_members, {"/slots": ABSENT}, ("missing-field", "/slots")),
        (event_members, {"/slots": []}, ("unknown-field", "/slots")),
        (event_members, {"/authority": {}}, ("unknown-field", "/authority")),
        (event_members, {"/event": ABSENT}, ("missing-field", "/event")),
        (event_members, {"/event/transition": "T99"}, ("transition-unknown", "/event/transition")),
        (event_members, {"/event/note": "Personne Fictive"}, ("unknown-field", "/event/note")),
        (event_members, {"/event/reason": "because"}, ("unknown-code", "/event/reason")),
        (event_members, {"/event/asked": []}, ("too-short", "/event/asked")),
        (event_members, {"/event/asked": ["identity", "identity"]}, ("duplicate-entry", "/event/asked/1")),
        (event_members, {"/event/review_by": "tomorrow"}, ("bad-time", "/event/review_by")),
        *(
            (each, {"/replaces": UNDELIVERED_ID}, ("unexpected-member", "/replaces"))
            for each in (event_members, notice_members, justification_members)
        ),
        (notice_members, {"/slots": []}, ("unknown-field", "/slots")),
        (notice_members, {"/notice": ABSENT}, ("missing-field", "/notice")),
        (notice_members, {"/notice/kind": "advertisement"}, ("unknown-code", "/notice/kind")),
        (notice_members, {"/notice/note": "Personne Fictive"}, ("unknown-field", "/notice/note")),
        (notice_members, {"/notice/copy_of": "ref_" + "a" * 26}, ("wrong-form", "/notice/copy_of")),
        (notice_members, {"/notice/answer": "maybe"}, ("unknown-code", "/notice/answer")),
        (notice_members, {"/notice/ground": "Personne Fictive"}, ("wrong-form", "/notice/ground")),
        (notice_members, {"/emergency": {}}, ("unknown-field", "/emergency")),
        (consent_ended_members, {"/notice/version": 0}, ("out-of-range", "/notice/version")),
        (consent_ended_members, {"/notice/envelopes": []}, ("too-short", "/notice/envelopes")),
        (consent_ended_members, {"/notice/envelopes": MANY}, ("too-long", "/notice/envelopes")),
        (event_members, {"/notice": {"kind": "timer"}}, ("unknown-field", "/notice")),
        (emergency_members, {"/emergency": ABSENT}, ("missing-field", "/authority")),
        (emergency_members, {"/emergency/justification": ABSENT}, ("missing-field", "/emergency/justification")),
        (
            emergency_members,
            {"/emergency/justification/sha256": "1a"},
            ("wrong-form", "/emergency/justification/sha256"),
        ),
        (emergency_members, {"/emergency/ground": "in-a-hurry"}, ("unknown-code", "/emergency/ground")),
        (emergency_members, {"/emergency/directive": ABSENT}, ("missing-field", "/emergency/directive")),
        (emergency_members, {"/emergency/directive": "the usual one"}, ("wrong-form", "/emergency/directive")),
        (emergency_members, {"/emergency/worker": ABSENT}, ("missing-field", "/emergency/worker")),
        (emergency_members, {"/emergency/worker": "Personne Fictive"}, ("wrong-form", "/emergency/worker")),
        (emergency_members, {"/emergency/why": "Personne Fictive"}, ("unknown-field", "/emergency/why")),
        (
            emergency_message_members,
            {"/authority": message_members()["authority"]},
            ("unexpected-member", "/emergency"),
        ),
        (notice_members, {"/event/outcome": "housed-maybe"}, ("unknown-code", "/event/outcome")),
    ],
)
def test_the_other_headers_are_as_closed(
    members: Callable[[dict[str, object]], Json], changes: dict[str, object], fault: tuple[str, str]
) -> None:
    """A message names no purpose of its own; events, notices and emergencies hold codes, and no free text."""
    assert _fault(members(changes)) == fault


def test_a_justification_is_told_from_a_message_of_an_emergency() -> None:
    """What names no justification is one itself; whatever names one, or rests on a consent, is not."""
    made = [header(m) for m in (justification_members(), emergency_message_members(), message_members())]
    assert [isinstance(each, MessageHeader) and each.justifies for each in made] == [True, False, False]


def test_an_envelope_lives_14_days_at_most() -> None:
    """Exactly 14 days pass."""
    members = changed(referral_members(), {"/exp": format_time(AT - timedelta(minutes=1) + 14 * DAY)})
    assert header(members).exp - header(members).iat == 14 * DAY


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"typ":"referral","typ":"message"}', "duplicate-key"),
        (b'{"typ":"referral"', "not-json"),
        (b'{"typ":"referral"} ' + b" " * MAX_HEADER, "too-large"),
        (b"[" * 17 + b"]" * 17, "too-deep"),
        (b'{"seq":1e400}', "number-not-allowed"),
        (b"\xff", "not-utf8"),
        (b"\xef\xbb\xbf{}", "byte-order-mark"),
        (b"null", "unknown-code"),
        (b"[]", "unknown-code"),
        (b'"referral"', "unknown-code"),
        (b'{"typ":"referral","id":null}', "null-not-allowed"),
    ],
)
def test_header_bytes_are_read_strictly(data: bytes, code: str) -> None:
    """Duplicate keys, garbage and oversized bytes are refused below the member that carries the header."""
    with pytest.raises(MalformedError) as caught:
        read_header(data)
    assert caught.value.code == code
    assert caught.value.pointer.startswith(PLACE)
    assert SHELTER not in repr(caught.value.faults)
