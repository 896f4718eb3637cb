"""The commands about single cases: what is asked, followed up, withdrawn, reported, kept back and refused."""

from __future__ import annotations

import json

import pytest

from adapters.explanations import Waits
from adapters.outgoing import Queued
from adapters.words import words
from consent.envelope import ReferralHeader
from keys.terminal import DONE, REFUSED
from keys.words import Language
from tests.adapters.case_double import explained, tell
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, arrived, consent_file, referral_members, sent
from tests.adapters.terminal import Command, json_file
from tests.adapters.test_cli import recorded
from tests.invented import ABSENT, LINE, SHELTER


def ended(town: Town) -> str:
    """A referral that the shelter holds and whose consent ended."""
    broker, line, shelter = town
    queued = arrived(line, shelter)
    cited = line.adapter.show(queued.ref).referral.header.authority
    assert cited is not None
    notice = {"statement": cited.statement, "version": cited.version, "envelopes": [queued.envelope]}
    tell(broker, queued.ref, SHELTER, {"kind": "consent-ended", **notice})
    shelter.adapter.sync()
    return queued.ref


def steps(partner: Partner, ref: str) -> list[str]:
    """The steps of a referral."""
    return [step.event.transition for step in partner.adapter.show(ref).steps]


def test_information_is_asked_and_provided_by_command(laval: Town, command: Command) -> None:
    """Ask by codes, provide by file; both sides see the steps, and the content beside them."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    assert command(shelter, "ask", ref, "worker", "lease")[0] == DONE
    line.adapter.sync()
    assert words("duty.information", "en") in command(line, "duties")[1]
    added = json_file(line.folder, {"sections": {"worker": {"name": "Intervenante Inventée", "team": "Équipe A"}}})
    assert command(line, "provide", ref, added)[0] == DONE
    shelter.adapter.sync()
    assert steps(shelter, ref) == ["T06", "T07"]
    code, out, _ = command(shelter, "show", ref)
    assert (code, "Équipe A" in out) == (DONE, True)
    assert "Lease" in out


def test_a_slip_is_put_right_and_tries_are_counted(laval: Town, command: Command) -> None:
    """Declined by mistake, corrected within a day; somebody tried to call."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    for arguments in (
        ("decline", ref, "--reason", "no-capacity"),
        ("correct", ref),
        ("attempt", ref, "--channel", "phone"),
    ):
        assert command(shelter, *arguments)[0] == DONE
    line.adapter.sync()
    assert steps(line, ref) == ["T09", "T21", "T20"]
    assert line.adapter.show(ref).state.contact_attempts == 1
    assert command(shelter, "correct", ref)[0] == REFUSED


def test_a_refusal_is_followed_up_by_command(laval: Town, command: Command) -> None:
    """Refer again, or tell what became of the person."""
    _, line, shelter = laval
    first, second = arrived(line, shelter).ref, arrived(line, shelter).ref
    for ref in (first, second):
        command(shelter, "decline", ref, "--reason", "no-capacity")
    line.adapter.sync()
    consent = line.adapter.record_consent(consent_file())[0].record_id
    file = json_file(line.folder, referral_members(consent))
    assert command(line, "re-refer", first, file)[0] == DONE
    assert command(line, "close-follow-up", second, "--became", "solved")[0] == DONE
    line.adapter.sync()
    assert [line.adapter.show(ref).state.business_status for ref in (first, second)] == [
        "re-referred",
        "follow-up-closed",
    ]
    other = json_file(line.folder, referral_members(consent, {"/part_of": first}))
    assert command(line, "re-refer", second, other)[0] == REFUSED


def test_the_person_says_whether_it_helped(laval: Town, command: Command) -> None:
    """By a code of the list."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    for arguments in (("accept", ref), ("complete", ref, "--outcome", "served")):
        command(shelter, *arguments)
    line.adapter.sync()
    assert command(line, "confirm", ref, "--helped", "partly")[0] == DONE
    assert command(line, "confirm", ref, "--helped", "canari")[0] == REFUSED


def test_an_error_is_erased_by_command(laval: Town, command: Command) -> None:
    """Both sides show that it was erased, and nothing of what it said."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    assert command(line, "erase-error", ref)[0] == DONE
    shelter.adapter.sync()
    for partner in (line, shelter):
        code, out, _ = command(partner, "show", ref)
        assert (code, "Canari" in out, "was erased on" in out) == (DONE, False, True)
        assert "erased_at" in json.loads(command(partner, "show", ref, "--json")[1])


