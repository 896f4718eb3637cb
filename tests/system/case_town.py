"""The invented territory with an agreement that provides for everything: papers, emergencies, and who audits them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from adapters.outgoing import Queued
from adapters.own_keys import import_statement, own_chain, request_revocation
from adapters.papers import Paper
from adapters.partner import Adapter
from consent.headers import Notice, NoticeKind
from consent.statement import RegisteredStatement
from gateway.notices import tell
from gateway.timers import tick
from keys.documents import encode, sha256_hex
from tests.adapters.partners import consent_file, referral_file
from tests.invented import AUDITORS, PARTIES, SHELTER, emergency_terms, root_key
from tests.partnership import amended
from tests.system.township import Township

PAPER = Paper("lease", "lease.pdf", b"%PDF-1.7 Bail de Personne-Fictive Canari" * 50)
"""A paper that only its recipient may read."""
EMERGENCY: dict[str, object] = {
    "ground": "person-in-danger-unable",
    "directive": "DIR-2026-3",
    "justification": "Personne inventée, Canari, introuvable depuis l’appel.",
}
"""What a worker declares; the words go to the auditors alone."""
TO_ALL = {"/processing/purposes/0/sections/5": "documents"}
"""The change by which a person also agrees to papers."""


class CaseTown(Township):
    """A township whose agreement opens itself to papers and emergencies, with the auditors' own program."""

    def __init__(self, folder: Path) -> None:
        """Amend the agreement, and enrol who audits it."""
        super().__init__(folder)
        auditors = self._furnished(AUDITORS)
        with auditors.office.store.transaction() as own:
            self.enrol(AUDITORS, own.keyring.own())
        self.adapters[AUDITORS] = auditors
        changes = {
            **emergency_terms(),
            "/version": 2,
            "/prev": sha256_hex(encode(self.agreement)),
            "/articles/0/sections/6": "documents",
            "/articles/0/sections/7": "safety",
        }
        self.agreement = amended(self.agreement, changes)
        self.agree(self.agreement, (*PARTIES, AUDITORS))
        self.round()

    @property
    def auditors(self) -> Adapter:
        """The auditors' program."""
        return self.adapters[AUDITORS]

    def quietly(self, adapter: Adapter) -> Adapter:
        """Let one program exchange, whatever comes of it."""
        self.publish()
        self.reconnect(adapter)
        adapter.sync()
        return adapter

    def consented(self, changes: Mapping[str, object] | None = None) -> str:
        """A consent of the invented person, recorded by the 211 line; its record."""
        return self.line.record_consent(consent_file(changes))[0].record_id

    def referred(self, changes: Mapping[str, object] | None = None, papers: tuple[Paper, ...] = ()) -> Queued:
        """A referral that the 211 line put in its outbox; with papers, the person agreed to them."""
        record = self.consented(TO_ALL)
        documents = [{"type": paper.kind, "path": f"{number}.pdf"} for number, paper in enumerate(papers)]
        named = {"/sections/documents": documents} if papers else {}
        queued = self.line.send(referral_file(record, {**named, **(changes or {})}), papers=papers)
        assert isinstance(queued, Queued), queued
        return queued

    def arrived(self, papers: tuple[Paper, ...] = ()) -> Queued:
        """A referral that the shelter opened."""
        queued = self.referred(papers=papers)
        self.round()
        assert self.shelter.show(queued.ref).contents
        return queued

    def statement_of(self, ref: str) -> RegisteredStatement:
        """The consent of a referral as the broker holds it."""
        cited = self.line.show(ref).referral.header.authority
        assert cited is not None
        with self.broker.store.reading() as tx:
            found = tx.statements.newest(cited.statement)
        assert found is not None
        return found

    def tick(self) -> None:
        """Let the broker do what time asks of it."""
        tick(self.broker)

    def told(self, ref: str, to: str, kind: NoticeKind, **members: object) -> None:
        """Have the broker tell a notice, whether or not there is a reason."""
        notice = Notice.model_validate({"kind": kind, **members})
        with self.broker.store.transaction() as tx:
            at = tx.journal.lock(self.clock())
            referral = tx.referrals.get(ref)
            assert referral is not None
            assert tell(self.broker, tx, referral, to, notice, at) is not None

    def revoke_sealing_key(self) -> str:
        """End the sealing key in use of the shelter, with the root; the fresh one is published with it."""
        office = self.shelter.office
        now = office.now()
        keys = own_chain(office).keys
        kid = [key.kid for key in keys if key.use == "sealing" and key.not_before <= now and key.revoked_index is None][
            -1
        ]
        import_statement(office, request_revocation(office, kid, "compromised").sign(root_key(SHELTER)))
        assert self.shelter.outbox.flush().refused == []
        return kid
