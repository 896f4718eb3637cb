"""The root ceremony as it is played: create, show, sign, revoke, and everything that goes wrong."""

import base64
import os
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keys.chainfile import read_chain
from keys.identity import fingerprint_digits
from keys.rootfile import open_root
from keys.signing import SignedDocument
from keys.statements import replay
from tests.keys.builders import ADDRESS, DAY, OTHER, PASSPHRASE, ChainBuilder, root, signing_key
from tests.keys.ceremony import LOCALES, Played, passphrase_file, play, root_file, written
from tests.repository import PROGRAMS


def _chain() -> ChainBuilder:
    return ChainBuilder(at=datetime.now(tz=UTC) - 3 * DAY).with_root().with_signing()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _create(folder: Path, *more: object, typed: str = f"{PASSPHRASE}\n{PASSPHRASE}\n") -> Played:
    return play("create", ADDRESS, folder / "root.keys", *more, typed=typed)


def test_creating_makes_a_root_and_the_start_of_its_chain(tmp_path: Path) -> None:
    """The file is private and opens; the statement starts a chain; the fingerprint shown is the root's."""
    played = _create(tmp_path)
    assert played.code == 0, played.err
    file = tmp_path / "root.keys"
    held = open_root(file, PASSPHRASE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    statement = SignedDocument.parse((tmp_path / "root.keys.statement.json").read_bytes(), "key-statement")
    chain = replay([(statement, datetime.now(tz=UTC), 0)])
    assert (chain.org, chain.root) == (ADDRESS, held.key.public)
    assert held.key.public.fingerprint in played.out.replace(" ", "")
    assert fingerprint_digits(held.key.public) in " ".join(played.out.split())
    assert _names(tmp_path) == ["root.keys", "root.keys.statement.json"]


def test_a_root_is_in_force_at_once_and_for_the_years_asked(tmp_path: Path) -> None:
    """The period covers the moment of creation, whichever way clocks differ by minutes, and the years asked for."""
    file = passphrase_file(tmp_path)
    out = tmp_path / "first.json"
    assert _create(tmp_path, "--years", 3, "--passphrase-file", file, "--statement", out, typed="").code == 0
    key = read_chain(b"[" + out.read_bytes() + b"]").keys[0]
    now = datetime.now(tz=UTC)
    assert now - DAY < key.not_before <= now
    assert 3 * 365 * DAY <= key.not_after - key.not_before <= 3 * 366 * DAY


@pytest.mark.parametrize("years", ["0", "21", "-1", "ten"])
def test_a_life_out_of_range_is_not_understood(tmp_path: Path, years: str) -> None:
    """One to twenty years; anything else is a wrong command, and nothing is written."""
    assert _create(tmp_path, "--years", years).code == 2
    assert _names(tmp_path) == []


@pytest.mark.parametrize("address", ["refuge", "Refuge@laval", "refuge@laval@x", "", "refuge@laval\n", "a" * 64 + "@b"])
def test_an_address_of_another_form_is_refused(tmp_path: Path, address: str) -> None:
    """The address is checked before anything is asked or written."""
    played = play("create", address, tmp_path / "root.keys")
    assert played.code == 1
    assert _names(tmp_path) == []


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (f"{PASSPHRASE}\nanother one entirely\n", 1),
        ("eleven char\neleven char\n", 1),
        ("", 130),
        (f"{PASSPHRASE}\n", 130),
    ],
)
def test_no_passphrase_no_root(tmp_path: Path, typed: str, code: int) -> None:
    """Two different passphrases, a short one or none leave nothing behind, the statement neither."""
    assert _create(tmp_path, typed=typed).code == code
    assert _names(tmp_path) == []


