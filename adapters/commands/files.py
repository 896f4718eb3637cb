"""The files that people hand to commands: referrals and additions to them, with the papers that they name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from adapters.commands.program import word
from adapters.leak_check import LeakFoundError
from adapters.leaks import Override
from adapters.papers import Paper, read_papers
from adapters.referral import MAX_REFERRAL_FILE, ReferralFile, ReferralSections, read_referral, read_sections
from keys.errors import MalformedError, about
from keys.files import read_file

__all__ = ["AuthorName", "ReferralPath", "leaks_at", "read_added", "read_given"]

ReferralPath = Annotated[Path, typer.Argument(metavar=word("cli.metavar.file"), help=word("cli.send.file"))]
AuthorName = Annotated[
    str | None, typer.Option("--author", metavar=word("cli.metavar.author"), help=word("cli.send.author"))
]


def read_given(file: Path) -> tuple[ReferralFile, tuple[Paper, ...], bytes]:
    """A referral file, the papers it names, and its bytes; every fault is told with the file's name."""
    with about(file):
        data = read_file(file, limit=MAX_REFERRAL_FILE)
        referral = read_referral(data)
        return referral, read_papers(referral.sections.documents or (), file.parent), data


def read_added(file: Path) -> tuple[ReferralSections, tuple[Override, ...], tuple[Paper, ...], bytes]:
    """A file that adds sections to a referral, the papers it names, and its bytes."""
    with about(file):
        data = read_file(file, limit=MAX_REFERRAL_FILE)
        sections, overrides = read_sections(data)
        return sections, overrides, read_papers(sections.documents or (), file.parent), data


@contextmanager
def leaks_at(data: bytes) -> Iterator[None]:
    """Tell a leak that is found inside with the line and column in the file."""
    try:
        yield
    except LeakFoundError as error:
        told: MalformedError = LeakFoundError(error.leaks, data)
        raise told from None