@pytest.mark.parametrize("locale", ["fr_CA.UTF-8", "en_CA.UTF-8"])
def test_a_withdrawal_is_listed_answered_and_shown(laval: Town, command: Command, locale: str) -> None:
    """What there is to answer, the answer, and that it was given, in the reader's language."""
    broker, _, shelter = laval
    ref = ended(laval)
    language: Language = "fr" if locale.startswith("fr") else "en"
    ended_words = words("notice.consent-ended.title", language)
    assert ended_words in command(shelter, "withdrawals", "list", locale=locale)[1]
    assert words("notice.consent-ended.remedy", language) in command(shelter, "show", ref, locale=locale)[1]
    assert command(shelter, "withdrawals", "answer", ref, "kept", locale=locale)[0] == REFUSED
    code, out, _ = command(shelter, "withdrawals", "answer", ref, "deleted", locale=locale)
    assert (code, words("cli.withdrawals.deleted", language) in out, len(broker.words)) == (DONE, True, 1)
    assert words("cli.withdrawals.none", language) in command(shelter, "withdrawals", "list", locale=locale)[1]
    assert words("notice.answer.deleted", language) in command(shelter, "notices", locale=locale)[1]
    assert command(shelter, "withdrawals", "answer", ref, "deleted", locale=locale)[0] == REFUSED


def test_a_mismatch_is_reported_by_command(laval: Town, command: Command) -> None:
    """Once; a second report of the same is refused with what to do."""
    broker, line, shelter = laval
    ref = arrived(line, shelter).ref
    arguments = ("report-mismatch", ref, "--kind", "free-text-leak", "--section", "situation")
    assert command(shelter, *arguments)[0] == DONE
    assert len(broker.words) == 1
    code, _, err = command(shelter, *arguments)
    assert (code, "reported already" in err) == (REFUSED, True)
    assert command(line, "report-mismatch", ref, "--kind", "other")[0] == REFUSED


def test_the_outbox_is_looked_at_tried_again_and_dropped(laval: Town, command: Command) -> None:
    """What was refused and why, in words; JSON for a program."""
    _, line, _ = laval
    queued = sent(line)
    line.client.refuse("deposit", "recipient-suspended")
    line.adapter.outbox.flush()
    code, out, _ = command(line, "outbox", "list")
    assert (code, queued.envelope in out, "REFUSED" in out) == (DONE, True, True)
    assert json.loads(command(line, "outbox", "list", "--json")[1])[0]["problem"] == "recipient-suspended"
    line.client.refuse("deposit", "recipient-suspended")
    assert command(line, "outbox", "retry", queued.envelope)[0] == REFUSED
    assert command(line, "outbox", "drop", queued.envelope[:12])[0] == DONE
    assert words("cli.outbox.none", "en") in command(line, "outbox", "list")[1]
    assert command(line, "outbox", "retry", queued.envelope)[0] == REFUSED


