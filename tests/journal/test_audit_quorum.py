"""How far a quorum has seen the journal, by a policy of one's own or by the agreement of the parties."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journal.checkpoints import Checkpoint
from journal.cli import TERMINAL
from journal.notes import with_cosignatures
from journal.quorum import QuorumPolicy
from keys.errors import ForgedError, MalformedError
from tests.builders import LINE, agreement
from tests.journal.auditing import SIZE, at, audit, folder, found, note
from tests.journal.builders import ORIGIN, Files
from tests.journal.ledgers import Ledger, journal_keys
from tests.journal.lives import lived
from tests.journal.witnesses import classic, lasting, policy_text


def test_a_quorum_is_met_by_whom_it_names(tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Any one of the two witnesses is enough; which one is missing is told."""
    ledger, witness, other = lived(), classic(), lasting()
    (tmp_path / "policy").write_bytes(policy_text(witness, other))
    newest = note(ledger, SIZE, at(39))
    bare = ledger.bundle(folder(tmp_path, "bare"), checkpoint=newest, checkpoints=[newest])
    assert audit("verify", bare, "--policy", tmp_path / "policy", "--pins", keys) == 1
    capsys.readouterr()
    line = witness.sign(Checkpoint(ORIGIN, SIZE, Files(ledger.leaves()).root()), at(45))
    seen = with_cosignatures(newest, [line])
    met = ledger.bundle(folder(tmp_path, "met"), checkpoint=seen, checkpoints=[newest])
    assert audit("verify", met, "--policy", tmp_path / "policy", "--pins", keys, "--complete", "--json") == 0
    told = json.loads(capsys.readouterr().out)["quorum"]
    assert (told["size"], len(told["seen_by"]), len(told["missing"])) == (SIZE, 1, 1)


def test_the_newest_checkpoint_that_the_quorum_saw_is_found(tmp_path: Path) -> None:
    """Publishing does not wait for witnesses: what they saw last is told, and how far it reaches."""
    ledger, witness = lived(), classic()
    line = witness.sign(Checkpoint(ORIGIN, 20, Files(ledger.leaves()).root(20)), at(25))
    notes = [note(ledger, 10, at(10)), with_cosignatures(note(ledger, 20, at(20)), [line]), note(ledger, SIZE, at(39))]
    path = ledger.bundle(tmp_path, checkpoint=notes[-1], checkpoints=notes)
    verified = found(path, quorum=QuorumPolicy(1, (witness.witness,)))
    assert verified.confirmed is not None
    assert (verified.confirmed.size, verified.holds, verified.complete) == (20, True, False)


def test_the_quorum_of_an_agreement_counts_published_keys(tmp_path: Path) -> None:
    """An organisation counts by the witness key that it published, and by no other of its name."""
    witness, document = lasting(LINE), agreement({"/quorum": {"threshold": 1, "witnesses": [LINE]}})
    ledger = Ledger()
    for party in document.parties:
        ledger.enrol(party.address)
    ledger.key("witness", LINE, "witness", witness.vkey.public_key, days=300).agree(document)
    size, files = len(ledger.entries), Files(ledger.leaves())
    newest = note(ledger, size, at(size))
    for signer, seen in ((witness, size), (lasting(LINE, 2), None)):
        cosigned = with_cosignatures(newest, [signer.sign(Checkpoint(ORIGIN, size, files.root()), at(size + 1))])
        path = ledger.bundle(tmp_path, checkpoint=cosigned, checkpoints=[cosigned])
        verified = found(path, quorum=document.ref)
        assert verified.confirmed is not None
        assert verified.confirmed.size == seen
    with pytest.raises(MalformedError, match="agreement-unknown"):
        found(ledger.bundle(tmp_path), quorum="agr_" + "z" * 26 + "@1")


def test_a_cosignature_that_does_not_hold_is_refused(tmp_path: Path) -> None:
    """A known witness's signature over another journal is a forgery, not a missing one."""
    ledger, witness = lived(), classic()
    line = witness.sign(Checkpoint(ORIGIN, SIZE, bytes(32)), at(45))
    newest = with_cosignatures(note(ledger, SIZE, at(39)), [line])
    with pytest.raises(ForgedError, match="signature-does-not-hold"):
        found(ledger.bundle(tmp_path, checkpoint=newest), quorum=QuorumPolicy(1, (witness.witness,)))


@pytest.mark.parametrize("name", ["inconnu.example", classic().name])
def test_lines_of_others_hide_no_confirmation(tmp_path: Path, name: str) -> None:
    """However many checkpoints strangers have signed since, also under the name of a witness."""
    ledger, witness = lived(), classic()
    root = Files(ledger.leaves()).root()
    stranger = classic(name, 7)
    met = with_cosignatures(note(ledger, SIZE, at(39)), [witness.sign(Checkpoint(ORIGIN, SIZE, root), at(40))])
    newest = note(ledger, SIZE, at(39))
    line = stranger.sign(Checkpoint(ORIGIN, SIZE, root), at(41))
    later = [with_cosignatures(note(ledger, SIZE, at(40 + second)), [line]) for second in range(70)]
    path = ledger.bundle(tmp_path, checkpoint=newest, checkpoints=[met, *later])
    verified = found(path, quorum=QuorumPolicy(1, (witness.witness,)))
    assert verified.confirmed is not None
    assert (verified.confirmed.size, verified.verdict) == (SIZE, "verified")


@pytest.mark.parametrize("language", ["fr_CA.UTF-8", "en_CA.UTF-8"])
def test_what_nobody_confirmed_breaks_no_promise(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """The answer is no, and the broker is not accused of anything."""
    monkeypatch.setenv("LC_ALL", language)
    (tmp_path / "policy").write_bytes(policy_text(classic()))
    path = lived().bundle(tmp_path)
    assert audit("verify", path, "--policy", tmp_path / "policy", "--pins", keys) == 1
    said = capsys.readouterr().out
    assert said.rstrip().endswith(TERMINAL.word("audit.verdict.unconfirmed"))
    assert audit("verify", path, "--policy", tmp_path / "policy", "--pins", keys, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["verified"], told["verdict"], told["broken"]) == (False, "unconfirmed", {})


def test_one_party_stops_no_audit_by_the_journals_own_key(tmp_path: Path) -> None:
    """A party that publishes the journal's key as its witness key is missing from the quorum, and that is all."""
    document = agreement({"/quorum": {"threshold": 1, "witnesses": [LINE]}})
    ledger = Ledger()
    for party in document.parties:
        ledger.enrol(party.address)
    ledger.key("witness", LINE, "witness", journal_keys().vkeys[1].public_key, days=300).agree(document)
    verified = found(ledger.bundle(tmp_path), quorum=document.ref)
    assert (verified.holds, verified.verdict) == (True, "unconfirmed")


def test_a_quorum_is_asked_for_in_one_way(tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A policy and an agreement together are a mistyped question."""
    (tmp_path / "policy").write_bytes(policy_text(classic()))
    asked = ["--policy", tmp_path / "policy", "--quorum-from", "agr_x@1", "--pins", keys]
    assert audit("verify", lived().bundle(tmp_path), *asked) == 2
    assert TERMINAL.word("error.which-quorum.title") in capsys.readouterr().err
