"""`passerelle-audit fetch` over a real connection: bounded in size and time, and plain about what went wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from journal.audit.download import DownloadError, downloading
from journal.cli import TERMINAL, app
from journal.layout import encode_opening
from journal.notes import Checkpoint
from journal.pins import PinnedShard
from keys.terminal import REFUSED, USAGE
from tests.journal.auditing import pinned_at
from tests.journal.builders import ORIGIN
from tests.journal.gateways import LEAVES, FakeGateway, gateway, shards_of, signed
from tests.journal.ledgers import START, journal_keys
from tests.journal.lives import lived
from tests.journal.relays import legs, restarts, shard_keys
from tests.journal.serials import archived, cut, resumed

SIZES = [10, 20, 30, 38]
Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def serving(answer: Callable[[str], Answer]) -> Iterator[str]:
    """A server on this machine that answers each path; its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = answer(self.path.removeprefix("/v1/journal/"))
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Nothing on the screen."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def truthful(server: FakeGateway) -> Callable[[str], Answer]:
    """Answers what a gateway has."""

    def answer(path: str) -> Answer:
        data = server(path, 10**9)
        return (404, {}, b"") if data is None else (200, {}, data)

    return answer


def asked(url: str, answer_limit: int = 1000, pauses: list[float] | None = None) -> bytes | None:
    """One file, asked for without waiting between the tries."""
    with downloading(url, (pauses if pauses is not None else []).append, lambda: 0.0) as download:
        return download("checkpoint", answer_limit)


