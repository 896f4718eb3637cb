"""What auditors, files and disputes have to do with an erasure: nothing of it is left, and nothing goes too early."""

from pathlib import Path
from zipfile import ZipFile

import pytest
from sqlalchemy import text

from consent.incident import FIELDS, Incident, known_terms
from gateway.erasure import ErasureError, Order, erasable
from gateway.store.incidents import Opened
from journal.entries import read_entry
from journal.erasures import read_erasure
from keys.signing import SignedDocument
from tests.builders import AUDITORS, ENVELOPE_ID, SHELTER, STATEMENT_ID, registered_statement
from tests.gateway.emergency_world import Emergencies
from tests.gateway.erasing import erased, evidence_over, exported, openings, over, refusal_to_erase
from tests.gateway.operator import Operator
from tests.gateway.world import World, envelope_id, refusal_of

_TIMES = {"occurred": "2026-03-01", "aware": "2026-03-02", "persons": "1", "notices": "persons:2026-03-05"}
WHOLE = Incident(**{name: _TIMES.get(name) or next(iter(known_terms(name))) for name in FIELDS})
BY_LAW = Order("court", "court-order", by_law=True)


def _erasure(world: World) -> bytes:
    """The document of the last entry."""
    index, entry = max(openings(world).items())
    return read_entry(entry, index).document or b""


def test_the_consent_is_nowhere_in_what_auditors_get(world: World, tmp_path: Path) -> None:
    """Neither its reference nor its statements: not in a bundle made afterwards, and not by their digests."""
    group = over(world)
    Emergencies(world)
    with world.broker.store.reading() as tx:
        digests = [SignedDocument.parse(each, "statement").sha256 for each in tx.statements.versions(STATEMENT_ID)]
    auditor = world.partners[AUDITORS]
    for digest in digests:
        assert auditor.get(f"/v1/journal/documents/{digest}").status_code == 200
    erased(world, BY_LAW)
    path = tmp_path / "after.zip"
    report = exported(world, path)
    assert (report.holds, report.counted.erased, report.counted.unread) == (True, len(group), 0)
    for digest in digests:
        assert refusal_of(auditor.get(f"/v1/journal/documents/{digest}")) == (404, "document-unknown")
    with ZipFile(path) as bundle:
        for name in bundle.namelist():
            content = bundle.read(name)
            for forbidden in (STATEMENT_ID.encode(), *(digest.encode() for digest in digests)):
                assert forbidden not in content, name
    with world.broker.store.connected() as connection:
        parties = connection.execute(text("SELECT DISTINCT position FROM journal_party")).scalars().all()
    assert not set(parties) & set(group)


def test_the_parties_are_shown_nothing_of_it_either(world: World) -> None:
    """The consent is as if it did not exist, and no event of its referrals is handed out from the beginning again."""
    over(world)
    place = f"/v1/consents/{STATEMENT_ID}"
    assert world.line.get(place).json()["state"] == "withdrawn"
    assert world.line.events()["events"] != []
    assert world.shelter.events()["events"] != []
    erased(world, BY_LAW)
    assert refusal_of(world.line.get(place)) == (404, "consent-unknown")
    assert world.line.events()["events"] == world.shelter.events()["events"] == []
    with world.broker.store.connected() as connection:
        left = connection.execute(text("SELECT count(*) FROM envelope WHERE wire IS NOT NULL")).scalar_one()
    assert left == 0
    assert world.line.withdraw().status_code == 200


def test_events_of_other_consents_are_still_told(world: World) -> None:
    """Only those of its own referrals go."""
    over(world)
    other = {"/id": "cs_" + "z" * 26}
    assert world.line.register(other).status_code == 201
    sent = {
        "/id": envelope_id(9),
        "/ref": "ref_" + "z" * 26,
        "/authority/statement": "cs_" + "z" * 26,
        "/authority/sha256": registered_statement(other).sha256,
    }
    assert world.line.deposit(world.referral(sent)).status_code == 201
    ended = {"/id": "cs_" + "z" * 26, "/version": 2, "/prev": registered_statement(other).sha256}
    assert world.line.register({**ended, "/state": "withdrawn", "/grants": []}).status_code == 201
    before = world.line.events()["events"]
    erased(world, BY_LAW)
    after = world.line.events()["events"]
    assert 0 < len(after) < len(before)
    assert after == before[-len(after) :]


