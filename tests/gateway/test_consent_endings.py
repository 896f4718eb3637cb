"""How a consent ends, and what follows at once: what waits is destroyed, and everybody concerned is told."""

import asyncio

import httpx2
import pytest

from consent.headers import MAX_TOLD_AT_ONCE
from tests.builders import (
    DAY,
    ENVELOPE_ID,
    LINE,
    REF,
    SHELTER,
    STATEMENT_ID,
    event_envelope,
    notice_members,
    registered_statement,
    reply_members,
    sealed_envelope,
    signed_statement,
    signing_key,
    statement,
)
from tests.gateway.endings import MESSAGE_ID, end, ending, kept_bytes, notices, register, say, told
from tests.gateway.first_day import header_changes
from tests.gateway.sign_in import URL
from tests.gateway.world import World, receipt_of, refusal_of

_PATH = f"/v1/consents/{STATEMENT_ID}/withdraw"


def _accepted(world: World) -> None:
    """A referral that the shelter holds and has accepted."""
    world.picked_up()
    assert world.shelter.deposit(world.event("T08", 1)).status_code == 201


@pytest.mark.parametrize("state", ["withdrawn", "revoked", "invalidated"])
def test_an_end_before_pick_up_destroys_and_tells_both_ends(world: World, state: str) -> None:
    """The step T12 goes to the requester, its copy to the owner; each names the envelope that nobody will have."""
    world.deposited()
    answer = end(world.line, state)
    assert answer.status_code == 201
    assert receipt_of(answer)["version"] == 2
    assert kept_bytes(world) is None
    entries = world.entries()[-4:]
    assert [entry.type for entry in entries] == [
        "consent.withdrawn",
        "envelope.destroyed",
        "task.transition",
        "envelope.accepted",
    ]
    assert (entries[0].state, entries[1].state, entries[1].rule) == (state, f"consent-{state}", "R17")
    [step], [copy] = notices(world.line), notices(world.shelter)
    assert step.event is not None
    assert (step.event.transition, step.event.reason) == ("T12", "consent-withdrawn")
    assert copy.event == step.event
    assert (step.notice.copy_of, copy.notice.copy_of) == (None, step.id)
    assert step.notice.envelopes == copy.notice.envelopes == (ENVELOPE_ID,)
    assert world.shelter.lease() == []


def test_an_end_after_pick_up_asks_the_recipient_for_an_answer(world: World) -> None:
    """The referral that nobody answered is cancelled, and the shelter learns which envelopes it holds under what."""
    world.picked_up()
    end(world.line)
    assert told(world.line) == [("non-delivery", "T12")]
    assert told(world.shelter) == [("non-delivery", "T12"), ("consent-ended", None)]
    duty = notices(world.shelter)[-1].notice
    assert (duty.statement, duty.version, duty.envelopes) == (STATEMENT_ID, 2, (ENVELOPE_ID,))
    assert notices(world.line)[0].notice.envelopes is None


def test_an_end_after_acceptance_cancels_nothing(world: World) -> None:
    """The owner goes on or closes by itself; it is asked for its answer all the same (transition table, T12)."""
    _accepted(world)
    end(world.line)
    assert told(world.line) == []
    assert told(world.shelter) == [("consent-ended", None)]
    assert world.shelter.deposit(world.event("T17", 2, outcome="place-given")).status_code == 201


def test_a_message_that_waits_is_destroyed_although_its_referral_goes_on(world: World) -> None:
    """Both ends hear which message is missing; the one that was handed out is the other notice's."""
    _accepted(world)
    world.line.deposit(world.message({"/id": MESSAGE_ID}))
    end(world.line)
    assert kept_bytes(world, MESSAGE_ID) is None
    assert told(world.line) == [("non-delivery", None)]
    assert [each.notice.envelopes for each in notices(world.shelter)] == [(MESSAGE_ID,), (ENVELOPE_ID,)]


def test_what_was_handed_out_is_never_told_as_undelivered(world: World) -> None:
    """An envelope out on a lease when the consent ends is destroyed here and held by its recipient."""
    world.deposited()
    world.shelter.lease()
    end(world.line)
    assert kept_bytes(world) is None
    assert [each.notice.envelopes for each in notices(world.shelter)] == [None, (ENVELOPE_ID,)]


def test_an_answer_that_waits_for_the_issuer_is_destroyed_too(world: World) -> None:
    """What the owner sent back rests on the same consent; the issuer is not asked to delete its own file."""
    _accepted(world)
    reply = sealed_envelope(reply_members({**header_changes(), "/id": MESSAGE_ID, "/seq": 2}))
    assert world.shelter.deposit(reply).status_code == 201
    end(world.line)
    assert world.line.lease() == []
    assert told(world.line) == [("non-delivery", None)]


