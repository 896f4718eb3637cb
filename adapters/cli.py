"""The partner's program, `passerelle-adapter`: enrol, record consent, send, receive and answer referrals."""

from __future__ import annotations

import sys

# Importing a module of commands registers them, in the order in which the help screen shows them.
from adapters.commands import organisation  # noqa: F401 - for its commands

# isort: split
from adapters.commands import referrals  # noqa: F401 - for its commands

# isort: split
from adapters.commands import answering  # noqa: F401 - for its commands

# isort: split
from adapters.commands import exchanges  # noqa: F401 - for its commands

# isort: split
from adapters.commands import follow_ups  # noqa: F401 - for its commands

# isort: split
from adapters.commands import duties  # noqa: F401 - for its commands

# isort: split
from adapters.commands import questions  # noqa: F401 - for its commands

# isort: split
from adapters.commands import alarms  # noqa: F401 - for its commands

# isort: split
from adapters.commands import agreements, attachments, consents, emergencies, journal, keys, outbox, withdrawals
from adapters.commands.program import TERMINAL, app

__all__ = ["app", "main"]

app.add_typer(agreements.app, name="agreement")
app.add_typer(consents.app, name="consent")
app.add_typer(withdrawals.app, name="withdrawals")
app.add_typer(emergencies.app, name="emergencies")
app.add_typer(attachments.app, name="attachments")
app.add_typer(outbox.app, name="outbox")
app.add_typer(keys.app, name="keys")
app.add_typer(journal.app, name="journal")


def main() -> None:
    """Run the program and leave with its exit code."""
    sys.exit(TERMINAL.run(app))
