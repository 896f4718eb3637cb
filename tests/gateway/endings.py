"""What tests of how consents end share: a person's code, what the broker tells, and what recipients answer."""

from __future__ import annotations

from collections.abc import Mapping

from httpx2 import Response

from consent.envelope import UnverifiedEnvelope
from consent.headers import NoticeHeader
from keys import strictjson
from keys.documents import format_time
from keys.identity import SigningKey
from keys.signing import sign
from tests.builders import (
    ABSENT,
    ENVELOPE_ID,
    STATEMENT_ID,
    Json,
    registered_statement,
    signed_statement,
    signing_key,
    statement,
)
from tests.codes import completed
from tests.gateway.partner import Partner
from tests.gateway.world import World

CODE = completed("ABCDEFGHJKMNPQR")
"""The code of the invented person's consent."""
OTHER_CODE = completed("RQPNMKJHGFEDCBA")
"""A code that nobody was given."""
MESSAGE_ID = "env_" + "m" * 26


def register(partner: Partner, code: str = CODE, changes: Mapping[str, object] | None = None) -> Response:
    """Register the builders' statement beside its code."""
    signed = signed_statement(statement(changes)).to_json()
    return partner.post("/v1/consents", strictjson.dumps({"v": 1, "statement": signed, "withdrawal_code": code}))


def say(partner: Partner, code: str = CODE) -> Response:
    """Bring a code that a person said."""
    return partner.post("/v1/withdrawals", strictjson.dumps({"v": 1, "code": code}))


def ending(state: str = "withdrawn", changes: Mapping[str, object] | None = None) -> bytes:
    """The signed second version by which the builders' consent ends."""
    usual: Json = {"/version": 2, "/prev": registered_statement().sha256, "/state": state, "/grants": []}
    return signed_statement(statement({**usual, **(changes or {})})).encode()


def end(partner: Partner, state: str = "withdrawn") -> Response:
    """Bring that version to where consents are ended."""
    return partner.post(f"/v1/consents/{STATEMENT_ID}/withdraw", ending(state), "statement")


def notices(partner: Partner) -> list[NoticeHeader]:
    """What the broker told a partner by itself, in order."""
    headers = [
        UnverifiedEnvelope.parse(strictjson.dumps(item["envelope"])).header for item in partner.events()["events"]
    ]
    return [header for header in headers if isinstance(header, NoticeHeader)]


def told(partner: Partner) -> list[tuple[str, str | None]]:
    """The kind of each notice, and the step it tells of."""
    return [(each.notice.kind, each.event.transition if each.event else None) for each in notices(partner)]


def kept_bytes(world: World, identifier: str = ENVELOPE_ID) -> bytes | None:
    """The sealed bytes of an envelope that the broker still has."""
    with world.broker.store.reading() as tx:
        found = tx.envelopes.get(identifier)
    assert found is not None
    return found.wire


def answer_document(
    partner: Partner, changes: Mapping[str, object] | None = None, signer: SigningKey | None = None
) -> bytes:
    """A signed answer after a withdrawal: what was handed out is deleted, with changes."""
    members: dict[str, object] = {
        "v": 1,
        "by": partner.address,
        "statement": STATEMENT_ID,
        "version": 1,
        "envelopes": [ENVELOPE_ID],
        "answer": "deleted",
        "at": format_time(partner.clock.at),
    }
    made = {**members, **(changes or {})}
    payload = strictjson.dumps({name: value for name, value in made.items() if value is not ABSENT})
    return sign("withdrawal-answer", payload, (signer or signing_key(partner.address),)).encode()


def answer(partner: Partner, **changes: object) -> Response:
    """Bring such an answer."""
    return partner.post("/v1/withdrawals/answers", answer_document(partner, changes), "withdrawal-answer")
