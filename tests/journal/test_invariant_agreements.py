"""I1: whatever passes without an agreement in force that covers it, signed by all, is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from journal.layout import SignedAgreement
from keys.documents import b64url, encode, format_time, sha256_hex
from tests.builders import (
    ABSENT,
    BROKER,
    HEALTH,
    PARTIES,
    SHELTER,
    agreement,
    agreement_signature,
    root_key,
)
from tests.journal.ledgers import Ledger, cited
from tests.journal.lives import PASSAGES, lived, under_agreement

OTHER = "agr_" + "z" * 26


@pytest.fixture
def ledger() -> Ledger:
    """The whole life of one referral."""
    return lived()


def first_of(ledger: Ledger, tmp_path: Path) -> tuple[str, str, str, str]:
    """The first violation."""
    return ledger.found(tmp_path)[0]


@pytest.mark.parametrize("name", ["accepted", "message", "seen", "released"])
def test_an_agreement_unknown_to_the_journal_is_found(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """Nothing rests on an agreement that was never journalled."""
    ledger[name]["agreement"] = f"{OTHER}@1"
    assert first_of(ledger, tmp_path) == ("I1", name, "agreement-unknown", "/agreement")


@pytest.mark.parametrize("name", ["accepted", "message", "seen", "released"])
def test_another_text_under_the_name_of_the_agreement_is_found(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """The digest names the text that was signed."""
    ledger[name]["agreement_sha256"] = "00" * 32
    assert first_of(ledger, tmp_path) == ("I1", name, "agreement-digest", "/agreement_sha256")


@pytest.mark.parametrize("name", ["accepted", "message", "seen", "released"])
def test_a_version_that_was_replaced_is_found(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """Once the next version is in force, nothing passes under the one before."""
    changes = {"/version": 2, "/prev": sha256_hex(encode(agreement())), "/phone_fallback": "450 555-0199"}
    renewed = Ledger(chains=ledger.chains).agree(agreement(changes), " again")
    place = ledger.index(name)
    for entry in renewed.entries:
        entry.members["time"] = ledger[name]["time"]
    ledger.entries[place:place] = renewed.entries
    ledger.agreements += renewed.agreements
    assert first_of(ledger, tmp_path) == ("I1", name, "agreement-superseded", "/agreement")


@pytest.mark.parametrize(
    ("kind", "slug"), [("agreement.suspended", "agreement-suspended"), ("agreement.ended", "agreement-ended")]
)
def test_a_suspended_or_ended_agreement_lets_nothing_begin(
    ledger: Ledger, tmp_path: Path, kind: str, slug: str
) -> None:
    """From the index of the suspension or the end, no new referral passes."""
    ledger.add("stop", kind, BROKER, before="accepted", **cited(agreement()))
    assert first_of(ledger, tmp_path) == ("I1", "accepted", slug, "/agreement")


def test_after_the_end_what_is_open_may_be_closed(ledger: Ledger, tmp_path: Path) -> None:
    """For 90 days after the end, messages and steps of open referrals still pass."""
    ledger.add("stop", "agreement.ended", BROKER, before="acknowledged", **cited(agreement()))
    assert ledger.found(tmp_path) == []


def test_a_suspension_that_is_lifted_needs_no_new_signatures(ledger: Ledger, tmp_path: Path) -> None:
    """What every party signed comes back into force by the operator's act."""
    ledger.add("stop", "agreement.suspended", BROKER, before="accepted", **cited(agreement()))
    ledger.add("go on", "agreement.in-force", BROKER, before="accepted", **cited(agreement()))
    assert ledger.found(tmp_path) == []


def test_an_agreement_that_ended_does_not_come_back(ledger: Ledger, tmp_path: Path) -> None:
    """An end is an end: a new agreement needs new signatures."""
    ledger.add("stop", "agreement.ended", BROKER, before="accepted", **cited(agreement()))
    ledger.add("go on", "agreement.in-force", BROKER, before="accepted", **cited(agreement()))
    assert first_of(ledger, tmp_path) == ("I1", "go on", "agreement-ended", "/agreement")


@pytest.mark.parametrize("address", PARTIES)
def test_a_missing_signature_is_found(ledger: Ledger, tmp_path: Path, address: str) -> None:
    """An agreement that one party has not signed is in force for nobody."""
    ledger.entries.remove(ledger.written(f"signed {address}"))
    found = ledger.found(tmp_path)
    assert found[0] == ("I1", "in-force", "agreement-unsigned", "/agreement")
    assert ("I1", "accepted", "agreement-not-in-force", "/agreement") in found


