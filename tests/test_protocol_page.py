"""The page of the protocol says what the code does, where both can be read by a program."""

import re
from typing import get_args

from consent.decision import RULES
from consent.vocabulary import SCOPES
from gateway.inbox import LEASE
from gateway.polling import MAX_WAIT
from gateway.receipts import PROMISE
from journal.entries import MAX_ENTRY, Entry, EntryType
from keys.profiles import KEY_LIVES
from tests.repository import FILES, SOURCES
from tests.vectors.vector_files import FOLDER

PAGE = FILES["docs/protocol.md"]
CALL = re.compile(r"`(GET|POST) (/[^`?\s]*)")
ROUTE = re.compile(r'@router\.(get|post)\(\s*"([^"]+)"')


def _served() -> set[str]:
    found = {
        f"{method.upper()} {path.replace('{path:path}', '{path}').replace('{identifier}', '{id}')}"
        for path_of_file, text in SOURCES.items()
        if path_of_file.startswith("gateway/")
        for method, path in ROUTE.findall(text)
    }
    metadata = {"GET /.well-known/oauth-authorization-server", "GET /.well-known/oauth-protected-resource"}
    return found | metadata | {"GET /oauth/jwks", "POST /oauth/token"}


def test_the_rules_stand_in_their_order() -> None:
    """Each kind of envelope lists its rules as they are asked, and each rule is explained once."""
    for kind, rules in RULES.items():
        assert f"\n{kind:<18} {' '.join(rule.number for rule in rules)}\n" in PAGE
    explained = re.findall(r"^\| (R\d\d) \|", PAGE, re.MULTILINE)
    assert explained == sorted({rule.number for rules in RULES.values() for rule in rules})


def test_every_call_is_in_the_table() -> None:
    """The calls of the page are those that the broker answers, no more and no fewer."""
    assert {f"{method} {path}" for method, path in CALL.findall(PAGE)} == _served()


def test_entries_are_listed_by_their_types() -> None:
    """Every member of an entry is named in order, and every type of the table exists."""
    members = [str(field.alias or name) for name, field in Entry.model_fields.items()]
    listed = re.search(r"exact bytes kept, members `([^`]+)`", PAGE)
    assert listed is not None
    assert listed[1].split() == members
    rows = re.findall(r"^\| (`[a-z.`, -]+) \| (?:commitment|clear) \|", PAGE, re.MULTILINE)
    types = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(types) == len(set(types)) > 10
    assert set(types) <= set(get_args(EntryType))


def test_every_file_of_vectors_is_named() -> None:
    """A reader finds each file of vectors from the page, and no file that does not exist."""
    assert set(re.findall(r"`([a-z-]+\.json)`", PAGE)) == {path.name for path in FOLDER.glob("*.json")}


def test_figures_are_those_of_the_code() -> None:
    """Lives of keys, the lease, the longest wait, the promise and the largest entry."""
    for use, life in KEY_LIVES.items():
        row = re.search(rf"^\| `{use}` \|[^|]*\| ([\d,]+) days \|", PAGE, re.MULTILINE)
        assert row is not None
        assert int(row[1].replace(",", "")) == life.days
    assert f"A **lease** lasts {int(LEASE.total_seconds())} s" in PAGE
    assert f"`{{max: 1–50, wait: 0–{MAX_WAIT}}}`" in PAGE
    assert f"within `promise` ({PROMISE}) seconds" in PAGE
    assert f"| journal entry | {MAX_ENTRY:,} |" in PAGE
    assert [scope for scope in SCOPES if f"`{scope}`" not in PAGE] == []
