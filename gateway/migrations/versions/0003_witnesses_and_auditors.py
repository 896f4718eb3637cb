"""What witnesses, auditors, erasure and the shards of the journal need to be remembered."""

import base64
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_Members = dict[Any, Any]
_STEP = 1000
"""Openings read at a time: a journal may have millions."""


def _text(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), primary_key=primary_key, nullable=nullable)


def _number(name: str, *, primary_key: bool = False) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, primary_key=primary_key, autoincrement=False, nullable=False)


def _with_default(column: sa.Column[int], value: str) -> sa.Column[int]:
    column.server_default = sa.DefaultClause(sa.text(value))
    return column


def upgrade() -> None:
    """Add what is new; openings that are there learn which agreement they name."""
    op.create_table(
        "journal_cosignature",
        _number("size", primary_key=True),
        _text("time", primary_key=True),
        _text("name", primary_key=True),
        _text("key_id"),
        _text("line"),
        _text("at"),
    )
    op.create_index("journal_cosignature_newest", "journal_cosignature", ["size", "at", "name"])
    op.create_table("erased_statement", _text("id", primary_key=True))
    op.create_table(
        "journal_contradiction",
        _number("size", primary_key=True),
        _text("root", primary_key=True),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        _text("reported_by"),
        _text("at"),
        _text("settled", nullable=True),
        _text("signed_at", nullable=True),
    )
    op.create_table("journal_copy", *(_text(name, primary_key=True) for name in ("first", "last", "at")))
    op.create_table("audit_reading", _text("address", primary_key=True), _text("part", primary_key=True), _text("day"))
    op.add_column("journal_head", sa.Column("contradicted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_statement_sha256", "statement", ["sha256"])
    op.add_column("journal_opening", _text("agreements", nullable=True))
    _name_agreements()
    _keep_shards()


def _keep_shards() -> None:
    """The journal that is there becomes its first shard; its public keys are in the keystore, which is closed here."""
    op.create_table(
        "journal_shard",
        _number("number", primary_key=True),
        _text("origin"),
        _text("vkeys", nullable=True),
        _number("start"),
        sa.Column("previous", sa.LargeBinary(), nullable=True),
        _text("opened"),
        sa.Column("restarted", sa.Boolean(), nullable=False),
    )
    op.create_table("journal_shown", _text("address", primary_key=True), _number("size"), _text("at"))
    op.create_table("unconfirmed_statement", _text("id", primary_key=True))
    for name, value in (("shard", "1"), ("start", "0")):
        op.add_column("journal_head", _with_default(_number(name), value))
    op.add_column("journal_head", _text("restored", nullable=True))
    of_first = "SELECT 1, origin, NULL, 0, NULL, created, false FROM instance"
    op.execute(f"INSERT INTO journal_shard (number, origin, vkeys, start, previous, opened, restarted) {of_first}")
    tile = [_number("level", primary_key=True), _number("number", primary_key=True), _number("width")]
    data = sa.Column("data", sa.LargeBinary(), nullable=False)
    # The release before writes no shard, and may go on meanwhile.
    shard = _with_default(_number("shard", primary_key=True), "1")
    op.create_table("journal_shard_tile", shard, *tile, data)
    op.execute("INSERT INTO journal_shard_tile SELECT 1, level, number, width, data FROM journal_tile")
    op.drop_table("journal_tile")
    op.rename_table("journal_shard_tile", "journal_tile")


def _name_agreements() -> None:
    """Keep beside each opening the agreements that it is about: those it names, or on which what it names rests."""
    table = sa.table("journal_opening", *(sa.column(name) for name in ("position", "entry", "agreements")))
    change = (
        sa.update(table).where(table.c.position == sa.bindparam("at_position")).values(agreements=sa.bindparam("named"))
    )
    connection = op.get_bind()
    last = -1
    page = sa.select(table.c.position, table.c.entry).order_by(table.c.position).limit(_STEP)
    while rows := connection.execute(page.where(table.c.position > last)).fetchall():
        last = rows[-1].position
        entries = [(row.position, json.loads(row.entry)) for row in rows]
        of = _agreements_of([entry for _, entry in entries])
        pairs = zip((at for at, _ in entries), of, strict=True)
        changes = [{"at_position": at, "named": named} for at, named in pairs if named is not None]
        if changes:
            connection.execute(change, changes)


def _agreements_of(entries: list[_Members]) -> list[str | None]:
    """Of each entry the agreements by id; empty where they are not known any more, None where there are none."""
    left = [entry for entry in entries if not entry.get("agreement")]
    refs = _found("envelope", "id", "ref", {entry.get("envelope") for entry in left})
    cited = {entry.get("ref") for entry in left} | set(refs.values())
    referrals = _found("referral", "ref", "agreement", cited)
    consents = _found("statement", "id", "document", {entry.get("statement") for entry in left})
    workers = _found("agreement_party", "address", "id", {_employer(entry) for entry in left})
    return [_agreements(entry, refs, referrals, consents, workers) for entry in entries]


def _employer(entry: _Members) -> str | None:
    """The organisation of whose worker an entry tells that it may declare no emergencies, or may again."""
    of_worker = entry.get("state") in {"emergency-worker-barred", "emergency-worker-lifted"}
    return str(entry["from"]) if of_worker and entry.get("from") else None


def _agreements(
    entry: _Members, refs: _Members, referrals: _Members, consents: _Members, workers: _Members
) -> str | None:
    if entry.get("agreement"):
        return _id(entry["agreement"])
    ref = entry.get("ref") or refs.get(entry.get("envelope"))
    if ref in referrals:
        return _id(referrals[ref])
    if entry.get("statement"):
        return str(consents.get(entry["statement"], ""))
    if employer := _employer(entry):
        return str(workers.get(employer, ""))
    return "" if entry.get("ref") or entry.get("envelope") else None


def _id(agreement: object) -> str:
    """An agreement without its version."""
    return str(agreement).partition("@")[0]


def _found(name: str, key: str, value: str, wanted: set[object]) -> _Members:
    """One column of a table by another; of consents the agreements of every version, with spaces between."""
    table = sa.table(name, sa.column(key), sa.column(value))
    sought = sorted(str(each) for each in wanted if each)
    found: dict[object, set[str]] = {}
    for row in op.get_bind().execute(sa.select(table).where(table.c[key].in_(sought))):
        said = _granted_in(row[1]) if value == "document" else {row[1]}
        found.setdefault(row[0], set()).update(said)
    return {each: " ".join(sorted(values)) for each, values in found.items()}


def _granted_in(document: bytes) -> set[str]:
    """The agreements of the grants in a signed consent statement."""
    payload = json.loads(base64.b64decode(json.loads(document)["payload"]))
    return {grant["agreement"] for grant in payload["grants"]}
