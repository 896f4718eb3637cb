"""I5: acts that need two people are known by their form, counted, and found when anybody else seems to do them."""

from __future__ import annotations

from pathlib import Path

import pytest

from journal.invariants.two_people import broker_of
from keys.documents import b64url
from keys.strictjson import dumps
from tests.builders import BROKER, LINE, SHELTER, Json
from tests.journal.ledgers import Ledger
from tests.journal.lives import lived

USUAL = {"two-people-admitted": 4, "two-people-in-force": 1}
"""What every life begins with: four partners that the operator admitted, and the agreement that it put in force."""


@pytest.fixture
def ledger() -> Ledger:
    """The whole life of one referral."""
    return lived()


def document(**members: object) -> str:
    """What an entry carries, as it carries it."""
    return b64url(dumps({"v": 1, **members}))


def erased(*indices: list[int], **changes: object) -> str:
    """The document of an erasure of these ranges."""
    return document(**({"indices": list(indices), "by": "operator", "ground": "retention-over"} | changes))


SETTLED = document(size=3, root=b64url(bytes(32)), reason="copy-signed")
"""What the settling of an alarm carries."""


def test_what_the_operator_did_by_command_is_counted_and_told(ledger: Ledger, tmp_path: Path) -> None:
    """Nothing is broken, and nobody takes an act by one person for an act by two."""
    ledger.add("stop", "client.suspended", BROKER, from_=SHELTER, state="suspended")
    ledger.add("go on", "client.registered", BROKER, from_=SHELTER, state="active")
    ledger.add("keys", "admin.change", BROKER, from_=LINE, state="key-statements")
    ledger.add(
        "bar", "admin.change", BROKER, from_=LINE, state="emergency-worker-barred", document=document(worker="w")
    )
    ledger.add(
        "lift", "admin.change", BROKER, from_=LINE, state="emergency-worker-lifted", document=document(worker="w")
    )
    ledger.again("in-force", "suspended", type="agreement.suspended")
    ledger.again("in-force", "lifted")
    ledger.add("erasure", "erasure", BROKER, document=erased([18, 19]))
    ledger.add("order", "erasure", BROKER, document=erased([21, 22], by="court", ordered=True))
    ledger.add("alarm", "admin.change", BROKER, state="alarm-settled", reason="copy-signed", document=SETTLED)
    report = ledger.audit(tmp_path)
    more = {"resumed": 1, "keys-added": 1, "worker-lifted": 1, "erasure": 1, "erasure-ordered": 1, "alarm-settled": 1}
    told = USUAL | {f"two-people-{act}": count for act, count in more.items()} | {"two-people-in-force": 2}
    assert (report.violations, report.told, report.complete) == ((), told, True)


@pytest.mark.parametrize("actor", [LINE, SHELTER, "gateway@fr"])
@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("client.registered", {"from_": LINE, "state": "active"}),
        ("admin.change", {"from_": LINE, "state": "key-statements"}),
        ("admin.change", {"from_": LINE, "state": "emergency-worker-lifted", "document": document(worker="w-01")}),
        ("admin.change", {"state": "alarm-settled", "document": SETTLED}),
        ("erasure", {"document": erased([18, 19])}),
    ],
)
def test_the_same_act_by_anybody_else_is_found(
    ledger: Ledger, tmp_path: Path, actor: str, kind: str, members: Json
) -> None:
    """Not even another territory's broker lets a partner in, adds its keys, or erases."""
    ledger.add("act", kind, actor, **members)
    assert ledger.found(tmp_path) == [("I5", "act", "wrong-actor", "/actor")]
    assert ledger.audit(tmp_path).told == USUAL


def test_an_agreement_that_a_party_put_in_force_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """A party signs; that all of them have is for the broker to say."""
    ledger["in-force"]["actor"] = LINE
    assert ledger.found(tmp_path) == [("I5", "in-force", "wrong-actor", "/actor")]


@pytest.mark.parametrize(
    ("kind", "members", "slug", "pointer"),
    [
        ("client.registered", {"from_": LINE, "document": "e30"}, "unexpected-member", "/document"),
        ("client.registered", {"state": "active"}, "missing-field", "/from"),
        (
            "admin.change",
            {"from_": LINE, "state": "key-statements", "document": "e30"},
            "unexpected-member",
            "/document",
        ),
        ("admin.change", {"state": "key-statements"}, "missing-field", "/from"),
        ("admin.change", {"from_": LINE, "state": "emergency-worker-lifted"}, "not-json", "/document"),
        (
            "admin.change",
            {"from_": LINE, "state": "emergency-worker-lifted", "document": document(worker="Une Personne")},
            "wrong-form",
            "/document/worker",
        ),
        ("admin.change", {"state": "alarm-settled"}, "not-json", "/document"),
        ("admin.change", {"state": "alarm-settled", "document": "e30"}, "missing-field", "/document/v"),
        ("erasure", {"document": erased([3, 4], ordered=False)}, "unknown-code", "/document/ordered"),
        ("erasure", {}, "not-json", "/document"),
        ("erasure", {"document": erased()}, "too-short", "/document/indices"),
        ("erasure", {"document": erased([3])}, "too-short", "/document/indices/0"),
        ("erasure", {"document": erased([3, 2])}, "indices-out-of-order", "/document/indices/0"),
        ("erasure", {"document": erased([3, 4], [4, 5])}, "indices-out-of-order", "/document/indices/1"),
        ("erasure", {"document": erased([3, 4], by="")}, "wrong-form", "/document/by"),
        ("erasure", {"document": erased([3, 4], why="none")}, "unknown-field", "/document/why"),
        ("erasure", {"document": erased([3, 38])}, "erasure-ahead", "/document/indices/0/1"),
        ("erasure", {"document": erased([3, 4], [2**50, 2**51])}, "erasure-ahead", "/document/indices/1/1"),
    ],
)
def test_an_act_that_is_not_in_its_form_is_found(
    ledger: Ledger, tmp_path: Path, kind: str, members: Json, slug: str, pointer: str
) -> None:
    """What an act carries is what its kind carries, whole, or it counts as broken and not as done."""
    ledger.add("act", kind, BROKER, **members)
    assert ledger.found(tmp_path) == [("I5", "act", slug, pointer)]
    assert ledger.audit(tmp_path).told == USUAL


def test_one_person_may_suspend(ledger: Ledger, tmp_path: Path) -> None:
    """To stop somebody is one person's act, and immediate."""
    ledger.add("stop", "client.suspended", BROKER, from_=SHELTER, state="suspended")
    assert (ledger.found(tmp_path), ledger.audit(tmp_path).told) == ([], USUAL)


@pytest.mark.parametrize(
    ("origin", "address"),
    [
        ("passerelle.example/laval/journal/2026", BROKER),
        ("passerelle.example:8443/path/laval/journal/2026-2", BROKER),
        ("passerelle.example", None),
        ("passerelle.example/journal/2026", None),
        ("a/b/c/d", None),
    ],
)
def test_the_broker_is_known_by_the_name_of_its_journal(origin: str, address: str | None) -> None:
    """The auditor pinned the origin, which tells the territory."""
    assert broker_of(origin) == address