def test_every_recipient_is_told_in_notices_of_a_hundred(world: World) -> None:
    """What one notice cannot name, another does: nothing that was handed out is left out."""
    _accepted(world)
    ids = []
    for number in range(MAX_TOLD_AT_ONCE):
        ids.append("env_" + f"{number:026}".replace("0", "a").replace("1", "b").replace("8", "y").replace("9", "z"))
        answer = world.line.deposit(world.message({"/id": ids[-1], "/seq": number + 1}))
        assert answer.status_code == 201, answer.text
    assert sum(len(world.shelter.lease()) for _ in range(2)) == len(ids)
    end(world.line)
    named = [each.notice.envelopes or () for each in notices(world.shelter)]
    assert [len(each) for each in named] == [MAX_TOLD_AT_ONCE, 1]
    assert [envelope for each in named for envelope in each] == [ENVELOPE_ID, *ids]


def test_an_end_is_repeated_without_a_second_effect(world: World) -> None:
    """The same version gets the same receipt; nobody is told twice."""
    world.picked_up()
    first = end(world.line)
    heard = told(world.shelter)
    again = end(world.line)
    assert (again.status_code, again.content) == (200, first.content)
    assert told(world.shelter) == heard


def test_an_end_by_the_code_is_the_one_that_counts(world: World) -> None:
    """A version that its issuer signs afterwards is registered, and destroys and tells nothing more."""
    register(world.line)
    world.line.deposit(world.referral())
    world.shelter.lease()
    say(world.shelter)
    heard = told(world.line), told(world.shelter)
    assert end(world.line).status_code == 201
    assert (told(world.line), told(world.shelter)) == heard
    assert world.types().count("consent.withdrawn") == 2


@pytest.mark.parametrize("how", ["version", "code"])
def test_what_ended_does_not_begin_again(world: World, how: str) -> None:
    """Neither a next version that is given nor a referral under it passes any more."""
    register(world.line)
    ended = end(world.line) if how == "version" else say(world.shelter)
    assert ended.status_code in {200, 201}
    version = {"/version": 3, "/prev": receipt_of(ended)["payload_sha256"]} if how == "version" else {}
    given = {"/version": 2, "/prev": registered_statement().sha256, **version}
    assert refusal_of(world.line.register(given)) == (403, "consent-ended")
    assert refusal_of(world.line.deposit(world.referral({}))) == (403, "consent-withdrawn")


def test_to_end_takes_the_version_that_ends(world: World) -> None:
    """The path and the document name one consent, the document's state ends it, and it continues what is there."""
    world.line.register()
    given = signed_statement(statement({"/version": 2, "/prev": registered_statement().sha256}))
    assert refusal_of(world.line.post(_PATH, given.encode(), "statement")) == (422, "consent-not-ended")
    other = f"/v1/consents/cs_{'z' * 26}/withdraw"
    assert refusal_of(world.line.post(other, ending(), "statement")) == (404, "consent-unknown")
    gap = ending(changes={"/version": 3})
    assert refusal_of(world.line.post(_PATH, gap, "statement")) == (409, "version-chain")
    assert world.types() == ["consent.registered"]


def test_nobody_ends_what_is_not_theirs(world: World) -> None:
    """A consent that is unknown and one that is another's are answered alike, whoever signs."""
    assert refusal_of(end(world.line)) == (404, "consent-unknown")
    world.line.register()
    stolen = ending(changes={"/issuer": SHELTER})
    assert refusal_of(world.shelter.post(_PATH, stolen, "statement")) == (404, "consent-unknown")
    assert refusal_of(world.shelter.post(_PATH, ending(), "statement")) == (404, "consent-unknown")
    forged = signed_statement(
        statement({"/version": 2, "/prev": registered_statement().sha256, "/state": "revoked", "/grants": []}),
        signing_key(SHELTER),
    )
    assert refusal_of(world.line.post(_PATH, forged.encode(), "statement")) == (403, "signer-is-not-sender")
    assert world.types() == ["consent.registered"]


def test_an_end_is_heard_after_the_period(world: World) -> None:
    """That a consent was withdrawn can be said even once it is over: the record is the issuer's duty."""
    world.line.register({"/not_after": "2026-11-22T00:00:00.000Z"})
    world.clock.move(days=2)
    digest = registered_statement({"/not_after": "2026-11-22T00:00:00.000Z"}).sha256
    late = ending(changes={"/prev": digest, "/not_after": "2026-11-22T00:00:00.000Z"})
    assert world.line.post(_PATH, late, "statement").status_code == 201


