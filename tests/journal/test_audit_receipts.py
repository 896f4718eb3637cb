"""Receipts that partners collected are honoured, or they convict the broker; forged ones accuse nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journal.cli import TERMINAL
from journal.entries import Opening, commitment_leaf
from keys.documents import b64url, format_time
from keys.errors import MalformedError
from keys.identity import SigningKey
from keys.signing import sign
from tests.builders import BROKER, LINE
from tests.journal.auditing import RECEIPTS, SIZE, at, audit, bundle, folder, found, promised, receipt
from tests.journal.ledgers import journal_keys, salt
from tests.journal.lives import lived
from tests.journal.witnesses import classic, policy_text


def test_receipts_that_are_honoured_are_counted(tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Given as a file a line, as files of a folder, or alone; those of another shard are told apart."""
    ledger = lived()
    lines = [
        receipt(ledger, 23),
        receipt(ledger, 28),
        receipt(ledger, 3, {"origin": "ailleurs.example/laval/journal/2"}),
    ]
    (tmp_path / "receipts.jsonl").write_bytes(b"\n".join(lines) + b"\n\n")
    files = folder(tmp_path, "receipts")
    (files / "one.json").write_bytes(receipt(ledger, 33))
    (files / "notes.txt").write_text("not a receipt")
    path = ledger.bundle(tmp_path)
    asked = ["--receipts", tmp_path / "receipts.jsonl", "--receipts", files, "--pins", keys, "--json"]
    assert audit("verify", path, *asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["receipts"] == {"count": 3, "foreign": 1, "pending": 0, "lost": 0, "breaches": []}


@pytest.mark.parametrize(
    ("index", "changes", "published", "kind"),
    [
        (23, {"leaf": b64url(b"\x01" + bytes(32))}, [(SIZE, 39)], "other-leaf"),
        (40, {"time": format_time(at(0))}, [(SIZE, 61)], "late"),
        (23, {}, [(23, 84), (SIZE, 84)], "late"),
    ],
)
def test_a_receipt_that_is_not_honoured_convicts(
    tmp_path: Path,
    keys: Path,
    index: int,
    changes: dict[str, object],
    published: list[tuple[int, int]],
    kind: str,
) -> None:
    """Another leaf, no leaf, or a leaf that came too late: the receipt and the checkpoint show it to anybody."""
    ledger = lived()
    (tmp_path / "receipt.json").write_bytes(receipt(ledger, index, changes))
    path = bundle(ledger, tmp_path, *((size, at(second)) for size, second in published))
    asked = ["--receipts", tmp_path / "receipt.json", "--pins", keys]
    assert audit("verify", path, *asked) == 1
    (kept,) = Path.cwd().glob("unhonoured-receipt-*.json")
    assert audit("evidence", kept, "--pins", keys) == 0
    verified = found(path, receipts=promised(tmp_path / "receipt.json"))
    assert verified.honoured is not None
    assert [each.kind for each in verified.honoured.breaches] == [kind]


def test_a_receipt_that_is_not_due_yet_breaks_nothing(tmp_path: Path, keys: Path) -> None:
    """The journal has until the promise is over."""
    (tmp_path / "receipt.json").write_bytes(receipt(lived(), 40))
    path = bundle(lived(), tmp_path, (SIZE, at(99)))
    verified = found(path, receipts=promised(tmp_path / "receipt.json"))
    assert verified.honoured is not None
    assert (verified.honoured.pending, verified.honoured.breaches) == (1, ())


@pytest.mark.parametrize(
    "data",
    [
        receipt(lived(), 23, key=SigningKey(BROKER, "receipts", bytes(32))),
        receipt(lived(), 23, key=SigningKey(LINE, "receipts", bytes(range(32)))),
        receipt(lived(), 23, {"by": LINE}),
        receipt(lived(), 23, {"index": -1}),
        receipt(lived(), 23, {"promise": "60"}),
        receipt(lived(), 23)[:-9],
        sign("ack", b"{}", (RECEIPTS,)).encode(),
        b"\xff",
    ],
)
def test_a_receipt_that_is_not_the_brokers_accuses_nobody(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    """A forged receipt is a wrong question, told with its file and line; no verdict is given."""
    (tmp_path / "receipts.jsonl").write_bytes(receipt(lived(), 23) + b"\n" + data)
    asked = ["--receipts", tmp_path / "receipts.jsonl", "--pins", keys]
    assert audit("verify", lived().bundle(tmp_path), *asked) == 2
    said = capsys.readouterr()
    assert (said.out, "receipts.jsonl:2" in said.err) == ("", True)


def test_receipts_need_the_pinned_key(tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The journal's keys do not sign receipts."""
    (tmp_path / "receipt.json").write_bytes(receipt(lived(), 23))
    vkeys = [part for vkey in journal_keys().vkeys for part in ("--vkey", str(vkey))]
    assert audit("verify", lived().bundle(tmp_path), *vkeys, "--receipts", tmp_path / "receipt.json") == 2
    assert TERMINAL.word("error.receipts-key-missing.title") in capsys.readouterr().err


@pytest.mark.parametrize("language", ["fr_CA.UTF-8", "en_CA.UTF-8"])
def test_everything_that_was_brought_is_told_in_words(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """Contradictions, receipts, the quorum, what vanished and where the evidence lies."""
    monkeypatch.setenv("LC_ALL", language)
    old = lived().bundle(folder(tmp_path, "old"))
    ledger = lived()
    ledger.written("message").shown = False
    (tmp_path / "receipt.json").write_bytes(
        receipt(ledger, 23, {"leaf": b64url(commitment_leaf(Opening(b"{}", salt(0))))})
    )
    (tmp_path / "policy").write_bytes(policy_text(classic()))
    path = bundle(ledger, tmp_path / "new", (30, at(60)), (SIZE, at(50)))
    asked = ["--since", old, "--receipts", tmp_path / "receipt.json", "--policy", tmp_path / "policy", "--pins", keys]
    assert audit("verify", path, *asked) == 1
    said = capsys.readouterr().out
    sentences: dict[str, dict[str, object]] = {
        "audit.contradiction.rollback": {
            "first": 38,
            "first_at": format_time(at(50)),
            "second": 30,
            "second_at": format_time(at(60)),
        },
        "audit.breach.other-leaf": {"index": 23, "place": tmp_path / "receipt.json"},
        "audit.unconfirmed": {"seen": "–", "missing": classic().name},
        "audit.since-vanished": {"first": 28, "last": 28},
        "audit.archived": {"count": 2},
    }
    for key, told in sentences.items():
        assert TERMINAL.word(key, **told) in said
    assert len(list(Path.cwd().glob("*.json"))) == 2
    assert TERMINAL.word("audit.evidence-kept", file="rollback-")[:-1] in said


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59.999Z", "9000-01-01T00:00:00.000Z", "1999-12-31T23:59:59.999Z"])
def test_a_receipt_of_the_end_of_time_is_refused(tmp_path: Path, time: str) -> None:
    """The day by which it is due has to be in the calendar."""
    (tmp_path / "receipt.json").write_bytes(receipt(lived(), 23, {"time": time}))
    with pytest.raises(MalformedError, match="time-out-of-range") as caught:
        promised(tmp_path / "receipt.json")
    assert caught.value.pointer == "/time"
