"""Agreements on the partner's side: copies that are verified here, and a signature that typing must earn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from adapters.agreements import sign_agreement
from consent.agreement import AgreementSignature
from keys.documents import parse
from keys.errors import ForgedError, MalformedError
from keys.identity import root_verifiers
from keys.signing import MAX_DOCUMENT
from tests.adapters.conftest import Town
from tests.invented import HEALTH, LINE, NEWCOMERS, PARTIES, SHELTER, agreement_signature, root_key

OTHERS = [address for address in PARTIES if address != LINE]


def typed(**changes: str) -> dict[str, str]:
    """Every counterparty's fingerprint as it was heard, in groups and small letters as people type."""
    heard = {address: root_key(address).public.fingerprint.lower() for address in OTHERS}
    grouped = {address: " ".join(text[at : at + 4] for at in range(0, 26, 4)) for address, text in heard.items()}
    return grouped | {f"{name}@laval": value for name, value in changes.items()}


def test_every_signature_is_verified_here(laval: Town) -> None:
    """All four parties count, each by the root that the agreement pins."""
    _, line, _ = laval
    [held] = line.adapter.agreements()
    assert held.signers == set(PARTIES)


def test_a_signature_by_another_root_counts_for_nothing(laval: Town) -> None:
    """A root that the broker made up signs in vain."""
    broker, line, _ = laval
    broker.signatures[HEALTH] = agreement_signature(broker.agreement, HEALTH, root=root_key(HEALTH, "made up"))
    broker.state = "suspended"
    line.adapter.refresh_agreements()
    assert line.adapter.agreements()[0].signers == set(PARTIES) - {HEALTH}


def test_an_agreement_under_another_name_is_an_alarm(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are not those of the agreement asked for are neither kept nor used."""
    broker, line, _ = laval
    broker.state = "suspended"
    file = line.client.agreement("agr_" + "c" * 26, 1)
    monkeypatch.setattr(line.client, "agreement", lambda *_named: replace(file, sha256="00" * 32))
    assert line.adapter.refresh_agreements() == ()
    assert [alarm.code for alarm in line.adapter.alarms()] == ["other-agreement"]
    assert line.adapter.agreements()[0].state == "in-force"


def test_signing_takes_every_fingerprint_as_its_party_told_it(laval: Town) -> None:
    """Then the root signs the digest of the very bytes, and the signature is handed in."""
    broker, line, _ = laval
    broker.signatures.pop(LINE)
    signed = line.adapter.sign_agreement(broker.agreement.ref, root_key(LINE), typed())
    signed.verify(root_verifiers(LINE, root_key(LINE).public))
    signature = parse(AgreementSignature, signed.payload, limit=MAX_DOCUMENT)
    assert (signature.by, signature.agreement_sha256) == (LINE, line.adapter.agreements()[0].sha256)
    line.adapter.outbox.flush()
    assert broker.signatures[LINE] == signed


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"refuge-lavoie": root_key(HEALTH).public.fingerprint}, "fingerprint-differs"),
        ({"refuge-lavoie": root_key(SHELTER, "made up").public.fingerprint}, "fingerprint-differs"),
        ({"refuge-lavoie": ""}, "fingerprint-differs"),
        ({"refuge-lavoie": root_key(SHELTER).public.fingerprint[:25]}, "fingerprint-differs"),
    ],
)
def test_a_fingerprint_that_differs_is_not_signed_over(laval: Town, changes: Mapping[str, str], slug: str) -> None:
    """Another party's, a made-up one, an empty one, a shortened one: the party is named, nothing is signed."""
    _, line, _ = laval
    with pytest.raises(ForgedError) as caught:
        line.adapter.sign_agreement(line.adapter.agreements()[0].document.ref, root_key(LINE), typed(**changes))
    assert (caught.value.code, caught.value.pointer) == (slug, "/parties/1/root_fingerprint")
    with line.store.transaction() as tx:
        assert tx.traffic.waiting() == []


def test_a_fingerprint_that_was_not_typed_is_missing(laval: Town) -> None:
    """Each counterparty is named at once, so that all the calls can be made."""
    _, line, _ = laval
    with pytest.raises(ForgedError) as caught:
        line.adapter.sign_agreement(line.adapter.agreements()[0].document.ref, root_key(LINE), {})
    assert [fault.code for fault in caught.value.faults] == ["fingerprint-missing"] * len(OTHERS)


def test_a_root_that_the_agreement_does_not_pin_signs_nothing(laval: Town) -> None:
    """Our own entry is checked like the others'."""
    _, line, _ = laval
    ref = line.adapter.agreements()[0].document.ref
    with pytest.raises(ForgedError, match="other-root"):
        line.adapter.sign_agreement(ref, root_key(LINE, "another"), typed())
    with pytest.raises(ForgedError, match="not-a-party"):
        line.adapter.sign_agreement(ref, root_key(NEWCOMERS), typed())


def test_an_agreement_with_other_gateway_keys_is_not_signed(laval: Town) -> None:
    """The broker's keys in the agreement must be those that were pinned by voice."""
    broker, line, _ = laval
    [held] = line.adapter.agreements()
    other = broker.gateway.pins.model_copy(update={"receipts": bytes(32)})
    office = replace(line.adapter.office, pins=other)
    with pytest.raises(ForgedError) as caught:
        sign_agreement(office, held, root_key(LINE), typed())
    assert caught.value.pointer == "/broker"
    assert not office.may_use(held, SHELTER)


def test_an_agreement_not_held_is_not_found(laval: Town) -> None:
    """Only what was fetched and checked can be shown or signed."""
    _, line, _ = laval
    with pytest.raises(MalformedError, match="agreement-unknown"):
        line.adapter.agreement("agr_" + "z" * 26 + "@1")
