"""The roles of a PostgreSQL database: print the SQL that makes them, or run it."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from gateway.commands.program import TERMINAL, SettingsFile, app, opened_store, word
from gateway.settings import SettingsError, load_settings
from gateway.store.roles import Roles, grant_roles, role_statements
from keys.errors import about

__all__: list[str] = []

_PREFIX = re.compile(r"[a-z_][a-z0-9_]{0,40}", re.ASCII)
"""PostgreSQL's names end at 63 bytes, and these need no quotation marks when somebody types them."""


@app.command("roles", help=word("cli.roles.help"))
def roles(
    apply: Annotated[  # noqa: FBT002 - an option of a command line
        bool, typer.Option("--apply", help=word("cli.roles.apply"))
    ] = False,
    prefix: Annotated[
        str, typer.Option("--prefix", metavar=word("cli.metavar.name"), help=word("cli.roles.prefix"))
    ] = "passerelle",
    settings_file: SettingsFile = None,
) -> None:
    """Print what makes the three roles and says what each may do; or do it, as the role that owns the tables."""
    settings = load_settings(settings_file)
    if settings.database_path is not None:
        raise SettingsError("roles-without-server", "/database")
    if not _PREFIX.fullmatch(prefix):
        raise SettingsError("role-prefix", "--prefix")
    wanted = Roles(prefix)
    if not apply:
        TERMINAL.show("".join(f"{statement};\n" for statement in role_statements(wanted)).rstrip())
        return
    with about(settings.database_place), opened_store(settings) as store, store.connected() as connection:
        grant_roles(connection, wanted)
    for name in (wanted.application, wanted.eraser, wanted.reader):
        TERMINAL.say("cli.roles.granted", name=name)
