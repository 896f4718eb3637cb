"""The end of a consent after delivery: answered in a signed document, and erased before it says so."""

from __future__ import annotations

import sqlite3

import pytest

from adapters.erasure import ERASED
from adapters.leaks import Override
from adapters.outgoing import Queued
from adapters.sections import OutcomeSection
from adapters.store import store as store_module
from adapters.store.records import LoggedNotice
from consent.passage import Refused
from consent.withdrawal_answer import WithdrawalAnswer
from keys.documents import new_id, parse, validate
from keys.errors import MalformedError
from keys.signing import MAX_DOCUMENT
from tests.adapters.broker_double import BrokerDouble
from tests.adapters.case_double import tell
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, arrived, sent
from tests.invented import SHELTER


def ended(town: Town, **changes: object) -> tuple[str, LoggedNotice]:
    """A referral that the shelter holds and whose consent ended; the notice as it keeps it."""
    broker, line, shelter = town
    queued = arrived(line, shelter)
    tell_ended(broker, line, queued.ref, [queued.envelope], **changes)
    shelter.adapter.sync()
    return queued.ref, shelter.adapter.notices()[0]


def tell_ended(broker: BrokerDouble, line: Partner, ref: str, envelopes: list[str], **changes: object) -> None:
    """Have the broker tell the shelter that a consent ended."""
    cited = line.adapter.show(ref).referral.header.authority
    assert cited is not None
    notice = {"kind": "consent-ended", "statement": cited.statement, "version": cited.version, "envelopes": envelopes}
    tell(broker, ref, SHELTER, notice | changes)


def answers(broker: BrokerDouble) -> list[WithdrawalAnswer]:
    """What the broker was answered."""
    return [parse(WithdrawalAnswer, signed.payload, limit=MAX_DOCUMENT) for signed in broker.words]


def test_deleted_is_erased_in_the_act_of_answering(laval: Town) -> None:
    """Contents, sealed bytes, and what we had answered: gone; the header, the steps and the tombstone stay."""
    broker, _, shelter = laval
    ref, notice = ended(laval)
    decided = validate(Override, {"place": "/sections/outcome/note", "kind": "name", "reason": "other"})
    assert isinstance(
        shelter.adapter.answer(ref, OutcomeSection(note="Canari est venue."), overrides=(decided,)), Queued
    )
    assert not isinstance(shelter.adapter.answer_withdrawal(ref, "deleted"), Refused)
    dossier = shelter.adapter.show(ref)
    assert (dossier.contents, dossier.referral.erased_at) == ((), broker.clock())
    shelter.adapter.outbox.flush()
    [told] = answers(broker)
    assert (told.answer, told.by, told.envelopes) == ("deleted", SHELTER, notice.header.notice.envelopes)
    kept = [path for path in shelter.folder.iterdir() if path.name.startswith("adapter.sqlite")]
    assert len(kept) > 1  # The log of changes too, while the program runs.
    assert [path.name for path in kept if b"Canari" in path.read_bytes()] == []
    with shelter.restart().office.store.transaction() as tx:
        received = tx.traffic.received(told.envelopes[0])
        dropped = [item for item in tx.traffic.settled("dropped") if item.problem == ERASED]
    assert received is not None
    assert (received.wire, received.result) == (b"", "stored")
    assert [item.body for item in dropped] == [b""]


