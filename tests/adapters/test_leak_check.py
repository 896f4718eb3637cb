"""The leak check before sealing: it refuses with places, never with words, and a person's decision stays here."""

from __future__ import annotations

import pytest

from adapters.leak_check import LeakFoundError
from adapters.leaks import Override
from adapters.outgoing import Queued, Supplement
from adapters.referral import read_sections
from adapters.sections import OutcomeSection
from keys import strictjson
from keys.documents import validate
from tests.adapters.conftest import Town
from tests.adapters.partners import arrived, consent_file, referral_file, referral_members
from tests.adapters.terminal import Command, json_file
from tests.adapters.test_cli import recorded

NOTE = "/sections/situation/note"
OUTCOME = "/sections/outcome/note"
LEAKING = {NOTE: "Canari arrive ce soir, rappeler au 450 555-0188."}
LEFT = {"/overrides": [{"place": NOTE, "kind": kind, "reason": "other"} for kind in ("name", "phone")]}


def test_a_leak_is_refused_at_its_place_and_nothing_leaves(laval: Town) -> None:
    """Each leak with its pointer; neither the name nor the number is in the error."""
    _, line, _ = laval
    record = line.adapter.record_consent(consent_file())[0].record_id
    with pytest.raises(LeakFoundError) as caught:
        line.adapter.send(referral_file(record, LEAKING))
    assert [(leak.kind, leak.place) for leak in caught.value.leaks] == [("name", NOTE), ("phone", NOTE)]
    assert {fault.pointer for fault in caught.value.faults} == {NOTE}
    assert "Canari" not in repr(caught.value) + str(caught.value)
    assert line.adapter.referrals() == []


def test_a_decision_to_leave_it_is_kept_here_and_never_sent(laval: Town) -> None:
    """Where, what kind, why and by whom, in this database; the sealed content is what was written."""
    broker, line, shelter = laval
    record = line.adapter.record_consent(consent_file())[0].record_id
    queued = line.adapter.send(referral_file(record, {**LEAKING, **LEFT}), author="int-9")
    assert isinstance(queued, Queued)
    line.adapter.sync()
    shelter.adapter.sync()
    assert [(left.place, left.reason) for left in line.adapter.show(queued.ref).left] == [(NOTE, "other")] * 2
    assert shelter.adapter.show(queued.ref).left == ()
    assert "overrides" not in shelter.adapter.show(queued.ref).contents[0].sections
    assert b"overrides" not in broker.wires[queued.envelope]


def test_a_decision_for_one_place_is_not_one_for_another(laval: Town) -> None:
    """Another kind, or another place, is still refused."""
    _, line, _ = laval
    record = line.adapter.record_consent(consent_file())[0].record_id
    other = {"/overrides": [{"place": NOTE, "kind": "phone", "reason": "other"}]}
    with pytest.raises(LeakFoundError) as caught:
        line.adapter.send(referral_file(record, {**LEAKING, **other}))
    assert [leak.kind for leak in caught.value.leaks] == ["name"]


def test_what_is_added_later_is_checked_as_well() -> None:
    """A supplement has free texts too."""
    members = {"needs": [{"need": "food", "urgency": "routine"}], "note": "Écrire à canari@exemple.invalid"}
    sections, overrides = read_sections(strictjson.dumps({"sections": {"situation": members}}))
    with pytest.raises(LeakFoundError):
        Supplement.of(sections, (), overrides)


def test_an_answer_of_the_owner_is_checked_for_the_names_it_received(laval: Town) -> None:
    """A phone number or the person's name in the outcome is refused, and nothing leaves; a decision lets it pass."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    outcome = OutcomeSection(note="Canari attend, 450 555-0188.")
    with pytest.raises(LeakFoundError) as caught:
        shelter.adapter.answer(ref, outcome)
    assert [(leak.kind, leak.place) for leak in caught.value.leaks] == [("name", OUTCOME), ("phone", OUTCOME)]
    assert shelter.adapter.show(ref).waiting == ()
    left = [validate(Override, {"place": OUTCOME, "kind": kind, "reason": "other"}) for kind in ("name", "phone")]
    assert isinstance(shelter.adapter.answer(ref, outcome, overrides=left), Queued)
    assert [item.kind for item in shelter.adapter.show(ref).left] == ["name", "phone"]


def test_what_is_provided_is_checked_for_the_names_sent_before(laval: Town) -> None:
    """A supplement without an identity still does not tell, in a note, who the person is."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    shelter.adapter.ask(ref, ["situation"])
    shelter.adapter.sync()
    line.adapter.sync()
    members = {"needs": [{"need": "food", "urgency": "routine"}], "note": "Canari attend."}
    sections, _ = read_sections(strictjson.dumps({"sections": {"situation": members}}))
    with pytest.raises(LeakFoundError) as caught:
        line.adapter.provide(ref, sections)
    assert [(leak.kind, leak.place) for leak in caught.value.leaks] == [("name", NOTE)]
    assert line.adapter.show(ref).waiting == ()


def test_the_note_of_a_completion_is_checked_at_the_keyboard(laval: Town, command: Command) -> None:
    """The place and the kind are told, never the words; `--leave` records the decision, of a known kind and reason."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    shelter.adapter.accept(ref)
    shelter.adapter.sync()
    noted = ("complete", ref, "--outcome", "served", "--note", "Canari est venue.")
    code, out, err = command(shelter, *noted)
    assert (code, out, OUTCOME in err, "Canari" in err) == (1, "", True, False)
    assert command(shelter, *noted, "--leave", "name=because")[0] == 1
    assert shelter.adapter.show(ref).state.status != "completed"
    assert command(shelter, *noted, "--leave", "name=other")[0] == 0
    assert [(item.place, item.reason) for item in shelter.adapter.show(ref).left] == [(OUTCOME, "other")]
    assert shelter.adapter.show(ref).state.status == "completed"


@pytest.mark.parametrize(("locale", "words"), [("fr_CA.UTF-8", "ligne"), ("en_CA.UTF-8", "line")])
def test_the_command_tells_line_kind_and_what_to_do(laval: Town, command: Command, locale: str, words: str) -> None:
    """In the reader's language, at the line of the file, with what to write instead; never what was written."""
    _, line, _ = laval
    consent = recorded(command, line)
    code, out, err = command(line, "send", json_file(line.folder, referral_members(consent, LEAKING)), locale=locale)
    assert (code, out) == (1, "")
    assert f"{words} " in err
    assert NOTE in err
    assert "Canari" not in err
    assert "555-0188" not in err
