"""Papers for the tests: what is brought beside an envelope, by whom, and what the broker then holds."""

from collections.abc import Mapping

from httpx2 import Response

from keys.attachments import seal_attachment
from keys.documents import sha256_hex
from tests.builders import (
    ENVELOPE_ID,
    referral_members,
    registered_statement,
    sealed_envelope,
)
from tests.gateway.emergency_world import Emergencies
from tests.gateway.partner import Partner
from tests.gateway.world import World

GRANTED: dict[str, object] = {"/grants/0/sections/4": "documents"}
PAPER = seal_attachment(b"Une attestation tout inventee", ENVELOPE_ID, "support-letter").data
DIGEST = sha256_hex(PAPER)
OTHER_ID = "env_" + "k" * 26


def with_papers(world: World) -> World:
    """A world whose agreement and consent let papers pass."""
    world.terms = Emergencies(world).terms()  # type: ignore[attr-defined]  # carried for `referral_with_papers`
    assert world.line.register(GRANTED).status_code == 201
    return world


def referral_with_papers(world: World, changes: Mapping[str, object] | None = None) -> bytes:
    """A referral that announces papers."""
    slots = [
        {"sid": "s1", "section": "identity", "schema": "identity/1"},
        {"sid": "s2", "section": "documents", "schema": "documents/1"},
    ]
    usual = {
        **world.terms,  # type: ignore[attr-defined]  # set by the fixture
        "/authority/sha256": registered_statement(GRANTED).sha256,
        "/slots": slots,
    }
    return sealed_envelope(referral_members({**usual, **(changes or {})}))


def bring(
    partner: Partner, data: bytes = PAPER, envelope: str = ENVELOPE_ID, digest: str = "", **headers: str
) -> Response:
    """Bring sealed bytes for an envelope."""
    path = f"/v1/attachments/{digest or sha256_hex(data)}?envelope={envelope}"
    return partner.call("PUT", path, data, **({"Content_Type": "application/octet-stream"} | headers))


def fetch(partner: Partner, digest: str = DIGEST, envelope: str = ENVELOPE_ID) -> Response:
    """Fetch the paper of an envelope."""
    return partner.get(f"/v1/attachments/{digest}?envelope={envelope}")


def served(world: World) -> bytes:
    """A referral with one paper that the shelter holds and has acknowledged."""
    assert bring(world.line).status_code == 201
    wire = referral_with_papers(world)
    answer = world.line.deposit(wire)
    assert answer.status_code == 201, answer.text
    assert len(world.shelter.lease()) == 1
    assert world.shelter.post("/v1/acks", world.shelter.ack(wire), "ack").status_code == 200
    return wire


def papers_kept(world: World) -> int:
    """How many papers the broker holds."""
    with world.broker.store.reading() as tx:
        return int(tx.connection.exec_driver_sql("SELECT count(*) FROM attachment").scalar_one())


def papers_purged(world: World, at: object) -> int:
    """Purge one batch of a single paper; how many went."""
    return int(world.act(lambda tx, _: tx.attachments.purge(at, 1)))