def test_the_issuer_can_ask_how_a_consent_stands(world: World) -> None:
    """Given, then how and when it ended and where the journal says so; to anybody else it does not exist."""
    world.line.register()
    path = f"/v1/consents/{STATEMENT_ID}"
    shown = world.line.get(path).json()
    assert (shown["version"], shown["state"], "ended" in shown) == (1, "given", False)
    assert shown["sha256"] == registered_statement().sha256
    index = receipt_of(end(world.line))["index"]
    shown = world.line.get(path).json()
    assert (shown["version"], shown["state"], shown["index"]) == (2, "withdrawn", index)
    assert refusal_of(world.shelter.get(path)) == (404, "consent-unknown")
    assert refusal_of(world.line.get(f"/v1/consents/cs_{'z' * 26}")) == (404, "consent-unknown")
    world.line.narrow("envelope:send")
    assert refusal_of(world.line.get(path)) == (403, "scope-missing")


@pytest.mark.parametrize("first", ["lease", "withdrawal"])
def test_a_lease_and_a_withdrawal_are_ordered_by_the_journal(world: World, first: str) -> None:
    """Whichever comes first in the journal decides: handed out and asked for, or destroyed and told."""
    world.deposited()
    leasing = world.shelter.headers("POST", "/v1/inbox/lease") | {"Content-Type": "application/json"}
    ended = world.line.headers("POST", _PATH) | {"Content-Type": "application/vnd.passerelle.statement+json"}

    async def play() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app=world.app)
        async with httpx2.AsyncClient(transport=transport, base_url=URL) as client:
            calls = {
                "lease": lambda: client.post("/v1/inbox/lease", content=b'{"max":1,"wait":0}', headers=leasing),
                "withdrawal": lambda: client.post(_PATH, content=ending(), headers=ended),
            }
            begun = asyncio.create_task(calls[first]())
            # A lease is a transaction that admits and one that hands out; the second is what is raced for.
            await asyncio.sleep(0.02)
            last = asyncio.create_task(calls["withdrawal" if first == "lease" else "lease"]())
            answers = [await begun, await last]
            return answers if first == "lease" else answers[::-1]

    leased, withdrawn = asyncio.run(play())
    assert (leased.status_code, withdrawn.status_code) == (200, 201)
    types = world.types()
    released = "envelope.released" in types
    assert released == (len(leased.json()) == 1) == (first == "lease")
    assert ("consent-ended" in [kind for kind, _ in told(world.shelter)]) == released
    assert kept_bytes(world) is None
    if released:
        assert types.index("envelope.released") < types.index("consent.withdrawn")


def test_no_partner_can_say_that_a_consent_ended(world: World) -> None:
    """A notice is the broker's: one that a partner signs is refused, whatever it tells."""
    world.picked_up()
    changes = {"/from": LINE, "/to": SHELTER, "/id": MESSAGE_ID, "/seq": 1}
    about = {"kind": "consent-ended", "statement": STATEMENT_ID, "version": 1, "envelopes": [ENVELOPE_ID]}
    members = notice_members({**header_changes(), **changes, "/notice": about})
    members.pop("event", None)
    assert refusal_of(world.line.deposit(event_envelope(members))) == (403, "notice-not-from-broker")
    assert told(world.shelter) == []


def test_the_end_of_one_consent_touches_no_other(world: World) -> None:
    """A referral under another statement waits on."""
    other = {"/id": "cs_" + "q" * 26}
    world.line.register()
    assert world.line.register(other).status_code == 201
    cited = {"statement": other["/id"], "version": 1, "sha256": registered_statement(other).sha256}
    changes = {"/ref": "ref_" + "q" * 26, "/id": "env_" + "q" * 26, "/authority": cited}
    assert world.line.deposit(world.referral(changes)).status_code == 201
    assert world.line.deposit(world.referral()).status_code == 201
    end(world.line)
    assert [item["envelope"] is not None for item in world.shelter.lease()] == [True]
    assert notices(world.line)[0].ref == REF


def test_a_consent_of_the_day_before_is_still_given(world: World) -> None:
    """Nothing ends by itself before its time."""
    world.deposited()
    world.clock.move(days=(DAY * 6).days)
    assert world.types() == ["consent.registered", "envelope.accepted"]
    assert len(world.shelter.lease()) == 1


def test_a_referral_that_is_closed_costs_nothing_when_its_consent_ends(world: World) -> None:
    """Only the owner, who holds what it was handed, is told of it; no step is tried and nothing else is signed."""
    register(world.line, changes={"/grants/0/max_uses": 2})
    cited = registered_statement({"/grants/0/max_uses": 2}).sha256
    other = {"/ref": "ref_" + "q" * 26, "/id": "env_" + "q" * 26, "/authority/sha256": cited}
    assert world.line.deposit(world.referral({"/authority/sha256": cited})).status_code == 201
    assert world.line.deposit(world.referral(other)).status_code == 201
    assert len(world.shelter.lease()) == 2
    assert world.shelter.deposit(world.event("T09", 1, reason="no-capacity")).status_code == 201
    say(world.shelter)
    closed = [
        (item.to, item.notice.kind) for item in (*notices(world.line), *notices(world.shelter)) if item.ref == REF
    ]
    assert closed == [(SHELTER, "consent-ended")]
    assert ("consent-ended", None) in told(world.line)
