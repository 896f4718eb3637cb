"""One question and its answer: nothing unbounded, nothing followed, nothing foreign taken for an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from adapters.exchange import Answer, Exchange, Question, answered_json
from adapters.problems import GatewayProblemError, GatewayUnreachableError
from keys.errors import MalformedError

ASKED = Question("GET", "https://passerelle.example/x", {"Accept": "application/json"}, None, 1000)


def ask(respond: Callable[[httpx2.Request], httpx2.Response], question: Question = ASKED) -> Answer:
    """The answer to one question by a server that does as told."""
    with httpx2.Client(transport=httpx2.MockTransport(respond), follow_redirects=True) as http:
        return Exchange(http).ask(question)


def test_an_answer_comes_back_as_it_was_sent() -> None:
    """Status, headers in lowercase and exact bytes."""
    answer = ask(lambda _: httpx2.Response(418, headers={"X-Y": "z"}, content=b"abc"))
    assert (answer.status, answer.headers["x-y"], answer.body) == (418, "z", b"abc")
    assert "abc" not in repr(answer)


def test_any_client_of_the_library_will_do() -> None:
    """An application in the same process is asked as one across the network, without following its redirects."""

    async def respond(request: Request) -> Response:
        if request.url.path == "/x":
            return Response(await request.body(), headers={"X-Encodings": request.headers["accept-encoding"]})
        return RedirectResponse("/x")

    routes = [Route("/x", respond, methods=["POST"]), Route("/y", respond)]
    with TestClient(Starlette(routes=routes)) as http:
        answer = Exchange(http).ask(Question("POST", ASKED.url, {}, b"abc", 10, wait=1))
        assert (answer.body, answer.headers["x-encodings"]) == (b"abc", "identity")
        with pytest.raises(MalformedError, match="answer-too-large"):
            Exchange(http).ask(Question("POST", ASKED.url, {}, b"abc" * 100, 10))
        with pytest.raises(GatewayProblemError, match="gateway-redirects"):
            Exchange(http).ask(Question("GET", "https://passerelle.example/y", {}, None, 10))


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(status: int) -> None:
    """Even where the injected client would follow: a proof or a referral must not go elsewhere."""
    asked: list[str] = []

    def redirect(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return httpx2.Response(status, headers={"Location": "https://autre.example/"})

    with pytest.raises(GatewayProblemError, match="gateway-redirects") as refused:
        ask(redirect)
    assert asked == [ASKED.url]
    assert refused.value.transient


def test_reading_stops_where_an_answer_grows_too_large() -> None:
    """An endless answer is dropped at the first piece past the limit, whatever length it announced."""
    pieces = 0

    def endless() -> Iterator[bytes]:
        nonlocal pieces
        while True:
            pieces += 1
            yield b"x" * 400

    with pytest.raises(MalformedError, match="answer-too-large"):
        ask(lambda _: httpx2.Response(200, headers={"Content-Length": "10"}, content=endless()))
    assert pieces == 3
    assert len(ask(lambda _: httpx2.Response(200, content=b"x" * 1000)).body) == 1000


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x-anything"])
def test_a_compressed_answer_is_refused_before_it_unfolds(coding: str) -> None:
    """Compression is neither asked for nor accepted, even for an empty body."""
    seen: list[str] = []

    def squeezed(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["accept-encoding"])
        return httpx2.Response(200, headers={"Content-Encoding": coding}, content=iter([b"\x1f\x8b"]))

    with pytest.raises(MalformedError, match="answer-compressed"):
        ask(squeezed)
    assert seen == ["identity"]


def test_an_answer_that_trickles_for_ever_is_left() -> None:
    """Each piece comes in time, but the whole answer does not."""
    ticks = iter(range(0, 10_000, 50))

    def trickle() -> Iterator[bytes]:
        while True:
            yield b"x"

    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=trickle()))
    with httpx2.Client(transport=transport) as http, pytest.raises(GatewayUnreachableError, match="gateway-too-slow"):
        Exchange(http, lambda: next(ticks)).ask(ASKED)
    assert next(ticks) < 500


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (httpx2.ConnectError("refused"), "gateway-unreachable"),
        (httpx2.ReadError("reset"), "gateway-unreachable"),
        (httpx2.RemoteProtocolError("nonsense"), "gateway-unreachable"),
        (httpx2.ConnectTimeout("slow"), "gateway-too-slow"),
        (httpx2.ReadTimeout("slow"), "gateway-too-slow"),
        (httpx2.PoolTimeout("busy"), "gateway-too-slow"),
    ],
)
def test_a_failing_network_is_told_as_such(failure: Exception, code: str) -> None:
    """Every failure of the transport is transient and carries none of the library's words."""

    def fail(_: httpx2.Request) -> httpx2.Response:
        raise failure

    with pytest.raises(GatewayUnreachableError, match=code) as refused:
        ask(fail)
    assert refused.value.transient
    assert refused.value.__cause__ is None


def test_a_wait_that_was_asked_for_is_granted() -> None:
    """A long poll may be silent as long as was agreed, and every wait has an end."""
    timeouts: list[dict[str, float]] = []

    def note(request: httpx2.Request) -> httpx2.Response:
        timeouts.append(request.extensions["timeout"])
        return httpx2.Response(200)

    ask(note, Question("POST", ASKED.url, {}, b"{}", 10, wait=30))
    ask(note)
    assert timeouts[0]["read"] > 30
    assert 0 < timeouts[1]["read"] < 30
    assert all(value is not None for limits in timeouts for value in limits.values())


def test_no_login_of_the_machine_is_given_away() -> None:
    """Credentials configured on the injected client, for a proxy's sake, do not reach the gateway."""
    seen: list[httpx2.Headers] = []

    def note(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers)
        return httpx2.Response(200)

    with httpx2.Client(transport=httpx2.MockTransport(note), auth=("user", "secret")) as http:
        Exchange(http).ask(ASKED)
    assert "authorization" not in seen[0]


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "application/vnd.passerelle.receipt+json"])
def test_json_is_read_under_its_media_types(media_type: str) -> None:
    """Plain JSON and our own kinds."""
    assert answered_json(Answer(200, {"content-type": media_type}, b'{"a":1}'), limit=10) == {"a": 1}


@pytest.mark.parametrize("headers", [{"content-type": "text/html"}, {}, {"content-type": "application/jsonp"}])
def test_a_page_of_somebody_else_is_no_answer(headers: dict[str, str]) -> None:
    """A maintenance page with status 200 must not be taken for a broken gateway: it is transient."""
    with pytest.raises(GatewayUnreachableError, match="answer-not-from-gateway"):
        answered_json(Answer(200, headers, b'{"a":1}'), limit=10)
