"""A journal that keeps its promises is verified; one whose signatures, tree, leaves or openings lie never is."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from journal.bundle import Bundle
from journal.entries import Opening, commitment_leaf
from journal.notes import Checkpoint, JournalSigner
from journal.replay import verify
from journal.report import AuditReport
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.strictjson import dumps
from tests.builders import AT, LINE, REF, SHELTER, sealing_kid, signing_key
from tests.journal.builders import ORIGIN, Files, journal_signer
from tests.journal.ledgers import Ledger, journal_keys, salt
from tests.journal.lives import lived


@pytest.fixture
def ledger() -> Ledger:
    """The whole life of one referral."""
    return lived()


def audited(path: Path, signer: JournalSigner | None = None) -> AuditReport:
    """The report on a bundle, verified with the journal's keys or those given."""
    with Bundle.open(path) as bundle:
        return verify(bundle, (signer or journal_keys()).vkeys)


def refused(path: Path, signer: JournalSigner | None = None) -> PasserelleError:
    """What verifying a bundle raises."""
    with pytest.raises((ForgedError, MalformedError)) as caught:
        audited(path, signer)
    return caught.value


def test_a_journal_that_keeps_its_promises_is_verified(ledger: Ledger, tmp_path: Path) -> None:
    """Nothing is held against a referral from its keys to its end, and everything in it is counted."""
    report = ledger.audit(tmp_path)
    assert (report.holds, report.complete) == (True, True)
    assert (report.violations, report.broken, report.unjudged) == ((), {}, {})
    assert report.checkpoint.size == len(ledger.entries) == 38
    assert report.current.signed_at == ledger.now
    counted = report.counted
    assert (counted.clear, counted.opened, counted.unread) == (18, 20, 0)
    assert (counted.chains, counted.agreements, counted.consents) == (4, 1, 1)
    assert (counted.referrals, counted.envelopes) == (1, 10)


def test_an_empty_journal_is_verified(tmp_path: Path) -> None:
    """A journal without entries has a root, and keeps every promise."""
    report = Ledger().audit(tmp_path)
    assert (report.holds, report.checkpoint.size) == (True, 0)


def test_progress_is_told_along_the_way(tmp_path: Path) -> None:
    """A long journal says how far the audit is, one tile at a time."""
    ledger = Ledger()
    for number in range(600):
        ledger.add(f"read {number}", "audit.read", LINE)
    told: list[tuple[int, int]] = []
    with Bundle.open(ledger.bundle(tmp_path)) as bundle:
        verify(bundle, journal_keys().vkeys, progress=lambda done, size: told.append((done, size)))
    assert told == [(256, 600), (512, 600)]


def test_another_journal_of_the_same_name_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    """The keys in the bundle count for nothing: only the pinned ones do."""
    impostor = journal_signer()
    path = ledger.bundle(tmp_path, signer=impostor)
    assert refused(path).code == "signature-missing"
    assert audited(path, impostor).holds


def test_the_checkpoint_of_another_journal_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    """A bundle of another territory is not taken for this one's."""
    assert refused(ledger.bundle(tmp_path), journal_signer("autre.example/fr/journal/2026")).code == "wrong-origin"


def test_one_signature_alone_does_not_do(ledger: Ledger, tmp_path: Path) -> None:
    """Both kinds of signature are needed, so that either may be broken one day."""
    half = journal_signer()
    signers = (
        JournalSigner(ORIGIN, half.ed25519, journal_keys().mldsa44),
        JournalSigner(ORIGIN, journal_keys().ed25519, half.mldsa44),
    )
    for signer in signers:
        assert refused(ledger.bundle(tmp_path, signer=signer)).code == "signature-missing"


def test_a_signature_over_another_root_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    """A signed text in which one character was changed is a forgery."""
    files = Files(ledger.leaves())
    note = journal_keys().sign(Checkpoint(ORIGIN, 38, files.root()), AT)
    path = ledger.bundle(tmp_path, checkpoint=note.replace(b"\n38\n", b"\n37\n"))
    assert refused(path).code == "signature-does-not-hold"


