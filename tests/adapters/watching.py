"""What a partner found wrong with the journal, and what its evidence shows to others."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.store.records import Alarm
from journal.convictions import Conviction, convict
from journal.entries import Opening, commitment_leaf
from journal.evidence import Evidence, read_evidence
from keys.errors import PasserelleError
from tests.adapters.partners import Partner
from tests.journal.builders import entry_bytes

OTHER_SALT = bytes(32)


def only_alarm(partner: Partner) -> Alarm:
    """The one alarm there is."""
    [alarm] = partner.adapter.alarms()
    return alarm


def evidence_file(partner: Partner) -> Path:
    """The file of evidence of the one alarm there is."""
    name = only_alarm(partner).evidence
    assert name is not None
    return partner.folder / "evidence" / name


def convicted(partner: Partner) -> tuple[Evidence, Conviction]:
    """What the evidence of the one alarm shows to somebody who has the pinned keys and nothing else."""
    evidence = read_evidence(evidence_file(partner).read_bytes())
    pins = partner.broker.pins
    return evidence, convict(evidence, pins.vkeys, pins.receipts_verifier)


def looks(partner: Partner, code: str, times: int = 2) -> None:
    """Each look at the journal fails in this way."""
    for _ in range(times):
        with pytest.raises(PasserelleError) as refused:
            partner.adapter.read_journal()
        assert refused.value.code == code


def swap(partner: Partner, index: int) -> None:
    """Change the past of the journal."""
    leaves = partner.broker.gateway.leaves
    leaves[index] = commitment_leaf(Opening(entry_bytes(index=index), OTHER_SALT))
