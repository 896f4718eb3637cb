"""Sealed papers: brought before their envelope, fetched by its recipient alone through the second gate."""

from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.attachments import HELD_QUOTA, MAX_SEALED, MIN_SEALED, QUOTA, UNDEPOSITED_KEPT
from gateway.audit_bundles import export_bundle
from gateway.store.attachments import Attachment
from journal.bundle import Bundle
from journal.replay import verify
from keys.attachments import MAX_SEALED_ATTACHMENT
from keys.documents import format_time, sha256_hex
from tests.builders import (
    AT,
    AUDITORS,
    DAY,
    ENVELOPE_ID,
    HEALTH,
    LINE,
    SHELTER,
)
from tests.gateway.first_day import broker_keys
from tests.gateway.paper_world import DIGEST, OTHER_ID, PAPER, bring, fetch, papers_kept, referral_with_papers, served
from tests.gateway.partner import Partner
from tests.gateway.world import World, refusal_of


def test_the_largest_sealed_paper_is_the_one_that_adapters_make() -> None:
    """Both ends mean the same bytes, though the broker cannot see how they are sealed."""
    assert MAX_SEALED == MAX_SEALED_ATTACHMENT


def test_a_paper_reaches_the_recipient_of_its_envelope(papers: World) -> None:
    """Brought, deposited, fetched byte for byte after the envelope was stored; the fetch is a release of its own."""
    served(papers)
    answer = fetch(papers.shelter)
    assert (answer.status_code, answer.content) == (200, PAPER)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"] == "no-store"
    entry = papers.entries()[-1]
    assert (entry.type, entry.actor, entry.envelope) == ("envelope.released", SHELTER, ENVELOPE_ID)
    assert (entry.state, (entry.document or b"").hex()) == ("attachment", DIGEST)


def test_the_auditors_replay_accepts_the_fetch(papers: World, tmp_path: Path) -> None:
    """A second release of one envelope to its recipient breaks no promise."""
    served(papers)
    assert fetch(papers.shelter).status_code == 200
    path = tmp_path / "journal.zip"
    with path.open("wb") as out:
        export_bundle(papers.broker, out, papers.clock())
    with Bundle.open(path) as bundle:
        report = verify(bundle, broker_keys().signer(1).vkeys)
    assert report.violations == ()


def test_bringing_a_paper_again_changes_nothing(papers: World) -> None:
    """201 the first time, 200 from then on with the same answer, also once its envelope was deposited."""
    first = bring(papers.line)
    assert first.json() == {
        "v": 1,
        "envelope": ENVELOPE_ID,
        "sha256": DIGEST,
        "size": len(PAPER),
        "until": format_time(AT + UNDEPOSITED_KEPT),
    }
    papers.clock.move(seconds=60)
    again = bring(papers.line)
    assert (again.status_code, again.content) == (200, first.content)
    assert papers.line.deposit(referral_with_papers(papers)).status_code == 201
    assert bring(papers.line).status_code == 200


def test_a_paper_is_exactly_the_bytes_of_its_digest(papers: World) -> None:
    """Altered, truncated or swapped bytes are refused before anything is kept."""
    for data in (PAPER[:-1], bytes([PAPER[0] ^ 1]) + PAPER[1:], PAPER + b"\0"):
        assert refusal_of(bring(papers.line, data, digest=DIGEST)) == (422, "digest-mismatch")
    assert refusal_of(bring(papers.line, PAPER, digest="AB" * 32)) == (422, "wrong-form")
    assert refusal_of(bring(papers.line, PAPER, envelope="env_1")) == (422, "wrong-form")
    answer = papers.line.call("PUT", f"/v1/attachments/{DIGEST}", PAPER, Content_Type="application/octet-stream")
    assert refusal_of(answer) == (422, "missing-field")


def test_a_paper_is_neither_too_small_nor_too_large(papers: World) -> None:
    """What is sealed is padded to 1 KiB at the least, and holds 8 MiB at the most."""
    assert refusal_of(bring(papers.line, bytes(MIN_SEALED - 1))) == (422, "too-short")
    assert refusal_of(bring(papers.line, bytes(MAX_SEALED + 1))) == (413, "too-large")
    assert bring(papers.line, bytes(MAX_SEALED)).status_code == 201


