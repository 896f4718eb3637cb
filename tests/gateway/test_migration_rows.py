"""What the first release wrote is completed when its database is brought up to date."""

import json
import sqlite3
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from alembic import command
from alembic.config import Config

import gateway
from consent.envelope import UnverifiedEnvelope
from gateway.store.migration import migrate
from gateway.store.store import Store
from keys import strictjson
from keys.documents import parse_time
from tests.builders import (
    AT,
    ENVELOPE_ID,
    LINE,
    REF,
    SHELTER,
    STATEMENT_ID,
    event_envelope,
    event_members,
    message_members,
    registered_statement,
    sealed_envelope,
    signed_statement,
    statement,
)
from tests.gateway.world import envelope_id

_ENDED_AT = "2026-11-20T10:00:00.000Z"


def _first_release(path: Path) -> None:
    """A database as release 0001 made it."""
    store = Store(f"sqlite:///{path}")
    with store.connected(begin="BEGIN IMMEDIATE") as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(gateway.__file__).parent / "migrations"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    store.close()


def _said(members: Mapping[str, object]) -> bytes:
    """A DSSE document as far as a migration reads it."""
    return json.dumps({"payload": b64encode(strictjson.dumps(members)).decode()}).encode()


def _statement_row(version: int, changes: Mapping[str, object], index: int) -> dict[str, object]:
    signed = signed_statement(statement(changes))
    receipt = _said({"index": index, "time": _ENDED_AT})
    return {"id": statement(changes).id, "version": version, "newest": True, "issuer": LINE} | {
        "sha256": signed.sha256,
        "document": signed.encode(),
        "receipt": receipt,
    }


def _envelope_row(number: int, **values: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "id": envelope_id(number),
        "payload_sha256": "",
        "ref": REF,
        "sender": LINE,
        "recipient": SHELTER,
    }
    usual |= {
        "seq": number,
        "told": False,
        "waiting": False,
        "leased_until": None,
        "position": number,
        "exp": _ENDED_AT,
    }
    return usual | {"wire": None, "receipt": b"", "ack": None} | values


def _insert(path: Path, table: str, *rows: Mapping[str, object]) -> None:
    with sqlite3.connect(path) as connection:
        for row in rows:
            marks = ", ".join("?" for _ in row)
            connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 - names of our own
    connection.close()


def _upgraded(path: Path) -> Store:
    store = Store(f"sqlite:///{path}")
    migrate(store)
    return store


def test_a_consent_ended_before_the_upgrade_has_its_end(tmp_path: Path) -> None:
    """How, when and where in the journal are those of its receipt; the period of what ended does not end it again."""
    path = tmp_path / "gateway.sqlite3"
    _first_release(path)
    ended: dict[str, object] = {
        "/version": 2,
        "/prev": registered_statement().sha256,
        "/state": "revoked",
        "/grants": [],
    }
    given: dict[str, object] = {"/id": "cs_" + "q" * 26}
    _insert(path, "statement", _statement_row(2, ended, 41), _statement_row(1, given, 42))
    store = _upgraded(path)
    with store.reading() as tx:
        end = tx.statements.ended(STATEMENT_ID)
        assert end is not None
        assert (end.state, end.at, end.index, end.receipt) == ("revoked", parse_time(_ENDED_AT), 41, None)
        assert tx.statements.ended("cs_" + "q" * 26) is None
        assert tx.statements.expiring(AT.replace(year=2036), 10) == ["cs_" + "q" * 26]
    store.close()


def test_envelopes_are_completed_from_their_own_bytes(tmp_path: Path) -> None:
    """Their kind and sealing key; without bytes, the first of its reference is the referral and others are messages."""
    path = tmp_path / "gateway.sqlite3"
    _first_release(path)
    message = sealed_envelope(message_members({"/id": ENVELOPE_ID}))
    event = event_envelope(event_members({"/id": ENVELOPE_ID}))
    rows = (
        _envelope_row(1, ack=_said({"result": "stored"})),
        _envelope_row(2, wire=message, waiting=True),
        _envelope_row(3, ack=_said({"result": "refused"})),
        _envelope_row(4, wire=event, told=True),
    )
    _insert(path, "envelope", *rows)
    store = _upgraded(path)
    with store.reading() as tx:
        kept = [tx.envelopes.get(envelope_id(number)) for number in range(1, 5)]
        assert [each.kind for each in kept if each] == ["referral", "message", "message", "event"]
        known = [tx.envelopes.known(envelope_id(number), AT) for number in range(1, 4)]
        assert [each.stored for each in known if each] == [True, False, False]
        key = UnverifiedEnvelope.parse(message).payload.key
        assert key is not None
        assert [item.id for item in tx.envelopes.sealed_to(key.kid, AT)] == [envelope_id(2)]
        assert tx.envelopes.sealed_to(f"{SHELTER}#sealing-{'0' * 32}", AT) == []
    store.close()
