"""Openings that others exported are added to a mirror if they open a leaf of its journal, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from journal.audit.verification import Question
from journal.audit.verifying import verify_bundle
from journal.bundle import Bundle, open_bundle
from journal.contradictions import open_signed
from journal.enriching import Enriched, Openings, enrich
from journal.entries import Opening
from journal.growing import GrownShard
from journal.layout import OPENINGS, SignedAgreement, agreement_name, statement_name
from journal.mirror import Mirror
from journal.shards import first_shard
from keys import strictjson
from keys.errors import MalformedError
from keys.signing import SignedDocument
from tests.builders import Json
from tests.journal.gateways import FakeGateway, visit
from tests.journal.ledgers import Ledger, journal_keys, salt
from tests.journal.lives import lived

SIZES = [10, 20, 30, 38]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A mirror of a whole life, to whose owner nobody has shown any opening yet."""
    visit(tmp_path / "mirror", FakeGateway(lived().leaves(), SIZES))
    return tmp_path / "mirror"


def add(folder: Path, openings: list[Openings], bundles: list[Bundle] | None = None) -> Enriched:
    """Add to the mirror."""
    mirror = Mirror.make(folder)
    try:
        newest = open_signed(mirror.read("checkpoint") or b"", journal_keys().vkeys)
        return enrich(mirror, [GrownShard(first_shard(journal_keys().vkeys), newest)], openings, bundles or [])
    finally:
        mirror.close()


def shown(folder: Path) -> list[tuple[int, Opening]]:
    """The openings of the mirror."""
    with open_bundle(folder) as bundle:
        return list(bundle.openings())


def test_what_several_partners_export_makes_a_whole(folder: Path) -> None:
    """Each partner has its own part; together they open everything, and the documents come from a bundle."""
    openings = lived().openings()
    assert add(folder, [openings[::2]]) == Enriched(len(openings[::2]), 0, 0)
    assert add(folder, [openings[1::2], openings[:4]]) == Enriched(len(openings[1::2]), 0, 0)
    assert shown(folder) == openings
    ledger = lived()
    with Bundle.open(ledger.bundle(folder.parent)) as bundle:
        assert add(folder, [], [bundle]) == Enriched(0, len(ledger.agreements) + len(ledger.statements), 0)
    verified = verify_bundle(Question(folder, journal_keys().vkeys))
    assert verified.holds
    assert verified.complete


def test_an_opening_of_another_journal_is_left(folder: Path) -> None:
    """It opens nothing here, whoever it came from; a true one for the same entry is taken all the same."""
    openings = lived().openings()
    index = openings[3][0]
    forged = [(index, Opening(openings[3][1].entry, salt(999))), (500, openings[0][1])]
    assert add(folder, [forged]) == Enriched(0, 0, 2)
    assert shown(folder) == []
    assert add(folder, [forged, openings[3:4]]) == Enriched(1, 0, 2)
    assert shown(folder) == openings[3:4]


def test_a_clear_leaf_needs_no_opening(folder: Path) -> None:
    """Nothing is filed for what everybody can read."""
    assert add(folder, [[(0, Opening(b"{}", salt(0)))]]) == Enriched(0, 0, 1)


def test_documents_that_no_entry_names_are_left(folder: Path, tmp_path: Path) -> None:
    """A bundle of somebody else cannot fill the mirror with papers."""
    other = Ledger()
    other.agreements, other.statements = lived().agreements, lived().statements
    other.add("read", "audit.read", "gateway@laval")
    (tmp_path / "other").mkdir()
    with Bundle.open(other.bundle(tmp_path / "other")) as bundle:
        add(folder, [], [bundle])
    names = {path.parent.name for path in folder.rglob("*.json")}
    assert names == {"agreements"}  # the clear leaves name it; the consents are named by openings that nobody gave


def test_openings_out_of_order_change_nothing(folder: Path) -> None:
    """A malformed file is refused, and what the mirror has stays."""
    openings = lived().openings()
    add(folder, [openings[:5]])
    before = (folder / OPENINGS).read_bytes()
    with pytest.raises(MalformedError, match="openings-out-of-order"):
        add(folder, [openings[::-1]])
    assert (folder / OPENINGS).read_bytes() == before


def test_openings_stay_when_the_journal_grows(folder: Path) -> None:
    """A later visit takes nothing away, and openings of new entries are added to those of old ones."""
    add(folder, [lived().openings()])
    longer = lived().add("more", "audit.read", "gateway@laval")
    server = FakeGateway(longer.leaves(), [*SIZES, 39])
    visit(folder, server)
    assert shown(folder) == lived().openings()
    assert add(folder, [longer.openings()]).openings == 1
    assert shown(folder) == longer.openings()


def forged(ledger: Ledger) -> Ledger:
    """The same papers with signatures of which one was changed in each."""
    first = ledger.agreements[0]
    others = [_bent(first.signatures[0]), *first.signatures[1:]]
    ledger.agreements[0] = SignedAgreement(first.payload, tuple(others))
    ledger.statements = [_bent(each) for each in ledger.statements]
    return ledger


def _bent(signed: SignedDocument) -> SignedDocument:
    value: Json = signed.to_json()
    signature = value["signatures"][0]
    signature["sig"] = ("B" if signature["sig"][0] == "A" else "A") + signature["sig"][1:]
    return SignedDocument.parse(strictjson.dumps(value), signed.payload_type.split(".")[-1].split("+")[0])


def test_papers_with_forged_signatures_are_not_taken(folder: Path, tmp_path: Path) -> None:
    """Kept, they would have an audit accuse parties who never signed that."""
    ledger = lived()
    with Bundle.open(forged(lived()).bundle(tmp_path)) as bundle:
        assert add(folder, [ledger.openings()], [bundle]).documents == 0
    verified = verify_bundle(Question(folder, journal_keys().vkeys))
    assert (verified.holds, set(verified.replay.unjudged)) == (True, {"agreement-not-shown", "statement-not-shown"})


def test_an_honest_copy_takes_the_place_of_a_forged_one(folder: Path, tmp_path: Path) -> None:
    """Also of one that an earlier release kept; and a forged one never takes the place of an honest one."""
    ledger = lived()
    papers = {agreement_name(each.sha256): each.encode() for each in forged(lived()).agreements}
    papers |= {statement_name(each.sha256): each.encode() for each in forged(lived()).statements}
    for name, data in papers.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    add(folder, [ledger.openings()])
    assert not verify_bundle(Question(folder, journal_keys().vkeys)).holds
    for made, documents in ((ledger, len(papers)), (forged(lived()), 0), (unsigned(lived()), 0)):
        with Bundle.open(made.bundle(tmp_path)) as bundle:
            assert add(folder, [], [bundle]).documents == documents
        verified = verify_bundle(Question(folder, journal_keys().vkeys))
        assert (verified.holds, verified.complete) == (True, True)


def unsigned(ledger: Ledger) -> Ledger:
    """The same agreement that one party alone has signed."""
    first = ledger.agreements[0]
    ledger.agreements[0] = SignedAgreement(first.payload, first.signatures[:1])
    return ledger
