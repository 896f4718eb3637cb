"""A person's spoken code ends a consent at any partner: who learns what, who is told, and who cannot guess."""

from pathlib import Path

import pytest

from gateway.audit_bundles import export_bundle
from gateway.rates import BY_PARTNER
from journal.bundle import Bundle
from journal.replay import verify
from keys import strictjson
from tests.builders import (
    BROKER,
    HEALTH,
    LINE,
    NEWCOMERS,
    SHELTER,
    STATEMENT_ID,
    registered_statement,
    signed_statement,
    statement,
)
from tests.databases import contents
from tests.gateway.endings import CODE, MESSAGE_ID, OTHER_CODE, answer, end, kept_bytes, notices, register, say, told
from tests.gateway.first_day import ORIGIN, broker_keys
from tests.gateway.world import World, receipt_of, refusal_of

_RECEIPT = {"v", "by", "withdrawal", "origin", "index", "leaf", "time", "promise"}
_OTHER = {"/id": "cs_" + "q" * 26}


def test_the_code_travels_beside_the_first_version(world: World) -> None:
    """201 with the receipt of the statement; the same call again is answered byte for byte."""
    first = register(world.line)
    again = register(world.line)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content
    assert receipt_of(first)["statement"] == STATEMENT_ID
    assert world.types() == ["consent.registered"]


def test_the_database_never_holds_a_code(world: World) -> None:
    """Neither as it was sent nor as a person writes it, nor what a keyless digest of it would be."""
    register(world.line)
    say(world.shelter)
    data = contents(world.broker.store)
    assert STATEMENT_ID.encode() in data
    assert CODE.encode() not in data
    with world.broker.store.reading() as tx:
        digest = tx.statements.code_of(STATEMENT_ID)
    assert digest is not None
    assert digest.encode() in data


def test_a_code_is_of_one_consent_and_a_consent_has_one_code(world: World) -> None:
    """Registering it with another consent, or another one with this consent, is a conflict that leaves no trace."""
    register(world.line)
    assert refusal_of(register(world.line, CODE, _OTHER)) == (409, "withdrawal-code-taken")
    assert refusal_of(register(world.line, OTHER_CODE)) == (409, "withdrawal-code-taken")
    assert world.types() == ["consent.registered"]
    assert refusal_of(say(world.line, OTHER_CODE)) == (404, "withdrawal-code-unknown")


def test_a_statement_without_a_code_can_still_be_given_one(world: World) -> None:
    """The very version that was registered alone, brought again beside its code, gets it."""
    world.line.register()
    assert register(world.line).status_code == 200
    assert say(world.shelter).status_code == 200


@pytest.mark.parametrize(
    ("code", "slug"),
    [
        (CODE[:-1] + ("0" if CODE[-1] != "0" else "1"), "withdrawal-code-wrong"),
        (CODE[:-1], "withdrawal-code-wrong"),
        ("", "withdrawal-code-wrong"),
        (CODE + "\x00", "withdrawal-code-wrong"),
        (CODE[:-1] + "Ａ", "withdrawal-code-wrong"),  # noqa: RUF001 - a full-width letter is what is tried
    ],
)
def test_a_mistyped_code_is_told_as_such(world: World, code: str, slug: str) -> None:
    """A character too few, too many or wrong: 422 at its place, when it is said and when it is registered."""
    for refused in (say(world.shelter, code), register(world.line, code)):
        assert refusal_of(refused) == (422, slug)
        assert CODE[:8] not in refused.text
    assert say(world.shelter, code).json()["errors"] == [{"pointer": "/code", "code": slug}]
    assert world.types() == []


def test_a_later_version_has_no_code(world: World) -> None:
    """The code was told to the person with the first one; a next version that brings one is malformed."""
    world.line.register()
    changes = {"/version": 2, "/prev": registered_statement().sha256}
    assert refusal_of(register(world.line, CODE, changes)) == (422, "unexpected-member")


def test_the_object_beside_the_code_is_as_strict_as_any(world: World) -> None:
    """A missing code, another member, a statement that is no statement: told where, and nothing is kept."""
    signed = signed_statement(statement()).to_json()
    for body in (
        {"v": 1, "statement": signed},
        {"v": 1, "statement": signed, "withdrawal_code": CODE, "person": "Inventée"},
        {"v": 1, "statement": "", "withdrawal_code": CODE},
        {"v": 2, "statement": signed, "withdrawal_code": CODE},
    ):
        assert world.line.post("/v1/consents", strictjson.dumps(body)).status_code == 422
    assert world.types() == []


def test_whoever_says_the_code_learns_that_it_is_done_and_nothing_else(world: World) -> None:
    """The receipt names neither consent nor issuer nor referral; the entry behind it opens to the issuer alone."""
    register(world.line)
    world.line.deposit(world.referral())
    stranger = world.partners[NEWCOMERS]
    answered = say(stranger)
    assert answered.status_code == 200
    receipt = receipt_of(answered)
    assert receipt.keys() == _RECEIPT
    assert (receipt["withdrawal"], receipt["by"], receipt["origin"]) == ("done", BROKER, ORIGIN)
    entry = world.entries()[receipt["index"]]
    assert (entry.type, entry.actor, entry.from_, entry.to) == ("consent.withdrawn", BROKER, LINE, None)
    assert (entry.statement, entry.version, entry.state) == (STATEMENT_ID, 1, "withdrawn")
    for address, partner in world.partners.items():
        indices = [item["index"] for item in partner.get("/v1/journal/openings?after=27").json()["openings"]]
        assert (receipt["index"] in indices) == (address == LINE)


