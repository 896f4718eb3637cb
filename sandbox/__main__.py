"""`make demo`: a broker, its partners and invented people, and one referral from consent to outcome."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import warnings
from pathlib import Path

import structlog

from keys.errors import PasserelleError
from keys.terminal import INTERRUPTED
from sandbox.narrator import Narrator
from sandbox.story import play
from sandbox.territories import TERRITORIES

__all__ = ["main"]

FOLDER = Path(".demo")
"""Everything the demonstration makes; it is made anew each time."""


def main() -> int:
    """Play the story of `TERRITORY` (laval or fr), then stay up until Ctrl-C or for `DEMO_SECONDS`."""
    narrator = Narrator()
    slug = os.environ.get("TERRITORY") or "laval"
    seconds = os.environ.get("DEMO_SECONDS") or ""
    if slug not in TERRITORIES or not (seconds.isdigit() or seconds == ""):
        narrator.say("demo.usage")
        return 2
    # Nothing of the programs' own logs belongs in the story.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    folder = FOLDER / slug
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    over = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        if over.is_set():
            sys.exit(INTERRUPTED)  # asked twice: at once, wherever the story is
        over.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        play(TERRITORIES[slug], folder, narrator, over, float(seconds) if seconds else None)
    except PasserelleError as error:
        narrator.failure(error)
        return 1
    return 0


if __name__ == "__main__":
    warnings.simplefilter("error")
    sys.exit(main())
