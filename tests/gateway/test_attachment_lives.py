"""How long papers last: what a closing, a withdrawal, a fetch or time does to what the broker holds."""

from datetime import timedelta

from gateway import enrolments
from gateway.attachments import FETCHED_KEPT, UNDEPOSITED_KEPT
from gateway.store.attachments import Attachment
from gateway.timers import tick
from tests.builders import (
    AT,
    DAY,
    ENVELOPE_ID,
    LINE,
    SHELTER,
    event_envelope,
    event_members,
    registered_statement,
)
from tests.gateway.first_day import SETTINGS, header_changes
from tests.gateway.paper_world import (
    DIGEST,
    GRANTED,
    OTHER_ID,
    PAPER,
    bring,
    fetch,
    papers_kept,
    papers_purged,
    referral_with_papers,
    served,
)
from tests.gateway.world import World, envelope_id, refusal_of


def test_a_closing_that_is_corrected_gives_the_papers_back(papers: World) -> None:
    """A fetch from a closed referral is refused and destroys nothing: within a day its owner may have slipped."""
    served(papers)

    def step(number: int, transition: str, **event: object) -> int:
        changes: dict[str, object] = {**papers.terms, "/id": envelope_id(number), "/seq": number}  # type: ignore[attr-defined]  # set by the fixture
        changes |= {"/from": SHELTER, "/to": LINE, "/event": {"transition": transition, **event}}
        return papers.shelter.deposit(event_envelope(event_members({**header_changes(), **changes}))).status_code

    assert step(1, "T09", reason="no-capacity") == 201
    assert refusal_of(fetch(papers.shelter)) == (403, "referral-closed")
    assert papers_kept(papers) == 1
    assert step(2, "T21") == 201
    assert fetch(papers.shelter).content == PAPER


def test_papers_are_purged_in_batches(papers: World) -> None:
    """However many are over, one transaction lets go of as many as the timers allow, and they come again for more."""
    over = [Attachment(envelope_id(number), "ab" * 32, LINE, 1, AT) for number in range(20)]
    for paper in over:
        papers.act(lambda tx, _, paper=paper: tx.attachments.keep(paper, b"x"))
    assert papers.act(lambda tx, at: tx.attachments.purge(at, 15)) == 15
    tick(papers.broker)
    assert papers_kept(papers) == 0


def test_a_withdrawal_destroys_the_papers_of_what_was_delivered(papers: World) -> None:
    """The consent ends between the delivery of the envelope and the fetch: the bytes are gone at once."""
    served(papers)
    ended: dict[str, object] = {"/version": 2, "/prev": registered_statement(GRANTED).sha256, "/state": "withdrawn"}
    assert papers.line.register({**GRANTED, **ended, "/grants": []}).status_code == 201
    assert papers_kept(papers) == 0
    assert refusal_of(fetch(papers.shelter)) == (404, "attachment-unknown")


def test_each_fetch_is_decided_anew(papers: World) -> None:
    """A fetch that the second gate refuses destroys the papers, says so in the journal, and names the rule."""
    served(papers)
    narrowed: dict[str, object] = {"/version": 2, "/prev": registered_statement(GRANTED).sha256}
    assert papers.line.register(narrowed).status_code == 201  # the documents are no longer granted
    answer = fetch(papers.shelter)
    assert refusal_of(answer) == (403, "section-not-granted")
    entry = papers.entries()[answer.json()["journal"]]
    assert (entry.type, entry.state, entry.rule) == ("envelope.destroyed", "section-not-granted", answer.json()["rule"])
    assert papers_kept(papers) == 0
    assert refusal_of(fetch(papers.shelter)) == (404, "attachment-unknown")


def test_a_passing_suspension_destroys_nothing(papers: World) -> None:
    """While the sender is suspended nothing is fetched; afterwards it is."""
    served(papers)
    for active, expected in ((False, 403), (True, 200)):
        papers.act(lambda tx, at, a=active: enrolments.set_active(SETTINGS, tx, LINE, active=a, at=at))
        assert fetch(papers.shelter).status_code == expected


def test_a_refused_envelope_takes_its_papers_with_it(papers: World) -> None:
    """What the recipient could not take is not kept for it."""
    bring(papers.line)
    wire = referral_with_papers(papers)
    papers.line.deposit(wire)
    papers.shelter.lease()
    refused = papers.shelter.ack(wire, {"result": "refused", "code": "decrypt"})
    assert papers.shelter.post("/v1/acks", refused, "ack").status_code == 200
    assert papers_kept(papers) == 0


def test_a_paper_is_kept_until_it_was_fetched_or_its_envelope_expired(papers: World) -> None:
    """An answer that was lost can be asked for again for a day; what was never fetched goes with the envelope."""
    served(papers)
    for _ in range(2):
        assert fetch(papers.shelter).status_code == 200
        papers.clock.move(seconds=60)
    assert papers_purged(papers, AT + FETCHED_KEPT - timedelta(seconds=1)) == 0
    assert papers_purged(papers, AT + FETCHED_KEPT) == 1
    assert refusal_of(fetch(papers.shelter)) == (404, "attachment-unknown")


def test_what_nobody_deposits_or_fetches_is_purged(papers: World) -> None:
    """A day without an envelope; with one, its end."""
    bring(papers.line)
    assert papers_purged(papers, AT + UNDEPOSITED_KEPT - timedelta(seconds=1)) == 0
    assert papers_purged(papers, AT + UNDEPOSITED_KEPT) == 1
    served(papers)
    assert papers_purged(papers, AT + 6 * DAY) == 0
    assert papers_purged(papers, AT + 7 * DAY) == 1


def test_the_scopes_to_send_and_to_receive_are_needed(papers: World) -> None:
    """Whoever may only receive brings nothing, whoever may only send fetches nothing."""
    served(papers)
    papers.line.narrow("envelope:receive")
    assert refusal_of(bring(papers.line, envelope=OTHER_ID)) == (403, "scope-missing")
    papers.shelter.narrow("envelope:send")
    assert refusal_of(fetch(papers.shelter)) == (403, "scope-missing")
    assert papers.client.get(f"/v1/attachments/{DIGEST}?envelope={ENVELOPE_ID}").status_code == 401


def test_an_envelope_that_takes_the_place_of_another_brings_its_own_papers(papers: World) -> None:
    """What was brought for the first is destroyed when it is replaced."""
    bring(papers.line)
    papers.line.deposit(referral_with_papers(papers))
    changes = {"/id": OTHER_ID, "/seq": 1, "/replaces": ENVELOPE_ID}
    assert papers.line.deposit(referral_with_papers(papers, changes)).status_code == 201
    assert papers_kept(papers) == 0