def test_a_checkpoint_of_other_leaves_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    """Files that do not hash to what was signed are not the journal."""
    files = Files(ledger.leaves())
    changed = journal_keys().sign(Checkpoint(ORIGIN, 38, bytes(32)), AT)
    assert refused(ledger.bundle(tmp_path, checkpoint=changed)).code == "wrong-root"
    earlier = journal_keys().sign(Checkpoint(ORIGIN, 37, files.root(37)), AT)
    assert refused(ledger.bundle(tmp_path, checkpoint=earlier)).code == "missing-tile"
    longer = journal_keys().sign(Checkpoint(ORIGIN, 39, files.root()), AT)
    assert refused(ledger.bundle(tmp_path, checkpoint=longer)).code == "missing-tile"


@pytest.mark.parametrize("kind", ["0", "entries"])
def test_a_tile_of_another_journal_is_refused(ledger: Ledger, tmp_path: Path, kind: str) -> None:
    """A swapped tile of hashes changes the root, and a swapped tile of entries no longer matches the hashes."""
    other = lived()
    other["accepted"]["purpose"] = "referral-health"
    name = f"tile/{kind}/000.p/38"
    files = Files(ledger.leaves()) | {name: Files(other.leaves())[name]}
    error = refused(ledger.bundle(tmp_path, files=sorted(files.items())))
    assert error.code == ("wrong-root" if kind == "0" else "wrong-leaf")


@pytest.mark.parametrize("change", ["cut", "reversed", "one less"])
def test_entries_cut_or_moved_are_refused(ledger: Ledger, tmp_path: Path, change: str) -> None:
    """The leaves are those that were signed: all of them, whole, in their order."""
    files = Files(ledger.leaves())
    name = "tile/entries/000.p/38"
    leaves = {"cut": ledger.leaves(), "reversed": ledger.leaves()[::-1], "one less": ledger.leaves()[:-1]}[change]
    data = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
    files[name] = data[:-1] if change == "cut" else data
    error = refused(ledger.bundle(tmp_path, files=sorted(files.items())))
    assert error.code == ("wrong-leaf" if change == "reversed" else "wrong-bundle")
    assert error.__notes__ == [name]


def test_entries_that_the_broker_moved_are_found(ledger: Ledger, tmp_path: Path) -> None:
    """Even signed by the broker, an entry that stands elsewhere than it was written for is a violation."""
    released = ledger.index("released")
    withdrawn = ledger.index("withdrawn")
    encoded = ledger.encoded()
    ledger.entries[released].raw, ledger.entries[withdrawn].raw = encoded[withdrawn], encoded[released]
    report = ledger.audit(tmp_path)
    found = [(each.invariant, each.index, each.code, each.pointer) for each in report.violations]
    assert found[0] == ("leaf", released, "wrong-index", "/index")
    assert ("leaf", withdrawn, "wrong-index", "/index") in found
    assert report.counted.unread == 2


def test_an_opening_of_another_entry_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """What is shown must be what was committed to: another entry, or another salt, is a violation of that entry."""
    openings = dict(ledger.openings())
    accepted, released = ledger.index("accepted"), ledger.index("released")
    openings[accepted] = openings[released]
    openings[released] = Opening(openings[released].entry, salt(999))
    path = ledger.bundle(tmp_path, openings=sorted(openings.items()))
    found = [(each.invariant, each.index, each.code) for each in audited(path).violations]
    assert found[:2] == [("leaf", accepted, "wrong-opening"), ("leaf", released, "wrong-opening")]


def test_an_opening_of_an_entry_in_clear_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """There is nothing to open in a clear leaf: whoever gives an opening for it has something else in mind."""
    openings = [(0, Opening(ledger.encoded()[0], salt(0))), *ledger.openings()]
    first = audited(ledger.bundle(tmp_path, openings=openings)).violations[0]
    assert (first.invariant, first.index, first.code) == ("leaf", 0, "leaf-already-clear")


