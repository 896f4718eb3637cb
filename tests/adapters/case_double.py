"""The calls about single cases at the broker double: papers, answers, reports, reviews; and what the broker tells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from adapters.bodies import ConsentBody
from adapters.explanations import Explanation
from adapters.problems import GatewayProblemError
from adapters.receipts import VerifiedReceipt, verify_mismatch_receipt, verify_review_receipt
from consent.envelope import MAX_LIFE, Header, NoticeHeader
from consent.mismatch import Mismatch
from consent.withdrawal_code import check_code
from keys.documents import format_time, new_id, parse, sha256_hex, validate
from keys.signing import MAX_DOCUMENT, SignedDocument

if TYPE_CHECKING:
    from tests.adapters.broker_double import BrokerDouble

Answered = TypeVar("Answered")
INCIDENT = "inc_" + "a" * 26


class CaseCallsDouble(ABC):
    """Part of `CallsDouble`, which says what doing a call means."""

    address: str
    broker: BrokerDouble

    @abstractmethod
    def _do(self, name: str, act: Callable[[], Answered]) -> Answered: ...

    def put_attachment(self, envelope: str, sha256: str, data: bytes) -> None:
        """Bring a sealed paper."""
        assert sha256_hex(data) == sha256
        self._do("put_attachment", lambda: self.broker.papers.update({(envelope, sha256): data}))

    def get_attachment(self, envelope: str, sha256: str) -> bytes:
        """Fetch a sealed paper."""
        return self._do("get_attachment", lambda: self._paper(envelope, sha256))

    def _paper(self, envelope: str, sha256: str) -> bytes:
        if (envelope, sha256) not in self.broker.papers:
            raise GatewayProblemError("attachment-unknown", status=404)
        return self.broker.papers[envelope, sha256]

    def withdraw_by_code(self, code: str) -> datetime:
        """End the statement that a code was made for."""
        return self._do("withdraw_by_code", lambda: self._withdrawn(check_code(code)))

    def _withdrawn(self, code: str) -> datetime:
        if code not in self.broker.codes:
            raise GatewayProblemError("withdrawal-code-unknown", status=404)
        name = self.broker.codes[code]
        self.broker.statements[name] = replace(self.broker.statements[name], ended="withdrawn")
        return self.broker.clock()

    def consent(self, statement: str) -> ConsentBody:
        """Tell how a statement stands."""
        return self._do("consent", lambda: self._standing(statement))

    def _standing(self, statement: str) -> ConsentBody:
        known = self.broker.statements[statement]
        over = None if known.state == "given" else self.broker.clock()
        return ConsentBody(
            v=1,
            statement=statement,
            version=known.document.version,
            sha256=known.sha256,
            state=known.state,
            not_after=known.document.not_after,
            ended=over,
        )

    def answer_withdrawal(self, signed: SignedDocument) -> None:
        """Answer the end of a consent."""
        self._do("answer_withdrawal", lambda: self.broker.words.append(signed))

    def report_mismatch(self, signed: SignedDocument) -> VerifiedReceipt:
        """Report a mismatch."""
        return self._do("report_mismatch", lambda: self._reported(signed))

    def _reported(self, signed: SignedDocument) -> VerifiedReceipt:
        self.broker.words.append(signed)
        about = parse(Mismatch, signed.payload, limit=MAX_DOCUMENT).envelope
        named = {"envelope": about, "payload_sha256": signed.sha256, "incident": INCIDENT}
        return verify_mismatch_receipt(self.broker.gateway.receipt(named), signed, about, self.broker.pins)

    def review_emergency(self, envelope: str, signed: SignedDocument) -> VerifiedReceipt:
        """Bring a review."""
        return self._do("review_emergency", lambda: self._reviewed(envelope, signed))

    def _reviewed(self, envelope: str, signed: SignedDocument) -> VerifiedReceipt:
        self.broker.words.append(signed)
        named = {"reviewed": envelope, "payload_sha256": signed.sha256}
        return verify_review_receipt(self.broker.gateway.receipt(named), signed, envelope, self.broker.pins)

    def explain(self, header: Header) -> Explanation:
        """Every rule passes, but the ones a test names."""
        return self._do("explain", lambda: explained(header))


def explained(header: Header, **refused: str) -> Explanation:
    """An explanation: two rules, refused where a slug is given for them."""
    rules = [
        {"rule": number, "title": f"Rule {number} for {header.typ}", "verdict": "refused", "because": refused[number]}
        if number in refused
        else {"rule": number, "title": f"Rule {number} for {header.typ}", "verdict": "passed"}
        for number in ("R01", "R36")
    ]
    decision = "refused" if refused else "granted"
    return validate(Explanation, {"v": 1, "decision": decision, "rules": rules})


def notice_header(
    broker: BrokerDouble, ref: str, to: str, notice: Mapping[str, Any], event: Mapping[str, Any] | None = None
) -> NoticeHeader:
    """What the broker tells about a referral, dated now."""
    now, document = broker.clock(), broker.agreement
    members: dict[str, Any] = {
        "v": 1,
        "suite": "PQ1",
        "typ": "notice",
        "id": new_id("env"),
        "ref": ref,
        "seq": len(broker.wires),
        "from": broker.pins.address,
        "to": to,
        "iat": format_time(now),
        "exp": format_time(now + MAX_LIFE),
        "author": "broker",
        "agreement": document.ref,
        "agreement_sha256": "ab" * 32,
        "article": "1",
        "notice": dict(notice),
    }
    return validate(NoticeHeader, members | ({"event": dict(event)} if event else {}))


def tell(
    broker: BrokerDouble, ref: str, to: str, notice: Mapping[str, Any], event: Mapping[str, Any] | None = None
) -> NoticeHeader:
    """Put a notice of the broker's in a partner's stream, signed as it should be."""
    header = notice_header(broker, ref, to, notice, event)
    broker.tell(header, lambda: broker.gateway.receipts)
    return header
