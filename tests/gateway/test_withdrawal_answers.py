"""What recipients answer after a consent ended: deleted, or kept on a ground, once and by whoever holds it."""

import pytest

from gateway import enrolments
from tests.builders import ABSENT, ENVELOPE_ID, HEALTH, LINE, REF, SHELTER, STATEMENT_ID, signing_key
from tests.gateway.endings import MESSAGE_ID, answer, answer_document, end, notices, register, say, told
from tests.gateway.first_day import SETTINGS
from tests.gateway.world import World, refusal_of


@pytest.fixture
def served(world: World) -> World:
    """A world in which the consent ended after the shelter was handed the referral."""
    register(world.line)
    world.line.deposit(world.referral())
    world.shelter.lease()
    say(world.shelter)
    return world


def test_deleted_is_journalled_and_told_to_the_issuer(served: World) -> None:
    """The entry opens to both; the notice says who answered what about which envelopes."""
    given = answer(served.shelter)
    assert (given.status_code, given.json()["answer"]) == (200, "deleted")
    entry = served.entries()[given.json()["index"]]
    assert (entry.type, entry.actor, entry.from_, entry.to) == ("consent.answered", SHELTER, SHELTER, LINE)
    assert (entry.statement, entry.state, entry.reason) == (STATEMENT_ID, "deleted", None)
    assert (entry.envelope, entry.ref) == (ENVELOPE_ID, REF)
    heard = notices(served.line)[-1].notice
    assert (heard.kind, heard.answer, heard.ground) == ("withdrawal-answered", "deleted", None)
    assert heard.envelopes == (ENVELOPE_ID,)


def test_kept_names_its_ground(served: World) -> None:
    """A ground of the closed list, which the issuer hears and the journal remembers."""
    given = answer(served.shelter, answer="kept", ground="legal-obligation")
    assert given.status_code == 200
    assert served.entries()[given.json()["index"]].reason == "legal-obligation"
    assert notices(served.line)[-1].notice.ground == "legal-obligation"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"answer": "kept"}, 422, "missing-field"),
        ({"answer": "kept", "ground": "because we want to"}, 422, "unknown-code"),
        ({"ground": "legal-claim"}, 422, "unexpected-member"),
        ({"answer": "lost"}, 422, "unknown-code"),
        ({"envelopes": []}, 422, "too-short"),
        ({"envelopes": [ENVELOPE_ID, ENVELOPE_ID]}, 422, "duplicate-entry"),
        ({"envelopes": [ENVELOPE_ID, "env_" + "z" * 26]}, 404, "envelope-unknown"),
        ({"statement": "cs_" + "z" * 26}, 404, "envelope-unknown"),
        ({"version": 2}, 404, "consent-unknown"),
        ({"version": ABSENT}, 422, "missing-field"),
        ({"by": LINE}, 403, "signer-is-not-sender"),
        ({"note": "deleted, honest"}, 422, "unknown-field"),
    ],
)
def test_an_answer_that_does_not_hold_is_refused(
    served: World, changes: dict[str, object], status: int, code: str
) -> None:
    """Nothing is journalled and nobody is told."""
    before = served.types()
    assert refusal_of(answer(served.shelter, **changes)) == (status, code)
    assert served.types() == before


def test_only_whoever_was_served_answers(served: World) -> None:
    """To anybody else the envelope does not exist: the sender, a third partner, one with a stolen document."""
    for partner in (served.line, served.partners[HEALTH]):
        assert refusal_of(answer(partner)) == (404, "envelope-unknown")
    stolen = answer_document(served.shelter)
    taken = served.partners[HEALTH].post("/v1/withdrawals/answers", stolen, "withdrawal-answer")
    assert refusal_of(taken) == (403, "signer-is-not-sender")
    for signer, code in (
        (signing_key(LINE), "signer-is-not-sender"),
        (signing_key(SHELTER, "unpublished"), "key-unknown"),
    ):
        forged = answer_document(served.shelter, signer=signer)
        posted = served.shelter.post("/v1/withdrawals/answers", forged, "withdrawal-answer")
        assert refusal_of(posted) == (403, code)
    assert "consent.answered" not in served.types()


def test_one_never_handed_the_envelope_cannot_answer(world: World) -> None:
    """It was destroyed before its recipient fetched it: there is nothing to have deleted."""
    world.deposited()
    end(world.line)
    assert refusal_of(answer(world.shelter)) == (404, "envelope-unknown")


def test_nothing_is_answered_while_the_consent_is_given(world: World) -> None:
    """A recipient cannot close beforehand what it may be asked one day."""
    world.picked_up()
    assert refusal_of(answer(world.shelter)) == (409, "consent-still-given")


def test_an_answer_is_repeated_without_a_second_effect(served: World) -> None:
    """The same bytes, and the same answer signed a day later, get the first one's place; the issuer hears it once."""
    first = answer(served.shelter)
    served.clock.move(days=1)
    again = answer(served.shelter)
    assert first.content == again.content
    assert served.types().count("consent.answered") == 1
    assert [kind for kind, _ in told(served.line)].count("withdrawal-answered") == 1


def test_what_was_kept_can_be_deleted_and_not_the_reverse(served: World) -> None:
    """Kept, then deleted, is told twice; once deleted it cannot be kept, nor may a ground be exchanged."""
    assert answer(served.shelter, answer="kept", ground="ongoing-care").status_code == 200
    other = answer(served.shelter, answer="kept", ground="legal-claim")
    assert refusal_of(other) == (409, "withdrawal-answer-differs")
    assert answer(served.shelter).status_code == 200
    back = answer(served.shelter, answer="kept", ground="ongoing-care")
    assert refusal_of(back) == (409, "withdrawal-answer-differs")
    assert [each.notice.answer for each in notices(served.line)][-2:] == ["kept", "deleted"]


def test_envelopes_may_be_answered_for_apart(world: World) -> None:
    """A part now, all of it later: what was answered before counts, and the entry of several names none."""
    world.picked_up()
    world.line.deposit(world.message({"/id": MESSAGE_ID}))
    world.shelter.lease()
    end(world.line)
    both = [ENVELOPE_ID, MESSAGE_ID]
    assert answer(world.shelter, version=2, envelopes=[MESSAGE_ID]).status_code == 200
    kept = answer(world.shelter, version=2, envelopes=both, answer="kept", ground="other")
    assert refusal_of(kept) == (409, "withdrawal-answer-differs")
    whole = answer(world.shelter, version=2, envelopes=both)
    assert whole.status_code == 200
    entry = world.entries()[whole.json()["index"]]
    assert (entry.envelope, entry.ref) == (None, REF)
    assert answer(world.shelter, version=2, envelopes=[MESSAGE_ID, ENVELOPE_ID]).json()["index"] == entry.index


def test_answering_needs_the_scope_and_an_active_organisation(served: World) -> None:
    """A token that only sends does not answer, nor does a partner that was suspended meanwhile."""
    served.shelter.narrow("envelope:send")
    assert refusal_of(answer(served.shelter)) == (403, "scope-missing")
    served.act(lambda tx, at: enrolments.set_active(SETTINGS, tx, SHELTER, active=False, at=at))
    assert refusal_of(answer(served.shelter)) == (401, "client-suspended")
    assert "consent.answered" not in served.types()
