"""Our own word confirms nothing to us, what is not known is not confirmed, and one agreement stops no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.confirmation import asking
from adapters.standing import read_standing
from journal.cosignatures import cosign
from journal.notes import Note, parse_note
from keys.documents import encode
from keys.vkeys import MLDSA44, Vkey
from tests.adapters.conftest import Town
from tests.adapters.partners import sent
from tests.adapters.test_confirmation import OUTSIDER, asks, later
from tests.invented import LINE, SHELTER, agreement_signature


def test_our_own_signature_alone_confirms_nothing_to_us(laval: Town) -> None:
    """One of two is enough, and we are one of them: a gateway that shows a fork to us alone has our signature too."""
    asks(laval, 1, LINE, SHELTER)
    broker, line, shelter = laval
    for _ in range(2):
        line.adapter.read_journal()
    assert set(broker.journal.cosigned[len(broker.gateway.leaves)]) == {LINE}
    queued = sent(line)
    [(held, missing)] = line.adapter.outbox.flush().held
    assert (held, SHELTER in missing) == (queued.envelope, True)
    [told] = read_standing(line.adapter.office).agreements
    assert not told.confirmation.confirmed
    shelter.adapter.read_journal()
    line.adapter.read_journal()
    later(broker)
    assert line.adapter.outbox.flush().held == []
    assert len(broker.deposits) == 1


def test_our_own_key_under_another_name_is_still_ours(laval: Town) -> None:
    """A public witness that the agreement names by a key which is our own saw nothing that we have not seen."""
    broker, line, _ = laval
    key = line.adapter.office.identity.witness_key(broker.clock())
    assert key is not None
    asks(laval, 1, str(Vkey(OUTSIDER, MLDSA44, key.private.public_key().public_bytes_raw())))
    line.adapter.read_journal()
    signature = cosign(OUTSIDER, key.private, parse_note(broker.journal.notes[-1]).checkpoint, broker.clock())
    broker.journal.cosigned[len(broker.gateway.leaves)][OUTSIDER] = signature
    line.adapter.read_journal()
    queued = sent(line)
    assert line.adapter.outbox.flush().held == [(queued.envelope, (OUTSIDER,))]


def test_an_agreement_that_is_not_known_here_lets_nothing_sealed_leave(laval: Town) -> None:
    """Nobody can tell which witnesses it asks for: it waits until the agreement is known again."""
    broker, line, _ = laval
    line.adapter.read_journal()
    queued = sent(line)
    with line.store.transaction() as tx:
        tx.session.connection().exec_driver_sql("DELETE FROM agreement")
    assert line.adapter.outbox.flush().held == [(queued.envelope, ())]
    line.adapter.refresh_agreements()
    later(broker)
    assert line.adapter.outbox.flush().held == []
    assert len(broker.deposits) == 1


def test_trouble_with_one_agreement_does_not_end_the_look_for_the_others(
    laval: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something that does not hold is told at the end; what others asked for is found all the same."""
    asks(laval, 1, SHELTER)
    broker, line, shelter = laval
    shelter.adapter.read_journal()
    line.adapter.read_journal()
    with line.store.transaction() as tx:
        [held] = tx.papers.agreements()
        other = held.document.model_copy(update={"id": "agr_" + "d" * 26})
        made = [agreement_signature(other, by).to_json() for by in held.signers]
        tx.papers.save_agreement(replace(held, document=other, sha256="cd" * 32, payload=encode(other)), made)
    [first, second] = asking(line.adapter.office)
    note = parse_note(broker.gateway.note())
    half = Note(note.checkpoint, note.signatures[:1]).encode()
    confirmed = line.client.confirmed_checkpoint
    answers = iter([half])
    monkeypatch.setattr(line.client, "confirmed_checkpoint", lambda *asked: next(answers, None) or confirmed(*asked))
    with line.store.transaction() as tx:
        tx.session.connection().exec_driver_sql("DELETE FROM confirmation")
    broker.clock.forward(seconds=30)
    line.adapter.read_journal()
    with line.store.transaction() as tx:
        assert tx.watches.confirmed(first.sha256) is None
        assert tx.watches.confirmed(second.sha256) is not None
    assert [alarm.code for alarm in line.adapter.alarms()] == ["signature-missing"]