@pytest.mark.parametrize("name", [f"signing {LINE}", "in-force"])
def test_a_key_or_an_agreement_in_hiding_is_found(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """What everybody must be able to read may not enter the journal as a commitment."""
    ledger.written(name).clear = False
    assert ledger.found(tmp_path)[0] == ("leaf", name, "must-be-clear", "/type")


@pytest.mark.parametrize(
    ("raw", "slug", "pointer"),
    [
        (b"", "not-json", ""),
        (b"\x00\xff", "not-utf8", ""),
        (b'{"v":1}', "missing-field", "/index"),
        (b'{"v":1,"v":1}', "duplicate-key", "/v"),
        (b"[" * 60_000, "too-deep", ""),
    ],
)
def test_an_entry_that_is_none_is_found(ledger: Ledger, tmp_path: Path, raw: bytes, slug: str, pointer: str) -> None:
    """Garbage that the broker committed to is told by its place and stops nothing."""
    ledger.add("garbage", "audit.read", LINE).written("garbage").raw = raw
    assert ledger.found(tmp_path) == [("leaf", "garbage", slug, pointer)]


@pytest.mark.parametrize("member", ["time", "expires"])
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
def test_a_time_at_the_end_of_the_calendar_is_found(ledger: Ledger, tmp_path: Path, member: str, moment: str) -> None:
    """A time to which nothing can be added neither stops the audit nor passes."""
    ledger["accepted"][member] = moment
    assert ledger.found(tmp_path)[0] == ("leaf", "accepted", "time-out-of-range", f"/{member}")


def test_a_leaf_of_no_known_form_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """A third form of leaf would hide an entry from everybody."""
    leaves = ledger.leaves()
    leaves[-1] = b"\x03" + leaves[-1][1:]
    files = Files(leaves)
    note = journal_keys().sign(Checkpoint(ORIGIN, 38, files.root()), AT)
    path = ledger.bundle(tmp_path, checkpoint=note, files=sorted(files.items()), openings=ledger.openings()[:-1])
    assert [each.code for each in audited(path).violations] == ["unknown-leaf"]


def test_times_that_go_back_are_found(ledger: Ledger, tmp_path: Path) -> None:
    """I6: an entry earlier than the one before it is told, and later ones are judged by the latest time."""
    ledger["released"]["time"] = ledger["consent"]["time"]
    ledger["acknowledged"]["time"] = ledger["accepted"]["time"]
    assert ledger.found(tmp_path) == [("I6", "released", "time-goes-back", "/time")]


def test_violations_without_end_are_counted_and_not_kept(tmp_path: Path) -> None:
    """A journal of nothing but lies is told by its first thousand, and all are counted."""
    ledger = Ledger()
    for number in range(1200):
        ledger.step(f"step {number}", SHELTER, "T08")
    report = ledger.audit(tmp_path)
    assert len(report.violations) == 1000
    assert report.broken["I9"] == 1200
    assert not report.holds


def test_the_report_tells_no_more_than_places(ledger: Ledger, tmp_path: Path) -> None:
    """As JSON the report names entries by index and members by pointer, never by what they say."""
    ledger["released"]["to"] = LINE
    told = dumps(ledger.audit(tmp_path).to_json()).decode()
    assert '"invariant":"I3"' in told
    for value in (LINE, SHELTER, REF, signing_key(LINE).kid, sealing_kid(SHELTER)):
        assert value not in told


def test_the_leaf_that_is_opened_is_the_one_that_was_signed(ledger: Ledger, tmp_path: Path) -> None:
    """The bundle cannot show another entry under a commitment of its own: the tree would not match."""
    leaves = ledger.leaves()
    leaves[ledger.index("accepted")] = commitment_leaf(Opening(b"{}", salt(1)))
    files = Files(ledger.leaves()) | {"tile/entries/000.p/38": Files(leaves)["tile/entries/000.p/38"]}
    assert refused(ledger.bundle(tmp_path, files=sorted(files.items()))).code == "wrong-leaf"


@pytest.mark.parametrize("folder", ["agreements", "statements"])
def test_a_document_that_somebody_put_in_the_bundle_is_not_held_against_the_journal(
    ledger: Ledger, tmp_path: Path, folder: str
) -> None:
    """A text that is not the one its name says makes the bundle unreliable; the journal is not blamed for it."""
    path = ledger.bundle(tmp_path)
    new = tmp_path / "other.zip"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(new, "w") as archive:
        for member in old.infolist():
            data = old.read(member)
            spoilt = data.replace(b'"payload":"', b'"payload":"AAAA') if member.filename.startswith(folder) else data
            archive.writestr(member, spoilt)
    error = refused(new)
    assert error.code == "archive-wrong-name"
    assert error.__notes__[0].startswith(folder)
