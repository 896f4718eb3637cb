"""The calls about single cases: papers, ends of consents, mismatches, emergencies, and the question why.

PROTOCOL §6. Errors are those of `adapters.client`.
"""

from __future__ import annotations

from typing import Final

from adapters import bodies
from adapters.exchange import reading_answer
from adapters.explanations import Explanation
from adapters.interface import Interface, read_body
from adapters.pins import GatewayPins
from adapters.receipts import RECEIPT_KIND, VerifiedReceipt, verify_mismatch_receipt, verify_review_receipt
from consent.emergency_review import REVIEW_KIND
from consent.envelope import Header, protect
from consent.identifiers import EnvelopeId
from consent.mismatch import MISMATCH_KIND, Mismatch
from consent.withdrawal_answer import WITHDRAWAL_ANSWER_KIND, WithdrawalAnswer
from keys import strictjson
from keys.attachments import MAX_SEALED_ATTACHMENT
from keys.documents import Document, Sha256, parse, validate
from keys.errors import ForgedError
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["CaseCalls"]

EXPLANATION: Final = 256 * 1024
"""Bytes of the largest explanation that is read."""


class _Place(Document):
    envelope: EnvelopeId
    sha256: Sha256


class CaseCalls:
    """Part of `adapters.client.GatewayClient`."""

    def __init__(self, interface: Interface, pins: GatewayPins) -> None:
        """Call through an interface that signs in; answers are checked against the pins."""
        self._interface = interface
        self.pins: Final = pins

    def put_attachment(self, envelope: str, sha256: str, data: bytes) -> None:
        """Bring one sealed paper before the envelope that announces it; the same bytes may be brought again."""
        place = validate(_Place, {"envelope": envelope, "sha256": sha256})
        value = self._interface.put(f"/v1/attachments/{place.sha256}", data, query={"envelope": place.envelope})
        body = read_body(bodies.AttachmentBody, value)
        _expect((body.envelope, body.sha256, body.size) == (envelope, sha256, len(data)))

    def get_attachment(self, envelope: str, sha256: str) -> bytes:
        """The sealed bytes of one paper of an envelope that was handed to us; whoever opens them checks them."""
        place = validate(_Place, {"envelope": envelope, "sha256": sha256})
        path, query = f"/v1/attachments/{place.sha256}", {"envelope": place.envelope}
        return self._interface.get_bytes(path, query=query, limit=MAX_SEALED_ATTACHMENT)

    def answer_withdrawal(self, signed: SignedDocument) -> None:
        """Say what became of what we were handed under a consent that ended."""
        told = parse(WithdrawalAnswer, signed.payload, limit=MAX_DOCUMENT)
        value = self._interface.send("/v1/withdrawals/answers", signed, WITHDRAWAL_ANSWER_KIND)
        body = read_body(bodies.AnsweredBody, value)
        _expect((body.statement, body.answer) == (told.statement, told.answer))

    def report_mismatch(self, signed: SignedDocument) -> VerifiedReceipt:
        """Report that an envelope did not hold what its header announced; the receipt proves it."""
        about = parse(Mismatch, signed.payload, limit=MAX_DOCUMENT).envelope
        receipt = self._interface.send("/v1/mismatches", signed, MISMATCH_KIND)
        with reading_answer():
            return verify_mismatch_receipt(SignedDocument.from_json(receipt, RECEIPT_KIND), signed, about, self.pins)

    def review_emergency(self, envelope: str, signed: SignedDocument) -> VerifiedReceipt:
        """Bring what a second person found of an emergency of ours; the receipt proves it."""
        named = validate(_Place, {"envelope": envelope, "sha256": signed.sha256}).envelope
        receipt = self._interface.send(f"/v1/emergencies/{named}/review", signed, REVIEW_KIND)
        with reading_answer():
            return verify_review_receipt(SignedDocument.from_json(receipt, RECEIPT_KIND), signed, named, self.pins)

    def explain(self, header: Header) -> Explanation:
        """What a deposit of this header would be answered now, rule by rule; nothing is kept of it."""
        members = strictjson.loads(protect(header), limit=MAX_DOCUMENT)
        body = strictjson.dumps({"v": 1, "header": members})
        return read_body(Explanation, self._interface.post("/v1/explain", body, None, limit=EXPLANATION))


def _expect(about_what_was_asked: bool) -> None:  # noqa: FBT001 - the call reads as a sentence
    if not about_what_was_asked:
        raise ForgedError("answer-to-another")
