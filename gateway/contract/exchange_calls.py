"""The calls by which sealed envelopes travel: deposit, pick-up, acknowledgement, and what happened to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from consent.envelope import ENVELOPE_KIND, MAX_ENVELOPE, MAX_SLOTS, Payload
from consent.headers import EventHeader, MessageHeader, NoticeHeader, ReferralHeader
from consent.identifiers import EnvelopeId
from gateway.acks import ACK_KIND, Acknowledgement
from gateway.contract.calls import JSON, Answer, Call, Parameter, document, plain, text
from gateway.contract.refusals import CONTRADICTED, DECISION, DOCUMENT, HEADER, QUERY, SIGNED, SIGNED_IN, at
from gateway.contract.schemas import COUNT, Named, array, closed, encoded, envelope, form_of, signed
from gateway.events import MAX_TOLD
from gateway.inbox import LEASE_LIMIT, MAX_LEASED, LeaseRequest
from gateway.polling import MAX_WAIT
from gateway.receipts import RECEIPT_KIND, EnvelopeReceipt
from keys.signing import MAX_DOCUMENT, media_type
from keys.strictjson import MAX_INTEGER

__all__ = ["AFTER", "ENVELOPE", "ENVELOPE_RECEIPT", "EXCHANGE_CALLS", "receipt_answers"]

_HEADERS: Final[Sequence[type]] = (ReferralHeader, MessageHeader, EventHeader, NoticeHeader)
_PAYLOAD: Final = Named(
    "EnvelopePayload", {"allOf": [Payload], "properties": {"protected": encoded({"oneOf": list(_HEADERS)})}}
)
ENVELOPE: Final = envelope(_PAYLOAD, MAX_SLOTS)
"""An envelope on the wire (PROTOCOL §4)."""
ENVELOPE_RECEIPT: Final = signed(RECEIPT_KIND, EnvelopeReceipt, signatures=1)
"""The broker's word that an envelope was accepted."""
AFTER: Final = Parameter(
    "after",
    "query",
    {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER, "default": 0},
    "The cursor `next` of the answer before; from the beginning without it.",
)
"""Where to go on in a list that only grows."""
_WAIT: Final = Parameter(
    "wait",
    "query",
    {"type": "integer", "minimum": 0, "maximum": MAX_WAIT, "default": 0},
    "Seconds to wait for the first item.",
)


def receipt_answers(what: str, receipt: Named) -> dict[int, Answer]:
    """A signed receipt: 201 the first time, 200 whenever the same bytes are brought again."""
    media = media_type(RECEIPT_KIND)
    return {
        200: text(f"{what} again: the receipt that was given the first time, byte for byte.", receipt, media),
        201: text(f"{what}: the broker's signed receipt.", receipt, media),
    }


EXCHANGE_CALLS: Final = (
    Call(
        "post",
        "/v1/envelopes",
        "depositEnvelope",
        "Deposit one sealed envelope; the same bytes may be brought again until they are answered.",
        receipt_answers("Accepted", ENVELOPE_RECEIPT),
        scope="envelope:send",
        body=document(ENVELOPE_KIND, ENVELOPE, MAX_ENVELOPE),
        problems=SIGNED_IN
        | SIGNED
        | DECISION
        | at(403, "digest-mismatch", "sender-is-not-caller", "key-not-of-recipient")
        | at(409, "envelope-id-taken", "seq-taken")
        | HEADER
        | at(422, "key-of-somebody-else", "sections-and-slots")
        | CONTRADICTED
        | at(503, "statement-unconfirmed"),
    ),
    Call(
        "post",
        "/v1/inbox/lease",
        "leaseEnvelopes",
        "Take up to `max` envelopes for two minutes, waiting up to `wait` seconds for the first.",
        {
            200: text(
                "The envelopes with their receipts, each as it was received and given.",
                array(closed({"envelope": ENVELOPE, "receipt": ENVELOPE_RECEIPT}), MAX_LEASED),
            )
        },
        scope="envelope:receive",
        body=plain(LeaseRequest, LEASE_LIMIT),
        problems=SIGNED_IN | DOCUMENT | CONTRADICTED,
    ),
    Call(
        "post",
        "/v1/acks",
        "acknowledgeEnvelope",
        "Say that a leased envelope is held safely, or why it could not be taken.",
        {
            200: text(
                "Noted, also when it was said before in the same bytes.",
                closed({"v": {"const": 1}, "envelope": form_of(EnvelopeId), "index": COUNT}),
            )
        },
        scope="envelope:receive",
        body=document(ACK_KIND, signed(ACK_KIND, Acknowledgement), MAX_DOCUMENT),
        problems=SIGNED_IN
        | SIGNED
        | at(404, "envelope-unknown")
        | at(409, "ack-differs", "not-released", "envelope-replaced")
        | at(422, "ack-code"),
    ),
    Call(
        "get",
        "/v1/events",
        "listEvents",
        "What the other side or the broker did to the caller's referrals, in order.",
        {
            200: Answer(
                "The events and notices after the cursor, each with its receipt.",
                {
                    JSON: closed(
                        {
                            "events": array(
                                closed({"cursor": COUNT, "envelope": ENVELOPE, "receipt": ENVELOPE_RECEIPT}), MAX_TOLD
                            ),
                            "next": COUNT,
                        }
                    )
                },
            )
        },
        scope="envelope:receive",
        parameters=(AFTER, _WAIT),
        problems=SIGNED_IN | QUERY,
    ),
)
"""PROTOCOL §6, the exchange."""
