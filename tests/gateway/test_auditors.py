"""What auditors may read: everything under their agreements and under none, and nothing of anybody else's."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from consent.agreement import AgreementState
from gateway import auditors, journal_openings, protocols
from gateway.emergencies import set_barred
from gateway.store.transaction import Transaction
from journal.entries import Entry, Opening, open_leaf, read_entry
from journal.layout import SignedAgreement
from keys.documents import from_b64url, sha256_hex
from keys.signing import SignedDocument
from tests.builders import (
    AGREEMENT_ID,
    AT,
    AUDITORS,
    DAY,
    LINE,
    NEWCOMERS,
    REF,
    SHELTER,
    STATEMENT_ID,
    registered_statement,
)
from tests.gateway.emergency_world import Emergencies
from tests.gateway.erasing import LAST_DAY
from tests.gateway.first_day import SETTINGS, broker_keys, the_agreement
from tests.gateway.growing import CONSENTED, Growing, first_version, under
from tests.gateway.world import World, envelope_id, refusal_of

VKEYS = broker_keys().signer(1).vkeys


def _openings(world: World, address: str) -> list[Entry]:
    """Everything that an organisation is shown, asked for to the end."""
    found: list[Entry] = []
    after = 0
    while True:
        page = world.partners[address].get(f"/v1/journal/openings?after={after}").json()
        found += [read_entry(from_b64url(item["entry"]), item["index"]) for item in page["openings"]]
        if page["next"] == after:
            return found
        after = page["next"]


def test_what_is_done_to_a_worker_is_read_by_those_who_audit_its_partner(world: World) -> None:
    """Nobody else's auditors learn which pseudonym was barred, and from whom."""
    Emergencies(world)
    stranger = "aide-inventee@laval"  # a party of no agreement
    Growing(world).enrolled(stranger)
    for org in (LINE, stranger):
        for barred in (True, False):
            world.act(lambda tx, at, org=org, barred=barred: set_barred(SETTINGS, tx, org, "w-1", barred=barred, at=at))
    shown = [entry for entry in _openings(world, AUDITORS) if (entry.state or "").startswith("emergency-worker")]
    assert [(entry.from_, entry.state) for entry in shown] == [
        (LINE, "emergency-worker-barred"),
        (LINE, "emergency-worker-lifted"),
    ]


def _another_agreement(world: World) -> None:
    """A referral under an agreement that has no auditors."""
    growing = Growing(world)
    document = growing.in_force(first_version())
    consented = {**CONSENTED, "/id": "cs_" + "z" * 26}
    assert world.line.register(consented).status_code == 201
    other = {
        **under(document),
        "/id": envelope_id(9),
        "/ref": "ref_" + "z" * 26,
        "/authority/statement": "cs_" + "z" * 26,
        "/authority/sha256": registered_statement(consented).sha256,
    }
    assert world.line.deposit(world.referral(other)).status_code == 201


def test_an_auditor_reads_what_was_done_under_its_agreement_and_under_none(audited: World) -> None:
    """Every opening that names the agreement in any version, or no agreement; each opens its leaf."""
    _another_agreement(audited)
    audited.integrate()
    everything = [entry for entry in audited.entries() if not entry.type.startswith(("key.", "agreement."))]
    other = {"ref_" + "z" * 26, "cs_" + "z" * 26}
    wanted = [
        entry
        for entry in everything
        if (entry.agreement or AGREEMENT_ID).startswith(AGREEMENT_ID) and not other & {entry.ref, entry.statement}
    ]
    assert wanted != everything
    assert any(entry.type == "client.registered" for entry in wanted)
    shown = _openings(audited, AUDITORS)
    assert shown[: len(wanted)] == wanted
    assert [entry.type for entry in shown[len(wanted) :]] == ["audit.read"]


