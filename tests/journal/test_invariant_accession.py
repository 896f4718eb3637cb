"""I1: a version by which somebody joined needs few new signatures; one that slips something in is found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from consent.agreement import Agreement
from journal.layout import SignedAgreement
from keys.documents import b64url, encode, sha256_hex
from tests.builders import BROKER, LINE, PARTIES, SHELTER, agreement_signature, root_key
from tests.journal.ledgers import Found, Ledger, cited
from tests.partnership import FOOD, SCHOOL, amended, founding, joined

UNSIGNED = ("I1", "in-force 2", "agreement-unsigned", "/agreement")


@pytest.fixture
def ledger() -> Ledger:
    """Everybody's keys, the newcomers' too, and the first version in force."""
    made = Ledger()
    for address in (*PARTIES, FOOD, SCHOOL):
        made.enrol(address)
    return made.agree(founding(), " 1")


def version(ledger: Ledger, document: Agreement, signers: Iterable[str]) -> Ledger:
    """Journal a version with these signatures, and put it in force."""
    number = document.version
    ledger.add(f"proposed {number}", "agreement.proposed", BROKER, **cited(document))
    signatures = [agreement_signature(document, address) for address in signers]
    for address, signed in zip(signers, signatures, strict=True):
        proof = {"from_": address, "document": b64url(signed.encode())}
        ledger.add(f"signed {number} {address}", "agreement.signed", address, **cited(document), **proof)
    ledger.agreements.append(SignedAgreement(encode(document), tuple(signatures)))
    return ledger.add(f"in-force {number}", "agreement.in-force", BROKER, **cited(document))


def found(ledger: Ledger, tmp_path: Path) -> list[Found]:
    """What the auditor finds."""
    return ledger.found(tmp_path)


def test_honest_accessions_hold(ledger: Ledger, tmp_path: Path) -> None:
    """Two newcomers, one after the other, each with its own signature and the 211 line's."""
    version(ledger, joined(), [FOOD, LINE])
    version(ledger, joined(joined(), SCHOOL, "school"), [SCHOOL, LINE])
    assert found(ledger, tmp_path) == []


def test_an_amendment_that_all_signed_holds(ledger: Ledger, tmp_path: Path) -> None:
    """Other terms under the next number, with every signature."""
    changes = {"/version": 2, "/prev": sha256_hex(encode(founding())), "/phone_fallback": "450 555-0199"}
    version(ledger, amended(founding(), changes), list(PARTIES))
    assert found(ledger, tmp_path) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"/articles/0/sections/6": "documents"},
        {"/articles/0/to/1": "health"},
        {"/accession": [SHELTER]},
        {"/accession": []},
        {"/parties/4/roles": ["auditor"]},
        {"/not_after": "2028-02-01T05:00:00.000Z"},
        {"/prev": "ab" * 32},
    ],
)
def test_an_accession_that_changes_anything_else_is_found(
    ledger: Ledger, tmp_path: Path, changes: dict[str, object]
) -> None:
    """An article, the list of those who admit, an auditor, the end, another previous version."""
    version(ledger, amended(joined(), changes), [FOOD, LINE])
    assert found(ledger, tmp_path) == [UNSIGNED]


def test_an_accession_by_which_somebody_leaves_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """A party that is left out was not asked."""
    remaining = [party.model_dump(mode="json") for party in joined().parties if party.address != SHELTER]
    changes = {"/parties": remaining, "/articles/0/to/0": "shelter"}
    version(ledger, amended(joined(), changes), [FOOD, LINE])
    assert found(ledger, tmp_path) == [UNSIGNED]


def test_another_root_for_a_party_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """A root that the broker made up, pinned by an accession that its owner never saw."""
    changes = {"/parties/1/root_fingerprint": root_key(SHELTER, "made up").public.fingerprint}
    version(ledger, amended(joined(), changes), [FOOD, LINE])
    assert found(ledger, tmp_path) == [UNSIGNED]


@pytest.mark.parametrize("signers", [[FOOD], [LINE], [FOOD, SHELTER]])
def test_a_newcomer_that_was_not_admitted_is_found(ledger: Ledger, tmp_path: Path, signers: list[str]) -> None:
    """Its own signature and those of the parties named for it are both needed."""
    version(ledger, joined(), signers)
    assert found(ledger, tmp_path) == [UNSIGNED]


def test_a_version_that_was_skipped_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The third without the second carries nothing over."""
    version(ledger, joined(joined(), SCHOOL, "school"), [SCHOOL, LINE])
    assert found(ledger, tmp_path) == [("I1", "in-force 3", "agreement-unsigned", "/agreement")]


def test_a_version_that_continues_another_text_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Even signed by everybody: the number before is another text in this very journal."""
    changes = {"/version": 2, "/prev": "ab" * 32}
    version(ledger, amended(founding(), changes), list(PARTIES))
    assert found(ledger, tmp_path) == [("I1", "in-force 2", "version-chain", "/agreement_sha256")]


@pytest.mark.parametrize("kind", ["agreement.suspended", "agreement.ended"])
def test_an_accession_to_what_is_suspended_or_ended_is_found(ledger: Ledger, tmp_path: Path, kind: str) -> None:
    """Somebody joining takes back neither; everybody signing does."""
    ledger.add("stop", kind, BROKER, **cited(founding()))
    version(ledger, joined(), [FOOD, LINE])
    assert found(ledger, tmp_path) == [UNSIGNED]


def test_an_accession_whose_first_version_is_not_shown_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Without the text that was signed nothing proves that the new one says the same."""
    version(ledger, joined(), [FOOD, LINE])
    del ledger.agreements[0]
    assert UNSIGNED in found(ledger, tmp_path)


def test_an_old_version_does_not_come_back(ledger: Ledger, tmp_path: Path) -> None:
    """Once the next version is in force, the one before is not put in force again."""
    version(ledger, joined(), [FOOD, LINE])
    ledger.add("back", "agreement.in-force", BROKER, **cited(founding()))
    assert found(ledger, tmp_path) == [("I1", "back", "agreement-superseded", "/agreement")]