def test_a_crash_between_erasing_and_answering_does_neither(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction: nobody is told deleted of what is still here, nothing is erased without a word."""
    _, _, shelter = laval
    ref, _ = ended(laval)
    with monkeypatch.context() as broken:
        broken.setattr("adapters.withdrawals.erase", lambda *_args, **_named: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            shelter.adapter.answer_withdrawal(ref, "deleted")
    assert shelter.adapter.show(ref).contents
    assert len(shelter.adapter.withdrawals()) == 1
    with shelter.store.transaction() as tx:
        assert tx.traffic.waiting() == []


def test_kept_needs_a_ground_and_may_be_deleted_later(laval: Town) -> None:
    """A ground of the closed list; then deleted is possible, and nothing after it."""
    broker, _, shelter = laval
    ref, _ = ended(laval)
    for ground, slug in ((None, "missing-field"), ("because", "unknown-code")):
        with pytest.raises(MalformedError, match=slug):
            shelter.adapter.answer_withdrawal(ref, "kept", ground)
    assert not isinstance(shelter.adapter.answer_withdrawal(ref, "kept", "legal-obligation"), Refused)
    assert shelter.adapter.show(ref).contents
    assert shelter.adapter.answer_withdrawal(ref, "kept", "other") == Refused("nothing-to-answer", "", "/ref")
    assert not isinstance(shelter.adapter.answer_withdrawal(ref, "deleted"), Refused)
    for answer in ("kept", "deleted"):
        ground = "other" if answer == "kept" else None
        refused = shelter.adapter.answer_withdrawal(ref, answer, ground)
        assert refused == Refused("already-deleted", "", "/ref")
    shelter.adapter.outbox.flush()
    assert [told.answer for told in answers(broker)] == ["kept", "deleted"]


def test_a_redelivery_after_deletion_brings_nothing_back(laval: Town) -> None:
    """The broker leases it once more: it is acknowledged again, and stays erased."""
    broker, _, shelter = laval
    ref, notice = ended(laval)
    shelter.adapter.answer_withdrawal(ref, "deleted")
    broker.waiting[SHELTER] = list(notice.header.notice.envelopes or ())
    assert [arrival.result for arrival in shelter.adapter.sync().arrivals] == ["again"]
    assert shelter.adapter.show(ref).contents == ()


def test_what_comes_after_we_said_deleted_is_not_kept(laval: Town) -> None:
    """Leased before the withdrawal and opened after the answer: the tombstone has no content either."""
    broker, line, shelter = laval
    queued = sent(line)
    line.adapter.sync()
    late, broker.waiting[SHELTER] = list(broker.waiting[SHELTER]), []
    tell_ended(broker, line, queued.ref, [queued.envelope])
    shelter.adapter.sync()
    assert not isinstance(shelter.adapter.answer_withdrawal(queued.ref, "deleted"), Refused)
    broker.waiting[SHELTER] = late
    assert [arrival.result for arrival in shelter.adapter.sync().arrivals] == ["stored"]
    assert shelter.adapter.show(queued.ref).contents == ()


def test_a_notice_that_names_another_referral_erases_only_its_own(laval: Town) -> None:
    """Envelopes never received, or of another referral, are named in the answer and touched nowhere else."""
    broker, line, shelter = laval
    other = arrived(line, shelter)
    broker.clock.forward(minutes=1)
    queued = arrived(line, shelter)
    tell_ended(broker, line, queued.ref, [queued.envelope, other.envelope, new_id("env")])
    shelter.adapter.sync()
    shelter.adapter.answer_withdrawal(queued.ref, "deleted")
    assert shelter.adapter.show(queued.ref).contents == ()
    assert shelter.adapter.show(other.ref).contents
    with shelter.store.transaction() as tx:
        received = tx.traffic.received(other.envelope)
    assert received is not None
    assert received.wire != b""


def test_the_issuer_has_nothing_to_answer(laval: Town) -> None:
    """It is told of the end as well, and of what the recipient answered."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    cited = line.adapter.show(queued.ref).referral.header.authority
    assert cited is not None
    about = {"statement": cited.statement, "version": cited.version, "envelopes": [queued.envelope]}
    tell(broker, queued.ref, line.address, {"kind": "consent-ended", **about})
    tell(broker, queued.ref, line.address, {"kind": "withdrawal-answered", **about, "answer": "deleted"})
    line.adapter.sync()
    assert line.adapter.withdrawals() == []
    assert line.adapter.answer_withdrawal(queued.ref, "deleted") == Refused("nothing-to-answer", "", "/ref")
    assert line.adapter.show(queued.ref).contents
    kinds = [notice.header.notice.kind for notice in line.adapter.show(queued.ref).notices]
    assert kinds == ["consent-ended", "withdrawal-answered"]


def test_deleted_is_not_said_while_a_copy_is_in_the_log_of_changes(
    laval: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody reads the database as it is erased: the answer waits here until the words are in no file any more."""
    broker, _, shelter = laval
    monkeypatch.setattr(store_module, "BUSY_MILLISECONDS", 50)
    ref, _ = ended(laval)
    shelter.restart()
    reader = sqlite3.connect(shelter.folder / "adapter.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM content").fetchone() == (1,)
    assert not isinstance(shelter.adapter.answer_withdrawal(ref, "deleted"), Refused)
    assert shelter.adapter.outbox.flush().stopped == "store-busy"
    assert answers(broker) == []
    reader.execute("COMMIT")
    broker.clock.forward(minutes=1)
    assert shelter.adapter.outbox.flush().stopped is None
    assert [told.answer for told in answers(broker)] == ["deleted"]
    files = [path for path in shelter.folder.iterdir() if path.name.startswith("adapter.sqlite")]
    assert {"adapter.sqlite", "adapter.sqlite-wal"} <= {path.name for path in files}
    for word in (b"Canari", b"Personne-Fictive"):
        assert [path.name for path in files if word in path.read_bytes()] == []
    reader.close()
