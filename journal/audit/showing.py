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
from journal.audit.reading import legs_of
from journal.audit.sentences import Sentences
from journal.audit.stories import NothingShownError, Story, kind_of, story_of
from journal.bundle import Bundle, open_bundle
from journal.entries import Entry
from journal.succession import Leg
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
        trusted = pinned(vkey, pins).journal if vkey or pins else None
        kind_of(subject)
    with answering("audit.not-reliable", as_json=as_json), open_bundle(bundle) as opened:
        legs = legs_of(opened, trusted)
        try:
            with bars(quiet=as_json) as bar:
                story = story_of(legs, subject, bar("audit.progress"))
        except NothingShownError as error:
            TERMINAL.complain(TERMINAL.explain(error))
            raise typer.Exit(REFUSED) from None
        if as_json:
            typer.echo(json.dumps(_as_json(story, legs[-1], checked=trusted is not None), indent=2, ensure_ascii=False))
        else:
            _tell(story, opened, legs[-1], checked=trusted is not None)


def _tell(story: Story, bundle: Bundle, leg: Leg, *, checked: bool) -> None:
    names = Names(bundle)
    for sha256 in story.agreements:
        names.agreement(sha256)
    sentences = Sentences(bundle, names)
    TERMINAL.say(f"audit.story.of.{story.kind}", subject=story.subject)
    TERMINAL.say("audit.story.in", origin=leg.checkpoint.origin, size=leg.end)
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
    for first, last in story.unread.lost:
        TERMINAL.say("audit.story.lost", first=first, last=last)
    TERMINAL.say("audit.story.signed" if checked else "audit.story.unsigned")


def _as_json(story: Story, leg: Leg, *, checked: bool) -> dict[str, object]:
    return {
        "v": 1,
        "subject": story.subject,
        "kind": story.kind,
        "origin": leg.checkpoint.origin,
        "size": leg.end,
        "signatures_checked": checked,
        "entries": [_members(entry) for entry in story.entries],
        "not_shown": {
            "withheld": story.unread.withheld,
            "erased": story.unread.erased,
            "lost": [list(run) for run in story.unread.lost],
        },
    }


def _members(entry: Entry) -> dict[str, object]:
    """An entry as it is written."""
    return entry.model_dump(mode="json", by_alias=True, exclude_none=True)