def test_explain_tells_every_rule_and_sends_nothing(
    laval: Town, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Granted exits well; refused exits with one, and says which rule."""
    broker, line, _ = laval
    file = json_file(line.folder, referral_members(recorded(command, line)))
    code, out, _ = command(line, "explain", file)
    assert (code, out.count("yes"), words("cli.explain.granted", "en") in out) == (DONE, 2, True)
    refusal = explained(_header(line), R01="scope-missing")
    monkeypatch.setattr(line.client, "explain", lambda _header: refusal, raising=False)
    code, out, _ = command(line, "explain", file)
    assert (code, "R01  NO" in out) == (REFUSED, True)
    assert json.loads(command(line, "explain", file, "--json")[1])["decision"] == "refused"
    assert broker.deposits == []


def test_explain_says_that_a_consent_waits(laval: Town, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the gateway lost entries: why, in its words, and that the referral would pass later; no refusal."""
    _, line, _ = laval
    file = json_file(line.folder, referral_members(recorded(command, line)))
    waits = Waits(because="statement-unconfirmed", detail="Invented: it waits.", remedy="Invented: try later.")
    put_off = explained(_header(line)).model_copy(update={"waits": waits})
    monkeypatch.setattr(line.client, "explain", lambda _header: put_off, raising=False)
    code, out, _ = command(line, "explain", file)
    assert (code, waits.detail in out, waits.remedy in out) == (DONE, True, True)
    assert (words("cli.explain.granted-later", "en") in out, words("cli.explain.granted", "en") in out) == (True, False)
    assert json.loads(command(line, "explain", file, "--json")[1])["waits"]["because"] == "statement-unconfirmed"


def test_explain_sends_nothing_that_waits_but_consents(laval: Town, command: Command) -> None:
    """Whoever only asks does not let a referral leave that still waits; the consent asked about is registered."""
    broker, line, _ = laval
    queued = sent(line)
    consent = line.adapter.record_consent(consent_file())[0].record_id
    file = json_file(line.folder, referral_members(consent))
    assert command(line, "explain", file)[0] == DONE
    assert ("deposit" in line.client.calls, broker.deposits) == (False, [])
    assert [item.item for item in line.adapter.show(queued.ref).waiting] == [queued.envelope]
    assert len(broker.statements) == 2


def test_a_retry_tells_of_its_own_item_only(laval: Town, command: Command) -> None:
    """Something else that is refused in the same round of sending is not told as if it were this item."""
    _, line, _ = laval
    queued = sent(line)
    line.client.refuse("deposit", "recipient-suspended")
    line.adapter.outbox.flush()
    line.adapter.record_consent(consent_file())
    line.client.refuse("register_statement", "not-a-party")
    code, out, err = command(line, "outbox", "retry", queued.envelope)
    assert (code, out.strip(), err) == (DONE, words("cli.shipped", "en"), "")


def _header(line: Partner) -> ReferralHeader:
    queued = sent(line)
    header = line.adapter.show(queued.ref).referral.header
    with line.store.transaction() as tx:
        tx.traffic.settle(queued.envelope, "dropped")
    return header


def test_an_emergency_without_author_or_auditors_is_refused(laval: Town, command: Command) -> None:
    """The person who declares it is named; an agreement that names no auditor lets no emergency pass."""
    _, line, _ = laval
    emergency = {"ground": "child-in-danger", "directive": "DIR-1", "justification": "Inventée, Canari."}
    members = referral_members("rec_" + "a" * 26, {"/consent": ABSENT, "/emergency": emergency})
    file = json_file(line.folder, members)
    for arguments, words_told in ((("send", file), "--author"), (("send", file, "--author", "int-9"), "audit")):
        code, _, err = command(line, *arguments)
        assert (code, words_told in err, "Canari" in err) == (REFUSED, True, False)
    assert words("cli.emergencies.none", "en") in command(line, "emergencies", "list")[1]


def test_resend_attachments_and_notices_say_when_there_is_nothing(laval: Town, command: Command) -> None:
    """An empty list is told as such, and a referral that arrived is not sent twice."""
    _, line, shelter = laval
    queued = arrived(line, shelter)
    assert isinstance(queued, Queued)
    code, _, err = command(line, "resend", queued.ref)
    assert (code, "waits to be sent again" in err) == (REFUSED, True)
    assert words("cli.attachments.none", "en") in command(shelter, "attachments", "list", queued.ref)[1]
    assert (
        words("cli.attachments.none", "en")
        in command(shelter, "attachments", "save", queued.ref, str(shelter.folder / "out"))[1]
    )
    assert words("cli.notices.none", "en") in command(line, "notices")[1]
    assert words("cli.duties.none", "en") in command(line, "duties")[1]
    assert json.loads(command(shelter, "duties", "--json")[1])[0]["peer"] == LINE
