"""The register of incidents: read it, complete its eight fields, export it."""

from __future__ import annotations

import csv
import io
import json
from enum import StrEnum
from typing import Annotated

import typer

from consent.incident import FIELDS, known_terms, shown
from consent.terms import label
from gateway.commands.program import TERMINAL, SettingsFile, now, opened_store, word
from gateway.incidents import complete_incident
from gateway.problems import ProblemError
from gateway.settings import load_settings
from gateway.store.incidents import Opened
from keys.documents import format_time
from keys.errors import MalformedError

__all__ = ["app"]

app = TERMINAL.app("cli.incident.help")
_COLUMNS = ("id", "opened", "envelope", "reported_by", *FIELDS)

Identifier = Annotated[str, typer.Argument(metavar=word("cli.metavar.incident"), help=word("cli.incident.id"))]


class Format(StrEnum):
    """In which form the register is exported."""

    CSV = "csv"
    JSON = "json"


@app.command("list", help=word("cli.incident.list"))
def list_all(settings_file: SettingsFile = None) -> None:
    """One incident a line: its id, when it was opened, by whom, the circumstances, and what is still missing."""
    with opened_store(load_settings(settings_file)) as store, store.reading() as tx:
        found = tx.incidents.all()
    for each in found:
        missing = [_name(field) for field in FIELDS if getattr(each.incident, field) is None]
        state = word("cli.incident.missing", fields=", ".join(missing)) if missing else word("cli.incident.whole")
        circumstances = shown("circumstances", each.incident.circumstances or "", TERMINAL.language)
        TERMINAL.show("  ".join((each.id, format_time(each.opened), each.reported_by, circumstances, state)))


@app.command("show", help=word("cli.incident.show"))
def show(identifier: Identifier, settings_file: SettingsFile = None) -> None:
    """One incident with its eight fields in words."""
    with opened_store(load_settings(settings_file)) as store, store.reading() as tx:
        found = tx.incidents.get(identifier)
    if found is None:
        raise ProblemError("incident-unknown")
    _show(found)


@app.command("complete", help=word("cli.incident.complete"))
def complete(
    identifier: Identifier,
    changes: Annotated[
        list[str],
        typer.Argument(metavar=word("cli.metavar.fields"), help=word("cli.incident.changes", fields=", ".join(FIELDS))),
    ],
    settings_file: SettingsFile = None,
) -> None:
    """Set fields of an incident; `field=` empties one."""
    settings = load_settings(settings_file)
    set_to: dict[str, str] = {}
    for change in changes:
        name, sign, value = change.partition("=")
        if not sign or name in set_to:
            raise MalformedError("wrong-form", f"/{name}" if sign else "")
        set_to[name] = value
    with opened_store(settings) as store, store.transaction() as tx:
        found = complete_incident(settings.broker, tx, identifier, set_to, tx.journal.lock(now()))
    _show(found)


@app.command("codes", help=word("cli.incident.codes"))
def codes() -> None:
    """The codes that each field of codes may hold, in words."""
    for field in FIELDS:
        for code, term in known_terms(field).items():
            TERMINAL.show(f"{field}  {code}  {label(term, TERMINAL.language)}")


@app.command("export", help=word("cli.incident.export"))
def export(
    form: Annotated[Format, typer.Option("--format", help=word("cli.incident.format"))] = Format.CSV,
    settings_file: SettingsFile = None,
) -> None:
    """Print the whole register, by codes; the reading is journalled."""
    settings = load_settings(settings_file)
    with opened_store(settings) as store, store.transaction() as tx:
        tx.journal.append(tx.journal.lock(now()), type="audit.read", actor=settings.broker.address, state="incidents")
        rows = [_row(each) for each in tx.incidents.all()]
    if form is Format.JSON:
        typer.echo(json.dumps({"v": 1, "incidents": rows}, indent=2, ensure_ascii=False))
        return
    written = io.StringIO(newline="")
    table = csv.DictWriter(written, _COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    typer.echo(written.getvalue(), nl=False)


def _row(opened: Opened) -> dict[str, str]:
    own = {
        "id": opened.id,
        "opened": format_time(opened.opened),
        "envelope": opened.envelope,
        "reported_by": opened.reported_by,
    }
    return {**own, **opened.incident.model_dump(exclude_none=True)}


def _show(opened: Opened) -> None:
    TERMINAL.say("cli.incident.opened", id=opened.id, moment=format_time(opened.opened), address=opened.reported_by)
    TERMINAL.say("cli.incident.envelope", envelope=opened.envelope)
    for field in FIELDS:
        value = getattr(opened.incident, field)
        words = word("cli.incident.empty") if value is None else shown(field, value, TERMINAL.language)
        TERMINAL.say("cli.incident.field", name=_name(field), field=field, value=words)


def _name(field: str) -> str:
    return word(f"cli.incident.fields.{field}")
