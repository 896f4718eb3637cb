"""What an invented person said is nowhere but at the partners: in no log, problem, metric, journal or broker row."""

import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
from structlog.testing import LogCapture

from sandbox.narrator import Narrator
from sandbox.story import play
from sandbox.territories import TERRITORIES
from tests.system.test_demo import unwrapped

pytestmark = pytest.mark.slow

CANARIES = ("Personne-Fictive", "Camille", "555-0199", "dossier-invente", "Équipe du soir")
"""What the invented persons and their worker said, and their file numbers."""


@pytest.fixture
def logged() -> Iterator[LogCapture]:
    """Everything the programs try to log, at every level, before anything is left out of it."""
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(0))
    yield capture
    structlog.configure(**before)


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, bytes]]:
    """Every answer of the broker to every partner: the path asked for, the status, the body."""
    heard: list[tuple[str, int, bytes]] = []
    send = httpx2.Client.send

    def recorded(self: httpx2.Client, request: httpx2.Request, **options: Any) -> httpx2.Response:  # noqa: ANN401 - as the library has it
        response = send(self, request, **options)
        body = response.read()
        heard.append((request.url.path, response.status_code, body))
        return httpx2.Response(response.status_code, headers=response.headers, content=body, request=request)

    monkeypatch.setattr(httpx2.Client, "send", recorded)
    return heard


def _held_by_the_broker(folder: Path) -> bytes:
    held = b"".join(path.read_bytes() for path in folder.glob("gateway.*"))
    with zipfile.ZipFile(folder / "journal.zip") as bundle:
        return held + b"".join(bundle.read(name) for name in bundle.namelist())


@pytest.mark.parametrize("territory", ["laval", "fr"])
def test_what_was_said_is_nowhere_but_at_the_partners(
    tmp_path: Path, territory: str, logged: LogCapture, answered: list[tuple[str, int, bytes]]
) -> None:
    """A whole story with its refusals and withdrawals leaves no word of the persons outside the partners' folders."""
    play(TERRITORIES[territory], tmp_path, Narrator("fr"), threading.Event(), 0)
    places = {
        "logs": repr(logged.entries).encode(),
        "problems": b"\n".join(body for _, status, body in answered if status >= 400),
        "paths": "\n".join(path for path, _, _ in answered).encode(),
        "answers": b"\n".join(body for _, _, body in answered),
        "broker": _held_by_the_broker(tmp_path),
    }
    found = [(word, place) for place, data in places.items() for word in CANARIES if word.encode() in unwrapped(data)]
    assert found == []
    # The search itself works: each place holds something of the story, and the words are where they may be.
    assert b"agreement-ended" in places["problems"]
    assert b'"transition":"T12"' in unwrapped(places["answers"])
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("*/*.sqlite*"))
    assert all(word.encode() in kept for word in ("Personne-Fictive", "dossier-invente"))
