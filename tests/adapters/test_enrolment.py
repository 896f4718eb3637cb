"""An organisation's keys: made here, published in order, renewed before they end, and destroyed after."""

from __future__ import annotations

import json
import shutil
import stat
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from adapters.enrolment import KeyFiles, enrol, rotate, write_enrolment
from adapters.identity import DESTROYED_AFTER, Identity
from adapters.store.store import Store
from keys.errors import KeystoreError
from keys.identity import key_id
from keys.signing import SignedDocument
from keys.statements import KIND, KeyPublication, read_statement, replay
from tests.adapters.conftest import Town
from tests.adapters.partners import PASSPHRASE, Partner, arrived, enrolled_folder
from tests.invented import AT, DAY, HEALTH, LINE, SHELTER, root_key


def statements(store: Store) -> list[SignedDocument]:
    """Our own chain."""
    with store.transaction() as tx:
        return tx.keyring.own()


def test_the_chain_begins_with_the_root_and_reaches_six_epochs_ahead(laval: Town) -> None:
    """Root, signing, witness, sign-in, then a sealing key for now and six ahead, each overlapping the one before."""
    _, line, _ = laval
    chain = replay((signed, AT, index) for index, signed in enumerate(statements(line.store)))
    assert [key.use for key in chain.keys] == ["root", "signing", "witness", "oauth", *["sealing"] * 7]
    assert chain.root == root_key(LINE).public
    sealing = chain.keys[4:]
    assert sealing[0].not_before <= AT < sealing[0].not_after
    for before, after in pairwise(sealing):
        assert before.not_before < after.not_before < before.not_after < after.not_after


def test_the_enrolment_file_is_public_in_content_and_complete(laval: Town, tmp_path: Path) -> None:
    """It holds the whole chain in order, and not one secret."""
    _, line, _ = laval
    path = tmp_path / "enrolment.json"
    write_enrolment(path, line.store, LINE, "Ligne Inventée", "CA-QC")
    document = json.loads(path.read_bytes())
    assert [document[name] for name in ("v", "address", "legal_name", "jurisdiction")] == [
        1,
        LINE,
        "Ligne Inventée",
        "CA-QC",
    ]
    chain = [SignedDocument.from_json(item, KIND) for item in document["key_statements"]]
    assert chain == statements(line.store)
    secrets = [key.secret for key in line.adapter.office.identity.keystore.keys.values()]
    assert not any(secret in path.read_bytes() for secret in secrets)


def test_keys_are_private_and_no_folder_is_enrolled_twice(tmp_path: Path) -> None:
    """Both files are for their owner only; a second enrolment would orphan everything sealed to the first."""
    folder = tmp_path / "copy"
    shutil.copytree(enrolled_folder(SHELTER), folder)
    files = KeyFiles(folder / "keystore.json", PASSPHRASE, folder / "root.json", PASSPHRASE)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (files.keystore, files.root)} == {0o600}
    store = Store.open(folder / "adapter.sqlite")
    with pytest.raises(KeystoreError, match="already-enrolled"):
        enrol(SHELTER, store, files, AT)
    with store.transaction() as tx:
        tx.session.connection().exec_driver_sql("DELETE FROM own_key")
    with pytest.raises(KeystoreError, match="keystore-without-chain"):
        enrol(SHELTER, store, files, AT)
    files.keystore.unlink()
    with pytest.raises(KeystoreError, match="root-of-another"):
        enrol(HEALTH, store, files, AT)
    store.close()
    with pytest.raises(KeystoreError, match="keystore-of-another"):
        Identity.open(HEALTH, enrolled_folder(SHELTER) / "keystore.json", PASSPHRASE)


def own_identity(partner: Partner) -> Identity:
    """Give a partner its own copy of its keystore, which it may change."""
    identity = Identity.open(partner.address, partner.folder / "keystore.json", PASSPHRASE)
    partner.restart(identity)
    return identity


