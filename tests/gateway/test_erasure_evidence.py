"""What auditors, files and disputes have to do with an erasure: nothing of it is left, and nothing goes too early."""

from pathlib import Path
from zipfile import ZipFile

import pytest
from sqlalchemy import text

from consent.incident import FIELDS, Incident, known_terms
from gateway.audit_bundles import export_bundle
from gateway.erasure import ErasureError, Order, erasable, erase_consent
from gateway.store.incidents import Opened
from journal.bundle import Bundle
from journal.replay import verify
from journal.report import AuditReport
from keys.signing import SignedDocument
from tests.builders import AUDITORS, ENVELOPE_ID, SHELTER, STATEMENT_ID
from tests.gateway.emergency_world import Emergencies
from tests.gateway.erasing import LAST_DAY, REQUEST, over
from tests.gateway.first_day import SETTINGS, broker_keys
from tests.gateway.world import World, refusal_of

VKEYS = broker_keys().journal.vkeys
_TIMES = {"occurred": "2026-03-01", "aware": "2026-03-02", "persons": "1", "notices": "persons:2026-03-05"}
WHOLE = Incident(**{name: _TIMES.get(name) or next(iter(known_terms(name))) for name in FIELDS})
BY_LAW = Order("court", "court-order", by_law=True)


def _erase(world: World, order: Order = REQUEST, statement: str = STATEMENT_ID) -> tuple[int, ...]:
    return erase_consent(SETTINGS, world.broker.store, statement, order, world.clock())


def _openings(world: World) -> dict[int, bytes]:
    with world.broker.store.reading() as tx:
        return {index: opening.entry for index, opening in tx.journal.openings(tx.journal.head().size)}


def _exported(world: World, path: Path) -> AuditReport:
    with path.open("wb") as out:
        export_bundle(world.broker, out, world.clock())
    with Bundle.open(path) as bundle:
        return verify(bundle, VKEYS)


def _late(world: World) -> None:
    """The day after the evidence is kept no longer."""
    world.clock.move(days=LAST_DAY + 1)


def _refused(world: World, order: Order = REQUEST, statement: str = STATEMENT_ID) -> str:
    before = _openings(world)
    with pytest.raises(ErasureError) as refused:
        _erase(world, order, statement)
    with pytest.raises(ErasureError):
        erasable(world.broker.store, statement, order, world.clock())
    assert _openings(world) == before
    return refused.value.code


def test_the_consent_is_nowhere_in_what_auditors_get(world: World, tmp_path: Path) -> None:
    """Neither its reference nor its statements: not in a bundle made afterwards, and not by their digests."""
    group = over(world)
    Emergencies(world)
    with world.broker.store.reading() as tx:
        digests = [SignedDocument.parse(each, "statement").sha256 for each in tx.statements.versions(STATEMENT_ID)]
    auditor = world.partners[AUDITORS]
    for digest in digests:
        assert auditor.get(f"/v1/journal/documents/{digest}").status_code == 200
    _erase(world, BY_LAW)
    path = tmp_path / "after.zip"
    report = _exported(world, path)
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


def test_nothing_erased_is_left_in_the_file(world: World) -> None:
    """On SQLite neither the database nor its log of changes holds the bytes of an erased opening."""
    group = over(world)
    erased = [entry for index, entry in _openings(world).items() if index in group]
    _erase(world, BY_LAW)
    assert world.broker.store.empty_log()
    path = world.broker.store.engine.url.database
    if world.broker.store.engine.dialect.name == "sqlite":
        assert path is not None
        log = Path(f"{path}-wal")
        content = Path(path).read_bytes() + (log.read_bytes() if log.exists() else b"")
        assert len(erased) == len(group)
        assert not any(entry in content for entry in erased)
    assert not set(group) & set(_openings(world))


def test_a_log_that_somebody_reads_is_not_emptied_and_that_is_told(world: World) -> None:
    """Only SQLite has a log of ours: whoever erases is told to come again."""
    over(world)
    store = world.broker.store
    with store.reading() as tx:
        assert tx.journal.head().size > 0
        _erase(world, BY_LAW)
        assert store.empty_log() is (store.engine.dialect.name == "postgresql")
    assert store.empty_log()


def test_evidence_in_dispute_is_not_erased(world: World) -> None:
    """While the journal is contradicted nobody erases, unless a court or an authority orders it."""
    over(world)
    _late(world)
    world.act(lambda tx, _: tx.journal.set_contradicted(contradicted=True))
    assert _refused(world) == "erasure-journal-contradicted"
    assert _erase(world, BY_LAW) != ()


def test_evidence_of_an_open_incident_is_not_erased(world: World) -> None:
    """Until its eight fields are complete; a court or an authority does not wait."""
    over(world)
    _late(world)
    opened = Opened("inc_a", world.clock(), ENVELOPE_ID, SHELTER, Incident(persons="1"), b"", b"")
    world.act(lambda tx, _: tx.incidents.open(opened))
    assert _refused(world) == "erasure-incident-open"
    assert erasable(world.broker.store, STATEMENT_ID, BY_LAW, world.clock()).indices
    world.act(lambda tx, _: tx.incidents.complete("inc_a", WHOLE))
    assert _erase(world) != ()
