"""Processes of one broker whose clocks do not agree: what a little costs nobody, and what a lot must not do."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import Response

from gateway.directory.hsds import read_hsds
from gateway.store.server import CLOCKS_APART, ServerError
from gateway.store.store import Store
from tests.builders import AT, LINE, SHELTER
from tests.databases import Server
from tests.gateway.first_day import make_database
from tests.gateway.sign_in import URL
from tests.gateway.world import World, refusal_of
from tests.repository import ROOT

PATH = f"/v1/organisations/{SHELTER}"


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """A database of the first day."""
    name = server.create()
    make_database(server.url(name))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def two(url: str) -> Iterator[list[World]]:
    """Two processes of the broker on that database, each with a clock of its own."""
    stores = [Store(url) for _ in range(2)]
    yield [World(store) for store in stores]
    for store in stores:
        store.close()


def test_a_clock_far_from_the_servers_decides_nothing(url: str) -> None:
    """A broker whose machine is days ahead would end every consent for good: it answers 503 and writes nothing."""
    store = Store(url, watch_clock=True)
    world = World(store)
    size = len(world.entries())
    answer = world.line.ask_token()
    if answer.status_code == 400:
        answer = world.line.ask_token()
    assert refusal_of(answer) == (503, "clock-differs")
    assert answer.headers["retry-after"]
    for wrong in (CLOCKS_APART + timedelta(seconds=5), -CLOCKS_APART - timedelta(seconds=5)):
        world.clock.at = datetime.now(tz=UTC) + wrong
        with pytest.raises(ServerError):
            world.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
    assert len(world.entries()) == size
    world.clock.at = datetime.now(tz=UTC)
    world.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
    assert len(world.entries()) == size + 1
    store.close()


def test_a_nonce_of_a_process_that_is_ahead_is_good_at_the_others(two: list[World]) -> None:
    """A load balancer sends each call elsewhere: a clock that is a second behind costs no call."""
    here, there = two
    here.clock.at += timedelta(seconds=1)
    for _ in range(3):
        headers = here.line.headers("GET", PATH)
        assert there.client.get(PATH, headers=headers).status_code == 200


def test_what_another_process_may_have_forgotten_signs_nobody_in(two: list[World]) -> None:
    """A process minutes ahead forgets an assertion and its proof; at the one behind they are not good again."""
    here, there = two
    assert here.line.ask_token().status_code == 400
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": here.line.assertion(),
        "scope": "envelope:send",
        "resource": URL,
    }
    headers = {"DPoP": here.line.proof(nonce=here.line._nonced()["nonce"])}  # noqa: SLF001 - the nonce that it heard
    assert here.client.post("/oauth/token", data=form, headers=headers).status_code == 200
    there.clock.at = AT + timedelta(minutes=10)
    there.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
    there.act(lambda tx, at: tx.replay.forget(at))
    again = here.client.post("/oauth/token", data=form, headers=headers)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_dpop_proof")


def test_a_directory_imported_while_time_stands_still_is_another_one(two: list[World]) -> None:
    """The journal may be ahead of the clock that imports: other processes must notice the second import too."""
    here, there = two
    listed = read_hsds((ROOT / "examples/directory-laval.json").read_bytes()).services
    seen = []
    for services in (listed, listed[:1]):
        here.act(lambda tx, _at, services=services: tx.services.replace(services, AT))
        with there.broker.store.reading() as tx:
            seen.append((tx.services.edition(), there.broker.catalogue.index(tx)))
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] is not seen[1][1]


def test_whoever_is_suspended_at_one_process_hears_nothing_more_at_another(two: list[World]) -> None:
    """A wait for events that began before the suspension ends with it, not with what came meanwhile."""
    here, there = two
    here.line.register()
    answers: list[Response] = []
    with there.client:
        there.line.token()
        waiting = threading.Thread(target=lambda: answers.append(there.line.get("/v1/events?after=0&wait=6")))
        waiting.start()
        time.sleep(1)
        here.act(lambda tx, _at: tx.organisations.set_active(LINE, active=False))
        here.act(lambda tx, _at: tx.news.add(LINE))
        waiting.join(15)
    assert refusal_of(answers[0]) == (401, "client-suspended")
