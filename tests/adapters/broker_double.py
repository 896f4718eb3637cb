"""A small broker in memory, for the tests of a partner's program: it decides, journals, queues, and can fail on cue.

It stands for the other program, behind the calls of `adapters.calls.GatewayCalls`; its receipts and its journal are
real, made by `GatewayDouble` from the cores' own primitives.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from adapters.bodies import AgreementFile, AgreementListing, Delivery, EventDelivery, EventPage
from adapters.pins import GatewayPins
from adapters.problems import GatewayProblemError, GatewayUnreachableError
from adapters.receipts import VerifiedReceipt, verify_envelope_receipt
from consent.agreement import Agreement, AgreementState, RegisteredAgreement
from consent.decision import decide
from consent.envelope import (
    EventHeader,
    Header,
    MessageHeader,
    NoticeHeader,
    ReferralHeader,
    UnverifiedEnvelope,
    compose,
    protect,
)
from consent.lifecycle import deposit
from consent.passage import OpenReferral, Passage, Refused
from consent.statement import RegisteredStatement
from keys.documents import b64url, encode, sha256_hex
from keys.errors import Fault
from keys.signing import SignedDocument
from keys.statements import KeyRevocation
from keys.statements import read_statement as read_key_statement
from tests.adapters.answers_double import HeldClock
from tests.adapters.case_double import CaseCallsDouble
from tests.adapters.consents_double import ConsentCallsDouble
from tests.adapters.gateway_double import GatewayDouble
from tests.adapters.journal_double import JournalCallsDouble, PublishedJournal
from tests.invented import AT, PARTIES, SCOPES, agreement, agreement_signature

Answered = TypeVar("Answered")


@dataclass
class BrokerDouble:
    """What the broker knows; `calls` gives each partner its client."""

    gateway: GatewayDouble = field(default_factory=GatewayDouble)
    state: AgreementState = "in-force"
    signatures: dict[str, SignedDocument] = field(default_factory=dict)
    statements: dict[str, RegisteredStatement] = field(default_factory=dict)
    receipts: dict[str, SignedDocument] = field(default_factory=dict)
    wires: dict[str, bytes] = field(default_factory=dict)
    referrals: dict[str, OpenReferral] = field(default_factory=dict)
    waiting: dict[str, list[str]] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=dict)
    acks: list[SignedDocument] = field(default_factory=list)
    deposits: list[bytes] = field(default_factory=list)
    chains: dict[str, int] = field(default_factory=dict)
    services: list[dict[str, Any]] = field(default_factory=list)
    papers: dict[tuple[str, str], bytes] = field(default_factory=dict)
    words: list[SignedDocument] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    unconfirmed: set[str] = field(default_factory=set)
    quorum: Mapping[str, object] | None = None
    journal: PublishedJournal = field(init=False)

    def __post_init__(self) -> None:
        """Hold the clock at a working hour in Laval, and have every party sign the agreement."""
        self.gateway.clock.now = AT
        self.journal = PublishedJournal(self.gateway)
        if not self.signatures:
            document = self.agreement
            self.signatures = {address: agreement_signature(document, address) for address in PARTIES}

    def clone(self) -> BrokerDouble:
        """The same broker at the same moment, going its own way from here; keys stay the same."""
        gateway = copy.copy(self.gateway)
        gateway.clock = HeldClock(self.clock.now)
        gateway.leaves, gateway.instead, gateway.requests = list(gateway.leaves), {}, []
        gateway.shards = list(gateway.shards)
        signatures, chains = dict(self.signatures), dict(self.chains)
        return self._continued(BrokerDouble(gateway=gateway, state=self.state, signatures=signatures, chains=chains))

    def _continued(self, other: BrokerDouble) -> BrokerDouble:
        other.journal.notes = list(self.journal.notes)
        other.journal.cosigned = {size: dict(lines) for size, lines in self.journal.cosigned.items()}
        return other

    @property
    def clock(self) -> HeldClock:
        """The time for everybody."""
        return self.gateway.clock

    @property
    def pins(self) -> GatewayPins:
        """What partners pin."""
        return self.gateway.pins

    @property
    def agreement(self) -> Agreement:
        """The invented agreement, naming this gateway's keys."""
        keys = {"receipts": b64url(self.gateway.receipts.public_bytes), "journal": list(self.pins.journal.vkeys)}
        asked: dict[str, object] = {"/quorum": self.quorum} if self.quorum else {}
        return agreement(asked | {f"/broker/{name}": value for name, value in keys.items()})

    def enrol(self, address: str, chain: list[SignedDocument]) -> None:
        """Journal the key statements of an organisation, as its operator does."""
        self.gateway.publish(*chain)
        self.chains[address] = len(chain)

    def calls(self, address: str) -> CallsDouble:
        """The client of one partner."""
        return CallsDouble(address, self)

    def admit(self, wire: bytes) -> SignedDocument:
        """Deposit an envelope: the very decision of the real broker, on what this one knows."""
        header = UnverifiedEnvelope.parse(wire).header
        self.deposits.append(wire)
        if header.id in self.wires:
            if self.wires[header.id] != wire:
                raise GatewayProblemError("envelope-id-taken", status=409)
            return self.receipts[header.id]
        registered = RegisteredAgreement(self.agreement, sha256_hex(encode(self.agreement)), self.state)
        rests_on = header.authority if isinstance(header, ReferralHeader | MessageHeader) else None
        cited = rests_on.statement if rests_on else ""
        if cited in self.unconfirmed:
            raise GatewayProblemError("statement-unconfirmed", status=503, retry_after=30)
        decision = decide(
            Passage(
                "deposit", header, self.referrals.get(header.ref), part_of=self.referrals.get(header.part_of or "")
            ),
            scopes=SCOPES,
            agreement=registered,
            statement=self.statements.get(cited),
            at=self.clock(),
        )
        if isinstance(decision, Refused):
            fault = Fault(decision.because, decision.pointer)
            raise GatewayProblemError(decision.because, status=403, rule=decision.rule, faults=(fault,))
        receipt = self.gateway.envelope_receipt(wire)
        self._keep(header, wire, receipt)
        if decision.next_state is not None and header.ref in self.referrals:
            self.referrals[header.ref] = replace(self.referrals[header.ref], state=decision.next_state)
        return receipt

    def _keep(self, header: Header, wire: bytes, receipt: SignedDocument) -> None:
        self.wires[header.id], self.receipts[header.id] = wire, receipt
        if isinstance(header, ReferralHeader):
            parent = self.referrals.get(header.part_of or "")
            if parent is not None:
                self.referrals[parent.ref] = replace(parent, re_referred=True)
            due = header.respond_by or self.agreement.articles[0].answer_due(
                header.priority, self.clock(), self.agreement.time_zone
            )
            self.referrals[header.ref] = OpenReferral(
                header.ref,
                header.from_,
                header.to,
                header.agreement,
                header.authority.statement if header.authority else None,
                header.purpose,
                deposit(self.clock(), due),
            )
        queue = self.told if isinstance(header, EventHeader | NoticeHeader) else self.waiting
        queue.setdefault(header.to, []).append(header.id)

    def knows(self, statement: str, sha256: str) -> bool:
        """Whether this is the newest version of a consent here."""
        known = self.statements.get(statement)
        return known is not None and known.sha256 == sha256

    def tell(self, header: EventHeader | NoticeHeader, signer_of: Callable[[], Any]) -> None:
        """Put an event in a partner's stream without asking whether it may be: what a broken broker would do."""
        wire = compose(protect(header), signer_of())
        self._keep(header, wire, self.gateway.envelope_receipt(wire))


