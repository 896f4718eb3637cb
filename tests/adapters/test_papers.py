"""The papers of a referral: read from below its folder, sealed with it, fetched once it is opened, and saved."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from adapters.dead_letters import find_item, retry
from adapters.erasure import erase
from adapters.outgoing import Queued
from adapters.papers import Paper, read_papers, save_papers
from adapters.problems import GatewayProblemError, GatewayUnreachableError
from adapters.referral_sections import DocumentFile
from adapters.renewal import seal_anew
from adapters.store.records import Attachment, Shipment
from consent.passage import Refused
from keys.attachments import MAX_ATTACHMENT, seal_attachment
from keys.errors import FileError, MalformedError
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, consent_file, referral_file
from tests.invented import PARTIES, SHELTER, agreement_signature
from tests.partnership import amended

PAPER = Paper("lease", "lease.pdf", b"Bail de Personne-Fictive Canari")
CONSENT = {"/processing/purposes/0/sections/5": "documents"}
NAMED = {"/sections/documents": [{"type": "lease", "path": "bail.pdf"}]}


@pytest.fixture
def wide(laval: Town, monkeypatch: pytest.MonkeyPatch) -> Town:
    """The town whose agreement lets papers pass."""
    broker, _, _ = laval
    document = amended(broker.agreement, {"/articles/0/sections/6": "documents"})
    monkeypatch.setattr(type(broker), "agreement", document)
    broker.signatures = {address: agreement_signature(document, address) for address in PARTIES}
    for partner in laval[1:]:
        with partner.store.transaction() as tx:
            tx.session.connection().exec_driver_sql("DELETE FROM agreement")
        partner.adapter.sync()
    return laval


def with_papers(line: Partner) -> Queued:
    """A referral with a paper, in the outbox."""
    recorded, _ = line.adapter.record_consent(consent_file(CONSENT))
    queued = line.adapter.send(referral_file(recorded.record_id, NAMED), papers=(PAPER,))
    assert isinstance(queued, Queued), queued
    return queued


def attachment(partner: Partner, ref: str) -> Attachment:
    """The one paper of a referral."""
    [found] = partner.adapter.show(ref).attachments
    return found


def test_a_paper_leaves_before_its_envelope_and_is_kept_by_its_reader(wide: Town) -> None:
    """In the same lane; the sealed copy is forgotten once the broker has it, the key once the paper is here."""
    broker, line, shelter = wide
    queued = with_papers(line)
    line.adapter.sync()
    assert line.client.calls.index("put_attachment") < line.client.calls.index("deposit")
    [sealed] = broker.papers.values()
    assert b"Canari" not in sealed
    done = shelter.adapter.sync()
    assert done.papers.kept == [queued.envelope]
    kept = attachment(shelter, queued.ref)
    assert (kept.state, kept.data, kept.key) == ("held", PAPER.data, None)
    with line.store.transaction() as tx:
        assert [item.body for item in tx.traffic.shipped(queued.ref, "attachment")] == [b""]


def test_an_envelope_does_not_leave_without_its_papers(wide: Town) -> None:
    """A paper refused for good keeps the envelope here, with the reason; both can be tried again together."""
    broker, line, _ = wide
    queued = with_papers(line)
    line.client.refuse("put_attachment", "attachment-quota", 413)
    flushed = line.adapter.outbox.flush()
    assert (queued.envelope, "attachment-quota") in flushed.refused
    assert broker.deposits == []
    assert line.adapter.show(queued.ref).referral.problem == "attachment-quota"


@pytest.mark.parametrize("change", ["cut", "swapped", "altered", "too-large"])
def test_other_bytes_than_were_sealed_are_never_kept(wide: Town, change: str) -> None:
    """Whoever holds the bytes on the way can exchange them: it is an alarm, and the paper is asked for again."""
    broker, line, shelter = wide
    queued = with_papers(line)
    line.adapter.sync()
    [(place, good)] = broker.papers.items()
    other = seal_attachment(b"Autre bail", queued.envelope, "lease").data
    broker.papers[place] = {
        "cut": good[:-1],
        "swapped": other,
        "altered": bytes([good[0] ^ 1]) + good[1:],
        "too-large": good + bytes(9 * 1024 * 1024),
    }[change]
    done = shelter.adapter.sync()
    assert (done.papers.kept, done.papers.stopped) == ([], "attachment-altered")
    assert [alarm.code for alarm in shelter.adapter.alarms()] == ["attachment-altered"]
    assert attachment(shelter, queued.ref).data is None
    broker.papers[place] = good
    broker.clock.forward(minutes=2)
    assert shelter.adapter.sync().papers.kept == [queued.envelope]


def test_a_paper_other_than_its_sender_announced_is_refused(wide: Town) -> None:
    """The sealed digest is right and what is inside is not: the sender's own word is broken, and nothing is kept."""
    _, line, shelter = wide
    queued = with_papers(line)
    line.adapter.sync()
    shelter.client.cut_off("get_attachment")
    shelter.adapter.sync()
    with shelter.store.transaction() as tx:
        tx.session.connection().exec_driver_sql("UPDATE attachment SET size = 3, next_try = '2026-01-01T00:00:00.000Z'")
    assert shelter.adapter.sync().papers.lost == [(queued.envelope, "attachment-differs")]
    assert (attachment(shelter, queued.ref).state, attachment(shelter, queued.ref).data) == ("refused", None)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (GatewayUnreachableError("gateway-unreachable"), "wanted"),
        (GatewayProblemError("recipient-suspended", status=403), "wanted"),
        (GatewayProblemError("too-many", status=429), "wanted"),
        (GatewayProblemError("attachment-unknown", status=404), "missing"),
        (GatewayProblemError("gone", status=410), "missing"),
        (GatewayProblemError("consent-withdrawn", status=403, rule="R14"), "missing"),
        # The caller is judged, or an address of a proxy's, not the paper.
        (GatewayProblemError("scope-missing", status=403), "wanted"),
        (GatewayProblemError("not-found", status=404), "wanted"),
        (GatewayProblemError("agreement-suspended", status=403, rule="R07"), "wanted"),
    ],
)
def test_a_paper_is_waited_for_until_the_gateway_says_no(wide: Town, error: Exception, state: str) -> None:
    """A bad line or a suspension passes; what is gone is told once and not asked for again."""
    broker, line, shelter = wide
    queued = with_papers(line)
    line.adapter.sync()
    shelter.client.before["get_attachment"] = error
    shelter.adapter.sync()
    assert attachment(shelter, queued.ref).state == state
    broker.clock.forward(hours=2)
    kept = shelter.adapter.sync().papers.kept
    assert (kept == [queued.envelope]) is (state == "wanted")


