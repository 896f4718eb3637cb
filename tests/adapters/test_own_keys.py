"""Our own keys when the root is needed: a key ends before its time, another takes its place, and nothing is lost."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.identity import DESTROYED_AFTER, Identity
from adapters.outgoing import Queued
from adapters.own_keys import chain_file, import_statement, own_chain, request_key, request_revocation
from keys.chainfile import read_chain
from keys.documents import encode
from keys.errors import ChainConflictError, ForgedError, KeystoreError, MalformedError, PasserelleError
from keys.identity import SigningKey
from keys.publications import PublishedKey
from keys.signing import SignedDocument, sign
from keys.signing_requests import SigningRequest
from keys.statements import KIND, KeyChain, publish
from keys.terminal import DONE, REFUSED
from tests.adapters.conftest import Town
from tests.adapters.partners import PASSPHRASE, Partner, consent_file, referral_file, sent
from tests.adapters.terminal import Command
from tests.invented import AT, DAY, LINE, SHELTER, root_key


@pytest.fixture
def shelter(laval: Town) -> Partner:
    """The shelter, with a keystore of its own that it may change."""
    partner = laval[2]
    partner.restart(Identity.open(SHELTER, partner.folder / "keystore.json", PASSPHRASE))
    return partner


def key_of(partner: Partner, use: str) -> PublishedKey:
    """The newest key of a use that is in force."""
    now = partner.broker.clock()
    keys = own_chain(partner.adapter.office).keys
    return [key for key in keys if key.use == use and key.not_before <= now and key.revoked_index is None][-1]


def seen_by(partner: Partner, address: str) -> KeyChain:
    """A chain as another partner reads it in the journal."""
    partner.adapter.read_journal()
    return partner.adapter.office.book.chain(address, root_key(address).public.fingerprint)


def revoked(partner: Partner, kid: str) -> SignedDocument:
    """A key revoked through the whole ceremony: the request, the root, the import."""
    request = request_revocation(partner.adapter.office, kid, "compromised")
    signed = SigningRequest.parse(request.encode()).sign(root_key(partner.address))
    import_statement(partner.adapter.office, signed)
    return signed


def renewed(partner: Partner) -> SignedDocument:
    """A new signing key through the whole ceremony."""
    request = request_key(partner.adapter.office, "signing")
    signed = SigningRequest.parse(request.encode()).sign(root_key(partner.address))
    import_statement(partner.adapter.office, signed)
    return signed


def test_a_revoked_sealing_key_is_replaced_at_once(laval: Town, shelter: Partner) -> None:
    """Others seal to the fresh key from their next reading on, and reading our own revocation is no alarm."""
    line = laval[1]
    before = key_of(shelter, "sealing")
    revoked(shelter, before.kid)
    assert shelter.adapter.sync().sent.refused == []
    shelter.adapter.read_journal()
    assert shelter.adapter.alarms() == []
    kid, _ = seen_by(line, SHELTER).sealing_key(at=laval[0].clock())
    assert kid == key_of(shelter, "sealing").kid != before.kid
    assert shelter.adapter.office.identity.sealing_key(kid) is not None


def test_what_was_sealed_to_a_revoked_key_is_still_opened(laval: Town, shelter: Partner) -> None:
    """The private half stays until its normal end and 21 days: what was accepted before the revocation is not lost."""
    broker, line, _ = laval
    queued = sent(line)
    line.adapter.sync()
    before = key_of(shelter, "sealing")
    revoked(shelter, before.kid)
    done = shelter.adapter.sync()
    assert [(arrival.envelope, arrival.result) for arrival in done.arrivals] == [(queued.envelope, "stored")]
    identity = shelter.adapter.office.identity
    broker.clock.now = before.not_after + DESTROYED_AFTER - timedelta(hours=1)
    shelter.adapter.rotate_keys()
    assert identity.sealing_key(before.kid) is not None
    broker.clock.forward(hours=25)
    identity.add({}, at=broker.clock())
    assert identity.sealing_key(before.kid) is None


def test_a_revoked_epoch_to_come_leaves_no_gap(laval: Town, shelter: Partner) -> None:
    """Whenever somebody seals in the next weeks, there is a key in force."""
    keys = [key for key in own_chain(shelter.adapter.office).keys if key.use == "sealing"]
    revoked(shelter, keys[3].kid)
    shelter.adapter.sync()
    chain = seen_by(laval[1], SHELTER)
    for day in range(36):
        kid, _ = chain.sealing_key(at=AT + day * DAY)
        assert kid != keys[3].kid


def test_after_the_revocation_of_a_signing_key_the_next_one_signs(laval: Town, shelter: Partner) -> None:
    """Made here, vouched for by the root, used from then on; the old one is destroyed."""
    line = laval[1]
    sent(line)
    line.adapter.sync()
    old = key_of(shelter, "signing")
    renewed(shelter)
    fresh = key_of(shelter, "signing")
    assert shelter.adapter.office.signer().kid == fresh.kid != old.kid
    revoked(shelter, old.kid)
    assert shelter.adapter.office.identity.held(old.kid) is None
    done = shelter.adapter.sync()
    assert ([arrival.result for arrival in done.arrivals], done.troubles) == (["stored"], [])
    assert laval[0].acks[-1].keyids == (fresh.kid,)
    assert seen_by(line, SHELTER).trusted(fresh.kid, "signing", at=laval[0].clock()).kid == fresh.kid
    assert shelter.adapter.alarms() == []


def test_a_signing_key_may_be_revoked_before_there_is_another(laval: Town, shelter: Partner) -> None:
    """In an emergency the revocation does not wait; until the next key is vouched for, nothing can be signed."""
    revoked(shelter, key_of(shelter, "signing").kid)
    with pytest.raises(KeystoreError, match="signing-key-ended"):
        shelter.adapter.office.signer()
    renewed(shelter)
    laval[0].clock.forward(days=8)
    assert shelter.adapter.sync().troubles == []
    chain = seen_by(laval[1], SHELTER)
    assert chain.sealing_key(at=laval[0].clock())[0] in {key.kid for key in own_chain(shelter.adapter.office).keys}


def test_a_signing_key_that_waits_for_the_root_signs_nothing(shelter: Partner) -> None:
    """Asked for twice it is one key, and it is no key at all before its statement is there."""
    before = shelter.adapter.office.signer().kid
    first, second = (request_key(shelter.adapter.office, "signing").content["public_key"] for _ in range(2))
    assert first == second
    assert shelter.adapter.office.signer().kid == before
    assert set(shelter.adapter.office.identity.ends()) == {"signing", "witness", "oauth", "sealing"}


def test_a_sign_in_key_is_replaced_before_it_is_revoked(laval: Town, shelter: Partner) -> None:
    """The next one is published with the old one, so that the partner is never shut out."""
    old = shelter.adapter.office.identity.client_key(AT).kid
    signed = revoked(shelter, old)
    statements = json.loads(chain_file(shelter.adapter.office))
    published = [key.use for key in own_chain(shelter.adapter.office).keys]
    assert published[-1] == "oauth"
    assert SignedDocument.from_json(statements[-1], KIND).sha256 == signed.sha256
    fresh = shelter.adapter.office.identity.client_key(AT).kid
    assert fresh == key_of(shelter, "oauth").kid != old
    assert shelter.adapter.office.identity.held(old) is None
    shelter.adapter.sync()
    chain = seen_by(laval[1], SHELTER)
    assert [key.kid for key in chain.keys if key.use == "oauth" and key.revoked_index is None] == [fresh]


def test_taking_a_statement_twice_changes_nothing(laval: Town, shelter: Partner) -> None:
    """Whoever is not sure may import it again, also after a crash."""
    signed = revoked(shelter, key_of(shelter, "sealing").kid)
    before = chain_file(shelter.adapter.office)
    import_statement(shelter.adapter.office, signed)
    assert chain_file(shelter.adapter.office) == before
    shelter.adapter.sync()
    assert shelter.adapter.alarms() == []


def test_a_request_that_was_overtaken_is_refused(laval: Town, shelter: Partner) -> None:
    """Keys published meanwhile come first in the chain: the request is made anew, and no fork is ever sent."""
    request = request_key(shelter.adapter.office, "signing")
    laval[0].clock.forward(days=14)
    assert shelter.adapter.rotate_keys() > 0
    before = chain_file(shelter.adapter.office)
    with pytest.raises(ChainConflictError, match="chain-conflict"):
        import_statement(shelter.adapter.office, request.sign(root_key(SHELTER)))
    assert chain_file(shelter.adapter.office) == before


def _forged(partner: Partner, *, by: str, use: str = "signing", address: str = SHELTER) -> SignedDocument:
    chain = own_chain(partner.adapter.office)
    public = SigningKey.generate(address).public_bytes
    signers = (partner.adapter.office.signer(),) if by == "signing key" else root_key(address, by).signers
    period = (AT - DAY, AT + 30 * DAY)
    return publish((chain.seq, chain.head), address, use, public, period, signers)  # type: ignore[arg-type]  # two uses


def test_what_our_root_did_not_sign_is_not_taken(shelter: Partner) -> None:
    """A made-up root, our own signing key, another organisation, a use that no root vouches for, a foreign key."""
    office = shelter.adapter.office
    waiting = request_key(office, "signing")
    by_signing_key = SignedDocument.parse(encode_signed(waiting, office.signer()), KIND)
    cases: list[tuple[SignedDocument, type[PasserelleError], str]] = [
        (waiting.sign(root_key(SHELTER, "made up")), ForgedError, "wrong-signers"),
        (by_signing_key, ForgedError, "wrong-signers"),
        (_forged(shelter, by="", address=LINE), ForgedError, "statement-of-another"),
        (_forged(shelter, by="signing key", use="oauth"), MalformedError, "not-for-root"),
        (_forged(shelter, by=""), KeystoreError, "private-half-missing"),
    ]
    before = chain_file(office)
    for signed, kind, code in cases:
        with pytest.raises(kind) as caught:
            import_statement(office, signed)
        assert caught.value.code == code
    assert chain_file(office) == before
    with shelter.store.transaction() as tx:
        assert tx.traffic.waiting() == []


def encode_signed(request: SigningRequest, signer: SigningKey) -> bytes:
    """The request signed by an everyday key instead of a root."""
    return sign(KIND, request.payload, (signer,)).encode()


def test_a_key_that_is_not_ours_cannot_be_asked_away(laval: Town, shelter: Partner) -> None:
    """Neither another organisation's, nor one that was revoked already."""
    kid = key_of(shelter, "sealing").kid
    revoked(shelter, kid)
    for unknown in (kid, laval[1].adapter.office.signer().kid):
        with pytest.raises(PasserelleError, match="key-unknown"):
            request_revocation(shelter.adapter.office, unknown, "lost")