@dataclass
class CallsDouble(CaseCallsDouble, JournalCallsDouble, ConsentCallsDouble):
    """One partner's client; `before` and `after` hold, by call, an error to raise once around the real thing."""

    address: str
    broker: BrokerDouble
    before: dict[str, BaseException] = field(default_factory=dict)
    after: dict[str, BaseException] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def _do(self, name: str, act: Callable[[], Answered]) -> Answered:
        self.calls.append(name)
        if name in self.before:
            raise self.before.pop(name)
        answer = act()
        if name in self.after:
            raise self.after.pop(name)
        return answer

    def lose_answer(self, name: str) -> None:
        """Let the next call of this name take effect, and its answer be lost."""
        self.after[name] = GatewayUnreachableError("gateway-unreachable")

    def cut_off(self, name: str) -> None:
        """Let the next call of this name not even arrive."""
        self.before[name] = GatewayUnreachableError("gateway-unreachable")

    def refuse(self, name: str, slug: str, status: int = 403, **about: Any) -> None:  # noqa: ANN401 - members of a problem
        """Let the gateway refuse the next call of this name."""
        self.before[name] = GatewayProblemError(slug, status=status, **about)

    def deposit(self, wire: bytes) -> VerifiedReceipt:
        """Deposit an envelope."""
        return self._do("deposit", lambda: verify_envelope_receipt(self.broker.admit(wire), wire, self.broker.pins))

    def lease(self, maximum: int, wait: int) -> tuple[Delivery, ...]:
        """Every envelope not acknowledged yet: leases of this broker end at once, so it redelivers all the time."""
        del wait
        return self._do("lease", lambda: tuple(map(self.delivery, self.broker.waiting.get(self.address, [])[:maximum])))

    def delivery(self, name: str) -> Delivery:
        """One envelope with its receipt."""
        wire = self.broker.wires[name]
        return Delivery(wire, verify_envelope_receipt(self.broker.receipts[name], wire, self.broker.pins))

    def acknowledge(self, signed: SignedDocument) -> None:
        """Take an envelope off the queue."""
        self._do("acknowledge", lambda: self._acknowledged(signed))

    def _acknowledged(self, signed: SignedDocument) -> None:
        self.broker.acks.append(signed)
        queue = self.broker.waiting.get(self.address, [])
        queue[:] = [name for name in queue if name.encode() not in signed.payload]

    def events(self, after: int, wait: int) -> EventPage:
        """The events after a cursor."""
        del wait
        return self._do("events", lambda: self._events(after))

    def _events(self, after: int) -> EventPage:
        delivered = [self.delivery(name) for name in self.broker.told.get(self.address, [])]
        found = [EventDelivery(each.receipt.index + 1, each.wire, each.receipt) for each in delivered]
        page = tuple(each for each in found if each.cursor > after)
        return EventPage(page, max([after, *(each.cursor for each in page)]))

    def publish_key(self, signed: SignedDocument) -> int:
        """Publish a key statement."""
        return self._do("publish_key", lambda: self._published(signed))

    def _published(self, signed: SignedDocument) -> int:
        kind = "key.revoked" if isinstance(read_key_statement(signed), KeyRevocation) else "key.published"
        self.broker.gateway.publish(signed, kind=kind)
        return len(self.broker.gateway.leaves) - 1

    def agreements(self) -> tuple[AgreementListing, ...]:
        """The one agreement."""
        return self._do("agreements", lambda: (self._listing(),))

    def _listing(self) -> AgreementListing:
        document = self.broker.agreement
        return AgreementListing(agreement=document.ref, sha256=sha256_hex(encode(document)), state=self.broker.state)

    def agreement(self, agreement: str, version: int) -> AgreementFile:
        """The one agreement in full."""
        del agreement, version
        return self._do("agreement", self._file)

    def _file(self) -> AgreementFile:
        payload = encode(self.broker.agreement)
        return AgreementFile(payload, sha256_hex(payload), self.broker.state, tuple(self.broker.signatures.values()))

    def sign_agreement(self, signed: SignedDocument) -> tuple[str, ...]:
        """Hand in a signature."""
        return self._do("sign_agreement", lambda: self._signed(signed))

    def _signed(self, signed: SignedDocument) -> tuple[str, ...]:
        self.broker.signatures[self.address] = signed
        return ()

    def search_services(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The services, whatever is asked."""
        return self._do("search_services", lambda: [service for service in self.broker.services if query])
