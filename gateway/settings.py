"""What an operator decides about a broker: read from a file, the environment and a folder of secrets.

ARCHITECTURE §6. The settings file is TOML; an environment variable `PASSERELLE_GATEWAY_<NAME>` wins over it, and a
file of that name in the folder of secrets stands between the two. Nothing that protects anybody has a default: no
secret, public URL or territory. Settings are built by the command line only, and passed on as values.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from gateway.broker import BrokerSettings, PublicWitness
from gateway.urls import public_url
from gateway.witness_settings import WitnessSettings
from keys.documents import fault
from keys.errors import Fault, PasserelleError, about
from keys.files import read_file
from keys.vkeys import parse_vkey

__all__ = ["DEFAULT_FILE", "PREFIX", "Settings", "SettingsError", "load_settings", "unknown_variables"]

PREFIX: Final = "PASSERELLE_GATEWAY_"
DEFAULT_FILE: Final = Path("gateway.toml")
SECRETS_VARIABLE: Final = f"{PREFIX}SECRETS_DIR"
FILE_VARIABLE: Final = f"{PREFIX}SETTINGS"
MAX_FILE: Final = 64 * 1024
"""Bytes of the largest settings file."""
_SQLITE: Final = "sqlite:///"
_POSTGRESQL: Final = "postgresql://"
_PARAMETERS: Final = {
    *("host", "port", "user", "passfile", "target_session_attrs", "channel_binding", "gssencmode", "require_auth"),
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl"),
}
"""What may follow the `?` of a PostgreSQL URL: where it is and how it is trusted; the rest is ours to decide."""
_TOML_PLACE = re.compile(r"line (\d+), column (\d+)")
_CODES: Final = {"missing": "setting-missing", "extra_forbidden": "setting-unknown", "literal_error": "unknown-code"}
_OWN_CODE = re.compile(r"[a-z]+(-[a-z]+)+")


class SettingsError(PasserelleError):
    """Settings that cannot be used; each fault names the key, and the line of the file or the variable it is in."""


def _database(text: str) -> str:
    """A file of SQLite, because one in memory would forget what the broker answered; or a PostgreSQL database.

    Whoever may read the settings may not sign in to the database: its password is a secret of its own.
    """
    if text.startswith(_POSTGRESQL):
        return _postgresql(text)
    path = text.removeprefix(_SQLITE)
    if path == text or not path or path.startswith(":") or "?" in path:
        raise fault("database-url")
    return text


def _postgresql(text: str) -> str:
    if not text.startswith(_POSTGRESQL):
        raise fault("database-url")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise fault("database-url") from None
    if url.password is not None or not {"password", "sslpassword"}.isdisjoint(url.query):
        raise fault("secret-in-settings")
    if not url.database or not _PARAMETERS.issuperset(url.query):
        raise fault("database-url")
    return text


def _networks(text: str) -> str:
    """Addresses or networks, separated by commas: the proxies that stand before this broker and no other."""
    try:
        _read_networks(text)
    except ValueError:
        raise fault("setting-wrong") from None
    return text


def _read_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(",")) if text.strip() else ()


def _number(value: object) -> object:
    if isinstance(value, bool | float):
        raise fault("setting-wrong")
    return value


class Settings(BaseSettings):
    """One broker: who it is, where it keeps things, where it listens. Relative paths start at the settings file."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, case_sensitive=False, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    public_url: Annotated[str, AfterValidator(public_url)]
    territory: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}$")]
    database: Annotated[str, AfterValidator(_database)] = f"{_SQLITE}gateway.sqlite3"
    database_password: SecretStr | None = None
    """Of the PostgreSQL role: from the folder of secrets or the environment, never from the file or the URL."""
    keystore: Path = Path("gateway.keystore")
    passphrase_file: Path | None = None
    passphrase: SecretStr | None = None
    """Of the keystore: from the folder of secrets or the environment, never from the file."""
    host: Annotated[str, StringConstraints(min_length=1, max_length=255)] = "127.0.0.1"
    port: Annotated[int, BeforeValidator(_number), Field(ge=0, le=65535)] = 8440
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    stop_seconds: Annotated[int, BeforeValidator(_number), Field(ge=0, le=300)] = 10
    """How long calls that are being answered may take to end when the broker is stopped."""
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = ""
    """Whose `X-Forwarded-For` is believed, such as `127.0.0.1` or `10.0.0.0/8, ::1`: nobody's unless named."""
    timer_seconds: Annotated[int, BeforeValidator(_number), Field(ge=1, le=3600)] = 1
    """How often the broker looks at what time has decided: answers overdue, consents and envelopes that are over."""
    witnesses: tuple[WitnessSettings, ...] = ()
    """Witnesses with a public address, which are asked to cosign each new checkpoint (C2SP tlog-witness)."""
    eraser_database: Annotated[str, AfterValidator(_postgresql)] | None = None
    """The same PostgreSQL database for `journal erase`, by an account that may do what `serve` may not."""
    eraser_database_password: SecretStr | None = None
    """Of that account: from the folder of secrets or the environment, never from the file or the URL."""

    @property
    def broker(self) -> BrokerSettings:
        """What the broker itself has to know."""
        proxies = _read_networks(self.trusted_proxies)
        witnesses = tuple(PublicWitness(each.url, parse_vkey(each.vkey)) for each in self.witnesses)
        return BrokerSettings(self.public_url, self.territory, proxies, self.timer_seconds, witnesses)

    @property
    def origin(self) -> str:
        """The journal's name: `<public host>/<territory>/journal/<shard>` (PROTOCOL §7); the first shard is 1."""
        return f"{self.public_url.partition('://')[2]}/{self.territory}/journal/1"

    @property
    def database_path(self) -> Path | None:
        """The file of the database; None when a server keeps it."""
        return Path(self.database.removeprefix(_SQLITE)) if self.database.startswith(_SQLITE) else None

    @property
    def database_place(self) -> str:
        """The database as a person finds it: a file, or the URL of a server's without any secret."""
        return str(self.database_path or self.database)

    @property
    def database_url(self) -> URL:
        """The database as it is opened, with its password; it hides that when it is printed."""
        return _with_password(make_url(self.database), self.database_password)

    @property
    def eraser_database_url(self) -> URL:
        """The database as `journal erase` opens it; it hides its password when it is printed."""
        if self.eraser_database is None:
            return self.database_url
        return _with_password(make_url(self.eraser_database), self.eraser_database_password)

    def shown(self) -> Iterator[tuple[str, str]]:
        """Every setting as it may be printed: a secret shows only that it is there."""
        for name, value in self:
            if isinstance(value, tuple):
                yield from ((name, str(each)) for each in value)
            elif value is not None:
                yield name, "••••••••" if isinstance(value, SecretStr) else str(value)