@pytest.mark.parametrize("taken", ["root.keys", "root.keys.statement.json"])
def test_nothing_is_replaced(tmp_path: Path, taken: str) -> None:
    """When either file is there already, it stays as it is and the other is not left behind."""
    (tmp_path / taken).write_text("kept")
    played = _create(tmp_path)
    assert played.code == 1
    assert taken in played.err
    assert (tmp_path / taken).read_text() == "kept"
    assert _names(tmp_path) == [taken]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the root cannot be written, the statement is taken back."""
    calls = []

    def fail_second(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 2:  # the statement and its folder were written
            raise OSError

    monkeypatch.setattr(os, "fsync", fail_second)
    assert _create(tmp_path).code == 1
    assert _names(tmp_path) == []


def test_showing_a_root_needs_its_passphrase_and_tells_no_secret(tmp_path: Path) -> None:
    """Fingerprint, digits, both names and the period; neither seed in any writing; nothing without passphrase."""
    file = root_file(tmp_path)
    shown = play("show", file, typed=f"{PASSPHRASE}\n")
    assert shown.code == 0
    for expected in (ADDRESS, *(signer.kid for signer in root().signers), "2027-03-01T14:05:00.000Z"):
        assert expected in shown.out
    assert root().public.fingerprint in shown.out.replace(" ", "")
    for secret in (root().ed25519_seed, root().mldsa65_seed):
        assert secret.hex() not in shown.all
        assert base64.b64encode(secret).decode().rstrip("=") not in shown.all
    assert PASSPHRASE not in shown.all
    wrong = play("show", file, typed="wrong passphrase\n")
    assert wrong.code == 1
    assert root().public.fingerprint not in wrong.all.replace(" ", "")
    assert "wrong passphrase\n" not in wrong.all


def test_showing_a_chain_tells_each_key_and_its_state(tmp_path: Path) -> None:
    """Keys in force, to come, over and revoked are told apart, in words."""
    chain = _chain()
    over = chain.publication("signing", signing_key("over").public_bytes, days=1)
    chain.add(over)
    chain.add(chain.publication("signing", signing_key("future").public_bytes, start=chain.at + 40 * DAY))
    chain.add(chain.publication("signing", signing_key("gone").public_bytes))
    chain.add(chain.revocation(signing_key("gone").kid))
    shown = play("show", written(tmp_path / "chain.json", chain.file()))
    assert shown.code == 0, shown.err
    assert root().public.fingerprint in shown.out.replace(" ", "")
    lines = [line.strip() for line in shown.out.splitlines()]
    states = [line for line in lines if line in {"in force", "not in force yet", "over", "revoked"}]
    assert states == ["in force", "in force", "over", "not in force yet", "revoked"]
    assert "Statements: 6" in shown.out


def test_showing_the_first_statement_checks_it(tmp_path: Path) -> None:
    """The statement that `create` writes is shown with its fingerprint; altered, it is refused."""
    signed = _chain().documents[0]
    shown = play("show", written(tmp_path / "a.json", signed.encode()))
    assert shown.code == 0
    assert root().public.fingerprint in shown.out.replace(" ", "")
    forged = {**signed.to_json(), "signatures": signed.to_json()["signatures"][::-1]}  # type: ignore[index]  # a JSON value
    forged["payload"] = base64.b64encode(signed.payload.replace(ADDRESS.encode(), OTHER.encode())).decode()
    assert play("show", written(tmp_path / "b.json", forged)).code == 1


def test_showing_a_later_statement_says_that_it_is_not_checked(tmp_path: Path) -> None:
    """A statement alone proves nothing, and the program says so."""
    shown = play("show", written(tmp_path / "a.json", _chain().documents[1].encode()))
    assert shown.code == 0
    assert "cannot be checked" in shown.out
    assert '"use": "signing"' in shown.out


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"[1]", b"nonsense", b'{"payloadType":"x"}', b'{"ciphertext":1}', b"\xff\xfe", b"[" * 99999],
)
def test_showing_anything_else_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    """Whatever the file holds, the refusal names it, and no stack is shown."""
    file = written(tmp_path / "thing.json", content)
    file.chmod(0o600)
    played = play("show", file, typed=f"{PASSPHRASE}\n")
    assert played.code == 1
    assert "thing.json" in played.err
    assert "Traceback" not in played.err
    assert play("show", tmp_path / "missing").code == 1
    assert play("show", tmp_path).code == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "expected"), [("fr", ("Utilisation\u00a0:", "racine")), ("en", ("Usage:", "root"))]
)
def test_the_installed_program_speaks_both_languages(language: str, expected: tuple[str, str]) -> None:
    """The program started from the shell gives its help in the language of the locale, 100 columns wide."""
    environment = {"LC_ALL": LOCALES[language], "COLUMNS": "100", "PYTHONUTF8": "1"}
    for command in ((), ("create",), ("show",), ("sign",), ("revoke",)):
        run = subprocess.run(
            [str(PROGRAMS / "passerelle-keys"), *command, "--help"],
            env=environment, capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        assert run.stdout.startswith(expected[0])
        assert expected[1] in run.stdout
        assert max(map(len, run.stdout.splitlines())) <= 100


@pytest.mark.slow
def test_the_installed_program_ends_with_its_code() -> None:
    """A refusal leaves the process with 1 and its words on standard error, without a stack."""
    environment = {"LC_ALL": "fr_CA.UTF-8", "PYTHONUTF8": "1"}
    command = [str(PROGRAMS / "passerelle-keys"), "show", "nowhere"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("passerelle-keys: nowhere\u00a0: ")
    assert "Traceback" not in run.stderr