def test_a_mirror_is_made_and_grows_over_a_connection(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fetched twice, enriched by what a partner exported, and verified: the same answer as for the bundle."""
    (tmp_path / "openings.jsonl").write_bytes(b"".join(encode_opening(*each) for each in lived().openings()[:9]))
    for count in (2, 4):
        with serving(truthful(FakeGateway(lived().leaves(), SIZES[:count]))) as url:
            assert TERMINAL.run(app, ["fetch", url, str(tmp_path / "m"), "--pins", str(keys), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["before"], told["size"], told["checkpoints"]) == ((None, 20, 2) if count == 2 else (20, 38, 2))
    with serving(truthful(FakeGateway(lived().leaves(), SIZES))) as url:
        more = ["--openings", str(tmp_path / "openings.jsonl"), "--openings", str(lived().bundle(tmp_path))]
        assert TERMINAL.run(app, ["fetch", url, str(tmp_path / "m"), "--pins", str(keys), *more]) == 0
    assert TERMINAL.word("audit.added", openings=20, documents=3, left=0) in capsys.readouterr().out
    assert TERMINAL.run(app, ["verify", str(tmp_path / "m"), "--pins", str(keys), "--complete"]) == 0


def test_a_fork_is_told_in_words_and_kept_as_evidence(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The gateway changed an old entry: the answer is no, and the file convicts it anywhere."""
    with serving(truthful(FakeGateway(lived().leaves(), SIZES[:2]))) as url:
        assert TERMINAL.run(app, ["fetch", url, str(tmp_path / "m"), "--pins", str(keys)]) == 0
    ledger = lived()
    ledger.entries[3].members["time"] = "2026-03-02T13:00:00.000Z"
    with serving(truthful(FakeGateway(ledger.leaves(), [38]))) as url:
        assert TERMINAL.run(app, ["fetch", url, str(tmp_path / "m"), "--pins", str(keys)]) == REFUSED
    said = capsys.readouterr().out
    assert TERMINAL.word("audit.not-fetched") in said
    (kept,) = Path.cwd().glob("fork-*.json")
    assert str(kept.name) in said
    assert TERMINAL.run(app, ["evidence", str(kept), "--pins", str(keys), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "fork"


def test_a_contradiction_that_no_file_can_show_is_told_all_the_same(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A journal of no entries with a root of something: there is no tree to show it by, and the answer is no."""
    server = FakeGateway(lived().leaves(), [0, 38])
    size, at, _ = server.published[0]
    server.published[0] = (size, at, journal_keys().sign(Checkpoint(ORIGIN, 0, bytes(32)), at))
    with serving(truthful(server)) as url:
        assert TERMINAL.run(app, ["fetch", url, str(tmp_path / "m"), "--pins", str(keys), "--json"]) == REFUSED
    told = json.loads(capsys.readouterr().out)
    assert (told["fetched"], told["error"], told["evidence"]) == (False, "fork", [])


def test_the_evidence_of_a_large_fork_is_fetched_too(tmp_path: Path, keys: Path) -> None:
    """What shows that a large journal has another past comes from its own tiles, before the connection is given up."""
    with serving(truthful(gateway(40, 300))) as url:
        assert TERMINAL.run(app, ["fetch", url, str(tmp_path / "m"), "--pins", str(keys)]) == 0
    other = [*LEAVES]
    other[17] = LEAVES[18]
    with serving(truthful(FakeGateway(other, [700]))) as url:
        assert TERMINAL.run(app, ["fetch", url, str(tmp_path / "m"), "--pins", str(keys)]) == REFUSED
    assert TERMINAL.run(app, ["evidence", str(next(Path.cwd().glob("fork-*.json"))), "--pins", str(keys)]) == 0


def test_a_rollback_is_told_too(tmp_path: Path, keys: Path) -> None:
    """So does one that went back."""
    server = FakeGateway(lived().leaves(), SIZES)
    with serving(truthful(server)) as url:
        assert TERMINAL.run(app, ["fetch", url, str(tmp_path / "m"), "--pins", str(keys)]) == 0
        server.answers["checkpoint"] = signed(server.files, 20, START.replace(year=2027))
        assert TERMINAL.run(app, ["fetch", url, str(tmp_path / "m"), "--pins", str(keys)]) == REFUSED
    assert len(list(Path.cwd().glob("rollback-*.json"))) == 1


@pytest.mark.parametrize(
    ("answer", "slug"),
    [
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "answer-refused"),
        ((401, {}, b"who are you"), "answer-refused"),
        ((200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"), "answer-refused"),
        ((200, {}, bytes(1001)), "answer-too-large"),
        ((503, {"Retry-After": "3"}, b""), "journal-unreachable"),
    ],
)
def test_an_answer_that_is_no_file_is_refused(answer: Answer, slug: str) -> None:
    """Redirects are not followed, nothing is unpacked, and nothing larger than the question deserves is read."""
    with serving(lambda _: answer) as url, pytest.raises(DownloadError, match=slug):
        asked(url)


def test_what_fails_for_a_moment_is_asked_for_again() -> None:
    """Twice unavailable, then there: as long as the gateway says, but not for ever."""
    answers: list[Answer] = [(503, {"Retry-After": "3"}, b""), (429, {"Retry-After": "9999"}, b""), (200, {}, b"note")]
    pauses: list[float] = []
    with serving(lambda _: answers.pop(0)) as url:
        assert asked(url, pauses=pauses) == b"note"
    assert pauses == [3.0, 10.0]


def test_a_trickle_has_an_end() -> None:
    """A gateway that sends one byte now and then is not waited for."""
    seconds = iter(range(0, 100_000, 200))
    with (
        serving(lambda _: (200, {}, bytes(1000))) as url,
        downloading(url, lambda _seconds: None, lambda: float(next(seconds))) as download,
        pytest.raises(DownloadError, match="journal-too-slow"),
    ):
        download("checkpoint", 10_000)


@pytest.mark.parametrize(
    "url",
    [
        "http://passerelle.example",
        "ftp://passerelle.example",
        "https://u:p@passerelle.example",
        "https://passerelle.example?x=1",
        "https://passerelle.example#x",
        "https://",
        "passerelle.example",
        "file:///etc/passwd",
        "https://" + "a" * 3000,
        "https://passerelle.example/\x00",
    ],
)
def test_only_https_is_used_beyond_this_machine(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    """Nothing is asked for over an open line, nor anywhere but at a gateway."""
    assert TERMINAL.run(app, ["fetch", url, str(tmp_path / "m"), "--pins", str(keys)]) == USAGE
    assert TERMINAL.word("error.not-a-journal-url.title") in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_nobody_at_home_is_told(tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that does not answer: the code 1, and what was kept before stays."""
    monkeypatch.setattr("journal.cli.time.sleep", lambda _seconds: None)
    assert TERMINAL.run(app, ["fetch", "http://127.0.0.1:1", str(tmp_path / "m"), "--pins", str(keys)]) == REFUSED


def test_a_mirror_follows_shards_and_restarts_over_a_connection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys given by hand lead through every shard; a restart is followed with pins that list it, and told in words."""
    vkeys = [part for vkey in journal_keys().vkeys for part in ("--vkey", str(vkey))]
    with serving(truthful(shards_of(cut()))) as url:
        assert TERMINAL.run(app, ["fetch", url, str(tmp_path / "m"), *vkeys, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["size"], told["shards"]) == (len(cut().entries), 4)
    assert TERMINAL.run(app, ["verify", str(tmp_path / "m"), *vkeys]) == 0
    pins = pinned_at(tmp_path, restarts(resumed()))
    for given, code in ((vkeys, REFUSED), (["--pins", str(pins)], 0)):
        with serving(truthful(shards_of(resumed()))) as url:
            assert TERMINAL.run(app, ["fetch", url, str(tmp_path / "r"), *given]) == code
    assert TERMINAL.word("error.restart-not-pinned.title") in capsys.readouterr().err
    assert TERMINAL.run(app, ["verify", str(tmp_path / "r"), "--pins", str(pins), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lost"] == [[28, 29]]


def test_evidence_about_a_later_shard_is_verified_with_pins_that_list_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its index counts through all shards, its keys are those of its own."""
    monkeypatch.chdir(tmp_path)
    ledger = cut()
    later = archived(ledger, (2, 3, 500), (2, legs(ledger.entries)[1].held, 501))
    path = ledger.bundle(tmp_path, later=later)
    listed = [PinnedShard(each.shard, restarted=False) for each in legs(ledger.entries)[1:]]
    pins = pinned_at(tmp_path, listed)
    assert TERMINAL.run(app, ["verify", str(path), "--pins", str(pins)]) == REFUSED
    (file,) = tmp_path.glob("late-*.json")
    capsys.readouterr()
    assert TERMINAL.run(app, ["evidence", str(file), "--pins", str(pins), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["origin"], told["index"]) == (shard_keys(2).origin, legs(ledger.entries)[1].start + 3)
    assert TERMINAL.run(app, ["evidence", str(file), "--pins", str(pinned_at(tmp_path))]) == REFUSED