def _with_password(url: URL, password: SecretStr | None) -> URL:
    """A server's URL with its password; a file of SQLite has none."""
    is_file = url.get_backend_name() == "sqlite"
    return url if password is None or is_file else url.set(password=password.get_secret_value())


def load_settings(file: Path | None = None) -> Settings:
    """Read the settings from `file` (by default `gateway.toml` here, if there is one), secrets and environment.

    Raises `SettingsError` with every fault at once, and `FileError` when the file cannot be read.
    """
    path = file or DEFAULT_FILE
    with about(path):
        return _loaded(path, is_named=file is not None)


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """The names of variables that begin like ours and set nothing: most often a slip of the keyboard."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {SECRETS_VARIABLE, FILE_VARIABLE}
    return sorted(name for name in environment if name.upper().startswith(PREFIX) and name.upper() not in known)


def _loaded(path: Path, *, is_named: bool) -> Settings:
    text = _text(path) if is_named or path.exists() else ""
    members = _members(text)
    secrets_dir = _secrets_dir()

    class _Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - nothing is given by name
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - one file is enough
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return env_settings, file_secret_settings, InitSettingsSource(settings_cls, members)

    try:
        settings = _Loaded(_secrets_dir=secrets_dir)
    except ValidationError as error:
        raise _explained(error, text, secrets_dir) from None
    return _anchored(settings, path.resolve().parent)


def _text(path: Path) -> str:
    try:
        return read_file(path, limit=MAX_FILE).decode("utf-8")
    except UnicodeDecodeError:
        raise SettingsError("not-utf8") from None


def _members(text: str) -> dict[str, Any]:
    try:
        members = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        line, column = (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, 1)
        raise SettingsError("not-toml", line=line, column=column) from None
    for secret in ("passphrase", "database_password", "eraser_database_password"):
        if secret in members:
            # Whoever may read the settings could open the keys, or change what the broker keeps.
            raise SettingsError("secret-in-settings", f"/{secret}", line=_line_of(text, secret))
    return members


def _secrets_dir() -> Path | None:
    """The folder of secrets: the one that is named, else the one that systemd made for this service."""
    named = os.environ.get(SECRETS_VARIABLE)
    folder = named or os.environ.get("CREDENTIALS_DIRECTORY")
    if named and not Path(named).is_dir():
        raise SettingsError("secrets-folder", SECRETS_VARIABLE)
    return Path(folder) if folder and Path(folder).is_dir() else None


def _explained(error: ValidationError, text: str, secrets_dir: Path | None) -> SettingsError:
    faults = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(item["loc"][0])
        own = _OWN_CODE.fullmatch(item["type"])
        code = item["type"] if own else _CODES.get(item["type"], "setting-wrong")
        faults.append(_placed(code, name, text, secrets_dir))
    return SettingsError(faults[0].code, faults=tuple(faults))


def _placed(code: str, name: str, text: str, secrets_dir: Path | None) -> Fault:
    """Where a setting came from: a variable, a secret, or a line of the file."""
    variable = PREFIX + name.upper()
    if any(key.upper() == variable for key in os.environ):
        return Fault(code, variable)
    if secrets_dir is not None and (secrets_dir / variable.lower()).exists():
        return Fault(code, f"{secrets_dir.name}/{variable.lower()}")
    return Fault(code, f"/{name}", _line_of(text, name))


def _line_of(text: str, name: str) -> int | None:
    """The line of a key in the file, or of its table."""
    pattern = re.compile(rf"""\s*\[{{0,2}}\s*["']?{re.escape(name)}["']?\s*[\].=]""")
    return next((number for number, line in enumerate(text.splitlines(), start=1) if pattern.match(line)), None)


def _anchored(settings: Settings, folder: Path) -> Settings:
    """The same settings, with every relative path taken from the folder of the settings file."""
    paths: dict[str, object] = {"keystore": folder / settings.keystore}
    if settings.passphrase_file is not None:
        paths["passphrase_file"] = folder / settings.passphrase_file
    if settings.database_path is not None:
        paths["database"] = f"{_SQLITE}{folder / settings.database_path}"
    return settings.model_copy(update=paths)
