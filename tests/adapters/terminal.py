"""Commands as a partner types them, and the settings file that they read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.adapters.partners import PASSPHRASE, Partner, settings_members

Said = tuple[int, str, str]
Command = Callable[..., Said]


def settings_file(partner: Partner) -> Path:
    """The settings of a partner, as a file beside its data."""
    path = partner.folder / "adapter.toml"
    secret = partner.folder / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    members = settings_members(partner.address, partner.folder) | {"passphrase_file": secret}
    path.write_text("".join(f"{name} = {json.dumps(str(value))}\n" for name, value in members.items()))
    return path


def json_file(folder: Path, members: Mapping[str, object]) -> str:
    """A file to give to a command."""
    path = folder / "given.json"
    path.write_text(json.dumps(members, ensure_ascii=False, indent=2), encoding="utf-8")
    return str(path)
