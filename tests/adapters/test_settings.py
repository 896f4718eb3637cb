"""Settings: from a file, the environment and a folder of secrets; every slip told at once, no value ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.settings import SettingsError, load_settings, masked, unknown_variables
from adapters.words import words
from keys.errors import FileError, KeystoreError, PasserelleError
from tests.repository import ROOT

EXAMPLE = ROOT / "examples" / "adapter.toml"
MINIMAL = """
address = "refuge-lavoie@laval"
legal_name = "Refuge Lavoie Inventé"
jurisdiction = "CA-QC"
gateway = "https://passerelle.example"
data = "donnees"
author = "equipe"
contact_phone = "450 555-0142"
"""


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own environment."""
    for name in unknown_variables():
        monkeypatch.delenv(name)
    for name in ("PASSERELLE_ADAPTER_SETTINGS", "PASSERELLE_ADAPTER_SECRETS_DIR", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def written(folder: Path, text: str) -> Path:
    """A settings file."""
    path = folder / "adapter.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_loads() -> None:
    """The commented example is valid as it stands, and its paths start beside it."""
    settings = load_settings(EXAMPLE)
    assert (settings.address, settings.jurisdiction) == ("refuge-lavoie@laval", "CA-QC")
    assert settings.database == EXAMPLE.parent / "refuge-lavoie" / "adapter.sqlite"
    assert settings.passphrase_file == EXAMPLE.parent / "adapter.passphrase"
    assert settings.root_file == settings.data / "root.json"


def test_nothing_that_matters_has_a_default(tmp_path: Path) -> None:
    """An empty file is refused with every setting that is missing, at once."""
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, ""))
    missing = {fault.pointer for fault in caught.value.faults if fault.code == "setting-missing"}
    assert missing == {f"/{name}" for name in (line.split(" ")[0] for line in MINIMAL.strip().splitlines())}


@pytest.mark.parametrize(
    ("change", "slug", "line"),
    [
        ('poll_seconds = "Canari"', "setting-wrong", 9),
        ("poll_seconds = 99", "setting-wrong", 9),
        ('colour = "Canari"', "setting-unknown", 9),
        ('passphrase = "Canari Canari"', "secret-in-settings", 9),
        ('jurisdiction = "Canari"', "not-toml", 9),
        ('root = "unfinished', "not-toml", 9),
    ],
)
def test_a_slip_is_told_by_its_line_and_never_by_its_value(tmp_path: Path, change: str, slug: str, line: int) -> None:
    """Wrong, unknown, doubled, secret or unfinished: the line is named, and what stands there is not repeated."""
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, f"{MINIMAL}{change}\n"))
    assert (caught.value.code, caught.value.faults[0].line) == (slug, line)
    assert "Canari" not in words.explain(caught.value, "fr")


@pytest.mark.parametrize(
    "url", ["http://passerelle.example", "https://a:b@passerelle.example", "passerelle", "file:///x"]
)
def test_the_gateway_must_be_reached_securely(tmp_path: Path, url: str) -> None:
    """HTTPS, or plain HTTP on this very machine only."""
    with pytest.raises(SettingsError, match="gateway-url"):
        load_settings(written(tmp_path, MINIMAL.replace("https://passerelle.example", url)))
    local = load_settings(written(tmp_path, MINIMAL.replace("https://passerelle.example", "http://127.0.0.1:8440/")))
    assert local.gateway == "http://127.0.0.1:8440"


def test_the_environment_outranks_secrets_and_secrets_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source is used where no higher one speaks."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "passerelle_adapter_passphrase").write_text("phrase des secrets inventée\n")
    (tmp_path / "secrets" / "passerelle_adapter_author").write_text("secrets")
    monkeypatch.setenv("PASSERELLE_ADAPTER_SECRETS_DIR", str(tmp_path / "secrets"))
    path = written(tmp_path, MINIMAL)
    settings = load_settings(path)
    assert settings.author == "secrets"
    assert settings.kept_passphrase() == "phrase des secrets inventée"
    monkeypatch.setenv("PASSERELLE_ADAPTER_AUTHOR", "environnement")
    assert load_settings(path).author == "environnement"


def test_a_folder_of_secrets_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped folder must not mean a program without its secrets."""
    monkeypatch.setenv("PASSERELLE_ADAPTER_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="secrets-folder"):
        load_settings(written(tmp_path, MINIMAL))


def test_a_slip_in_the_environment_names_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever set the variable finds it."""
    monkeypatch.setenv("PASSERELLE_ADAPTER_ADDRESS", "Canari")
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, MINIMAL))
    assert caught.value.pointer == "PASSERELLE_ADAPTER_ADDRESS"


def test_variables_that_set_nothing_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped name is found before it matters."""
    monkeypatch.setenv("PASSERELLE_ADAPTER_ADRESS", "x")
    monkeypatch.setenv("PASSERELLE_ADAPTER_SETTINGS", "x")
    assert unknown_variables() == ("PASSERELLE_ADAPTER_ADRESS",)


def test_secrets_are_shown_only_as_being_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither printing the settings nor their repr shows the passphrase."""
    monkeypatch.setenv("PASSERELLE_ADAPTER_PASSPHRASE", "phrase secrète inventée")
    settings = load_settings(written(tmp_path, MINIMAL))
    assert masked(settings)["passphrase"] == "••••"
    assert "secrète" not in repr(settings) + str(masked(settings))


def test_a_passphrase_file_must_be_private(tmp_path: Path) -> None:
    """Its first line is the passphrase, once nobody else can read it."""
    secret = tmp_path / "phrase"
    secret.write_text("phrase secrète inventée\nautre ligne\n")
    secret.chmod(0o644)
    settings = load_settings(written(tmp_path, f'{MINIMAL}passphrase_file = "phrase"\n'))
    with pytest.raises(FileError, match="file-readable-by-others"):
        settings.kept_passphrase()
    secret.chmod(0o600)
    assert settings.kept_passphrase() == "phrase secrète inventée"
    secret.unlink()
    with pytest.raises((FileError, KeystoreError)):
        settings.kept_passphrase()


@pytest.mark.parametrize("data", [b"\xff\xfe", b"x" * 70_000])
def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path, data: bytes) -> None:
    """Whatever the file holds, only our own errors leave the reader."""
    path = tmp_path / "adapter.toml"
    path.write_bytes(data)
    with pytest.raises(PasserelleError):
        load_settings(path)


def test_a_named_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The default may be absent, a named file may not."""
    with pytest.raises(FileError, match="file-missing"):
        load_settings(tmp_path / "nowhere.toml")
