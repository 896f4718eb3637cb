"""The journal as anybody reads it, the openings as each party gets them, and the directory of services."""

import pytest

from gateway.directory.hsds import read_hsds
from journal.entries import Opening, open_leaf
from journal.notes import open_note
from journal.tiles import ENTRIES, TilePath, TileReader
from keys import strictjson
from keys.documents import from_b64url
from tests.builders import LINE, SHELTER
from tests.gateway.first_day import SHARED_ENTRIES, broker_keys
from tests.gateway.world import World, refusal_of
from tests.repository import ROOT


def _reader(world: World) -> TileReader:
    """A reader that pins the journal's keys and fetches everything over HTTP, signed in as nobody."""
    note = world.client.get("/v1/journal/checkpoint").content
    checkpoint = open_note(note, broker_keys().signer(1).vkeys).checkpoint

    def fetch(path: str) -> bytes | None:
        answer = world.client.get(f"/v1/journal/{path}")
        return answer.content if answer.status_code == 200 else None

    return TileReader(fetch, checkpoint.size, checkpoint.root)


def test_anybody_can_verify_the_published_journal(world: World) -> None:
    """Checkpoint, tiles and entries verify from the pinned keys alone, and key statements are read in clear."""
    world.picked_up()
    world.integrate()
    reader = _reader(world)
    assert reader.size == len(world.entries())
    with world.broker.store.reading() as tx:
        assert reader.leaves(0) == tx.journal.leaves(0, reader.size)


def test_every_party_can_open_its_own_entries_in_the_published_tree(world: World) -> None:
    """An opening that the shelter gets opens the very leaf of the tree, and only what concerns it is given."""
    world.picked_up()
    world.integrate()
    reader = _reader(world)
    found = world.shelter.get("/v1/journal/openings?after=0").json()["openings"]
    assert found
    for item in found:
        opening = Opening(from_b64url(item["entry"]), from_b64url(item["salt"]))
        entry = open_leaf(reader.leaf(item["index"]), opening, item["index"])
        assert SHELTER in {entry.actor, entry.from_, entry.to}


def test_openings_are_paged_without_a_gap(world: World) -> None:
    """Asking with `next` goes on after the last one, from the very first entry of the journal on."""
    world.picked_up()
    everything = world.line.get("/v1/journal/openings").json()
    assert everything["openings"][0]["index"] == 0
    cursors = [item["index"] + 1 for item in everything["openings"]]
    for position, cursor in enumerate(cursors):
        rest = world.line.get(f"/v1/journal/openings?after={cursor}").json()
        assert rest["openings"] == everything["openings"][position + 1 :]
    assert everything["next"] == cursors[-1]


def test_nothing_is_served_beyond_the_checkpoint(world: World) -> None:
    """Leaves that no checkpoint covers yet are in no tile and no bundle."""
    world.line.register()
    width = SHARED_ENTRIES
    for level in (0, ENTRIES):
        published = f"/v1/journal/{TilePath(level, 0, width)}"
        assert world.client.get(published).status_code == 200
        assert refusal_of(world.client.get(f"/v1/journal/{TilePath(level, 0, width + 1)}")) == (404, "not-found")


@pytest.mark.parametrize(
    "path",
    ["tile/0/0", "tile/0/000.p/0", "tile/0/000.p/257", "tile/64/000", "tile/entries/001", "tile/0/../0/000", "tile/"],
)
def test_another_spelling_of_a_tile_is_not_found(world: World, path: str) -> None:
    """A tile has one path; every other one is 404."""
    assert world.client.get(f"/v1/journal/{path}").status_code == 404


def test_a_tile_may_be_cached_and_a_checkpoint_may_not(world: World) -> None:
    """A tile never changes; the newest checkpoint does."""
    tile = world.client.get(f"/v1/journal/{TilePath(0, 0, SHARED_ENTRIES)}")
    assert "immutable" in tile.headers["cache-control"]
    assert world.client.get("/v1/journal/checkpoint").headers["cache-control"] == "no-store"


def test_openings_need_the_scope(world: World) -> None:
    """Without journal:read nothing is opened."""
    world.line.narrow("envelope:send")
    assert refusal_of(world.line.get("/v1/journal/openings")) == (403, "scope-missing")


def test_the_directory_is_searched_and_nothing_of_the_question_is_kept(world: World) -> None:
    """A search finds the shelter of the example; the journal does not grow."""
    services = read_hsds((ROOT / "examples/directory-laval.json").read_bytes()).services
    world.act(lambda tx, at: tx.services.replace(services, at))
    answer = world.line.post("/v1/services/search", strictjson.dumps({"need": "shelter-tonight"}))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["count"] == len(body["services"]) > 0
    assert any(item["service"]["organisation"] == SHELTER for item in body["services"])
    assert world.types() == []


def test_the_health_of_the_broker_is_public(world: World) -> None:
    """It runs, and its database answers."""
    assert [world.client.get(path).json() for path in ("/healthz", "/readyz")] == [{"status": "ok"}] * 2


def test_the_pins_name_the_keys_that_sign(world: World) -> None:
    """What partners pin is what receipts and checkpoints verify under."""
    pins = world.client.get("/.well-known/passerelle").json()
    assert (pins["address"], pins["territory"]) == ("gateway@laval", "laval")
    assert from_b64url(pins["receipts"]) == broker_keys().receipts.public_bytes
    assert pins["journal"]["vkeys"] == [str(vkey) for vkey in broker_keys().signer(1).vkeys]
    assert LINE not in str(pins)
