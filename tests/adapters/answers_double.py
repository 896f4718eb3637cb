"""A clock that is held, answers as a gateway writes them, and a valid envelope to send."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2

from consent.envelope import compose
from consent.headers import EventHeader, protect
from keys.documents import format_time, new_id, validate
from keys.identity import SigningKey
from tests.keys.builders import ADDRESS, NOW, signing_key

URL = "https://passerelle.example"
SENDER = "ligne-211-inventee@laval"


@dataclass
class HeldClock:
    """A clock that moves only when it is told to."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """The time it stands at."""
        return self.now

    def forward(self, **amount: float) -> None:
        """Let time pass."""
        self.now += timedelta(**amount)


def answer(value: object, status: int = 200, **headers: str) -> httpx2.Response:
    """A JSON answer."""
    named = {"Content-Type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
    return httpx2.Response(status, headers=named, content=json.dumps(value).encode())


def problem(slug: str, status: int, **members: object) -> httpx2.Response:
    """A refusal as RFC 9457 writes it."""
    body = {"type": f"{URL}/problems/{slug}", "title": "Titre.", "detail": "Détail.", "status": status} | members
    return httpx2.Response(
        status, headers={"Content-Type": "application/problem+json"}, content=json.dumps(body).encode()
    )


def event_wire(*, signer: SigningKey | None = None, to: str = ADDRESS, **changes: object) -> bytes:
    """The wire of a valid event envelope; events carry no section, so nothing needs sealing."""
    members: dict[str, Any] = {
        "v": 1,
        "suite": "PQ1",
        "typ": "event",
        "id": new_id("env"),
        "ref": "ref_" + "a" * 26,
        "seq": 0,
        "from": SENDER,
        "to": to,
        "iat": format_time(NOW),
        "exp": format_time(NOW + timedelta(days=7)),
        "author": "w1",
        "agreement": "agr_" + "c" * 26 + "@1",
        "agreement_sha256": "ab" * 32,
        "article": "1",
        "event": {"transition": "T03"},
    }
    header = validate(EventHeader, members | changes)
    return compose(protect(header), signer or signing_key("sender", SENDER))