def test_the_code_works_as_a_person_says_it(world: World) -> None:
    """In small letters, in groups, with an O for a nought: what was meant is what is read."""
    register(world.line)
    spoken = " ".join((CODE[:4], CODE[4:8], CODE[8:12], CODE[12:])).lower().replace("0", "o")
    assert say(world.shelter, spoken).status_code == 200


def test_the_code_before_pick_up_destroys_and_tells_both_ends(world: World) -> None:
    """As any other end; the issuer, who did not end it, is told that it ended."""
    register(world.line)
    world.line.deposit(world.referral())
    say(world.partners[HEALTH])
    assert kept_bytes(world) is None
    assert told(world.line) == [("non-delivery", "T12"), ("consent-ended", None)]
    assert told(world.shelter) == [("non-delivery", "T12")]
    ended = notices(world.line)[1].notice
    assert (ended.statement, ended.version, ended.envelopes) == (STATEMENT_ID, 1, None)
    assert told(world.partners[HEALTH]) == []
    assert world.line.get(f"/v1/consents/{STATEMENT_ID}").json()["state"] == "withdrawn"


def test_the_code_said_again_gets_the_same_receipt(world: World) -> None:
    """To the byte, at any partner, at any time, with one entry and one effect."""
    register(world.line)
    first = say(world.shelter)
    world.clock.move(hours=5)
    again = say(world.line)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert world.types().count("consent.withdrawn") == 1


def test_the_code_of_a_consent_that_ended_otherwise_is_answered_alike(world: World) -> None:
    """Nobody learns from the answer that the issuer had withdrawn it before, and nobody is told twice."""
    register(world.line)
    world.line.deposit(world.referral())
    world.shelter.lease()
    ended = end(world.line)
    heard = told(world.shelter)
    first, again = say(world.shelter), say(world.shelter)
    assert first.content == again.content
    assert receipt_of(first).keys() == _RECEIPT
    assert receipt_of(first)["index"] == receipt_of(ended)["index"]
    assert told(world.shelter) == heard


def test_an_unknown_code_ends_nothing(world: World) -> None:
    """404, which says what to do; the journal keeps nothing of it."""
    register(world.line)
    refused = say(world.shelter, OTHER_CODE)
    assert refusal_of(refused) == (404, "withdrawal-code-unknown")
    assert "receipt" in refused.json()["detail"]
    assert world.types() == ["consent.registered"]


def test_guessing_is_slowed_down_and_no_code_is_ever_locked(world: World) -> None:
    """After its share a source waits as told; another source, and the right code afterwards, are served."""
    register(world.line)
    for _ in range(BY_PARTNER.burst):
        assert refusal_of(say(world.shelter, OTHER_CODE))[0] == 404
    slowed = say(world.shelter, CODE)
    assert refusal_of(slowed) == (429, "rate-limited")
    assert slowed.headers["retry-after"] == str(int(BY_PARTNER.every.total_seconds()))
    assert refusal_of(say(world.line, OTHER_CODE))[0] == 404
    assert world.types() == ["consent.registered"]
    world.clock.move(seconds=BY_PARTNER.every.total_seconds())
    assert say(world.shelter).status_code == 200


def test_saying_a_code_needs_the_scope(world: World) -> None:
    """A token without consent:write, and a call without a token, end nothing and count nothing."""
    register(world.line)
    assert world.client.post("/v1/withdrawals", json={"v": 1, "code": CODE}).status_code == 401
    world.shelter.narrow("envelope:receive")
    assert refusal_of(say(world.shelter)) == (403, "scope-missing")
    assert world.types() == ["consent.registered"]


def test_the_auditor_finds_nothing_wrong_with_ends_of_every_kind(world: World, tmp_path: Path) -> None:
    """A code, a version after it, answers, a message destroyed: the whole journal replays."""
    register(world.line)
    world.line.deposit(world.referral())
    world.shelter.lease()
    world.shelter.deposit(world.event("T08", 1))
    world.line.deposit(world.message({"/id": MESSAGE_ID}))
    say(world.partners[HEALTH])
    end(world.line)
    assert answer(world.shelter, answer="kept", ground="ongoing-care").status_code == 200
    assert answer(world.shelter).status_code == 200
    register(world.line, OTHER_CODE, _OTHER)
    with (tmp_path / "journal.zip").open("wb") as out:
        export_bundle(world.broker, out, world.clock())
    with Bundle.open(tmp_path / "journal.zip") as bundle:
        report = verify(bundle, broker_keys().signer(1).vkeys)
    assert report.violations == ()
    assert report.complete
    assert {"consent.answered", "envelope.destroyed"} <= set(world.types())
    assert SHELTER not in {entry.actor for entry in world.entries() if entry.type == "consent.withdrawn"}
