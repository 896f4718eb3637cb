"""Keys and agreements over their lives, between real adapters and the real broker at a held clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from adapters.outgoing import Queued
from adapters.own_keys import import_statement, own_chain, request_key, request_revocation
from adapters.partner import Adapter
from consent.agreement import CLOSING_PERIOD
from consent.passage import Refused
from gateway.audit_bundles import export_bundle
from gateway.enrolments import add_statements, set_active
from journal.bundle import Bundle
from journal.replay import verify
from keys.documents import encode, format_time, sha256_hex
from keys.signing import SignedDocument
from keys.statements import publish
from tests.adapters.partners import consent_file, referral_file
from tests.gateway.first_day import SETTINGS, broker_keys, statements_of
from tests.invented import AGREEMENT_ID, DAY, LINE, PARTIES, SHELTER, root_key
from tests.partnership import FOOD, amended, joined
from tests.system.township import Township

pytestmark = pytest.mark.slow


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Township]:
    """A broker with its partners, and two of their programs."""
    made = Township(tmp_path)
    try:
        yield made
    finally:
        made.close()


def referred(town: Township) -> Queued:
    """A referral that the 211 line put in its outbox."""
    recorded, _ = town.line.record_consent(consent_file())
    queued = town.line.send(referral_file(recorded.record_id))
    assert isinstance(queued, Queued), queued
    return queued


def audited(town: Township, tmp_path: Path) -> None:
    """The auditor finds nothing broken in the whole journal."""
    path = tmp_path / "audit.zip"
    with path.open("wb") as out:
        export_bundle(town.broker, out, town.clock())
    with Bundle.open(path) as bundle:
        report = verify(bundle, broker_keys().signer(1).vkeys)
    assert (report.violations, report.complete) == ((), True)


def revoked(adapter: Adapter, kid: str) -> SignedDocument:
    """The ceremony: the request, the root, the import."""
    signed = request_revocation(adapter.office, kid, "compromised").sign(root_key(adapter.office.address))
    import_statement(adapter.office, signed)
    return signed


def key_in_use(adapter: Adapter, use: str) -> str:
    """The id of the newest key of a use that is in force."""
    now = adapter.office.now()
    keys = own_chain(adapter.office).keys
    return [key.kid for key in keys if key.use == use and key.not_before <= now and key.revoked_index is None][-1]


def test_a_sealing_key_is_revoked_early(town: Township, tmp_path: Path) -> None:
    """The next referral is sealed to the fresh key at once and opened; the broker knows the old one as revoked."""
    before = key_in_use(town.shelter, "sealing")
    revoked(town.shelter, before)
    town.round()
    town.round()
    queued = referred(town)
    town.round()
    assert town.shelter.show(queued.ref).contents
    assert key_in_use(town.shelter, "sealing") != before
    with town.broker.store.reading() as tx:
        assert tx.envelopes.get(queued.envelope) is not None  # it was not refused and sealed anew
        old = tx.keys.get(before)
    assert old is not None
    assert old.revoked_index is not None
    audited(town, tmp_path)


def test_a_referral_sealed_before_the_revocation_leaves_under_the_fresh_key(town: Township, tmp_path: Path) -> None:
    """It waited in the outbox: the broker refuses the old key, and the same content goes out sealed anew."""
    queued = referred(town)
    revoked(town.shelter, key_in_use(town.shelter, "sealing"))
    town.shelter.outbox.flush()
    town.publish()
    assert town.line.sync().sent.refused == []
    town.round()
    assert town.shelter.show(queued.ref).contents
    audited(town, tmp_path)


def test_a_sign_in_key_is_revoked_without_losing_a_round(town: Township, tmp_path: Path) -> None:
    """The old token is refused at the very next call; the next key, published before, signs in."""
    old = town.shelter.office.identity.client_key(town.clock()).kid
    client = town.shelter.client
    revoked(town.shelter, old)
    assert town.shelter.outbox.flush().refused == []
    with pytest.raises(Exception, match="sign-in-refused"):
        client.agreements()
    town.round()
    assert town.shelter.office.identity.client_key(town.clock()).kid != old
    audited(town, tmp_path)


def test_a_signing_key_is_revoked_and_the_next_one_signs(town: Township, tmp_path: Path) -> None:
    """The root vouches for the next, then ends the old one; a referral is received and answered with the new."""
    old = key_in_use(town.shelter, "signing")
    office = town.shelter.office
    import_statement(office, request_key(office, "signing").sign(root_key(SHELTER)))
    revoked(town.shelter, old)
    town.round()
    queued = referred(town)
    town.round()
    assert isinstance(town.shelter.accept(queued.ref), Queued)
    town.round()
    town.round()
    assert town.line.show(queued.ref).state.status == "accepted"
    audited(town, tmp_path)


def test_a_partner_whose_every_key_is_gone_comes_back_by_the_operator(town: Township, tmp_path: Path) -> None:
    """Signing and sign-in keys revoked at once: the operator carries what the root vouched for."""
    office = town.shelter.office
    for use in ("oauth", "signing"):
        revoked(town.shelter, key_in_use(town.shelter, use))
    import_statement(office, request_key(office, "signing").sign(root_key(SHELTER)))
    with office.store.transaction() as tx:
        own = tx.keyring.own()
    with town.broker.store.transaction() as rows:
        at = rows.journal.lock(town.clock())
        assert add_statements(town.broker, rows, SHELTER, own, at) > 0
    town.round()
    queued = referred(town)
    town.round()
    assert town.shelter.show(queued.ref).contents
    audited(town, tmp_path)


def test_a_forked_chain_is_refused_by_the_broker_and_an_alarm_at_home(town: Township) -> None:
    """Two programs of one partner that lost sight of each other: the second statement of a number never counts."""
    office = town.shelter.office
    with office.store.transaction() as tx:
        own = tx.keyring.own()
    period = (town.clock(), town.clock() + 300 * DAY)
    position = (len(own), own[-1].sha256)
    made = [
        publish(position, SHELTER, "witness", public, period, root_key(SHELTER).signers) for public in _witness_keys()
    ]
    import_statement(office, made[0])
    with town.broker.store.transaction() as rows:
        add_statements(town.broker, rows, SHELTER, [made[1]], rows.journal.lock(town.clock()))
    done = town.shelter.outbox.flush()
    assert [code for _, code in done.refused] == ["chain-conflict"]
    town.publish()
    assert "foreign-key-statement" in town.shelter.sync().troubles
    assert {alarm.code for alarm in town.shelter.alarms()} == {"chain-conflict", "foreign-key-statement"}


def _witness_keys() -> list[bytes]:
    return [MLDSA44PrivateKey.generate().public_key().public_bytes_raw() for _ in range(2)]


def test_a_suspended_partner_stops_at_the_next_call(town: Township) -> None:
    """Its program is told, nothing of its outbox is lost, and it goes on once the suspension is lifted."""
    queued = referred(town)
    for active in (False, True):
        with town.broker.store.transaction() as tx:
            set_active(SETTINGS, tx, LINE, active=active, at=tx.journal.lock(town.clock()))
        town.clock.move(minutes=1)
        town.publish()
        town.reconnect(town.line)
        done = town.line.sync()
        assert (queued.envelope in done.sent.accepted) is active
    town.round()
    assert town.shelter.show(queued.ref).contents


def test_an_amendment_supersedes_at_once_and_what_waited_goes_out_under_it(town: Township, tmp_path: Path) -> None:
    """A referral prepared under the first version, refused for the second, is written and sealed anew."""
    queued = referred(town)
    changes = {"/version": 2, "/prev": sha256_hex(encode(town.agreement)), "/retention/copy_days": 60}
    second = amended(town.agreement, changes)
    town.agree(second, tuple(PARTIES))
    town.publish()
    assert town.line.outbox.flush().refused == []
    town.round()
    dossier = town.shelter.show(queued.ref)
    assert dossier.referral.header.agreement == f"{AGREEMENT_ID}@2"
    audited(town, tmp_path)


def test_a_newcomer_joins_and_nobody_else_does_anything(town: Township, tmp_path: Path) -> None:
    """Both programs use the second version, which the shelter never signed."""
    town.enrol(FOOD, statements_of(FOOD))
    second = joined(town.agreement)
    town.agree(second, (FOOD, LINE))
    town.round()
    held = town.shelter.agreement(second.ref)
    assert held.signers == {*PARTIES, FOOD}
    queued = referred(town)
    town.round()
    assert town.shelter.show(queued.ref).referral.header.agreement == second.ref
    audited(town, tmp_path)


@pytest.mark.parametrize("ending", ["by its date", "by hand"])
def test_after_the_end_what_is_open_is_closed_and_nothing_new_begins(
    town: Township, tmp_path: Path, ending: str
) -> None:
    """The program refuses a new referral, and lets its user answer the open one for 90 days; so does the broker."""
    end = town.clock() + 10 * DAY
    changes = {"/version": 2, "/prev": sha256_hex(encode(town.agreement))}
    limit = {"/not_after": format_time(end)} if ending == "by its date" else {"/retention/copy_days": 60}
    second = amended(town.agreement, changes | limit)
    town.agree(second, tuple(PARTIES))
    town.round()
    queued = referred(town)
    town.round()
    town.round()
    town.clock.at = end
    if ending == "by hand":
        town.change(second, "ended")
    town.round()
    recorded, _ = town.line.record_consent(consent_file())
    refused = town.line.send(referral_file(recorded.record_id))
    assert isinstance(refused, Refused)
    assert refused.because == "agreement-ended"
    _rounds(town, timedelta(days=80))
    assert isinstance(town.shelter.accept(queued.ref), Queued)
    town.round()
    _rounds(town, CLOSING_PERIOD - timedelta(days=80, seconds=1))
    assert isinstance(town.shelter.complete(queued.ref, "served"), Queued)
    town.round()
    town.round()
    assert town.line.show(queued.ref).state.status == "completed"
    audited(town, tmp_path)


def test_after_the_closing_period_even_a_step_is_refused(town: Township) -> None:
    """Ninety days are ninety days; the person is told why, and the dossier says so."""
    queued = referred(town)
    town.round()
    town.change(town.agreement, "ended")
    _rounds(town, CLOSING_PERIOD)
    town.shelter.accept(queued.ref)
    town.publish()
    town.reconnect(town.shelter)
    done = town.shelter.sync()
    assert [code for _, code in done.sent.refused] == ["agreement-ended"]
    assert town.shelter.show(queued.ref).referral.problem == "agreement-ended"


def _rounds(town: Township, span: timedelta) -> None:
    """Let time pass in steps of some days, both programs exchanging as they do."""
    end = town.clock() + span
    while town.clock() < end:
        town.clock.at = min(town.clock() + 20 * DAY, end)
        town.round()


def test_warnings_come_with_the_round_that_finds_them(town: Township) -> None:
    """Sixty, thirty and seven days before the end, once each, in the round and not as an alarm."""
    told = []
    end = town.agreement.not_after
    _rounds(town, end - town.clock() - 61 * DAY)
    for days in (61, 59, 58, 29, 6, 5):
        town.clock.at = end - days * DAY
        town.publish()
        town.reconnect(town.line)
        told.append([ending.code for ending in town.line.sync().endings])
    assert told == [[], ["agreement-ends-60"], [], ["agreement-ends-30"], ["agreement-ends-7"], []]
    assert town.line.alarms() == []