def test_nothing_erased_is_left_in_the_file(world: World) -> None:
    """On SQLite neither the database nor its log of changes holds the bytes of an erased opening."""
    group = over(world)
    gone = [entry for index, entry in openings(world).items() if index in group]
    erased(world, BY_LAW)
    assert world.broker.store.empty_log()
    path = world.broker.store.engine.url.database
    if world.broker.store.engine.dialect.name == "sqlite":
        assert path is not None
        log = Path(f"{path}-wal")
        content = Path(path).read_bytes() + (log.read_bytes() if log.exists() else b"")
        assert len(gone) == len(group)
        assert not any(entry in content for entry in gone)
    assert not set(group) & set(openings(world))


def test_a_log_that_somebody_reads_is_not_emptied_and_that_is_told(world: World) -> None:
    """Only SQLite has a log of ours: whoever erases is told to come again."""
    over(world)
    store = world.broker.store
    with store.reading() as tx:
        assert tx.journal.head().size > 0
        erased(world, BY_LAW)
        assert store.empty_log() is (store.engine.dialect.name == "postgresql")
    assert store.empty_log()


def test_evidence_in_dispute_is_not_erased(world: World) -> None:
    """While the journal is contradicted nobody erases, unless a court or an authority orders it."""
    over(world)
    evidence_over(world)
    world.act(lambda tx, _: tx.journal.set_contradicted(contradicted=True))
    assert refusal_to_erase(world) == "erasure-journal-contradicted"
    assert erased(world, BY_LAW) != ()


def test_an_order_says_so_in_the_journal_and_is_not_the_operators_own(world: World) -> None:
    """What was not waited for is journalled; nobody orders by the word of the operator alone."""
    over(world)
    with pytest.raises(ErasureError) as refused:
        Order("operator", "court-order", by_law=True)
    assert refused.value.code == "erasure-not-ordered"
    erased(world, BY_LAW)
    told = read_erasure(_erasure(world))
    assert (told.by, told.ordered) == ("court", True)


def test_an_erasure_in_its_time_is_no_order(world: World) -> None:
    """The member is there only when it says something."""
    over(world)
    evidence_over(world)
    erased(world)
    assert b"ordered" not in _erasure(world)


def test_what_an_order_overrides_is_told_before(world: World, tmp_path: Path) -> None:
    """An incident that is not complete and a journal in dispute are named before anybody is asked to be sure."""
    over(world)
    opened = Opened("inc_a", world.clock(), ENVELOPE_ID, SHELTER, Incident(persons="1"), b"", b"")
    world.act(lambda tx, _: tx.incidents.open(opened))
    world.act(lambda tx, _: tx.journal.set_contradicted(contradicted=True))
    found = erasable(world.broker.store, STATEMENT_ID, BY_LAW, world.clock())
    assert (found.incidents, found.contradicted) == (("inc_a",), True)
    operator = Operator(tmp_path)
    url = world.broker.store.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    operator.write_settings(database=url)
    command = ("journal", "erase", "--statement", STATEMENT_ID, "--ground", "court-order", "--ordered")
    assert "not the operator" in operator.refused(*command, "--by", "operator")
    unsure = operator(*command, "--by", "court", typed="no\n")
    assert unsure.code == 130
    assert "inc_a" in unsure.all
    assert "is contradicted" in unsure.all


def test_evidence_of_an_open_incident_is_not_erased(world: World) -> None:
    """Until its eight fields are complete; a court or an authority does not wait."""
    over(world)
    evidence_over(world)
    opened = Opened("inc_a", world.clock(), ENVELOPE_ID, SHELTER, Incident(persons="1"), b"", b"")
    world.act(lambda tx, _: tx.incidents.open(opened))
    assert refusal_to_erase(world) == "erasure-incident-open"
    assert erasable(world.broker.store, STATEMENT_ID, BY_LAW, world.clock()).indices
    world.act(lambda tx, _: tx.incidents.complete("inc_a", WHOLE))
    assert erased(world) != ()
