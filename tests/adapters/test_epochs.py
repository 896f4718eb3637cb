"""Sealing epochs over two months: one in force and six ahead, whoever is away, and none kept longer than it may be."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from adapters.identity import DESTROYED_AFTER, Identity
from adapters.outgoing import Queued
from adapters.own_keys import own_chain
from keys.errors import UntrustedKeyError
from keys.statements import KeyChain
from tests.adapters.conftest import Town
from tests.adapters.partners import PASSPHRASE, Partner, consent_file, referral_file, sent
from tests.invented import AT, DAY, LINE, SHELTER, root_key

AHEAD = 6 * timedelta(days=6)
"""How far the beginnings of six further epochs reach."""


def alone(partner: Partner) -> Partner:
    """The partner with a keystore of its own, which it may change."""
    partner.restart(Identity.open(partner.address, partner.folder / "keystore.json", PASSPHRASE))
    return partner


def chain_seen(partner: Partner, address: str) -> KeyChain:
    """A chain as a partner reads it in the journal now."""
    partner.adapter.read_journal()
    return partner.adapter.office.book.chain(address, root_key(address).public.fingerprint)


def covered(chain: KeyChain, start: datetime, span: timedelta) -> bool:
    """Whether there is a key to seal to at every hour of a time."""
    hours = range(0, int(span.total_seconds()), 3600)
    return all(chain.sealing_key(at=start + timedelta(seconds=second)) for second in hours)


def test_sixty_days_of_daily_rounds(laval: Town) -> None:
    """Each day there is a key for now and for five weeks ahead; each private half ends 21 days after its key."""
    broker, line, shelter = laval
    alone(shelter)
    for day in range(61):
        broker.clock.now = AT + day * DAY
        assert shelter.adapter.sync().troubles == []
        now = broker.clock()
        keys = [key for key in own_chain(shelter.adapter.office).keys if key.use == "sealing"]
        assert sum(key.not_after > now for key in keys) >= 7
        held = [key for key in shelter.adapter.office.identity.keystore.keys.values() if key.use == "sealing"]
        ends = [key.not_after for key in held if key.not_after]
        assert all(key.kid in {each.kid for each in held} for key in keys if key.not_after > now)
        # Destroyed when the next keys are made, which is every six days.
        assert min(ends) + DESTROYED_AFTER > now - 6 * DAY
    chain = chain_seen(line, SHELTER)
    assert covered(chain, broker.clock(), AHEAD)
    sealing = [key for key in chain.keys if key.use == "sealing"]
    assert {key.not_after - key.not_before for key in sealing} == {7 * DAY}
    assert len(sealing) == 17
    assert shelter.adapter.alarms() == []


def test_five_weeks_away_are_made_up_for_in_one_round(laval: Town) -> None:
    """Others could seal to it all the time; what came last is opened, and six epochs lie ahead again."""
    broker, line, shelter = laval
    alone(shelter)
    for address in (line, shelter):
        address.adapter.sync()
    broker.clock.now = AT + 35 * DAY
    line.adapter.sync()
    recorded, _ = line.adapter.record_consent(consent_file())
    queued = line.adapter.send(referral_file(recorded.record_id))
    assert isinstance(queued, Queued), queued
    line.adapter.sync()
    done = shelter.adapter.sync()
    assert (done.troubles, [arrival.result for arrival in done.arrivals]) == ([], ["stored"])
    assert covered(chain_seen(line, SHELTER), broker.clock(), AHEAD)


def test_after_seven_weeks_away_nobody_can_seal_until_one_round(laval: Town) -> None:
    """An epoch that ended is never sealed to; one round publishes the next seven."""
    broker, line, shelter = laval
    alone(shelter)
    broker.clock.now = AT + 50 * DAY
    with pytest.raises(UntrustedKeyError, match="key-unknown"):
        chain_seen(line, SHELTER).sealing_key(at=broker.clock())
    assert shelter.adapter.sync().troubles == []
    assert covered(chain_seen(line, SHELTER), broker.clock(), AHEAD)
    assert len([key for key in own_chain(shelter.adapter.office).keys if key.use == "sealing"]) == 14


def test_a_sender_six_epochs_behind_reads_on_first(laval: Town) -> None:
    """What it read five weeks ago is relied on no more; having read on, it seals to the epoch of today."""
    broker, line, shelter = laval
    alone(shelter)
    fingerprint = root_key(SHELTER).public.fingerprint
    for day in range(0, 37, 6):
        broker.clock.now = AT + day * DAY
        shelter.adapter.sync()
    with pytest.raises(UntrustedKeyError, match="checkpoint-stale"):
        line.adapter.office.book.chain(SHELTER, fingerprint)
    kid, _ = chain_seen(line, SHELTER).sealing_key(at=broker.clock())
    [key] = [key for key in own_chain(shelter.adapter.office).keys if key.kid == kid]
    assert key.not_before <= broker.clock() < key.not_after
    queued = sent(line)
    line.adapter.sync()
    assert [arrival.result for arrival in shelter.adapter.sync().arrivals] == ["stored"]
    assert line.adapter.office.address == LINE != queued.ref


def test_what_waited_in_the_outbox_over_six_epochs_is_sealed_anew(laval: Town) -> None:
    """The key that it was sealed to ended long ago: it leaves under the key of today, and is opened."""
    broker, line, shelter = laval
    alone(shelter)
    line.client.cut_off("deposit")
    queued = sent(line)
    line.adapter.sync()
    for day in range(6, 13, 6):
        broker.clock.now = AT + day * DAY
        shelter.adapter.sync()
    broker.clock.forward(hours=1)
    line.client.refuse("deposit", "key-not-in-period")
    assert line.adapter.sync().sent.refused == []
    arrivals = shelter.adapter.sync().arrivals
    assert [arrival.result for arrival in arrivals] == ["stored"]
    assert arrivals[0].envelope != queued.envelope
