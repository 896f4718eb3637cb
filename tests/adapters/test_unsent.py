"""What had not left when it was taken back does not leave: the gateway was out of reach, the person was not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.consent_changes import Change, Ended, Withdrawal
from adapters.dead_letters import refused_items
from adapters.erasure import ERASED
from adapters.outgoing import Queued, Supplement, send_message
from adapters.sections import WorkerSection
from adapters.store.records import Shipment
from adapters.unsent import CANCELLED, was_taken_back
from consent.envelope import NoticeHeader
from consent.passage import Refused
from keys.documents import validate
from keys.terminal import DONE
from tests.adapters.conftest import Town
from tests.adapters.consenting import GIVEN_HEALTH, recorded, restricted
from tests.adapters.partners import Partner, arrived, consent_file, referral_file, sent
from tests.adapters.terminal import Command
from tests.adapters.test_dead_letters import refused
from tests.envelopes import consent_ended_members
from tests.invented import ABSENT, LINE, SHELTER

MESSAGE = Supplement({"worker": WorkerSection(name="Intervenante Inventée")})


def record_of(line: Partner, ref: str) -> str:
    """The record on which a referral rests."""
    cited = line.adapter.show(ref).referral.header.authority
    assert cited is not None
    with line.store.transaction() as tx:
        record = tx.papers.record_of(cited.statement)
    assert record is not None
    return record


def dropped(line: Partner) -> list[Shipment]:
    """What will not leave."""
    with line.store.transaction() as tx:
        return tx.traffic.settled("dropped")


def stays(town: Town, queued: Queued, because: str) -> None:
    """The referral did not leave and will not; its dossier says why; what it says is here, sealed nowhere."""
    broker, line, _ = town
    broker.clock.forward(hours=1)
    line.adapter.outbox.flush()
    assert queued.envelope not in broker.wires
    dossier = line.adapter.show(queued.ref)
    assert (dossier.referral.problem, dossier.waiting, len(dossier.contents)) == (because, (), 1)
    assert (queued.envelope, because, b"") in [(item.item, item.problem, item.body) for item in dropped(line)]
    assert refused_items(line.adapter.office) == []
    assert line.adapter.resend(queued.ref) == Refused("nothing-to-resend", "", "/ref")


@pytest.mark.parametrize(
    ("change", "because"),
    [
        (Withdrawal(), "consent-withdrawn"),
        (Ended("organisation"), "consent-revoked"),
        (Ended("authority"), "consent-invalidated"),
    ],
)
@pytest.mark.parametrize("tried", [False, True])
def test_a_referral_that_waits_does_not_outlive_its_consent(
    laval: Town, change: Change, because: str, *, tried: bool
) -> None:
    """Whoever ended it, and whether or not somebody tried to send it before."""
    _, line, _ = laval
    queued = sent(line)
    if tried:
        line.client.cut_off("deposit")
        line.adapter.outbox.flush()
    line.adapter.consents.change(record_of(line, queued.ref), change)
    stays(laval, queued, because)


@pytest.mark.parametrize("how", ["lost", "killed"])
def test_what_had_arrived_before_it_was_taken_back_is_known_to_have_left(laval: Town, how: str) -> None:
    """The answer was lost, or this program died before it could keep it: nobody is told that nothing had left."""
    broker, line, shelter = laval
    queued = sent(line)
    if how == "lost":
        line.client.lose_answer("deposit")
        line.adapter.outbox.flush()
    else:
        line.client.after["deposit"] = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            line.adapter.outbox.flush()
        line.restart()
    shelter.adapter.sync()
    line.adapter.consents.change(record_of(line, queued.ref), Withdrawal())
    broker.clock.forward(hours=1)
    line.adapter.outbox.flush()
    assert dropped(line) == []
    assert line.adapter.show(queued.ref).state.status == "requested"


def test_nor_does_one_that_the_broker_had_refused(laval: Town) -> None:
    """Nobody tries it again by a slip."""
    _, line, _ = laval
    queued, _ = refused(line)
    line.adapter.consents.change(record_of(line, queued.ref), Withdrawal())
    stays(laval, queued, "consent-withdrawn")


def test_a_restriction_and_a_refusal_elsewhere_keep_it_here(laval: Town) -> None:
    """A section of it is kept back; or the person says no to its purpose in another record."""
    _, line, _ = laval
    queued = sent(line)
    restricted(line, sections=["contact"])
    stays(laval, queued, "section-not-granted")
    other = {"/person": "personne-fictive-2"}
    first, _ = line.adapter.record_consent(consent_file(other))
    again = line.adapter.send(referral_file(first.record_id))
    assert isinstance(again, Queued)
    line.adapter.record_consent(
        consent_file({**other, "/events/0/event_state": "dpv:ConsentRefused", "/events/0/expression": ABSENT})
    )
    stays(laval, again, "consent-withdrawn")


def test_what_is_still_covered_leaves(laval: Town) -> None:
    """Taking back another purpose, or of another person, keeps nothing here."""
    broker, line, _ = laval
    made, _ = line.adapter.record_consent(consent_file(GIVEN_HEALTH))
    queued = line.adapter.send(referral_file(made.record_id))
    other = recorded(line, {"/person": "personne-fictive-2"})
    assert isinstance(queued, Queued)
    line.adapter.consents.change(made.record_id, Withdrawal(purposes=("referral-health",)))
    line.adapter.consents.change(other.record_id, Withdrawal())
    line.adapter.outbox.flush()
    assert broker.waiting[SHELTER] == [queued.envelope]
    assert dropped(line) == []


def test_a_message_stays_with_the_step_that_says_it_was_given(laval: Town) -> None:
    """The referral had left, so it goes on as it was; the information that was asked for is not given."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    shelter.adapter.ask(queued.ref, ["situation"])
    shelter.adapter.sync()
    line.adapter.sync()
    file = referral_file(record_of(line, queued.ref))
    assert file.sections.situation is not None
    given = line.adapter.provide(queued.ref, file.sections.model_copy(update={"documents": None}))
    assert isinstance(given, Queued)
    line.adapter.consents.change(record_of(line, queued.ref), Withdrawal())
    before = len(broker.deposits)
    line.adapter.outbox.flush()
    assert (len(broker.deposits), len(dropped(line))) == (before, 2)
    assert line.adapter.show(queued.ref).state.info_requested


