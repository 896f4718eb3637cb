"""`passerelle-audit registers`: the registers of a bundle as files for a spreadsheet or for a program."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from journal.audit.program import (
    TERMINAL,
    BundlePath,
    PinsOption,
    VkeyOption,
    answering,
    bars,
    pinned,
    understood,
    word,
)
from journal.audit.reading import legs_of
from journal.audit.registers import make_registers
from journal.bundle import open_bundle

__all__ = ["registers"]


class Format(StrEnum):
    """In which form the registers are written."""

    CSV = "csv"
    JSON = "json"


def registers(
    bundle: BundlePath,
    folder: Annotated[Path, typer.Argument(metavar=word("audit.metavar.folder"), help=word("audit.registers.folder"))],
    form: Annotated[Format, typer.Option("--format", help=word("audit.registers.format"))] = Format.CSV,
    vkey: VkeyOption = None,
    pins: PinsOption = None,
) -> None:
    """Write the registers into a folder, and say what each of them is and how many rows it has."""
    with understood():
        trusted = pinned(vkey, pins).journal if vkey or pins else None
    with answering("audit.not-reliable", as_json=False), open_bundle(bundle) as opened:
        legs = legs_of(opened, trusted)
        with bars(quiet=False) as bar:
            told = bar("audit.progress")
            made = make_registers(opened, legs, folder, form.value, until=legs[-1].at, progress=told)
    for name, count in made.rows.items():
        what = {"file": f"{name}.{form.value}", "what": word(f"audit.register.{name}")}
        TERMINAL.say("audit.registers.written", **what, count=count)
    if made.withheld:
        TERMINAL.say("audit.registers.withheld", count=made.withheld)
    if made.erased:
        TERMINAL.say("audit.registers.erased", count=made.erased)
    if made.lost:
        TERMINAL.say("audit.registers.lost", count=made.lost)
    TERMINAL.say("audit.registers.private")
    TERMINAL.say("audit.registers.signed" if trusted else "audit.story.unsigned")
