"""Who asks too often is slowed down: how the share of a source is counted, and who a source is."""

from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from gateway.broker import Broker
from gateway.problems import ProblemError
from gateway.rates import BY_PAGE, Limit, client_address, take
from gateway.store.migration import migrate
from gateway.store.store import Store
from tests.gateway.first_day import SETTINGS, broker_keys
from tests.gateway.sign_in import AT
from tests.gateway.world import World

OURS = (ip_network("10.0.0.0/8"), ip_network("::1"))
LIMIT = Limit("test", 3, timedelta(seconds=10))


def _asks(world: World, source: str, limit: Limit = LIMIT) -> int | None:
    """None when the source may ask now; else the seconds after which it is told to ask again."""
    try:
        world.act(lambda tx, at: take(world.broker, tx, limit, source, at))
    except ProblemError as refused:
        return int(refused.headers["Retry-After"])
    return None


def test_a_share_is_used_up_and_comes_back(world: World) -> None:
    """Three at once, then one every ten seconds; the wait that is told is the one that suffices."""
    assert [_asks(world, "a") for _ in range(5)] == [None, None, None, 10, 10]
    world.clock.move(seconds=9.5)
    assert _asks(world, "a") == 1
    world.clock.move(seconds=0.5)
    assert [_asks(world, "a") for _ in range(2)] == [None, 10]
    world.clock.move(days=1)
    assert [_asks(world, "a") for _ in range(4)] == [None, None, None, 10]


def test_sources_and_questions_are_counted_apart(world: World) -> None:
    """One source that asks too often takes nothing from another, nor from itself for something else."""
    assert [_asks(world, "a") for _ in range(4)][-1] == 10
    assert _asks(world, "b") is None
    assert _asks(world, "a", BY_PAGE) is None


def test_a_clock_that_goes_back_gives_no_share_and_takes_none(world: World) -> None:
    """The moment is the journal's, which never goes back."""
    for _ in range(3):
        _asks(world, "a")
    world.act(lambda tx, at: tx.journal.append(at, type="admin.change", actor=SETTINGS.address, state="test"))
    world.clock.move(hours=-5)
    assert _asks(world, "a") == 10
    assert _asks(world, "b") is None


def test_what_is_past_is_forgotten(world: World) -> None:
    """A row is kept only while it would change an answer."""
    _asks(world, "a")
    world.clock.move(seconds=9)
    assert world.act(lambda tx, at: tx.rates.forget(at)) == 0
    world.clock.move(seconds=2)
    assert world.act(lambda tx, at: tx.rates.forget(at)) == 1
    assert world.act(lambda tx, at: tx.rates.forget(at)) == 0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Broker:
    """A broker with an empty journal."""
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('rates') / 'gateway.sqlite3'}")
    migrate(store)
    return Broker(SETTINGS, store, broker_keys(), lambda: AT)


@settings(deadline=None, max_examples=40)
@given(waits=st.lists(st.integers(0, 15_000), min_size=1, max_size=25), number=st.integers(0, 2**60))
def test_no_pattern_gets_more_than_the_share(broker: Broker, waits: list[int], number: int) -> None:
    """However the questions are spaced: in any stretch of time, at most the burst and one for each interval."""
    moment, admitted = AT, []
    with broker.store.transaction() as tx:
        for wait in waits:
            moment += timedelta(milliseconds=wait)
            try:
                take(broker, tx, LIMIT, f"source {number}", moment)
            except ProblemError:
                continue
            admitted.append(moment)
    for position, start in enumerate(admitted):
        for count, end in enumerate(admitted[position:], start=1):
            assert count <= LIMIT.burst + (end - start) / LIMIT.every


def _from(peer: str | None, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    client = None if peer is None else (peer, 40000)
    return Request({"type": "http", "method": "POST", "path": "/withdraw", "headers": headers, "client": client})


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.7",), "203.0.113.9"),
        ("10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("6.6.6.6, 198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("6.6.6.6", "198.51.100.7"), "198.51.100.7"),
        ("10.0.0.1", ("198.51.100.7, 10.2.3.4",), "198.51.100.7"),
        ("10.0.0.1", ("6.6.6.6, not an address",), "10.0.0.1"),
        ("10.0.0.1", ("6.6.6.6, ",), "10.0.0.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("::ffff:198.51.100.7",), "198.51.100.7"),
        ("::1", ("2001:db8:1:2:3:4:5:6",), "2001:db8:1:2::/64"),
        ("2001:db8:1:2:aaaa::1", (), "2001:db8:1:2::/64"),
        ("fe80::1%eth0", (), "fe80::/64"),
        (None, ("198.51.100.7",), ""),
    ],
)
def test_a_source_is_what_our_own_proxies_say(peer: str | None, forwarded: Sequence[str], expected: str) -> None:
    """The last address that a proxy of ours was called from; what anybody else writes into the header is not read."""
    assert client_address(_from(peer, *forwarded), OURS) == expected


def test_without_named_proxies_nobody_is_believed() -> None:
    """Not even this very machine: the header counts only where the settings say so."""
    assert client_address(_from("127.0.0.1", "198.51.100.7"), ()) == "127.0.0.1"


def test_the_database_does_not_hold_where_somebody_is(world: World, tmp_path: Path) -> None:
    """Only a keyed digest of the address is kept."""
    _asks(world, "198.51.100.7")
    data = b"".join(path.read_bytes() for path in tmp_path.glob("gateway.sqlite3*"))
    assert b"198.51.100.7" not in data