def test_everything_that_follows_a_referral_that_stays_does_too(laval: Town) -> None:
    """Its messages and steps, and the step of the first referral which says that the person was referred again."""
    broker, line, shelter = laval
    first = arrived(line, shelter)
    shelter.adapter.decline(first.ref, "no-capacity")
    shelter.adapter.sync()
    line.adapter.sync()
    record = record_of(line, first.ref)
    again = line.adapter.re_refer(first.ref, referral_file(record))
    assert isinstance(again, Queued)
    assert isinstance(send_message(line.adapter.office, again.ref, MESSAGE), Queued)
    line.adapter.consents.change(record, Withdrawal())
    before = len(broker.deposits)
    line.adapter.outbox.flush()
    assert (len(broker.deposits), len(dropped(line))) == (before, 3)
    assert line.adapter.show(first.ref).waiting == ()
    assert "follow-up" in [duty.kind for duty in line.adapter.duties()]


def test_news_of_the_code_keeps_here_what_waits(laval: Town) -> None:
    """The person said their code elsewhere: the gateway tells, and nothing more leaves under that consent."""
    broker, line, shelter = laval
    first = arrived(line, shelter)
    record = record_of(line, first.ref)
    second = line.adapter.send(referral_file(record))
    assert isinstance(second, Queued)
    with line.store.transaction() as tx:
        [held] = tx.papers.statements_of(record)
    told = {"/ref": first.ref, "/to": LINE, "/notice/statement": held.document.id, "/notice/envelopes": ABSENT}
    notice = validate(NoticeHeader, consent_ended_members(told))
    broker.tell(notice, lambda: broker.gateway.receipts)
    line.adapter.stream.work()
    stays(laval, second, "consent-withdrawn")


