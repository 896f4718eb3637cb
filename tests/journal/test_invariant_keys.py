"""I4: a key that was not published by its owner, not in period or already revoked is found wherever it was used."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from keys.documents import b64url, format_time, from_b64url
from keys.identity import RootKey, key_id
from keys.sealing_keys import SealingKey
from keys.signing import SignedDocument
from keys.statements import KIND, publish
from tests.builders import AT, DAY, HEALTH, LINE, SHELTER, root_key, sealing_kid, signing_key
from tests.journal.ledgers import START, Ledger
from tests.journal.lives import lived

SEALED = SealingKey(bytes(range(32))).public.data


@pytest.fixture
def ledger() -> Ledger:
    """The whole life of one referral."""
    return lived()


@pytest.mark.parametrize("name", ["accepted", "message"])
@pytest.mark.parametrize(
    ("member", "kid"),
    [
        ("signer_kid", f"{LINE}#signing-{'0' * 32}"),
        ("signer_kid", signing_key(SHELTER).kid),
        ("signer_kid", sealing_kid(LINE)),
        ("signer_kid", None),
        ("seal_kid", f"{SHELTER}#sealing-{'0' * 32}"),
        ("seal_kid", sealing_kid(LINE)),
        ("seal_kid", signing_key(SHELTER).kid),
        ("seal_kid", None),
    ],
)
def test_a_key_of_nobody_of_another_or_of_another_use_is_found(
    ledger: Ledger, tmp_path: Path, name: str, member: str, kid: str | None
) -> None:
    """The sender signs with its own signing key, and seals to a sealing key of the recipient."""
    ledger[name][member] = kid
    if kid is None:
        del ledger[name][member]
    slug = "key-unknown" if kid else "missing-field"
    assert ledger.found(tmp_path) == [("I4", name, slug, f"/{member}")]


@pytest.mark.parametrize("name", ["seen", "provides"])
def test_a_step_signed_with_no_key_of_its_author_is_found(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """Events are signed as everything else is."""
    ledger[name]["signer_kid"] = signing_key(HEALTH).kid
    assert ledger.found(tmp_path) == [("I4", name, "key-unknown", "/signer_kid")]


def test_a_key_published_after_it_was_used_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """What counts is what stood in the journal at that place."""
    ledger.key("late", SHELTER, "sealing", SEALED)
    ledger["message"]["seal_kid"] = key_id(SHELTER, "sealing", SEALED)
    assert ledger.found(tmp_path) == [("I4", "message", "key-unknown", "/seal_kid")]


def test_a_key_before_or_after_its_period_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """A sealing epoch serves in its own week only."""
    kid = key_id(SHELTER, "sealing", SEALED)
    ledger["accepted"]["seal_kid"] = ledger["message"]["seal_kid"] = kid
    ledger.key("next epoch", SHELTER, "sealing", SEALED, start=AT, before="proposed")
    found = [("I4", name, "key-not-in-period", "/seal_kid") for name in ("accepted", "message")]
    assert ledger.found(tmp_path) == found


def test_a_revoked_key_is_found_from_its_place_on(ledger: Ledger, tmp_path: Path) -> None:
    """A revocation acts at its index: what was signed before it stands, what comes after does not."""
    ledger.revocation("revoked", LINE, signing_key(LINE).kid, before="message")
    found = ledger.found(tmp_path)
    assert found[0] == ("I4", "message", "key-revoked", "/signer_kid")
    assert {name for promise, name, _, _ in found if promise == "I4"} == {"message", "provides", "helped"}


def test_statements_of_a_chain_in_another_order_are_found(ledger: Ledger, tmp_path: Path) -> None:
    """Each statement names the one before: none can be moved to where it would serve better."""
    ledger.key("new", SHELTER, "sealing", SEALED, before="proposed")
    new = ledger.entries.pop(ledger.index("new"))
    ledger.entries.insert(ledger.index(f"signing {SHELTER}"), new)
    assert ledger.found(tmp_path)[0] == ("I4", "new", "chain-conflict", "/document/seq")


def test_a_fork_of_a_chain_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Two statements with the same number: one of them was hidden from somebody."""
    ledger.chains[LINE] = (2, SignedDocument.parse(_document(ledger, f"signing {LINE}"), KIND).sha256)
    ledger.key("fork", LINE, "sealing", SEALED)
    assert ledger.found(tmp_path) == [("I4", "fork", "chain-conflict", "/document/seq")]


def test_a_chain_that_somebody_else_began_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """A broker that publishes a root of its own for an organisation breaks that organisation's chain."""
    impostor = RootKey(LINE, bytes(32), bytes(range(32)))
    period = (START - DAY, START + 10 * DAY)
    forged = publish((0, None), LINE, "root", impostor.public, period, impostor.signers)
    ledger.add("impostor", "key.published", LINE, from_=LINE, document=b64url(forged.encode()))
    assert ledger.found(tmp_path) == [("I4", "impostor", "chain-conflict", "/document/seq")]