def test_new_sealing_keys_are_published_before_the_last_ones_run_out(laval: Town) -> None:
    """Nothing to do at first; two weeks later two keys are made, kept, and handed in in order."""
    broker, _, shelter = laval
    own_identity(shelter)
    assert shelter.adapter.rotate_keys() == 0
    broker.clock.forward(days=14)
    assert shelter.adapter.rotate_keys() == 2
    assert shelter.adapter.rotate_keys() == 0
    shelter.adapter.sync()
    shelter.adapter.read_journal()
    chain = shelter.adapter.office.book.chain(SHELTER, root_key(SHELTER).public.fingerprint)
    assert [key.use for key in chain.keys[11:]] == ["sealing", "sealing"]
    assert shelter.adapter.alarms() == []


def test_a_sign_in_key_is_renewed_and_taken_over_gradually(laval: Town) -> None:
    """A successor is published with 30 days left and used with 15 left, so that it is long known by then."""
    broker, _, shelter = laval
    identity = own_identity(shelter)
    first = identity.client_key(AT).kid
    broker.clock.forward(days=61)
    shelter.adapter.sync()
    uses = [read_statement(signed) for signed in statements(shelter.store)]
    assert [item.use for item in uses if isinstance(item, KeyPublication)].count("oauth") == 2
    assert identity.client_key(broker.clock()).kid == first
    broker.clock.forward(days=15)
    assert identity.client_key(broker.clock()).kid != first
    assert set(identity.ends()) == {"signing", "witness", "oauth", "sealing"}


def test_a_sealing_key_is_destroyed_three_weeks_after_its_end(laval: Town) -> None:
    """Until then it opens what was still on its way; after that nobody can, not even we."""
    broker, line, shelter = laval
    identity = own_identity(shelter)
    arrived(line, shelter)
    first = read_statement(statements(shelter.store)[4])
    assert isinstance(first, KeyPublication)
    assert isinstance(first.public_key, bytes)
    kid = key_id(SHELTER, "sealing", first.public_key)
    broker.clock.now = first.not_after + DESTROYED_AFTER - timedelta(hours=1)
    shelter.adapter.rotate_keys()
    assert identity.sealing_key(kid) is not None
    broker.clock.forward(days=7)
    shelter.adapter.rotate_keys()
    assert identity.sealing_key(kid) is None
    assert kid not in Identity.open(SHELTER, identity.keystore.path, PASSPHRASE).keystore.keys


def test_keys_made_by_another_program_of_ours_are_found(laval: Town) -> None:
    """The command line makes new keys while the service runs: the service opens what is sealed to them."""
    broker, _, shelter = laval
    running = own_identity(shelter)
    broker.clock.forward(days=14)
    other = own_identity(shelter)
    shelter.adapter.rotate_keys()
    fresh = set(other.keystore.keys) - set(running.keystore.keys)
    assert len(fresh) == 2
    assert all(running.sealing_key(kid) is not None for kid in fresh)
    assert running.sealing_key("nobody#sealing-0") is None


def test_a_key_that_ended_signs_nothing(laval: Town) -> None:
    """A year later there is no signing key left, and that is what is said."""
    _, line, _ = laval
    identity = line.adapter.office.identity
    with pytest.raises(KeystoreError, match="signing-key-ended"):
        identity.signer(AT + 400 * DAY)
    with pytest.raises(KeystoreError, match="oauth-key-ended"):
        identity.client_key(AT + 400 * DAY)
    assert PASSPHRASE not in repr(identity)


def test_an_organisation_without_a_chain_rotates_nothing(laval: Town) -> None:
    """Without enrolment there is nothing to continue."""
    _, line, _ = laval
    with line.store.transaction() as tx:
        tx.session.connection().exec_driver_sql("DELETE FROM own_key")
    with pytest.raises(KeystoreError, match="not-enrolled"):
        rotate(line.adapter.office)