def test_a_withdrawal_while_a_referral_is_being_sealed_is_told(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decided on one version, sealed for a while, and the next version there before it is put in the outbox."""
    _, line, _ = laval
    made = recorded(line)
    real = line.adapter.office.signer

    def meanwhile() -> object:
        monkeypatch.undo()
        line.adapter.consents.change(made.record_id, Withdrawal())
        return real()

    monkeypatch.setattr(type(line.adapter.office), "signer", lambda _office: meanwhile())
    assert line.adapter.send(referral_file(made.record_id)) == Refused("consent-superseded", "", "/consent")
    with line.store.transaction() as tx:
        assert [item.kind for item in tx.traffic.waiting()] == ["statement"]


# Errors and changes of mind before anything left.


def test_an_error_noticed_before_it_left_never_leaves(laval: Town) -> None:
    """Erased here at once, without a word to anybody: nobody was told that there was anything."""
    broker, line, _ = laval
    queued = sent(line)
    assert isinstance(send_message(line.adapter.office, queued.ref, MESSAGE), Queued)
    ended = line.adapter.erase_error(queued.ref)
    assert ended == Queued(queued.ref, queued.envelope, ended_here=True)
    line.adapter.outbox.flush()
    assert broker.deposits == []
    dossier = line.adapter.show(queued.ref)
    assert (dossier.state.status, dossier.contents, dossier.waiting) == ("entered-in-error", (), ())
    assert (dossier.referral.erased_at, dossier.possible) == (broker.clock(), ())
    assert {(item.problem, item.body) for item in dropped(line)} == {(ERASED, b"")}
    assert isinstance(line.adapter.cancel(queued.ref, "other"), Refused)


def test_a_request_withdrawn_before_it_left_is_closed_here(laval: Town) -> None:
    """What it says stays, as of any that was cancelled, and may still be erased; nothing else follows from it."""
    broker, line, _ = laval
    queued = sent(line)
    ended = line.adapter.cancel(queued.ref, "other")
    assert ended == Queued(queued.ref, queued.envelope, ended_here=True)
    line.adapter.outbox.flush()
    assert broker.deposits == []
    dossier = line.adapter.show(queued.ref)
    assert (dossier.state.status, dossier.possible, len(dossier.contents)) == ("cancelled", ("T22",), 1)
    assert [item.problem for item in dropped(line)] == [CANCELLED]
    assert line.adapter.close_follow_up(queued.ref, "solved") == Refused(
        "transition-not-from-here", "", "/event/transition"
    )
    assert isinstance(line.adapter.erase_error(queued.ref), Queued)
    assert line.adapter.show(queued.ref).contents == ()
    line.adapter.outbox.flush()
    assert broker.deposits == []


@pytest.mark.parametrize("how", ["lost", "killed"])
def test_one_that_may_have_left_is_told_to_the_broker(laval: Town, how: str) -> None:
    """The answer was lost, or this program died before it could keep it: the step follows the referral."""
    broker, line, shelter = laval
    queued = sent(line)
    if how == "lost":
        line.client.lose_answer("deposit")
        line.adapter.outbox.flush()
    else:
        line.client.after["deposit"] = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            line.adapter.outbox.flush()
        line.restart()
    ended = line.adapter.erase_error(queued.ref)
    assert isinstance(ended, Queued)
    assert not ended.ended_here
    broker.clock.forward(hours=1)
    line.adapter.outbox.flush()
    shelter.adapter.sync()
    for partner in (line, shelter):
        assert partner.adapter.show(queued.ref).state.status == "entered-in-error"


def test_a_worker_reads_that_nothing_left(laval: Town, command: Command) -> None:
    """Not that it will leave by itself."""
    broker, line, _ = laval
    queued = sent(line)
    code, out, _ = command(line, "erase-error", queued.ref)
    assert (code, broker.deposits) == (DONE, [])
    assert "It had not left" in out


def test_only_what_waits_for_a_later_version_of_its_consent_was_taken_back(laval: Town) -> None:
    """What waited behind a paper, or behind the version that it cites, is refused as anything else is."""
    _, line, _ = laval
    queued = sent(line)
    cited = line.adapter.show(queued.ref).referral.header.authority
    assert cited is not None
    with line.store.transaction() as tx:
        [shipment] = [item for item in tx.traffic.settled("pending") if item.item == queued.envelope]
    behind = (None, "f" * 64, f"{cited.statement}@{cited.version}", f"{cited.statement}@{cited.version + 1}")
    assert [was_taken_back(replace(shipment, after=item)) for item in behind] == [False, False, False, True]
