"""Somebody asks why: every rule with its verdict, in their language, and nothing that is not theirs to know."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from consent.decision import RULES
from gateway.audit_bundles import export_bundle
from gateway.enrolments import Enrolment, enrol
from gateway.words import words
from journal.bundle import Bundle
from keys import strictjson
from tests.builders import (
    AGREEMENT_ID,
    AUDITORS,
    HEALTH,
    LINE,
    NEWCOMERS,
    PARENT,
    SHELTER,
    STATEMENT_ID,
    Json,
    event_members,
    justification_members,
    message_members,
    notice_members,
    referral_members,
    registered_statement,
    reply_members,
    root_key,
    sealed_envelope,
)
from tests.gateway.emergency_world import Emergencies
from tests.gateway.first_day import PARTNER_SCOPES, SETTINGS, header_changes, statements_of
from tests.gateway.partner import Partner
from tests.gateway.world import World, envelope_id, refusal_of, slug

STRANGER = "inconnu@laval"


def _asked(members: Json) -> bytes:
    return strictjson.dumps({"v": 1, "header": members})


def _explained(partner: Partner, members: Json, **headers: str) -> Json:
    answer = partner.post("/v1/explain", _asked(members), **headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _refusing(answer: Json) -> dict[str, str]:
    return {rule["rule"]: rule["because"] for rule in answer["rules"] if rule["verdict"] == "refused"}


def _members(changes: Mapping[str, object] | None = None) -> Json:
    return referral_members({**header_changes(), **(changes or {})})


def test_what_would_pass_is_explained_rule_by_rule(world: World) -> None:
    """Each rule of the kind, in the order of the decision, with its sentence; and what the decision rests on."""
    world.line.register()
    answer = _explained(world.line, _members())
    assert answer["decision"] == "granted"
    assert [rule["rule"] for rule in answer["rules"]] == [rule.number for rule in RULES["referral"]]
    assert {rule["verdict"] for rule in answer["rules"]} == {"passed"}
    assert all(set(rule) == {"rule", "title", "verdict"} and rule["title"].endswith(".") for rule in answer["rules"])
    assert (answer["agreement"], answer["article"]) == (f"{AGREEMENT_ID}@1", "1")
    assert answer["consent"] == {"statement": STATEMENT_ID, "version": 1}


def test_every_refusal_says_what_to_do_and_who_can(world: World) -> None:
    """All the rules that refuse are told at once, each with its place, its remedy and whom to ask."""
    world.line.register()
    slots = [*_members()["slots"], {"sid": "s4", "section": "health-note", "schema": "health-note/1"}]
    answer = _explained(world.line, _members({"/slots": slots, "/territory": "laval"}))
    assert answer["decision"] == "refused"
    assert _refusing(answer) == {"R13": "clear-not-allowed", "R20": "section-not-granted"}
    assert [rule["rule"] for rule in answer["rules"] if rule["verdict"] == "not-asked"] == ["R21", "R22"]
    [refused] = [rule for rule in answer["rules"] if rule["rule"] == "R20"]
    assert refused == {
        "rule": "R20",
        "title": refused["title"],
        "verdict": "refused",
        "because": "section-not-granted",
        "detail": words("error.section-not-granted.title", "en"),
        "remedy": words("error.section-not-granted.remedy", "en"),
        "pointer": "/slots/3/section",
        "who_can_fix": "person",
    }


@pytest.mark.parametrize("changes", [{}, {"/article": "9"}, {"/to": HEALTH}, {"/agreement_sha256": "ab" * 32}])
def test_the_first_refusal_is_the_one_a_deposit_meets(world: World, changes: dict[str, object]) -> None:
    """Explaining and depositing give one answer."""
    world.line.register()
    refusing = _refusing(_explained(world.line, _members(changes)))
    answer = world.line.deposit(sealed_envelope(_members(changes)))
    assert (answer.status_code == 201) == (not refusing)
    if refusing:
        assert (answer.json()["rule"], slug(answer)) == next(iter(refusing.items()))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_it_speaks_the_readers_language(world: World, language: str) -> None:
    """French or English, with the header that says so."""
    answer = world.line.post("/v1/explain", _asked(_members()), Accept_Language=language)
    assert answer.headers["content-language"] == language
    assert answer.headers["cache-control"] == "no-store"
    [refused] = [rule for rule in answer.json()["rules"] if rule["rule"] == "R14"]
    assert refused["detail"] == words("error.consent-unknown.title", "fr" if language == "fr" else "en")


def test_nothing_is_kept_of_the_question(world: World, tmp_path: Path) -> None:
    """No entry, no row but the proof that was used up: neither the header's id nor its reference is anywhere."""
    world.line.register()
    before = len(world.entries())
    unheard = "ref_" + "w" * 26
    for _ in range(3):
        assert _explained(world.line, _members({"/ref": unheard, "/id": "env_" + "w" * 26}))["decision"] == "granted"
    assert len(world.entries()) == before
    assert not any(b"w" * 26 in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert world.line.deposit(world.referral()).status_code == 201  # no use was spent either
    path = tmp_path / "journal.zip"
    with path.open("wb") as out:
        export_bundle(world.broker, out, world.clock())
    with Bundle.open(path):
        assert b"w" * 26 not in path.read_bytes()


def test_what_follows_a_referral_is_explained_too(world: World) -> None:
    """A message, an answer and a step, each by the rules of its kind."""
    world.picked_up()
    changes = {**header_changes(), "/id": "env_" + "k" * 26, "/seq": 1}
    for partner, members, kind in (
        (world.line, message_members(changes), "message"),
        (world.shelter, reply_members(changes), "message"),
        (world.shelter, event_members(changes), "event"),
    ):
        answer = _explained(partner, members)
        assert answer["decision"] == "granted", answer
        assert [rule["rule"] for rule in answer["rules"]] == [rule.number for rule in RULES[kind]]


def test_an_emergency_is_explained(world: World) -> None:
    """Before the justification is deposited that is what is missing; afterwards everything passes."""
    urgent = Emergencies(world)
    justified = urgent.justification()
    members = urgent.referral_members(justified)
    assert _refusing(_explained(world.line, members)) == {"R36": "justification-missing"}
    world.line.deposit(justified)
    assert _explained(world.line, members)["decision"] == "granted"
    assert "consent" not in _explained(world.line, members)


def test_nobody_asks_in_the_name_of_another(world: World) -> None:
    """The header has to be the caller's own; a notice is nobody's but the broker's."""
    world.line.register()
    answer = world.shelter.post("/v1/explain", _asked(_members()))
    assert refusal_of(answer) == (403, "sender-is-not-caller")
    notice = notice_members(header_changes())
    assert refusal_of(world.line.post("/v1/explain", _asked(notice))) == (403, "sender-is-not-caller")


def test_a_consent_that_is_not_ones_own_is_as_unknown_as_one_that_never_was(world: World) -> None:
    """Citing the consent of another organisation tells no more than citing one that was made up."""
    world.line.register()
    common = {"/from": SHELTER, "/to": LINE, "/article": "2", "/purpose": "referral-rights"}
    told = []
    for statement in (STATEMENT_ID, "cs_" + "z" * 26):
        changes = {**common, "/authority/statement": statement}
        told.append(_explained(world.shelter, _members(changes)))
    assert told[0] == told[1]
    assert "consent" not in told[0]


def test_a_referral_of_others_is_as_unknown_as_one_that_never_was(world: World) -> None:
    """A stranger to a referral learns nothing of its state, by a message, a step, a part or a replacement."""
    wire = world.picked_up()
    assert wire
    world.shelter.deposit(world.event("T08", 1))
    stranger = world.partners[NEWCOMERS]
    never = "ref_" + "z" * 26
    for made in (message_members, event_members):
        told = []
        for ref in (_members()["ref"], never):
            members = made({**header_changes(), "/from": NEWCOMERS, "/to": LINE, "/ref": ref})
            told.append(_explained(stranger, members))
        assert told[0] == told[1]
    changes = {**header_changes(), "/from": NEWCOMERS, "/to": LINE, "/article": "2"}
    parts = [
        _explained(stranger, referral_members({**changes, "/part_of": ref, "/ref": never}))
        for ref in (
            _members()["ref"],
            PARENT,
        )
    ]
    assert parts[0] == parts[1]


def test_an_organisation_that_is_no_party_learns_nothing_of_an_agreement(world: World) -> None:
    """It hears that it is no party, as at a deposit; no role, article, term or partner of the agreement is told."""
    stranger = _enrolled_stranger(world)
    told = []
    for recipient, article in ((SHELTER, "1"), (NEWCOMERS, "9"), (HEALTH, "1")):
        changes = {"/from": STRANGER, "/to": recipient, "/article": article}
        answer = _explained(stranger, _members(changes))
        assert not {"agreement", "article", "consent"} & set(answer)
        told.append({rule["rule"]: rule for rule in answer["rules"]})
    assert told[0] == told[1] == told[2]
    assert (told[0]["R08"]["because"], told[0]["R08"]["pointer"]) == ("not-a-party", "/from")
    assert {told[0][number]["verdict"] for number in ("R09", "R10", "R11", "R12", "R13", "R18")} == {"not-asked"}


def test_an_organisation_that_is_no_party_does_not_learn_who_audits(world: World) -> None:
    """Asking about a justification to anybody gives one answer, whoever is the auditor."""
    urgent = Emergencies(world)
    stranger = _enrolled_stranger(world)
    told = []
    for recipient in (AUDITORS, SHELTER):
        members = justification_members({**urgent.terms(), "/from": STRANGER, "/to": recipient})
        told.append(_explained(stranger, members))
    assert told[0] == told[1]


def _enrolled_stranger(world: World) -> Partner:
    """An organisation of the territory that no agreement names."""
    enrolment = Enrolment(STRANGER, "Organisme Inventé", "CA-QC", tuple(statements_of(STRANGER)))
    heard = root_key(STRANGER).public.fingerprint
    world.act(lambda tx, at: enrol(SETTINGS, tx, enrolment, heard=heard, scopes=PARTNER_SCOPES, at=at))
    return Partner(world, STRANGER)


@pytest.mark.parametrize(
    ("body", "status", "because", "pointer"),
    [
        (b"{}", 422, "missing-field", "/v"),
        (b'{"v":1,"header":[]}', 422, "wrong-type", "/header"),
        (b'{"v":1,"header":{}}', 422, "unknown-code", "/header/typ"),
        (b'{"v":1,"header":{"typ":"referral"}}', 422, "missing-field", "/header/v"),
        (b'{"v":1,"header":{},"content":"x"}', 422, "unknown-field", "/content"),
        (b'{"v":1,"header":{"a":' + b'"' + b"x" * 20_000 + b'"}}', 413, "too-large", None),
        (b"nothing", 400, "not-json", None),
    ],
)
def test_a_question_that_cannot_be_read_names_the_place(
    world: World, body: bytes, status: int, because: str, pointer: str | None
) -> None:
    """The header is read as strictly as that of an envelope, and its places are told below `/header`."""
    answer = world.line.post("/v1/explain", body)
    assert refusal_of(answer) == (status, because)
    if pointer is not None:
        assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]


def test_the_scope_to_send_is_needed(world: World) -> None:
    """Whoever may not send has nothing to ask."""
    world.line.narrow("envelope:receive")
    assert refusal_of(world.line.post("/v1/explain", _asked(_members()))) == (403, "scope-missing")


def test_the_owner_learns_of_no_newer_version(world: World) -> None:
    """Its question is answered with the version it cites; the issuer, who made the newer one, is told of that."""
    world.picked_up()
    narrower = {"/version": 2, "/prev": registered_statement().sha256, "/grants/1/sections": ["identity"]}
    assert world.line.register(narrower).status_code == 201
    asked = reply_members({**header_changes(), "/id": envelope_id(5), "/seq": 5})
    assert _explained(world.shelter, asked)["consent"] == {"statement": STATEMENT_ID, "version": 1}
    other = referral_members({**header_changes(), "/ref": "ref_" + "q" * 26})
    assert _explained(world.line, other)["consent"] == {"statement": STATEMENT_ID, "version": 2}
