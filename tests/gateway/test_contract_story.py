"""Every success that the OpenAPI document tells of really happens, and is what the document says.

One long day in two worlds: each call is made as adapters make it, with real signed and sealed documents. Each answer
is held against the document as it comes in, as in every other test of the broker (`tests.gateway.contract`).
"""

from httpx2 import Response

from consent.envelope import UnverifiedEnvelope
from gateway import protocols
from gateway.contract.document import CALLS
from keys import strictjson
from keys.attachments import seal_attachment
from keys.documents import encode, format_time, sha256_hex
from keys.sealing_keys import SealingKey
from keys.signing import sign
from tests.builders import (
    AGREEMENT_ID,
    LINE,
    SHELTER,
    STATEMENT_ID,
    agreement,
    agreement_signature,
    referral_members,
    registered_statement,
    sealed_envelope,
    signing_key,
)
from tests.gateway.chains import next_statement, publish_statement
from tests.gateway.contract import call_of
from tests.gateway.emergency_world import Emergencies
from tests.gateway.endings import CODE, answer, end, register, say
from tests.gateway.first_day import broker_keys, header_changes, the_agreement
from tests.gateway.rotating import rotated
from tests.gateway.witnessing import bring, checkpoint_of, publish_witness_key, request
from tests.gateway.world import World

OPEN = (
    "/.well-known/passerelle",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
    "/oauth/jwks",
    "/healthz",
    "/readyz",
    "/problems/not-found",
    "/openapi.json",
    "/withdraw?lang=fr",
    "/withdraw.css",
    "/v1/journal/checkpoint",
    "/v1/journal/checkpoints",
    "/v1/journal/tile/0/000.p/9",
)
PAPER_ENVELOPE = "env_" + "k" * 26
PAPER = seal_attachment(b"Une attestation tout inventee", PAPER_ENVELOPE, "support-letter").data
PAPER_PATH = f"/v1/attachments/{sha256_hex(PAPER)}?envelope={PAPER_ENVELOPE}"
GRANTED: dict[str, object] = {"/grants/0/sections/4": "documents"}
FIRST_REFUSAL = 400
Seen = set[tuple[str, int]]


def _watch(world: World, seen: Seen) -> None:
    """Note every answer under the name of its call."""

    def note(given: Response) -> None:
        found = call_of(given.request.method.lower(), given.request.url.path)
        if found is not None:
            seen.add((found["operationId"], given.status_code))

    world.client.event_hooks = {"response": [*world.client.event_hooks["response"], note]}


def _anybody(world: World) -> None:
    for path in OPEN:
        assert world.client.get(path).status_code == 200


def _agreements_and_keys(world: World) -> None:
    changes = {
        "/broker/journal": [str(vkey) for vkey in broker_keys().signer(1).vkeys],
        "/version": 2,
        "/prev": sha256_hex(encode(the_agreement())),
    }
    second = agreement(changes)
    world.act(lambda tx, at: protocols.propose(world.broker, tx, encode(second), at))
    signature = agreement_signature(second, LINE).encode()
    for _ in range(2):
        world.line.post(f"/v1/agreements/{AGREEMENT_ID}/2/signatures", signature, "agreement-signature")
    world.line.get("/v1/agreements")
    world.line.get(f"/v1/agreements/{AGREEMENT_ID}/2")
    statement = next_statement(world, "sealing", SealingKey.generate().public.data)
    for _ in range(2):
        publish_statement(world, statement)
    world.line.get(f"/v1/organisations/{SHELTER}")
    world.line.get("/v1/journal/openings")
    world.line.get("/v1/journal/proof/0")
    world.line.post("/v1/services/search", b"{}")


def _consents(world: World) -> None:
    """A referral from its consent to what became of it when the consent was taken back."""
    line, shelter = world.line, world.shelter
    for _ in range(2):
        register(line)
    line.get(f"/v1/consents/{STATEMENT_ID}")
    line.post("/v1/explain", strictjson.dumps({"v": 1, "header": referral_members(header_changes())}))
    wire = world.referral()
    for _ in range(2):
        line.deposit(wire)
    shelter.lease()
    shelter.post("/v1/acks", shelter.ack(wire), "ack")
    shelter.deposit(world.event("T08", 1))
    assert line.events()["events"] != []
    for _ in range(2):
        shelter.post("/v1/mismatches", _mismatch(world, wire), "mismatch")
    for _ in range(2):
        end(line)
    say(shelter)
    world.client.post("/withdraw", data={"code": CODE})
    answer(shelter)


def _papers_and_emergencies(world: World) -> None:
    """A referral with a paper, and one that could not wait for a consent."""
    urgent = Emergencies(world)
    line, shelter = world.line, world.shelter
    assert line.register(GRANTED).status_code == 201
    for _ in range(2):
        line.call("PUT", PAPER_PATH, PAPER, Content_Type="application/octet-stream")
    changes: dict[str, object] = {
        **urgent.terms(),
        "/id": PAPER_ENVELOPE,
        "/ref": "ref_" + "k" * 26,
        "/authority/sha256": registered_statement(GRANTED).sha256,
        "/slots": [{"sid": "s1", "section": "documents", "schema": "documents/1"}],
    }
    assert line.deposit(sealed_envelope(referral_members(changes))).status_code == 201
    shelter.lease()
    shelter.get(PAPER_PATH)
    declared = urgent.declared()
    review = urgent.review(declared)
    line.get("/v1/emergencies")
    for _ in range(2):
        urgent.post_review(declared, review)
    urgent.auditors.get(f"/v1/journal/documents/{sha256_hex(encode(urgent.agreement))}")
    assert "verdict" in line.get("/v1/emergencies").json()["emergencies"][0]


def _witnesses(world: World) -> None:
    """The shelter cosigns what the journal has become."""
    publish_witness_key(world)
    for _ in range(2):
        bring(world, request(checkpoint_of(world)))


def _next_shard(world: World) -> None:
    """The journal goes on under other keys, as the owner of the tables lets it."""
    rotated(world)
    for name in ("checkpoint", "checkpoints", "tile/entries/000.p/1"):
        world.client.get(f"/v1/journal/shards/2/{name}")


def _mismatch(world: World, wire: bytes) -> bytes:
    """A signed report that a section held something else."""
    envelope = UnverifiedEnvelope.parse(wire)
    report = {
        "v": 1,
        "by": SHELTER,
        "envelope": envelope.header.id,
        "payload_sha256": envelope.signed.sha256,
        "kind": "section-mislabelled",
        "section": "contact",
        "at": format_time(world.clock.at),
    }
    return sign("mismatch", strictjson.dumps(report), (signing_key(SHELTER),)).encode()


def play_the_day(world: World, second_world: World) -> None:
    """Make each call of the document succeed, in one of two worlds."""
    _anybody(world)
    _agreements_and_keys(world)
    _consents(world)
    _papers_and_emergencies(second_world)
    _witnesses(world)


def test_every_success_of_the_document_happens(world: World, second_world: World) -> None:
    """No call, and no status by which one succeeds, is told of that cannot be reached; and no other succeeds."""
    seen: Seen = set()
    _watch(world, seen)
    _watch(second_world, seen)
    play_the_day(world, second_world)
    _next_shard(world)
    told = {(call.operation, status) for call in CALLS for status in call.answers if status < FIRST_REFUSAL}
    assert {each for each in seen if each[1] < FIRST_REFUSAL} == told
