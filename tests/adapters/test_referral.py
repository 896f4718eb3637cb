"""Referral files: what a partner's software writes, judged as a whole and explained by line and column."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from adapters.referral import MAX_REFERRAL_FILE, read_referral
from adapters.words import words
from keys import strictjson
from keys.errors import MalformedError
from tests.adapters.partners import referral_members
from tests.adapters.test_sections import VALID
from tests.invented import ABSENT, RECORD_ID, changed

PAPER = {"type": "lease", "path": "bail.pdf"}
EMERGENCY = {"ground": "child-in-danger", "directive": "DIR-1", "justification": "Inventée."}


def refusal(changes: Mapping[str, object]) -> tuple[str, str]:
    """The slug and the place of what is wrong once a valid file is changed."""
    with pytest.raises(MalformedError) as caught:
        read_referral(strictjson.dumps(referral_members(RECORD_ID, changes)))
    return caught.value.code, caught.value.pointer


def test_a_referral_file_keeps_the_order_of_the_sections() -> None:
    """Only what is filled is sent, in the order in which people read it."""
    file = read_referral(strictjson.dumps(referral_members(RECORD_ID)))
    assert list(file.sections.present()) == ["identity", "contact", "situation", "housing", "worker"]


def test_every_section_may_stand_in_a_file() -> None:
    """A file can hold all of them at once, when nothing tells of violence."""
    sections = {**VALID, "safety": {"violence": "no", "danger": "none"}, "documents": [PAPER]}
    del sections["justification"]
    members = referral_members(RECORD_ID, {"/sections": sections, "/service": "s-1"})
    assert set(read_referral(strictjson.dumps(members)).sections.codes()) == set(sections)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"/sections": {}}, ("too-short", "/sections")),
        ({"/sections/documents": []}, ("too-short", "/sections/documents")),
        ({"/sections/documents": [{"type": "lease"}]}, ("missing-field", "/sections/documents/0/path")),
        ({"/sections/documents": [PAPER, PAPER]}, ("duplicate-entry", "/sections/documents/1/path")),
        ({"/sections/documents": [{**PAPER, "path": "/etc/passwd"}]}, ("wrong-form", "/sections/documents/0/path")),
        ({"/consent": ABSENT}, ("missing-field", "/consent")),
        ({"/emergency": EMERGENCY}, ("unexpected-member", "/emergency")),
        (
            {"/overrides": [{"place": "/sections/situation/note", "kind": "name"}]},
            ("missing-field", "/overrides/0/reason"),
        ),
        ({"/sections/diary": {}}, ("unknown-field", "/sections/diary")),
        ({"/sections/income_rights": VALID["income-rights"]}, ("unknown-field", "/sections/income_rights")),
        (
            {"/sections/migration-status": {"migration": "student"}},
            ("migration-without-service", "/sections/migration-status"),
        ),
        ({"/purpose": "referral-luxury"}, ("unknown-code", "/purpose")),
        ({"/priority": "yesterday"}, ("unknown-code", "/priority")),
        ({"/to": "Refuge"}, ("wrong-form", "/to")),
        ({"/to": ABSENT}, ("missing-field", "/to")),
        ({"/consent": "rec_1"}, ("wrong-form", "/consent")),
        ({"/part_of": "ref_1"}, ("wrong-form", "/part_of")),
        ({"/author": "Jeanne Inventée"}, ("wrong-form", "/author")),
        ({"/respond_by": "tomorrow"}, ("bad-time", "/respond_by")),
        ({"/need": None}, ("null-not-allowed", "/need")),
        ({"/from": "ligne-211@laval"}, ("unknown-field", "/from")),
    ],
)
def test_what_a_file_does_not_allow_is_refused_at_its_place(
    changes: Mapping[str, object], expected: tuple[str, str]
) -> None:
    """One change at a time to a valid file, each refused with its slug and its pointer."""
    assert refusal(changes) == expected


@pytest.mark.parametrize(
    "violence",
    [
        {"/sections/safety": {"violence": "yes", "danger": "possible"}},
        {"/sections/safety": {"violence": "suspected", "danger": "none"}},
        {"/sections/situation/needs/0/need": "violence"},
        {"/purpose": "referral-violence"},
    ],
)
def test_an_address_never_stands_beside_violence(violence: Mapping[str, object]) -> None:
    """However violence is told, nothing in the file may say where the person is."""
    address = {"/sections/housing/address": "1, rue Inventée"}
    assert refusal({**violence, **address}) == ("address-with-violence", "/sections/housing/address")
    assert read_referral(strictjson.dumps(referral_members(RECORD_ID, violence))).sections.housing
    assert read_referral(strictjson.dumps(referral_members(RECORD_ID, address))).sections.housing


def test_every_fault_is_told_with_its_line_and_column() -> None:
    """Whoever edits the file by hand finds both slips at once, and neither value is repeated."""
    members = referral_members(RECORD_ID, {"/priority": "Canari-1", "/sections/housing/tonight": "Canari-2"})
    text = json.dumps(members, indent=2, ensure_ascii=False)
    with pytest.raises(MalformedError) as caught:
        read_referral(text.encode())
    lines = text.splitlines()
    for fault, name in zip(caught.value.faults, ("priority", "tonight"), strict=True):
        assert fault.line is not None
        assert name in lines[fault.line - 1]
    explained = words.explain(caught.value, "fr")
    assert "Canari" not in explained
    assert "ligne" in explained


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b"[]", "wrong-type"),
        (b"\xef\xbb\xbf{}", "byte-order-mark"),
        ('{"to": "é"}'.encode("cp1252"), "not-utf8"),
        (b'{"to": "a@b", "to": "a@b"}', "duplicate-key"),
        (b"[" * 40 + b"]" * 40, "too-deep"),
        (b" " * (MAX_REFERRAL_FILE + 1), "too-large"),
    ],
)
def test_a_file_that_is_not_strict_json_is_refused(data: bytes, slug: str) -> None:
    """Truncated, nested, doubled, of another charset or too large: refused with the rule's word."""
    with pytest.raises(MalformedError, match=slug):
        read_referral(data)


def test_changes_of_the_builder_are_what_is_refused() -> None:
    """The valid file of these tests really is valid."""
    assert changed(referral_members(RECORD_ID), {}) == referral_members(RECORD_ID)
    assert read_referral(strictjson.dumps(referral_members(RECORD_ID))).consent == RECORD_ID