def test_what_names_no_agreement_is_of_the_one_it_rests_on(audited: World) -> None:
    """Acknowledgements, endings and withdrawals under another agreement are not its auditors' business."""
    _another_agreement(audited)
    foreign = "cs_" + "z" * 26
    for members in (
        {"type": "envelope.acknowledged", "ref": "ref_" + "z" * 26},
        {"type": "admin.change", "envelope": envelope_id(9), "state": "incident-completed"},
        {"type": "consent.withdrawn", "statement": foreign, "version": 2},
        {"type": "envelope.acknowledged", "ref": "ref_" + "y" * 26},
        {"type": "consent.answered", "statement": "cs_" + "y" * 26},
        {"type": "envelope.acknowledged", "ref": REF},
        {"type": "client.scopes", "from": LINE},
    ):
        audited.act(lambda tx, at, members=members: tx.journal.append(at, actor="gateway@laval", **members))
    shown = {entry.index for entry in _openings(audited, AUDITORS)}
    seen = [entry.index in shown for entry in audited.entries()[-8:-1]]
    assert seen == [False, False, False, False, False, True, True]


def test_openings_of_auditors_open_the_published_leaves(audited: World) -> None:
    """What they are shown is what the journal committed to."""
    page = audited.partners[AUDITORS].get("/v1/journal/openings").json()["openings"]
    assert page
    with audited.broker.store.reading() as tx:
        leaves = tx.journal.leaves(0, tx.journal.head().size)
    for item in page:
        opening = Opening(from_b64url(item["entry"]), from_b64url(item["salt"]))
        open_leaf(leaves[item["index"]], opening, item["index"])


def test_nobody_else_reads_what_is_not_theirs(audited: World) -> None:
    """A partner that is no auditor gets the entries that name it, before and after auditors read."""
    _openings(audited, AUDITORS)
    for address in (LINE, SHELTER, NEWCOMERS):
        shown = _openings(audited, address)
        assert shown
        assert all(address in {entry.actor, entry.from_, entry.to} for entry in shown)


def _change(world: World, state: AgreementState) -> None:
    def change(tx: Transaction, at: datetime) -> None:
        newest = tx.agreements.newest(AGREEMENT_ID)
        assert newest is not None
        protocols.change_state(world.broker, tx, newest, state, at)

    world.act(change)


@pytest.mark.parametrize("state", ["suspended", "ended"])
def test_questions_are_asked_when_an_agreement_is_suspended_or_over(audited: World, state: AgreementState) -> None:
    """Its auditors go on reading what was done under it: nobody can shake them off by ending it."""
    _change(audited, state)
    shown = {entry.type for entry in _openings(audited, AUDITORS)}
    assert {"envelope.accepted", "envelope.released", "consent.registered"} <= shown
    digest = sha256_hex(_payload(audited))
    assert audited.partners[AUDITORS].get(f"/v1/journal/documents/{digest}").status_code == 200


def test_whose_agreement_is_long_over_audits_nothing(audited: World) -> None:
    """Once evidence is kept no longer, it is nobody's to audit."""
    _change(audited, "ended")
    with audited.broker.store.reading() as tx:
        days = timedelta(days=LAST_DAY)
        assert auditors.audited(tx, AUDITORS, AT + days - timedelta(seconds=1)) == {AGREEMENT_ID}
        assert auditors.audited(tx, AUDITORS, AT + days + DAY) == frozenset()


def test_a_role_in_a_version_that_was_replaced_gives_nothing(audited: World) -> None:
    """The version in force decides who audits; the line was never an auditor."""
    with audited.broker.store.reading() as tx:
        assert auditors.audited(tx, AUDITORS, AT) == {AGREEMENT_ID}
        assert auditors.audited(tx, LINE, AT) == frozenset()
        assert auditors.audited(tx, "personne@laval", AT) == frozenset()


