"""The journal goes on under new keys: each shard is followed from the one before, and nothing else is believed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from adapters.growth import JournalAlarmError
from adapters.keybook import KeyBook
from adapters.pins import GatewayPins
from adapters.problems import GatewayProblemError
from journal.notes import Checkpoint
from journal.shards import CLOSED, OPENED, Shard, announce, commit
from keys import strictjson
from keys.documents import parse
from keys.errors import PasserelleError, UntrustedKeyError
from tests.adapters.gateway_double import ORIGIN, GatewayDouble
from tests.adapters.journal_reader import Reader, file, fingerprint, gateway_of, partner
from tests.journal.builders import journal_signer
from tests.keys.builders import ADDRESS, OTHER

SECOND = ORIGIN.replace("/1", "/2")
FIRST_CHECKPOINT, SECOND_CHECKPOINT = "/v1/journal/checkpoint", "/v1/journal/shards/2/checkpoint"


def accepted() -> tuple[GatewayDouble, Reader]:
    """A gateway, and a reader that has read its journal once."""
    gateway = gateway_of(partner())
    reader = Reader(gateway)
    reader.sync()
    return gateway, reader


def pinned(gateway: GatewayDouble, **changes: object) -> GatewayPins:
    """What somebody pins who comes now; members of its last shard may be changed."""
    members = gateway.announced
    members["shards"][-1] |= changes
    return parse(GatewayPins, strictjson.dumps(members), limit=100_000)


def newcomer(gateway: GatewayDouble, pins: GatewayPins) -> Reader:
    """A reader that pinned the gateway now."""
    reader = Reader(gateway)
    reader.book = KeyBook(reader.store, pins, gateway.clock)
    return reader


def refuses(reader: Reader, code: str = "hand-over-broken") -> JournalAlarmError:
    """The next reading is this alarm, and leaves what was accepted as it was."""
    saved, held = reader.store.saved, list(reader.store.held)
    with pytest.raises(JournalAlarmError) as refused:
        reader.sync()
    assert refused.value.code == code
    assert (reader.store.saved, reader.store.held) == (saved, held)
    return refused.value


@pytest.mark.parametrize("times", [1, 3])
def test_one_look_follows_every_hand_over(times: int) -> None:
    """Whoever slept through several of them counts on, and judges keys of every shard by one chain."""
    gateway, reader = accepted()
    late = Reader(gateway)
    other = partner(OTHER, "second")
    for _ in range(times):
        gateway.rotate()
        gateway.bustle(2)
    gateway.publish(*other.documents)
    for each in (reader, late):
        assert each.sync() == len(gateway.leaves)
        seen = each.book.seen()
        assert seen is not None
        assert (seen.shard.number, seen.shard.start) == (times + 1, gateway.shards[-1].start)
        assert [shard.number for shard in seen.lineage] == list(range(1, times + 2))
        for chain in (partner(), other):
            assert each.book.chain(chain.address, fingerprint(chain)).seq == len(chain.documents)
        first = each.book.chain(OTHER, fingerprint(other)).keys[0]
        assert first.index == len(gateway.leaves) - len(other.documents)
    gateway.bustle(1)
    assert reader.sync() == len(gateway.leaves)


def test_a_chain_goes_on_over_a_hand_over() -> None:
    """A key that is revoked in the second shard was published in the first."""
    gateway, reader = accepted()
    chain = partner()
    gateway.rotate()
    gateway.publish(chain.revocation(chain.replay().keys[1].kid), kind="key.revoked")
    reader.sync()
    known = reader.book.chain(ADDRESS, fingerprint(chain))
    assert known.keys[1].revoked_index == len(gateway.leaves) - 1


def test_a_closed_shard_may_be_old_and_the_one_that_goes_on_may_not() -> None:
    """The last checkpoint of a shard stays what it was for ever; only the newest one tells that nothing is hidden."""
    gateway, reader = accepted()
    gateway.rotate()
    gateway.clock.forward(days=200)
    assert reader.sync() == len(gateway.leaves)
    note = gateway.note()
    gateway.clock.forward(hours=25)
    gateway.instead[SECOND_CHECKPOINT] = lambda _: file(note)
    with pytest.raises(UntrustedKeyError, match="checkpoint-stale"):
        reader.sync()


def test_nothing_is_kept_of_a_hand_over_that_is_not_shown_whole() -> None:
    """Half a look would leave a reader before a door that it has gone through."""
    gateway, reader = accepted()
    gateway.rotate()
    saved = reader.store.saved
    gateway.instead[SECOND_CHECKPOINT] = lambda _: file(b"", 404)
    with pytest.raises(GatewayProblemError):
        reader.sync()
    assert reader.store.saved == saved
    gateway.instead.clear()
    assert reader.sync() == len(gateway.leaves)


# Attacks.


def _other_keys(gateway: GatewayDouble) -> None:
    gateway.rotate()
    forger = journal_signer(SECOND)
    files = gateway.files()
    note = forger.sign(Checkpoint(SECOND, len(files.hashes), files.root()), gateway.clock())
    gateway.instead[SECOND_CHECKPOINT] = lambda _: file(note)


def test_a_shard_under_other_keys_than_the_announced_ones_is_refused() -> None:
    """Whoever holds neither of the keys that the last entry named cannot go on in their place."""
    gateway, reader = accepted()
    _other_keys(gateway)
    saved = reader.store.saved
    with pytest.raises(PasserelleError, match="signature-missing"):
        reader.sync()
    assert reader.store.saved == saved


def _cut(gateway: GatewayDouble) -> None:
    gateway.rotate()
    gateway.leaves.pop()
    gateway.bustle(2)


def _twice(gateway: GatewayDouble) -> None:
    gateway.hand_over(CLOSED, announce(gateway.shard(1), journal_signer(SECOND).vkeys))
    gateway.rotate()


def _goes_on(gateway: GatewayDouble) -> None:
    gateway.hand_over(CLOSED, announce(gateway.shard(1), journal_signer(SECOND).vkeys))
    gateway.bustle(1)


def _another_past(gateway: GatewayDouble) -> None:
    shorter = gateway.note(size=2)
    gateway.rotate()
    gateway.leaves.pop()
    gateway.hand_over(OPENED, commit(2, shorter))


def _another_number(gateway: GatewayDouble) -> None:
    gateway.rotate()
    gateway.leaves.pop()
    gateway.hand_over(OPENED, commit(3, gateway.shards[0].final or b""))


def _says_restarted(gateway: GatewayDouble) -> None:
    gateway.rotate()
    gateway.leaves.pop()
    gateway.hand_over("restarted", commit(2, gateway.shards[0].final or b""))


def _skips_a_number(gateway: GatewayDouble) -> None:
    shard = gateway.shard(1)
    further = Shard(2, SECOND, shard.vkeys, 0)
    gateway.hand_over(CLOSED, announce(further, journal_signer(ORIGIN.replace("/1", "/3")).vkeys))


def _keeps_a_key(gateway: GatewayDouble) -> None:
    old = gateway.journal
    gateway.hand_over(CLOSED, announce(gateway.shard(1), type(old)(SECOND, old.ed25519, old.mldsa44).vkeys))


def _opens_unannounced(gateway: GatewayDouble) -> None:
    gateway.hand_over(OPENED, commit(2, gateway.note()))


def _garbage(gateway: GatewayDouble) -> None:
    gateway.hand_over(CLOSED, b"{}")


@pytest.mark.parametrize(
    "attack",
    [
        _cut,
        _twice,
        _goes_on,
        _another_past,
        _another_number,
        _says_restarted,
        _skips_a_number,
        _keeps_a_key,
        _opens_unannounced,
        _garbage,
    ],
)
def test_a_hand_over_that_does_not_hold_is_an_alarm(attack: Callable[[GatewayDouble], None]) -> None:
    """Cut, twice, gone on after, with another past or number, to the same keys: for who followed and for newcomers."""
    gateway, reader = accepted()
    attack(gateway)
    told = refuses(reader)
    assert (told.shard.origin, told.note is not None) in {(ORIGIN, True), (SECOND, True)}
    refuses(Reader(gateway))


def test_a_shard_that_is_not_announced_is_never_looked_at() -> None:
    """A second shard that lies ready says nothing while the first one goes on."""
    gateway, reader = accepted()
    gateway.bustle(1)
    size = len(gateway.leaves)
    whole = gateway.note(), gateway.files()
    gateway.rotate()
    gateway.instead[FIRST_CHECKPOINT] = lambda _: file(whole[0])
    path = f"tile/entries/000.p/{size}"
    gateway.instead[f"/v1/journal/{path}"] = lambda _: file(whole[1][path])
    assert reader.sync() == size


def test_a_journal_that_goes_back_in_a_later_shard_is_an_alarm() -> None:
    """What was read of the second shard cannot be taken back, nor can the hand-over itself."""
    gateway, reader = accepted()
    gateway.rotate()
    gateway.bustle(2)
    reader.sync()
    gateway.leaves.pop()
    refuses(reader, "checkpoint-rolled-back")


# Pins.


def test_what_is_pinned_is_what_the_journal_leads_to() -> None:
    """A newcomer who pinned two shards reads them; one that was told another second shard trusts nothing."""
    gateway, _ = accepted()
    gateway.rotate()
    assert newcomer(gateway, pinned(gateway)).sync() == len(gateway.leaves)
    other = [str(vkey) for vkey in journal_signer(SECOND).vkeys]
    start = gateway.shards[-1].start
    for changes in ({"vkeys": other}, {"start": start + 1}, {"restarted": True}):
        with pytest.raises(JournalAlarmError):
            newcomer(gateway, pinned(gateway, **changes)).sync()


def test_a_shard_that_is_pinned_cannot_be_hidden() -> None:
    """Shown the journal as it was before the hand-over, a newcomer knows that there is more."""
    gateway, _ = accepted()
    before, files, size = gateway.note(), gateway.files(), len(gateway.leaves)
    gateway.rotate()
    reader = newcomer(gateway, pinned(gateway))
    gateway.instead[FIRST_CHECKPOINT] = lambda _: file(before)
    path = f"tile/entries/000.p/{size}"
    gateway.instead[f"/v1/journal/{path}"] = lambda _: file(files[path])
    refuses(reader, "checkpoint-rolled-back")


def test_a_checkpoint_of_the_future_is_refused_in_every_shard() -> None:
    """A gateway that signs ahead could hide later what happens until then."""
    gateway, reader = accepted()
    gateway.rotate()
    note = gateway.note(at=gateway.clock() + timedelta(seconds=121))
    gateway.instead[SECOND_CHECKPOINT] = lambda _: file(note)
    with pytest.raises(UntrustedKeyError, match="checkpoint-in-future"):
        reader.sync()
