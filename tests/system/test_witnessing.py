"""Partners as witnesses of the real broker's journal, and what they export as auditors read it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.journal_papers import export_openings, export_receipts, fetch_proof
from adapters.outgoing import Queued
from adapters.problems import GatewayProblemError
from gateway import checkpoints
from journal.audit.collecting import read_receipts
from journal.audit.fetching import fetch_journal
from journal.notes import Checkpoint, parse_note
from journal.pins import read_pins
from journal.proofs import parse_proof
from keys.documents import encode, sha256_hex
from tests.adapters.partners import consent_file, referral_file
from tests.gateway.sign_in import URL
from tests.invented import LINE, PARTIES, SHELTER
from tests.partnership import amended
from tests.system.township import Township

pytestmark = pytest.mark.slow


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Township]:
    """A broker with its partners, and two of their programs."""
    made = Township(tmp_path)
    try:
        yield made
    finally:
        made.close()


def referred(town: Township) -> Queued:
    """A referral that the 211 line put in its outbox."""
    recorded, _ = town.line.record_consent(consent_file())
    queued = town.line.send(referral_file(recorded.record_id))
    assert isinstance(queued, Queued), queued
    return queued


def test_the_broker_shows_the_cosignatures_of_its_partners(town: Township) -> None:
    """Each look of each partner is a cosignature that the broker verified and shows below its checkpoint."""
    town.publish()
    for adapter in town.adapters.values():
        town.reconnect(adapter)
        adapter.read_journal()
    with town.broker.store.reading() as tx:
        shown = checkpoints.Archive(tx).confirmed(2, town.clock.at)
    assert shown is not None
    assert {each.name for each in parse_note(shown.note).signatures[2:]} == {LINE, SHELTER}


def test_a_quorum_of_partners_confirms_what_is_sent(town: Township) -> None:
    """The next version of the agreement asks for the shelter: the line's referral waits for it, and leaves."""
    quorum = {"threshold": 1, "witnesses": [SHELTER]}
    changes = {"/version": 2, "/prev": sha256_hex(encode(town.agreement)), "/quorum": quorum}
    town.agree(amended(town.agreement, changes), tuple(PARTIES))
    town.publish()
    town.reconnect(town.line)
    town.line.sync()
    town.clock.at += timedelta(hours=25)
    town.publish()
    town.reconnect(town.line)
    town.line.sync()
    queued = referred(town)
    held = dict(town.line.outbox.flush().held)
    assert held == {queued.envelope: (SHELTER,)}
    town.reconnect(town.shelter)
    town.shelter.sync()
    town.clock.at += timedelta(seconds=31)
    town.line.read_journal()
    assert queued.envelope in town.line.outbox.flush().accepted


def test_a_broker_that_was_set_back_learns_of_it_from_its_partners(town: Township) -> None:
    """What a partner has seen signed and the archive does not hold stops the broker: nothing passes any more."""
    town.publish()
    adapter = town.line
    town.reconnect(adapter)
    size = adapter.read_journal() + 7
    origin = adapter.office.pins.journal.origin
    lost = town.broker.keys.signer(1).sign(Checkpoint(origin, size, bytes(32)), town.clock())
    with pytest.raises(GatewayProblemError) as stopped:
        adapter.client.cosign(parse_note(lost).signatures[0].line(), lost)
    assert stopped.value.code == "journal-contradicted"
    queued = referred(town)
    flushed = adapter.outbox.flush()
    assert (queued.envelope in flushed.accepted, flushed.stopped) == (False, "journal-contradicted")


def test_auditors_read_what_partners_export(town: Township, tmp_path: Path) -> None:
    """Openings, receipts and a proof of the real broker, as `passerelle-audit` takes them."""
    queued = referred(town)
    town.round()
    office = town.line.office
    town.publish()
    town.reconnect(town.line)
    town.line.read_journal()
    openings, receipts = tmp_path / "openings.zip", tmp_path / "receipts.jsonl"
    done = export_openings(office, town.line.client, openings)
    assert done.openings > 0
    assert export_receipts(office, receipts) == len(read_receipts([receipts], office.pins.receipts_verifier))
    data, size = fetch_proof(office, town.line.client, queued.envelope)
    assert parse_proof(data).index < size

    def fetch(path: str, _limit: int) -> bytes | None:
        answer = town.http.get(f"{URL}/v1/journal/{path}")
        return answer.content if answer.status_code == 200 else None

    fetched = fetch_journal(fetch, tmp_path / "mirror", read_pins(encode(office.pins)), (openings,), lambda _name: None)
    assert fetched.enriched is not None
    assert (fetched.enriched.openings, fetched.enriched.left) == (done.openings, 0)