def test_papers_are_read_from_below_the_folder_of_the_file(tmp_path: Path) -> None:
    """No path or link that climbs out, no empty, absent or oversized file; all of them are told at once."""
    folder = tmp_path / "envoi"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    (folder / "link.pdf").symlink_to(tmp_path / "secret")
    (folder / "empty.pdf").write_bytes(b"")
    (folder / "large.pdf").write_bytes(bytes(MAX_ATTACHMENT + 1))
    (folder / "Bail Canari.PDF").write_bytes(PAPER.data)
    names = ("../secret", "link.pdf", "empty.pdf", "absent.pdf", "large.pdf")
    with pytest.raises(MalformedError) as caught:
        read_papers([DocumentFile(type="lease", path=name) for name in names], folder)
    codes = [(fault.code, fault.pointer) for fault in caught.value.faults]
    wanted = (
        "attachment-elsewhere",
        "attachment-elsewhere",
        "attachment-empty",
        "file-missing",
        "attachment-too-large",
    )
    assert codes == [(code, f"/sections/documents/{number}/path") for number, code in enumerate(wanted)]
    [paper] = read_papers([DocumentFile(type="lease", path="Bail Canari.PDF")], folder)
    assert (paper.name, paper.data) == ("lease.pdf", PAPER.data)


