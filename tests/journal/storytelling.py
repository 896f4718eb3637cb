"""Has stories of a journal told, and writes what stories may tell of besides: incidents and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from consent.mismatch import MISMATCH_KIND
from journal.audit.program import TERMINAL
from journal.cli import app
from keys import strictjson
from keys.documents import b64url
from keys.signing import sign
from tests.builders import (
    BROKER,
    LINE,
    SHELTER,
    Json,
    signing_key,
)
from tests.journal.ledgers import Ledger, envelope_id, journal_keys

VKEYS = [part for vkey in journal_keys().vkeys for part in ("--vkey", str(vkey))]


def show(path: Path, subject: str, *options: str) -> int:
    """Run the program and give its exit code."""
    return TERMINAL.run(app, ["show", str(path), subject, *options])


def told(ledger: Ledger, subject: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of a story."""
    assert show(ledger.bundle(tmp_path), subject, *VKEYS) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out.splitlines()


def as_json(ledger: Ledger, subject: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The same story for a program."""
    assert show(ledger.bundle(tmp_path), subject, "--json") == 0
    read: dict[str, Any] = json.loads(capsys.readouterr().out)
    return read


def names(ledger: Ledger, story: dict[str, Any]) -> list[str]:
    """The entries of a story, by their names in the test."""
    return [ledger.entries[entry["index"]].name for entry in story["entries"]]


def reported(ledger: Ledger, name: str, about: str, identifier: str | None = "inc_" + "a" * 26) -> Ledger:
    """The shelter reports that an envelope held more than was announced, as the broker journals it."""
    members: Json = {"v": 1, "by": SHELTER, "kind": "more-than-announced", "section": "situation"}
    members |= {"envelope": ledger[about]["envelope"], "payload_sha256": ledger[about]["payload_sha256"]}
    members |= {"at": ledger[about]["time"]}
    signed = sign(MISMATCH_KIND, strictjson.dumps(members), (signing_key(SHELTER),))
    told: Json = {"from_": SHELTER, "to": LINE, "reason": "more-than-announced", "sections": ["situation"]}
    told |= {member: ledger[about][member] for member in ("ref", "envelope", "payload_sha256")}
    more = {"state": identifier, "document": b64url(signed.encode())}
    return ledger.add(name, "incident.opened", SHELTER, **told, **more)


def completed(ledger: Ledger, name: str, about: str, identifier: str, **changes: str) -> Ledger:
    """The operator completes an incident."""
    document = b64url(strictjson.dumps({"v": 1, "incident": identifier, "changed": changes}))
    envelope = ledger[about]["envelope"]
    return ledger.add(name, "admin.change", BROKER, state="incident-completed", envelope=envelope, document=document)


def refused(ledger: Ledger) -> Ledger:
    """The shelter brings a section that nobody consented to, and the broker refuses it."""
    brought = {member: ledger["answer"][member] for member in ("from", "to", "ref", "agreement", "agreement_sha256")}
    cites = {member: ledger["answer"][member] for member in ("statement", "version", "statement_sha256", "article")}
    why: Json = {
        "envelope": envelope_id("refused"),
        "sections": ["health-note"],
        "rule": "R26",
        "state": "section-not-granted",
    }
    return ledger.add("refused", "envelope.refused", SHELTER, **brought, **cites, **why)