def test_a_reading_is_journalled_once_a_day(audited: World) -> None:
    """However many pages; again the next day, and apart for documents. Partners’ own reading is not."""
    digest = sha256_hex(_payload(audited))
    for _ in range(3):
        _openings(audited, AUDITORS)
        audited.partners[AUDITORS].get(f"/v1/journal/documents/{digest}")
        _openings(audited, LINE)
    audited.clock.move(days=1)
    _openings(audited, AUDITORS)
    read = [entry for entry in audited.entries() if entry.type == "audit.read"]
    assert Counter(entry.state for entry in read) == {"openings": 2, "documents": 1}
    assert {(entry.actor, entry.from_) for entry in read} == {("gateway@laval", AUDITORS)}


def test_a_long_journal_is_read_in_spans(audited: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page may be short or empty and the cursor goes on; nothing is left out, nothing comes twice."""
    monkeypatch.setattr(journal_openings, "SPAN", 7)
    monkeypatch.setattr(journal_openings, "MAX_OPENINGS", 2)
    shown = [entry.index for entry in _openings(audited, AUDITORS)]
    expected = [entry.index for entry in audited.entries() if not entry.type.startswith(("key.", "agreement."))]
    assert shown == expected


def test_auditors_read_agreements_and_statements_by_their_digest(audited: World) -> None:
    """As the bundle holds them: the exact bytes with every signature, and the signed statement."""
    payload = _payload(audited)
    answer = audited.partners[AUDITORS].get(f"/v1/journal/documents/{sha256_hex(payload)}")
    shown = SignedAgreement.parse(answer.content)
    assert (shown.payload, len(shown.signatures)) == (payload, 5)
    with audited.broker.store.reading() as tx:
        statement = tx.statements.newest(STATEMENT_ID)
    assert statement is not None
    answer = audited.partners[AUDITORS].get(f"/v1/journal/documents/{statement.sha256}")
    assert SignedDocument.parse(answer.content, "statement").sha256 == statement.sha256


def test_a_statement_that_ended_is_still_shown(audited: World) -> None:
    """The version that ends a consent names no agreement; the one before it does."""
    assert audited.line.withdraw().status_code == 201
    with audited.broker.store.reading() as tx:
        statement = tx.statements.newest(STATEMENT_ID)
    assert statement is not None
    assert statement.document.grants == ()
    answer = audited.partners[AUDITORS].get(f"/v1/journal/documents/{statement.sha256}")
    assert answer.status_code == 200


def test_documents_are_shown_to_their_auditors_only(audited: World) -> None:
    """Parties, other agreements’ documents and unknown digests are refused in the same words."""
    _another_agreement(audited)
    with audited.broker.store.reading() as tx:
        mine = tx.statements.newest(STATEMENT_ID)
        other = tx.statements.newest("cs_" + "z" * 26)
        foreign = tx.agreements.get("agr_" + "f" * 26, 1)
    assert mine
    assert other
    assert foreign
    for address, digest in (
        (LINE, mine.sha256),
        (LINE, sha256_hex(_payload(audited))),
        (AUDITORS, other.sha256),
        (AUDITORS, foreign[0].sha256),
        (AUDITORS, "0" * 64),
        (AUDITORS, "%00"),
        (AUDITORS, "x"),
    ):
        answer = audited.partners[address].get(f"/v1/journal/documents/{digest}")
        assert refusal_of(answer) == (404, "document-unknown"), (address, digest)


def test_the_journal_is_read_with_its_scope_only(audited: World) -> None:
    """Without journal:read an auditor reads nothing, and nothing is journalled."""
    auditor = audited.partners[AUDITORS]
    auditor.narrow("envelope:receive")
    for path in ("openings", f"documents/{sha256_hex(_payload(audited))}", "proof/0"):
        assert refusal_of(auditor.get(f"/v1/journal/{path}")) == (403, "scope-missing")
    assert "audit.read" not in audited.types()


def _payload(world: World) -> bytes:
    """The exact bytes of the agreement in force."""
    assert the_agreement().id == AGREEMENT_ID
    with world.broker.store.reading() as tx:
        found = tx.agreements.get(AGREEMENT_ID, 2)
    assert found is not None
    return found[1]
