"""How one partner's program is set up: a file, overridden by the environment, with secrets kept apart.

ARCHITECTURE §6. Nothing that matters has a default: who we are, where the gateway is, where data are kept. What a
value is never stands in an error, only where it is.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from adapters.exchange import sound_origin
from consent.articles import Name
from consent.identifiers import Author
from consent.vocabulary import Jurisdiction
from keys.documents import Address, fault
from keys.errors import Fault, PasserelleError
from keys.files import read_file
from keys.keystore import read_passphrase

__all__ = [
    "DEFAULT_FILE",
    "FILE_VARIABLE",
    "Settings",
    "SettingsError",
    "load_settings",
    "masked",
    "unknown_variables",
]

ENVIRONMENT: Final = "PASSERELLE_ADAPTER_"
"""What the name of every environment variable of this program begins with."""
DEFAULT_FILE: Final = Path("adapter.toml")
FILE_VARIABLE: Final = f"{ENVIRONMENT}SETTINGS"
SECRETS_VARIABLE: Final = f"{ENVIRONMENT}SECRETS_DIR"
_MAX_FILE: Final = 64 * 1024
_TOML_PLACE: Final = re.compile(r"line (\d+), column (\d+)")
_PATHS: Final = frozenset({"data", "root", "passphrase_file"})
_CODES: Final = {"missing": "setting-missing", "extra_forbidden": "setting-unknown"}
_OWN_CODE: Final = re.compile(r"[a-z]+(-[a-z0-9]+)+")


class SettingsError(PasserelleError):
    """The settings are incomplete or wrong; each fault names the setting, never its value."""


def _gateway_url(url: str) -> str:
    url = url.removesuffix("/")
    if not sound_origin(url):
        raise fault("gateway-url")
    return url


class Settings(BaseSettings):
    """The settings of one partner; the environment outranks the secrets' folder, and that the file."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT, extra="forbid", frozen=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    address: Address
    """Who we are: `slug@territory`."""
    legal_name: Name
    jurisdiction: Jurisdiction
    gateway: Annotated[str, AfterValidator(_gateway_url)]
    """The gateway's public URL."""
    data: Path
    """The folder for the database, keys and receipts; relative to the settings file."""
    author: Author
    """The pseudonym written on envelopes when a worker gives no other."""
    contact_phone: Annotated[str, StringConstraints(min_length=3, max_length=40)]
    """What people are told to call to withdraw their consent."""
    root: Path | None = None
    """The file of the root; `root.json` beside the data unless it was moved offline, as it should be."""
    passphrase: SecretStr | None = Field(default=None, repr=False)
    passphrase_file: Path | None = None
    poll_seconds: int = Field(default=20, ge=1, le=30)
    """How long a call may wait at the gateway for something new."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then the secrets’ folder, then the file; no `.env` file is looked for."""
        del settings_cls, dotenv_settings
        return env_settings, file_secret_settings, init_settings

    @property
    def database(self) -> Path:
        """The database."""
        return self.data / "adapter.sqlite"

    @property
    def keystore(self) -> Path:
        """The keys this program works with."""
        return self.data / "keystore.json"

    @property
    def root_file(self) -> Path:
        """The root, until it is moved away."""
        return self.root or self.data / "root.json"

    @property
    def pins(self) -> Path:
        """What is pinned of the gateway."""
        return self.data / "gateway.json"

    @property
    def receipts(self) -> Path:
        """Where consent receipts are written."""
        return self.data / "receipts"

    def kept_passphrase(self) -> str | None:
        """The passphrase of the keystore, when it is kept anywhere; raises `KeystoreError`, `FileError`."""
        if self.passphrase is not None:
            return self.passphrase.get_secret_value()
        return read_passphrase(self.passphrase_file) if self.passphrase_file else None


def load_settings(file: Path | None = None) -> Settings:
    """Read the settings from `file` (by default `adapter.toml` here, if there is one), secrets and environment.

    Relative paths start at the settings file. Raises `SettingsError` with every fault at once, and `FileError`.
    """
    path = file or DEFAULT_FILE
    text = _text(path) if file or path.exists() else ""
    try:
        settings = Settings(_secrets_dir=_secrets_dir(), **_members(text))
    except ValidationError as error:
        items = error.errors(include_url=False, include_context=False, include_input=False)
        faults = tuple(_placed(_code(item["type"]), str(item["loc"][0]), text) for item in items)
        raise SettingsError(faults[0].code, faults=faults) from None
    folder = path.absolute().parent
    paths = {name: value for name in sorted(_PATHS) if (value := getattr(settings, name))}
    return settings.model_copy(update={name: folder / value for name, value in paths.items()})


def masked(settings: Settings) -> dict[str, str]:
    """Every setting as it may be shown: a secret only as being there."""
    shown = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {name: "••••" if isinstance(value, SecretStr) else str(value) for name, value in shown.items() if value}


def unknown_variables() -> tuple[str, ...]:
    """Environment variables that look like ours and are not: mistyped, or of another version."""
    known = {f"{ENVIRONMENT}{name.upper()}" for name in Settings.model_fields} | {FILE_VARIABLE, SECRETS_VARIABLE}
    return tuple(sorted(name for name in os.environ if name.upper().startswith(ENVIRONMENT) and name not in known))


def _text(path: Path) -> str:
    try:
        return read_file(path, limit=_MAX_FILE).decode("utf-8")
    except UnicodeDecodeError:
        raise SettingsError("not-utf8") from None


def _members(text: str) -> dict[str, Any]:
    try:
        members = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        line, column = (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, 1)
        raise SettingsError("not-toml", line=line, column=column) from None
    if "passphrase" in members:
        # Settings are copied into tickets and backups; whoever reads them could open the keys.
        raise SettingsError("secret-in-settings", faults=(_placed("secret-in-settings", "passphrase", text),))
    return {
        name: Path(value) if name in _PATHS and isinstance(value, str) else value for name, value in members.items()
    }


def _secrets_dir() -> Path | None:
    """The folder of secrets: the one that is named, else the one that systemd made for this service."""
    named = os.environ.get(SECRETS_VARIABLE)
    folder = named or os.environ.get("CREDENTIALS_DIRECTORY")
    if named and not Path(named).is_dir():
        raise SettingsError("secrets-folder", SECRETS_VARIABLE)
    return Path(folder) if folder and Path(folder).is_dir() else None


def _code(pydantic_type: str) -> str:
    if _OWN_CODE.fullmatch(pydantic_type):
        return pydantic_type
    return _CODES.get(pydantic_type, "setting-wrong")


def _placed(code: str, name: str, text: str) -> Fault:
    """A fault where the setting came from: a variable, or a line of the file."""
    variable = f"{ENVIRONMENT}{name.upper()}"
    if variable in os.environ:
        return Fault(code, variable)
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
            return Fault(code, f"/{name}", number, 1)
    return Fault(code, f"/{name}")
