"""The rules about words: both languages complete, French typography, documents that match the programs."""

import re
from collections.abc import Mapping
from string import Formatter

SPACES_THAT_HOLD = "\u00a0\u202f"
# Signs that take a space before them in French; a colon inside a time or a URL takes none.
LOOSE_SIGN = re.compile(rf"[^{SPACES_THAT_HOLD}!?][!?;»]|[^{SPACES_THAT_HOLD}]:(?=\s|$)|«[^{SPACES_THAT_HOLD}]")
STRAIGHT_APOSTROPHE = re.compile(r"[^\W\d_]'[^\W\d_]")
CODE_SPAN = re.compile(r"`[^`]*`|\{[^}]*\}")
TEST_NAMED = re.compile(r"(tests/[\w/]+\.py)::([A-Za-z_]\w*(?:::\w+)?)")
CONSOLE_BLOCK = re.compile(r"```console\n\$ (passerelle-[a-z]+(?: [a-z-]+)* --help)\n(.*?)\n```", re.DOTALL)


def flattened(labels: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """The sentences of a catalogue by dotted key."""
    found: dict[str, str] = {}
    for key, value in labels.items():
        if isinstance(value, Mapping):
            found |= flattened(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = str(value)
    return found


def untranslated(french: Mapping[str, object], english: Mapping[str, object]) -> list[str]:
    """What one language says and the other does not, or says with other `{placeholders}`."""
    fr, en = flattened(french), flattened(english)
    found = [f"{key}: only in French" for key in fr.keys() - en.keys()]
    found += [f"{key}: only in English" for key in en.keys() - fr.keys()]
    found += [
        f"{key}: other placeholders in French and in English"
        for key in fr.keys() & en.keys()
        if _placeholders(fr[key]) != _placeholders(en[key])
    ]
    found += [f"{key}: empty" for labels in (fr, en) for key, words in labels.items() if not words.strip()]
    return sorted(found)


def _placeholders(sentence: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(sentence) if name is not None)


def loosely_typeset(french: Mapping[str, object]) -> list[str]:
    """French sentences where a sign could fall alone on a line, or with a typewriter's apostrophe."""
    found = []
    for key, sentence in flattened(french).items():
        prose = CODE_SPAN.sub("x", sentence)
        if LOOSE_SIGN.search(prose):
            found.append(f"{key}: a sign without its no-break space")
        if STRAIGHT_APOSTROPHE.search(prose):
            found.append(f"{key}: a straight apostrophe")
    return found


def tests_named(document: str) -> list[tuple[str, str]]:
    """Each (file, test) that a document points to as `tests/….py::name`."""
    return TEST_NAMED.findall(document)


def help_blocks(document: str) -> list[tuple[list[str], str]]:
    """Each (command, what the document shows of its answer) in blocks marked `console`."""
    return [(command.split(), shown) for command, shown in CONSOLE_BLOCK.findall(document)]


def same_screen(shown: str, printed: str) -> bool:
    """Whether two screens read the same, spaces at the ends of lines and of the screen apart."""
    return _trimmed(shown) == _trimmed(printed)


def _trimmed(screen: str) -> list[str]:
    return [line.rstrip() for line in screen.strip("\n").splitlines()]
