"""Reports that an envelope was not what it announced: by codes, about what was received, once."""

from __future__ import annotations

import pytest

from adapters.dead_letters import drop, find_item
from adapters.sections import OutcomeSection
from adapters.store.records import Shipment
from consent.mismatch import Mismatch
from consent.passage import Refused
from keys.documents import new_id, parse
from keys.errors import MalformedError
from keys.signing import MAX_DOCUMENT
from tests.adapters.conftest import Town
from tests.adapters.partners import arrived, sent
from tests.invented import SHELTER


def test_a_report_names_the_envelope_and_says_nothing_of_it(laval: Town) -> None:
    """Which envelope, which digest, which gap, which section; the receipt is kept."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    report = shelter.adapter.report_mismatch(queued.ref, "free-text-leak", "situation")
    assert isinstance(report, Shipment)
    assert shelter.adapter.outbox.flush().accepted == [report.item]
    said = parse(Mismatch, broker.words[0].payload, limit=MAX_DOCUMENT)
    assert (said.by, said.envelope, said.kind, said.section) == (
        SHELTER,
        queued.envelope,
        "free-text-leak",
        "situation",
    )
    with shelter.store.transaction() as tx:
        shipment = tx.traffic.shipment(report.item)
    assert shipment is not None
    assert shipment.receipt is not None
    again = shelter.adapter.report_mismatch(queued.ref, "free-text-leak", "situation")
    assert again == Refused("mismatch-already-reported", "", "/kind")
    assert isinstance(shelter.adapter.report_mismatch(queued.ref, "purpose-mislabelled"), Shipment)


def test_what_never_came_cannot_be_reported(laval: Town) -> None:
    """Not by its sender, not by an id that was guessed, not before it was opened."""
    _, line, shelter = laval
    queued = sent(line)
    line.adapter.sync()
    unknown = Refused("envelope-unknown", "", "/envelope")
    assert shelter.adapter.report_mismatch(queued.ref, "other") == unknown
    shelter.adapter.sync()
    assert line.adapter.report_mismatch(queued.ref, "other") == unknown
    assert shelter.adapter.report_mismatch(queued.ref, "other", envelope=new_id("env")) == unknown
    assert line.adapter.report_mismatch(queued.ref, "other", envelope=queued.envelope) == unknown


def test_an_answer_can_be_reported_too(laval: Town) -> None:
    """The requester opened a message of the owner's: it names that envelope."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    answer = shelter.adapter.answer(ref, OutcomeSection(note="Elle est venue."))
    assert not isinstance(answer, Refused)
    shelter.adapter.sync()
    line.adapter.sync()
    report = line.adapter.report_mismatch(ref, "free-text-leak", "outcome", envelope=answer.envelope)
    assert isinstance(report, Shipment)


@pytest.mark.parametrize(
    ("kind", "section", "slug"),
    [("gossip", None, "unknown-code"), ("free-text-leak", None, "missing-field"), ("other", "diary", "unknown-code")],
)
def test_codes_of_the_lists_only(laval: Town, kind: str, section: str | None, slug: str) -> None:
    """A kind that is in no table, a section that is missing or not in the vocabulary."""
    _, line, shelter = laval
    queued = arrived(line, shelter)
    if section == "diary":
        refused = shelter.adapter.report_mismatch(queued.ref, kind, section)
        assert refused == Refused("section-not-in-envelope", "", "/section")
        return
    with pytest.raises(MalformedError, match=slug):
        shelter.adapter.report_mismatch(queued.ref, kind, section)


@pytest.mark.parametrize("dropped", [False, True])
def test_a_report_that_was_refused_can_be_given_again(laval: Town, *, dropped: bool) -> None:
    """Signed anew, at its own moment, whether or not the first one was dropped; what leaves is the second."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    first = shelter.adapter.report_mismatch(queued.ref, "purpose-mislabelled")
    assert isinstance(first, Shipment)
    shelter.client.refuse("report_mismatch", "key-revoked")
    assert shelter.adapter.outbox.flush().refused == [(first.item, "key-revoked")]
    found = find_item(shelter.adapter.office, first.item)
    assert not isinstance(found, Refused)
    if dropped:
        drop(shelter.adapter.office, found)
    broker.clock.forward(minutes=2)
    again = shelter.adapter.report_mismatch(queued.ref, "purpose-mislabelled")
    assert isinstance(again, Shipment)
    assert shelter.adapter.outbox.flush().accepted == [first.item]
    [said] = broker.words
    assert said.encode() == again.body != first.body
    assert parse(Mismatch, said.payload, limit=MAX_DOCUMENT).at == broker.clock()
