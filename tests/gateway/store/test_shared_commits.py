"""Requests that share a commit, on both databases: each stands or falls alone, and sees what those before it did."""

import asyncio
from collections.abc import Callable
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.key_chains import extend_chain
from gateway.store.tables import JournalTileRow, ServiceRow
from gateway.store.transaction import Transaction
from journal.entries import Entry
from keys.errors import UntrustedKeyError
from keys.statements import read_statement, revoke
from tests.builders import AGREEMENT_ID, AT, BROKER, LINE, SHELTER, root_key, signing_key
from tests.gateway.first_day import SHARED_ENTRIES
from tests.gateway.world import World

_TABLE = ServiceRow.__table__  # type: ignore[attr-defined]  # any table with a key will do
_TILE = JournalTileRow.__table__  # type: ignore[attr-defined]  # any table with a number will do


class _SlipError(Exception):
    """What a job of these tests raises."""


def _shared(world: World, *jobs: Callable[[Transaction], Any]) -> list[Any]:
    """What each of the jobs gives or raises, all of them in one commit."""

    async def run() -> list[Any]:
        return await asyncio.gather(*(world.broker.store.write(job) for job in jobs), return_exceptions=True)

    return asyncio.run(run())


def _note(tx: Transaction) -> int:
    """Append one entry that the line and the shelter may see; returns its index."""
    members = {"type": "envelope.expired", "actor": BROKER, "from": LINE, "to": SHELTER}
    return tx.journal.append(tx.journal.lock(AT), **members).index


def _keep(tx: Transaction, identifier: str) -> None:
    tx.connection.execute(insert(_TABLE).values(id=identifier, document=b"", imported=""))


def _kept(world: World) -> list[str]:
    with world.broker.store.reading() as tx:
        return sorted(tx.connection.execute(_TABLE.select()).scalars())


def _mine(entries: list[Entry]) -> list[int]:
    return [entry.index for entry in entries[SHARED_ENTRIES:]]


def test_a_statement_refused_by_a_constraint_fails_alone(world: World) -> None:
    """The job whose row is there already is told so and leaves nothing; those before and after it are committed."""

    def refused(tx: Transaction) -> None:
        _note(tx)
        _keep(tx, "second")
        _keep(tx, "first")

    def kept(tx: Transaction) -> int:
        _keep(tx, "first")
        return _note(tx)

    first, failed, last = _shared(world, kept, refused, _note)
    assert isinstance(failed, IntegrityError)
    assert (first, last) == (SHARED_ENTRIES, SHARED_ENTRIES + 1)
    assert _kept(world) == ["first"]
    assert _mine(world.entries()) == [first, last]


def test_a_value_that_no_column_can_hold_fails_alone(world: World) -> None:
    """A number beyond 64 bits is the mistake of one job, whatever a database calls it."""

    def refused(tx: Transaction) -> None:
        _note(tx)
        tx.connection.execute(insert(_TILE).values(level=0, number=2**70, width=1, data=b""))

    first, failed, last = _shared(world, _note, refused, _note)
    assert isinstance(failed, OverflowError | DBAPIError)
    assert _mine(world.entries()) == [first, last]


def test_what_a_job_undone_had_written_for_others_is_written_again(world: World) -> None:
    """A job that reads the journal has what stands before it written too; undone alone, it takes nothing away."""

    def read_and_slip(tx: Transaction) -> None:
        index = _note(tx)
        assert len(tx.journal.leaves(SHARED_ENTRIES, index + 1)) == 2
        raise _SlipError

    def read(tx: Transaction) -> int:
        index = _note(tx)
        assert tx.journal.opening(SHARED_ENTRIES).entry
        assert [place for place, _ in tx.journal.openings_of(LINE, SHARED_ENTRIES, 10)] == [SHARED_ENTRIES, index]
        return index

    first, slipped, second, last = _shared(world, _note, read_and_slip, read, _note)
    assert isinstance(slipped, _SlipError)
    assert _mine(world.entries()) == [first, second, last] == [SHARED_ENTRIES + number for number in range(3)]


def _state(tx: Transaction) -> tuple[bool, str, bool]:
    """Whether the line is active, the state of its agreement, and whether its key may be used."""
    organisation, agreement = tx.organisations.get(LINE), tx.agreements.newest(AGREEMENT_ID)
    key = tx.keys.get(signing_key(LINE).kid)
    assert organisation is not None
    assert agreement is not None
    assert key is not None
    assert (LINE in tx.organisations.inactive({LINE, SHELTER})) is not organisation.active
    try:
        key.check(AT, None)
    except UntrustedKeyError:
        return organisation.active, agreement.state, False
    return organisation.active, agreement.state, True


def _change(tx: Transaction) -> None:
    tx.organisations.set_active(LINE, active=False)
    tx.agreements.set_state(AGREEMENT_ID, 1, "suspended", AT)


def _change_and_slip(tx: Transaction) -> None:
    _change(tx)
    assert _state(tx)[:2] == (False, "suspended")
    raise _SlipError


def test_a_job_sees_what_those_before_it_in_the_commit_changed(world: World) -> None:
    """A suspension holds for the next request, although the same commit had read otherwise before."""
    before, _, after = _shared(world, _state, _change, _state)
    assert (before, after) == ((True, "in-force", True), (False, "suspended", True))


def test_a_job_does_not_see_what_was_undone_before_it(world: World) -> None:
    """What a job changed, read and gave up is as if it had never been."""
    before, slipped, after = _shared(world, _state, _change_and_slip, _state)
    assert isinstance(slipped, _SlipError)
    assert before == after == (True, "in-force", True)


def test_a_revocation_holds_within_its_commit(world: World) -> None:
    """Whoever shares the commit of a revocation, and comes after it, meets a revoked key."""
    kid = signing_key(LINE).kid

    def end_key(tx: Transaction) -> None:
        chain = tx.keys.chain(LINE)
        assert chain is not None
        signed = revoke((chain.seq, chain.head), LINE, kid, "compromised", root_key(LINE).signers)
        extend_chain(tx, signed, read_statement(signed), AT)

    before, _, after = _shared(world, _state, end_key, _state)
    assert before[2]
    assert not after[2]


def test_a_value_is_used_up_once_within_a_commit(world: World) -> None:
    """Three requests of one commit with the same proof: the first has used it up."""
    used = _shared(world, *[lambda tx: tx.replay.once("test", "proof", AT)] * 3)
    assert used == [True, False, False]