def test_a_paper_comes_as_plain_bytes(papers: World) -> None:
    """No other content, and nothing that would have to be unpacked."""
    for kind in ("application/json", "application/octet-stream; charset=utf-8"):
        assert refusal_of(bring(papers.line, Content_Type=kind)) == (415, "content-type-unsupported")
    assert refusal_of(bring(papers.line, Content_Encoding="gzip")) == (415, "content-type-unsupported")


def test_papers_come_before_their_envelope(papers: World) -> None:
    """After the deposit nothing is added to an envelope, by nobody."""
    assert papers.line.deposit(referral_with_papers(papers)).status_code == 201
    assert refusal_of(bring(papers.line)) == (409, "attachment-too-late")
    assert refusal_of(bring(papers.shelter)) == (409, "envelope-id-taken")


def test_nobody_takes_the_place_of_the_paper_of_another(papers: World) -> None:
    """What a stranger brings under an envelope's id never reaches its recipient, and hinders nothing."""
    stranger = papers.partners[HEALTH]
    swapped = bytes(reversed(PAPER))
    assert bring(stranger).status_code == 201
    assert bring(stranger, swapped).status_code == 201
    served(papers)
    assert fetch(papers.shelter).content == PAPER
    assert refusal_of(fetch(papers.shelter, sha256_hex(swapped))) == (404, "attachment-unknown")


@pytest.mark.parametrize("address", [LINE, HEALTH, AUDITORS])
def test_nobody_but_the_recipient_fetches(papers: World, address: str) -> None:
    """Not even the sender: to anybody else the paper does not exist."""
    served(papers)
    partner = papers.partners.get(address) or Partner(papers, address)
    assert refusal_of(fetch(partner)) == (404, "attachment-unknown")


def test_nothing_is_fetched_before_the_envelope_was_handed_out(papers: World) -> None:
    """Before the deposit there is nothing; before the release the recipient has no business with it."""
    bring(papers.line)
    assert refusal_of(fetch(papers.shelter)) == (404, "attachment-unknown")
    papers.line.deposit(referral_with_papers(papers))
    assert refusal_of(fetch(papers.shelter)) == (409, "not-released")
    assert refusal_of(fetch(papers.shelter, envelope=OTHER_ID)) == (404, "attachment-unknown")


def test_an_envelope_that_announces_no_papers_has_none(papers: World) -> None:
    """Without a section `documents` in its header, what was brought for it is destroyed at the deposit."""
    bring(papers.line)
    slots = [{"sid": "s1", "section": "identity", "schema": "identity/1"}]
    assert papers.line.deposit(referral_with_papers(papers, {"/slots": slots})).status_code == 201
    assert len(papers.shelter.lease()) == 1
    assert refusal_of(fetch(papers.shelter)) == (404, "attachment-unknown")
    assert papers_kept(papers) == 0


def test_what_waits_for_its_envelope_is_limited(papers: World) -> None:
    """64 MiB for each organisation; depositing an envelope makes room, and another organisation is not concerned."""
    held = Attachment(OTHER_ID, "ab" * 32, LINE, QUOTA - len(PAPER) + 1, AT + DAY)
    papers.act(lambda tx, _: tx.attachments.keep(held, b"only its size counts"))
    answer = bring(papers.line)
    assert refusal_of(answer) == (429, "attachment-quota")
    assert int(answer.headers["retry-after"]) > 60
    assert bring(papers.shelter).status_code == 201
    papers.act(lambda tx, _: tx.attachments.destroy(OTHER_ID))
    assert bring(papers.line).status_code == 201


def test_all_that_one_organisation_has_here_is_limited(papers: World) -> None:
    """What was deposited and waits to be fetched counts too, so that the quota of what waits cannot be gone round."""
    assert bring(papers.line).status_code == 201
    assert papers.line.deposit(referral_with_papers(papers)).status_code == 201
    papers.act(
        lambda tx, _: tx.connection.execute(
            text("UPDATE attachment SET size = :size"), {"size": HELD_QUOTA - len(PAPER) + 1}
        )
    )
    assert refusal_of(bring(papers.line, envelope=OTHER_ID)) == (429, "attachment-quota")
    assert bring(papers.shelter, envelope=OTHER_ID).status_code == 201