def test_saved_papers_are_private_and_replace_nothing(wide: Town, tmp_path: Path) -> None:
    """Mode 0600, a name that cannot lead elsewhere, and an existing file stays as it is."""
    _, line, shelter = wide
    queued = with_papers(line)
    line.adapter.sync()
    shelter.adapter.sync()
    papers = shelter.adapter.show(queued.ref).attachments
    [path] = save_papers(papers, tmp_path / "saved")
    assert (path.parent, path.read_bytes()) == (tmp_path / "saved", PAPER.data)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert save_papers(papers, tmp_path / "saved") == [path]
    path.write_bytes(PAPER.data[:-1] + b"?")
    with pytest.raises(FileError, match="file-exists"):
        save_papers(papers, tmp_path / "saved")
    assert path.read_bytes().endswith(b"?")


@pytest.mark.parametrize("name", ["facture.pdf.exe", "facture.pdf.", "facture", "facture.html"])
def test_a_paper_is_not_saved_as_a_program(wide: Town, tmp_path: Path, name: str) -> None:
    """A hostile sender names a paper so that opening it would run it: it is saved under its kind."""
    _, line, shelter = wide
    recorded, _ = line.adapter.record_consent(consent_file(CONSENT))
    hostile = (Paper("lease", name, PAPER.data),)
    queued = line.adapter.send(referral_file(recorded.record_id, NAMED), papers=hostile)
    assert isinstance(queued, Queued), queued
    line.adapter.sync()
    shelter.adapter.sync()
    [path] = save_papers(shelter.adapter.show(queued.ref).attachments, tmp_path)
    assert path.name == f"{queued.envelope.removeprefix('env_')[:6]}-1-lease"


def test_papers_and_file_must_agree(wide: Town) -> None:
    """A file that names papers is not sent without them."""
    _, line, _ = wide
    recorded, _ = line.adapter.record_consent(consent_file(CONSENT))
    with pytest.raises(MalformedError, match="papers-missing"):
        line.adapter.send(referral_file(recorded.record_id, NAMED))
    assert SHELTER in {grant.recipient for grant in recorded.statement.grants}


def made_anew(line: Partner) -> tuple[Queued, Shipment]:
    """A referral with a paper that was made anew while it waited, and the paper as it waits now."""
    queued = with_papers(line)
    with line.store.transaction() as tx:
        shipment = tx.traffic.shipment(queued.envelope)
    assert shipment is not None
    assert seal_anew(line.adapter.office, shipment, asked=True)
    with line.store.transaction() as tx:
        [paper] = [item for item in tx.traffic.waiting() if item.kind == "attachment"]
    assert paper.lane != queued.ref
    return queued, paper


def test_the_papers_of_an_envelope_made_anew_are_erased_with_it(wide: Town) -> None:
    """They leave in a lane of their own and are found all the same: nothing sealed leaves any more."""
    broker, line, _ = wide
    queued, paper = made_anew(line)
    with line.store.transaction() as tx:
        erase(tx, queued.ref, broker.clock())
        kept = tx.traffic.shipment(paper.item)
    assert kept is not None
    assert (kept.state, kept.body) == ("dropped", b"")
    line.adapter.outbox.flush()
    assert broker.papers == {}


def test_a_refused_paper_of_an_envelope_made_anew_is_tried_again_with_it(wide: Town) -> None:
    """Named by the paper alone: both wait, the envelope behind its paper, and the note of the refusal goes."""
    _, line, _ = wide
    queued, paper = made_anew(line)
    line.client.refuse("put_attachment", "attachment-quota", 413)
    line.adapter.outbox.flush()
    assert line.adapter.show(queued.ref).referral.problem == "attachment-quota"
    found = find_item(line.adapter.office, paper.item)
    assert not isinstance(found, Refused)
    assert retry(line.adapter.office, found) is None
    assert line.adapter.show(queued.ref).referral.problem is None
    with line.store.transaction() as tx:
        [carrier] = tx.traffic.waiting(queued.ref)
    assert carrier.after == paper.item
    assert line.adapter.outbox.flush().accepted == [paper.item, carrier.item]