def test_a_signature_after_the_coming_into_force_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The order of the journal proves who had signed when it came into force."""
    late = ledger.written(f"signed {HEALTH}")
    ledger.entries.remove(late)
    ledger.entries.insert(ledger.index("in-force") + 1, late)
    late.members["time"] = ledger["in-force"]["time"]
    assert first_of(ledger, tmp_path) == ("I1", "in-force", "agreement-unsigned", "/agreement")


@pytest.mark.parametrize(
    ("signature", "slug", "pointer"),
    [
        ({"root": root_key(HEALTH, "broker’s own")}, "wrong-signers", "/document/signatures"),
        ({"changes": {"/agreement_sha256": "00" * 32}}, "other-agreement", "/document/agreement_sha256"),
        ({"changes": {"/version": 2}}, "other-agreement", "/document/version"),
        ({"changes": {"/by": "inconnu@laval"}}, "not-a-party", "/document/by"),
        ({"changes": {"/by": SHELTER}}, "other-root", "/document/by"),
        ({"changes": {"/at": ABSENT}}, "missing-field", "/document/at"),
    ],
)
def test_a_signature_that_is_none_is_found(
    ledger: Ledger, tmp_path: Path, signature: dict[str, object], slug: str, pointer: str
) -> None:
    """Each signature is verified with the root that the agreement pins."""
    signed = agreement_signature(agreement(), HEALTH, **signature)  # type: ignore[arg-type]  # chosen by the table
    ledger[f"signed {HEALTH}"]["document"] = b64url(signed.encode())
    found = ledger.found(tmp_path)
    assert found[:2] == [
        ("I1", f"signed {HEALTH}", slug, pointer),
        ("I1", "in-force", "agreement-unsigned", "/agreement"),
    ]


def test_a_root_that_the_agreement_does_not_pin_is_found(tmp_path: Path) -> None:
    """The broker cannot stand in for a party: the fingerprint in the text is that of the party's own root."""
    changes = {"/parties/2/root_fingerprint": root_key(HEALTH, "another").public.fingerprint}
    assert first_of(under_agreement(changes), tmp_path) == ("I1", f"signed {HEALTH}", "other-root", "/document/by")


def test_a_signature_by_a_revoked_root_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """A root that was revoked before it signed signs nothing."""
    kid = root_key(HEALTH).signers[0].kid
    ledger.revocation("revoked", HEALTH, kid, before="proposed")
    assert first_of(ledger, tmp_path) == ("I1", f"signed {HEALTH}", "key-revoked", "/document")


def test_a_signature_in_the_name_of_another_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The entry says who signed, and the document must say the same."""
    ledger[f"signed {HEALTH}"]["from"] = SHELTER
    assert first_of(ledger, tmp_path) == ("I1", f"signed {HEALTH}", "entry-and-document-differ", "/document/by")


def test_a_forged_signature_beside_the_agreement_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """What the bundle shows beside the text has to hold as well."""
    file = ledger.agreements[0]
    forged = agreement_signature(agreement(), HEALTH, root=root_key(HEALTH, "another"))
    ledger.agreements[0] = SignedAgreement(file.payload, (*file.signatures, forged))
    assert first_of(ledger, tmp_path) == ("I1", "in-force", "wrong-signers", "/agreement_sha256/signatures")


def test_what_rests_on_an_agreement_that_is_not_shown_is_not_judged(ledger: Ledger, tmp_path: Path) -> None:
    """Without the document nobody can say whether it covers what passed under it: that is told, and blames nobody."""
    ledger.agreements.clear()
    report = ledger.audit(tmp_path)
    assert (report.holds, report.complete) == (True, False)
    steps = sum(entry.members["type"] == "task.transition" for entry in ledger.entries)
    assert report.unjudged == {"agreement-not-shown": 1 + len(PASSAGES) + steps}


def test_an_agreement_of_others_need_not_be_shown(ledger: Ledger, tmp_path: Path) -> None:
    """The journal tells everyone of agreements whose text only their parties hold."""
    document = agreement({"/id": OTHER})
    other = Ledger().agree(document, " of others")
    for entry in other.entries:
        entry.members["time"] = ledger["consent"]["time"]
    ledger.entries[ledger.index("consent") + 1 : ledger.index("consent") + 1] = other.entries
    for entry in ledger.entries[ledger.index("accepted") :]:
        entry.members["time"] = format_time(ledger.now)
    report = ledger.audit(tmp_path)
    assert (report.holds, report.complete) == (True, False)
    assert report.unjudged == {"agreement-not-shown": 1}


def test_a_damaged_agreement_is_found_and_stops_nothing(ledger: Ledger, tmp_path: Path) -> None:
    """A document that cannot be read is no evidence, and the rest of the journal is judged all the same."""
    payload = b'{"v":1}'
    for entry in ledger.entries:
        if "agreement_sha256" in entry.members:
            entry.members["agreement_sha256"] = sha256_hex(payload)
    ledger.agreements[0] = SignedAgreement(payload, ())
    found = ledger.found(tmp_path)
    assert ("I1", "in-force", "missing-field", "/agreement_sha256") in found
    assert ("I1", "accepted", "agreement-not-shown", "/agreement_sha256") in found


def test_two_texts_of_one_version_are_found(ledger: Ledger, tmp_path: Path) -> None:
    """A version has one text: parties that signed two different ones agreed on nothing."""
    ledger["in-force"]["agreement_sha256"] = "00" * 32
    assert first_of(ledger, tmp_path) == ("I1", "in-force", "agreement-digest", "/agreement_sha256")