def test_a_revocation_in_our_name_that_we_did_not_take_is_an_alarm(laval: Town, shelter: Partner) -> None:
    """Even signed by our root: whoever keeps the root must know of it, and so must this program."""
    request = request_revocation(shelter.adapter.office, key_of(shelter, "signing").kid, "lost")
    shelter.adapter.outbox.flush()
    laval[0].gateway.publish(request.sign(root_key(SHELTER)), kind="key.revoked")
    with pytest.raises(ForgedError, match="foreign-key-statement"):
        shelter.adapter.read_journal()
    assert [alarm.code for alarm in shelter.adapter.alarms()] == ["foreign-key-statement"]


def test_the_whole_ceremony_by_command(
    shelter: Partner, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """List, revoke, sign offline, import: each step tells the next, and the list shows what became of it."""
    monkeypatch.setattr("adapters.commands.keys.open_office", lambda *_args: shelter.adapter.office)
    kid = key_of(shelter, "sealing").kid
    request, signed = tmp_path / "request.json", tmp_path / "signed.json"
    code, out, _ = command(shelter, "keys", "revoke", kid, "--reason", "compromised", "--out", str(request))
    assert (code, "passerelle-keys sign" in out) == (DONE, True)
    signed.write_bytes(SigningRequest.parse(request.read_bytes()).sign(root_key(SHELTER)).encode())
    code, out, _ = command(shelter, "keys", "import", str(signed))
    assert (code, "The gateway has it" in out) == (DONE, True)
    shelter.restart(shelter.adapter.office.identity)
    told = json.loads(command(shelter, "keys", "list", "--json")[1])
    assert [item["kid"] for item in told if item["state"] == "revoked"] == [kid]
    shelter.restart(shelter.adapter.office.identity)
    assert "révoquée" in command(shelter, "keys", "list", locale="fr_CA.UTF-8")[1]
    shelter.restart(shelter.adapter.office.identity)
    chain = tmp_path / "chain.json"
    assert command(shelter, "keys", "chain", "--out", str(chain))[0] == DONE
    assert read_chain(chain.read_bytes()).org == SHELTER
    shelter.restart(shelter.adapter.office.identity)
    assert command(shelter, "keys", "renew", "--out", str(request))[0] == REFUSED
    shelter.restart(shelter.adapter.office.identity)
    code, out, _ = command(shelter, "keys", "renew", "--out", str(tmp_path / "next.json"), locale="fr_CA.UTF-8")
    assert (code, "À signer avec la racine" in out) == (DONE, True)


def test_a_referral_in_the_outbox_survives_the_revocation_of_the_key_that_signed_it(laval: Town) -> None:
    """Refused because its signing key ended meanwhile, it is signed anew and leaves."""
    broker, line, _ = laval
    line.restart(Identity.open(LINE, line.folder / "keystore.json", PASSPHRASE))
    recorded, _ = line.adapter.record_consent(consent_file())
    queued = line.adapter.send(referral_file(recorded.record_id))
    assert isinstance(queued, Queued)
    old = line.adapter.office.signer().kid
    renewed(line)
    revoked(line, old)
    line.client.refuse("deposit", "key-revoked")
    done = line.adapter.sync()
    assert done.sent.refused == []
    [wire] = broker.deposits
    assert old.encode() not in wire
    assert encode(line.adapter.show(queued.ref).referral.header)
