"""Somebody asks why while a consent was not confirmed since entries were lost: told to those whom it concerns."""

from __future__ import annotations

import pytest

from gateway.words import words
from keys import strictjson
from keys.words import Language
from tests.builders import (
    LINE,
    NEWCOMERS,
    SHELTER,
    STATEMENT_ID,
    Json,
    event_members,
    message_members,
    referral_members,
)
from tests.gateway.first_day import header_changes
from tests.gateway.partner import Partner
from tests.gateway.world import World, envelope_id, refusal_of

MESSAGE: dict[str, object] = {"/id": envelope_id(1), "/seq": 1}


@pytest.fixture
def doubted(world: World) -> World:
    """A referral was picked up; then entries were lost, and nobody has said since what its consent is."""
    world.picked_up()
    world.act(lambda tx, at: tx.statements.doubt_given(at))
    return world


def _explained(partner: Partner, members: Json, language: str = "en") -> Json:
    body = strictjson.dumps({"v": 1, "header": members})
    answer = partner.post("/v1/explain", body, Accept_Language=language)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _message(changes: dict[str, object] | None = None) -> Json:
    return message_members({**header_changes(), **MESSAGE, **(changes or {})})


@pytest.mark.parametrize("language", ["fr", "en"])
def test_what_waits_is_said_to_wait(doubted: World, language: Language) -> None:
    """The rules are told as they stand; beside them why a deposit is put off, as the deposit is."""
    told = _explained(doubted.line, _message(), language)
    assert told["decision"] == "granted"
    assert told["waits"] == {
        "because": "statement-unconfirmed",
        "detail": words("error.statement-unconfirmed.title", language),
        "remedy": words("error.statement-unconfirmed.remedy", language),
    }
    assert refusal_of(doubted.line.deposit(doubted.message(MESSAGE))) == (503, "statement-unconfirmed")


def test_once_it_is_confirmed_nothing_waits(doubted: World) -> None:
    """Its issuer has said again what it is."""
    doubted.line.register()
    assert "waits" not in _explained(doubted.line, _message())


def test_steps_do_not_wait(doubted: World) -> None:
    """They hand nothing out."""
    assert "waits" not in _explained(doubted.shelter, event_members({**header_changes(), **MESSAGE}))


def test_whom_it_does_not_concern_is_told_nothing(doubted: World) -> None:
    """Whoever cites the consent of another organisation, or writes under a referral of others, learns nothing of it."""
    told = []
    for statement in (STATEMENT_ID, "cs_" + "z" * 26):
        changes = {"/from": SHELTER, "/to": LINE, "/article": "2", "/purpose": "referral-rights"}
        members = referral_members({**header_changes(), **changes, "/authority/statement": statement})
        told.append(_explained(doubted.shelter, members))
    assert told[0] == told[1]
    assert "waits" not in told[0]
    stranger = doubted.partners[NEWCOMERS]
    assert "waits" not in _explained(stranger, _message({"/from": NEWCOMERS, "/to": LINE}))
