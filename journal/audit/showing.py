"""`passerelle-audit show`: the story of one referral, envelope, consent or agreement, in words or for a program."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from journal.audit.names import Names, moment
from journal.audit.program import (
    TERMINAL,
    AsJson,
    BundlePath,
    PinsOption,
    VkeyOption,
    answering,
    bars,
    pinned,
    understood,
    word,
)
from journal.audit.reading import checkpoint_of
from journal.audit.sentences import Sentences
from journal.audit.stories import NothingShownError, Story, kind_of, story_of
from journal.bundle import Bundle, open_bundle
from journal.entries import Entry
from journal.notes import Checkpoint
from keys.terminal import REFUSED

__all__ = ["show"]


def show(
    bundle: BundlePath,
    subject: Annotated[str, typer.Argument(metavar=word("audit.metavar.subject"), help=word("audit.subject"))],
    vkey: VkeyOption = None,
    pins: PinsOption = None,
    as_json: AsJson = False,  # noqa: FBT002 - an option of a command line
) -> None:
    """Tell what a bundle shows about one thing, entry by entry."""
    with understood():
        vkeys = pinned(vkey, pins).vkeys if vkey or pins else ()
        kind_of(subject)
    with answering("audit.not-reliable", as_json=as_json), open_bundle(bundle) as opened:
        checkpoint, _ = checkpoint_of(opened, vkeys)
        try:
            with bars(quiet=as_json) as bar:
                story = story_of(opened, checkpoint, subject, bar("audit.progress"))
        except NothingShownError as error:
            TERMINAL.complain(TERMINAL.explain(error))
            raise typer.Exit(REFUSED) from None
        if as_json:
            typer.echo(json.dumps(_as_json(story, checkpoint, checked=bool(vkeys)), indent=2, ensure_ascii=False))
        else:
            _tell(story, opened, checkpoint, checked=bool(vkeys))


def _tell(story: Story, bundle: Bundle, checkpoint: Checkpoint, *, checked: bool) -> None:
    names = Names(bundle)
    for sha256 in story.agreements:
        names.agreement(sha256)
    sentences = Sentences(bundle, names)
    TERMINAL.say(f"audit.story.of.{story.kind}", subject=story.subject)
    TERMINAL.say("audit.story.in", origin=checkpoint.origin, size=checkpoint.size)
    if not story.begins:
        TERMINAL.say("audit.story.beginning-not-shown")
    TERMINAL.show("")
    for entry in story.entries:
        told = sentences.tell(entry)
        TERMINAL.show(f"{entry.index:>8}  {moment(entry.time)}  {told.sentence}")
        for detail in told.details:
            TERMINAL.show(f"{'':31}{detail}")
    TERMINAL.show("")
    if story.unread.withheld:
        TERMINAL.say("audit.story.withheld", count=story.unread.withheld)
    if story.unread.erased:
        TERMINAL.say("audit.story.erased", count=story.unread.erased)
    TERMINAL.say("audit.story.signed" if checked else "audit.story.unsigned")


def _as_json(story: Story, checkpoint: Checkpoint, *, checked: bool) -> dict[str, object]:
    return {
        "v": 1,
        "subject": story.subject,
        "kind": story.kind,
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "signatures_checked": checked,
        "entries": [_members(entry) for entry in story.entries],
        "not_shown": {"withheld": story.unread.withheld, "erased": story.unread.erased},
    }


def _members(entry: Entry) -> dict[str, object]:
    """An entry as it is written."""
    return entry.model_dump(mode="json", by_alias=True, exclude_none=True)