def test_an_organisation_without_a_chain_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Nobody acts whose keys were never published."""
    names = {f"{use} {SHELTER}" for use in ("root", "signing", "sealing")}
    ledger.entries = [entry for entry in ledger.entries if entry.name not in names]
    found = ledger.found(tmp_path)
    assert ("I4", "accepted", "key-unknown", "/seal_kid") in found
    assert ("I4", "seen", "key-unknown", "/signer_kid") in found


def test_a_statement_signed_by_somebody_else_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The signature of each statement is checked again, whatever the broker said of it."""
    position = ledger.chains[LINE]
    signers = (signing_key(SHELTER),)
    forged = publish(position, LINE, "sealing", SEALED, (START, START + DAY), signers)
    ledger.key_statement("forged", forged)
    assert ledger.found(tmp_path) == [("I4", "forged", "key-unknown", "/document")]


def test_an_altered_statement_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """One changed byte of a document in clear is one too many."""
    signed = SignedDocument.parse(_document(ledger, f"sealing {LINE}"), KIND)
    payload = signed.payload.replace(b'"seq":2', b'"seq":2 ')
    ledger[f"sealing {LINE}"]["document"] = b64url(
        SignedDocument(signed.payload_type, payload, signed.signatures).encode()
    )
    assert ledger.found(tmp_path)[0] == ("I4", f"sealing {LINE}", "bad-signature", "/document")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"type": "key.revoked"}, "/document"),
        ({"actor": SHELTER}, "/document/org"),
        ({"from": SHELTER}, "/document/org"),
    ],
)
def test_an_entry_that_misstates_its_document_is_found(
    ledger: Ledger, tmp_path: Path, change: dict[str, str], pointer: str
) -> None:
    """Who published what is said by the document, and the entry may not say otherwise."""
    ledger[f"sealing {LINE}"].update(change)
    assert ledger.found(tmp_path)[0] == ("I4", f"sealing {LINE}", "entry-and-document-differ", pointer)


def test_a_document_that_is_no_statement_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Bytes of another kind in place of a statement are told, and the rest is judged without them."""
    ledger.add("garbage", "key.published", LINE, from_=LINE, document=b64url(b"{}"))
    assert ledger.found(tmp_path) == [("I4", "garbage", "missing-field", "/document/payloadType")]


def test_keys_follow_each_other_without_a_gap(ledger: Ledger, tmp_path: Path) -> None:
    """A referral sealed to the next epoch once it has begun is as it should be."""
    ledger.key("next epoch", SHELTER, "sealing", SEALED, start=START, before="proposed")
    ledger["message"]["seal_kid"] = key_id(SHELTER, "sealing", SEALED)
    ledger["message"]["time"] = format_time(START + timedelta(seconds=ledger.index("message")))
    assert ledger.found(tmp_path) == []


@pytest.mark.parametrize("sealed_to", ["the fresh key", "the revoked key"])
def test_an_early_revocation_is_honest_when_the_fresh_key_is_used(
    ledger: Ledger, tmp_path: Path, sealed_to: str
) -> None:
    """The recipient revokes an epoch and publishes another at once: what is sealed to that one passes, and no other."""
    ledger.key("fresh epoch", SHELTER, "sealing", SEALED, start=START, before="message")
    ledger.revocation("revoked", SHELTER, sealing_kid(SHELTER), before="message")
    ledger["message"]["seal_kid"] = key_id(SHELTER, "sealing", SEALED)
    if sealed_to == "the revoked key":
        ledger["message"]["seal_kid"] = sealing_kid(SHELTER)
    expected = [] if sealed_to == "the fresh key" else [("I4", "message", "key-revoked", "/seal_kid")]
    assert ledger.found(tmp_path) == expected


def test_the_next_signing_key_goes_on_where_a_revoked_one_stopped(ledger: Ledger, tmp_path: Path) -> None:
    """The root vouches for another one, which signs the next statements and steps."""
    fresh = signing_key(SHELTER, "fresh")
    ledger.key("fresh signing", SHELTER, "signing", fresh.public_bytes, days=300, before="accepts")
    ledger.revocation("revoked", SHELTER, signing_key(SHELTER).kid, before="accepts")
    for name in ("accepts", "waits", "answer", "completes"):
        ledger[name]["signer_kid"] = fresh.kid
    assert ledger.found(tmp_path) == []


def test_a_root_of_the_organisation_is_needed_for_a_revocation(ledger: Ledger, tmp_path: Path) -> None:
    """The broker cannot revoke an organisation's key by itself."""
    other = root_key(LINE, "other")
    forged = publish(ledger.chains[LINE], LINE, "signing", signing_key(HEALTH).public_bytes, (START, AT), other.signers)
    ledger.key_statement("forged", forged)
    assert ledger.found(tmp_path) == [("I4", "forged", "wrong-signers", "/document/signatures")]


def _document(ledger: Ledger, name: str) -> bytes:
    return from_b64url(str(ledger[name]["document"]))
