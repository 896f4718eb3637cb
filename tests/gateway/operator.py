"""Plays `passerelle-gateway` in this process, in a folder of its own with settings and a passphrase."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from gateway.cli import app
from gateway.commands.program import TERMINAL
from keys.documents import format_time
from tests.builders import DAY, PARTIES, Json, agreement_members, root_key
from tests.gateway.first_day import PARTNER_SCOPES, statements_of
from tests.gateway.sign_in import URL
from tests.keys.ceremony import Played, play

PASSPHRASE = "quatre mots tout inventes"
NOW = datetime.now(tz=UTC).replace(microsecond=0)
"""Commands read the machine's clock, so what they are given has to be of today."""


@dataclass
class Operator:
    """Somebody at the keyboard of the broker's host."""

    folder: Path
    language: Literal["fr", "en"] = "en"

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.folder / "gateway.toml"

    def write_settings(self, **changes: object) -> None:
        """Write valid settings, with changes; None leaves a key out."""
        members = {"public_url": URL, "territory": "laval", "passphrase_file": "gateway.passphrase", **changes}
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in members.items() if value is not None]
        self.settings.write_text("".join(lines), encoding="utf-8")
        secret = self.folder / "gateway.passphrase"
        secret.write_text(f"{PASSPHRASE}\n", encoding="utf-8")
        secret.chmod(0o600)

    def __call__(self, *arguments: object, typed: str = "") -> Played:
        """Run one command with the settings of this folder."""
        words = [*arguments, "--settings", self.settings]
        return play(*words, typed=typed, language=self.language, terminal=TERMINAL, program=app)

    def done(self, *arguments: object) -> str:
        """What a command printed that must succeed."""
        played = self(*arguments)
        assert played.code == 0, played.all
        return played.out

    def refused(self, *arguments: object) -> str:
        """What a command complained about that must be refused."""
        played = self(*arguments)
        assert played.code == 1, played.all
        assert "Traceback" not in played.all
        return played.err

    def file(self, name: str, content: object) -> Path:
        """A file of JSON, or of bytes as they are."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    def enrolment(self, address: str, changes: Mapping[str, object] | None = None) -> Path:
        """The enrolment file of a partner, as its adapter would have written it an hour ago."""
        members = {
            "v": 1,
            "address": address,
            "legal_name": PARTIES[address][0],
            "jurisdiction": "CA-QC",
            "key_statements": [signed.to_json() for signed in statements_of(address, NOW - timedelta(hours=1))],
        }
        return self.file(f"{address}.json", members | dict(changes or {}))

    def add(self, address: str) -> str:
        """Add a partner with its true fingerprint."""
        scopes = [word for scope in sorted(PARTNER_SCOPES) for word in ("--scope", scope)]
        heard = root_key(address).public.fingerprint
        return self.done("organisation", "add", self.enrolment(address), "--fingerprint", heard, *scopes)

    def pins(self) -> Json:
        """What `pins` prints for partners."""
        return dict(json.loads(self.done("pins")))

    def agreement(self) -> Json:
        """The members of an agreement of today that names this broker."""
        pins = self.pins()
        return agreement_members(
            {
                "/broker/receipts": pins["receipts"],
                "/broker/journal": pins["journal"]["vkeys"],
                "/not_before": format_time(NOW - DAY),
                "/not_after": format_time(NOW + 300 * DAY),
            }
        )
