"""What the cables heard: the same answer to the same bytes, and nothing given away after an end that was confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.registration import read_registration
from consent.envelope import UnverifiedEnvelope
from consent.statement import ConsentStatement
from keys import strictjson
from keys.documents import parse
from keys.signing import MAX_DOCUMENT
from tests.system.crash_model.books import heading_of
from tests.system.crash_model.wire import Call

_SAME_FOR_EVER: Final = frozenset({"/v1/envelopes", "/v1/consents", "/v1/withdrawals", "/v1/acks"})
"""Calls that answer the same bytes with the same bytes, whoever died in between."""
_LARGEST: Final = 64 * 1024 * 1024
_OWN_MISTAKE, _UNKNOWN = 500, 404


@dataclass(frozen=True)
class Handed:
    """An envelope that the broker gave away in answer to a call that was passed on at this moment."""

    envelope: str
    statement: str | None
    to: str
    caller: str
    began: float


def check_calls(calls: Sequence[Call], codes: Mapping[str, str]) -> None:
    """Judge every answer; `codes` tells which consent a code ends. Raises `AssertionError`."""
    assert [call.path for call in calls if call.status == _OWN_MISTAKE] == []
    for call in calls:
        twice = call.is_fine and call.repeats is not None and call.repeats.is_fine
        assert not (twice and call.proven), f"a proof served twice: {call.path}"
    _check_same(calls)
    handed, (known, ended) = tuple(_handed(calls)), _words(calls, codes)
    for call in calls:
        if (call.path, call.status) == ("/v1/withdrawals", _UNKNOWN):
            statement = codes[_read(call.body)["code"]]
            assert call.began < known.get(statement, call.began + 1), f"a code it had confirmed: {statement}"
    for each in handed:
        assert each.to == each.caller, each
        assert each.statement is None or each.began < ended.get(each.statement, each.began + 1), each


def _check_same(calls: Iterable[Call]) -> None:
    first: dict[tuple[str, bytes], bytes] = {}
    for call in calls:
        if call.method == "POST" and call.path in _SAME_FOR_EVER and call.is_fine:
            assert first.setdefault((call.path, call.body), call.answer) == call.answer, call.path


def _handed(calls: Iterable[Call]) -> Iterable[Handed]:
    for call in calls:
        if call.path == "/v1/inbox/lease" and call.is_fine:
            for item in _read(call.answer):
                envelope = UnverifiedEnvelope.parse(strictjson.dumps(item["envelope"]))
                heading = heading_of(envelope)
                yield Handed(envelope.header.id, heading.statement, heading.to, call.partner, call.began)


def _words(calls: Iterable[Call], codes: Mapping[str, str]) -> tuple[dict[str, float], dict[str, float]]:
    """When the broker first confirmed that it knows each consent, and when that it ended."""
    known: dict[str, float] = {}
    ended: dict[str, float] = {}
    for call in calls:
        if call.path == "/v1/withdrawals" and call.is_fine:
            ended.setdefault(codes[_read(call.body)["code"]], call.ended)
        elif call.method == "POST" and call.path == "/v1/consents" and call.is_fine:
            signed, _ = read_registration(call.body)
            statement = parse(ConsentStatement, signed.payload, limit=MAX_DOCUMENT)
            (known if statement.state == "given" else ended).setdefault(statement.id, call.ended)
    return known, ended


def _read(data: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    return strictjson.loads(data, limit=_LARGEST)
