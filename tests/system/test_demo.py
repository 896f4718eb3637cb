"""`make demo` plays the whole main path with the real programs, in both languages; what it leaves can be checked."""

import base64
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CANARIES = ("Personne-Fictive", "Camille", "555-0199", "dossier-invente")
"""What the invented person said, and their file number: none of it may reach the broker in clear."""


def play(folder: Path, territory: str, locale: str) -> str:
    """Run the demonstration to its end; what it printed."""
    environment = os.environ | {"TERRITORY": territory, "DEMO_SECONDS": "0", "LC_ALL": locale}
    done = subprocess.run(
        [sys.executable, "-m", "sandbox"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("territory", "locale", "said"),
    [
        (
            "laval",
            "fr_CA.UTF-8",
            (
                "Non\u00a0: Accéder à des soins",
                "Sur liste d’attente",
                "Terminé\u00a0: Place obtenue",
                "n’a pas consenti à transmettre cette section",
                "Ce jeton est lié à une autre clé",
                "la passerelle l’a détruite",
                "l’a effacée, et l’a dit sous sa signature",
                "L’entente a pris fin",
                "Une preuve à garder des années",
                "reçus que la ligne a gardés sont tous honorés",
                "la copie s’arrête",
            ),
        ),
        (
            "fr",
            "en_CA.UTF-8",
            (
                "No: Get care",
                "On a waiting list",
                "Done: Place given",
                "was already used",
                "is not the one the sender signed",
                "nothing happens twice",
                "Both ends hold a signed notice",
                "seals it to the next key by itself, and it arrives",
                "entries were seen and signed by foyer-lilas@fr",
                "The registers that the law asks for",
                "the gateway’s journal is shorter than before",
            ),
        ),
    ],
)
def test_a_referral_crosses_from_consent_to_outcome(
    tmp_path: Path, territory: str, locale: str, said: tuple[str, ...]
) -> None:
    """The story reaches its end in the reader's language, every refusal included; a second run starts clean."""
    for _ in range(2):
        told = play(tmp_path, territory, locale)
        assert all(line in told for line in said)


def decoded(word: bytes, alphabet: bytes) -> bytes:
    """What a run of base64 letters says, as far as whole groups of four go."""
    return base64.b64decode(word[: len(word) // 4 * 4].translate(bytes.maketrans(alphabet, b"+/")))


def unwrapped(data: bytes) -> bytes:
    """The bytes, and whatever is in them as base64 of either alphabet, as deep as headers stand in envelopes."""
    seen = [data]
    for _ in range(3):
        inner = [decoded(word, b"-_") for word in re.findall(rb"[A-Za-z0-9_-]{16,}", seen[-1])]
        inner += [decoded(word, b"+/") for word in re.findall(rb"[A-Za-z0-9+/]{16,}", seen[-1])]
        seen.append(b"\n".join(inner))
    return b"\n".join(seen)


def test_the_broker_never_holds_what_the_person_said(tmp_path: Path) -> None:
    """Nothing the person said is in the broker's database, its log of changes, or the journal, not even encoded."""
    play(tmp_path, "laval", "fr_CA.UTF-8")
    folder = tmp_path / ".demo" / "laval"
    held = b"".join(path.read_bytes() for path in folder.glob("gateway.sqlite*"))
    with zipfile.ZipFile(folder / "journal.zip") as bundle:
        held += b"".join(bundle.read(name) for name in bundle.namelist())
    shown = unwrapped(held)
    assert b'"transition":"T17"' in shown  # what may be there is found, deep in a signed header: the search works
    assert [word for word in CANARIES if word.encode() in shown] == []


def test_what_was_refused_is_in_no_statement(tmp_path: Path) -> None:
    """The broker learns what was granted; that anything else was asked and refused stays with who asked."""
    play(tmp_path, "laval", "fr_CA.UTF-8")
    with zipfile.ZipFile(tmp_path / ".demo" / "laval" / "journal.zip") as bundle:
        statements = [bundle.read(name) for name in bundle.namelist() if name.startswith("statements/")]
    shown = unwrapped(b"".join(statements))
    assert b"referral-shelter" in shown
    assert b"referral-health" not in shown


def audited(*words: str | Path) -> str:
    """What `passerelle-audit` prints, once it is content."""
    program = Path(sys.executable).with_name("passerelle-audit")
    command = [str(program), *map(str, words)]
    done = subprocess.run(
        command, env=os.environ | {"LC_ALL": "en_CA.UTF-8"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_was_made_is_verified_by_the_auditors_own_program(tmp_path: Path) -> None:
    """`passerelle-audit` finds every rule and receipt kept in the bundle, and that the copy of the database lied."""
    told = play(tmp_path, "laval", "en_CA.UTF-8")
    folder = tmp_path / ".demo" / "laval"
    pins = folder / "ligne-211" / "gateway.json"
    asked = ("--complete", "--pins", pins, "--receipts", folder / "receipts.jsonl")
    audited("verify", folder / "journal.zip", *asked)
    [evidence] = (folder / "equipe-sm" / "evidence").iterdir()
    assert evidence.name in told
    assert "GONE BACK" in audited("evidence", evidence, "--pins", pins)
