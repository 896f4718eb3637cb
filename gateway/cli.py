"""The operator's program, `passerelle-gateway`: what is done with the broker on its own host."""

from __future__ import annotations

import sys

from gateway.commands import agreements, directory, emergencies, incidents, journal, organisations
from gateway.commands import alarms as _alarms  # noqa: F401 - registers commands of the journal
from gateway.commands import broker as _broker  # noqa: F401 - registers the commands of the broker itself
from gateway.commands import erasing as _erasing  # noqa: F401 - registers commands of the journal
from gateway.commands import restores as _restores  # noqa: F401 - registers commands of the journal
from gateway.commands import roles as _roles  # noqa: F401 - registers `roles`
from gateway.commands import rotation as _rotation  # noqa: F401 - registers commands of the journal
from gateway.commands.program import TERMINAL, app

__all__ = ["app", "main"]

app.add_typer(organisations.app, name="organisation")
app.add_typer(agreements.app, name="agreement")
app.add_typer(directory.app, name="directory")
app.add_typer(journal.app, name="journal")
app.add_typer(emergencies.app, name="emergencies")
app.add_typer(incidents.app, name="incidents")


def main() -> None:
    """Run the program and leave with its exit code."""
    sys.exit(TERMINAL.run(app))
