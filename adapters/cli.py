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
from adapters.commands import agreements
from adapters.commands.program import TERMINAL, app

__all__ = ["app", "main"]

app.add_typer(agreements.app, name="agreement")


def main() -> None:
    """Run the program and leave with its exit code."""
    sys.exit(TERMINAL.run(app))
