"""What an operator may write in the settings, and how each slip is explained."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.settings import PREFIX, Settings, SettingsError, load_settings, unknown_variables
from gateway.words import words
from journal.cosignatures import vkey_of
from keys.errors import FileError
from keys.vkeys import Vkey
from tests.repository import ROOT

NEEDED = 'public_url = "https://passerelle.example"\nterritory = "laval"\n'


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine that runs the tests has a say."""
    for name in (*(PREFIX + field.upper() for field in Settings.model_fields), f"{PREFIX}SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A settings file that holds what is needed."""
    path = tmp_path / "gateway.toml"
    path.write_text(NEEDED, encoding="utf-8")
    return path


def _fault(file: Path, text: str | bytes) -> tuple[str, str, int | None]:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError) as refused:
        load_settings(file)
    [fault] = refused.value.faults
    return fault.code, fault.pointer, fault.line


def test_two_settings_are_needed_and_the_rest_has_defaults(file: Path) -> None:
    """Paths start at the settings file, the broker listens on this machine only, and no secret is made up."""
    settings = load_settings(file)
    assert settings.broker.public_url == "https://passerelle.example"
    assert settings.origin == "passerelle.example/laval/journal/1"
    assert settings.database_path == file.parent / "gateway.sqlite3"
    assert settings.keystore == file.parent / "gateway.keystore"
    assert (settings.host, settings.passphrase, settings.passphrase_file) == ("127.0.0.1", None, None)


def test_the_example_loads_and_names_every_setting() -> None:
    """`examples/gateway.toml` is valid as it stands, and explains each setting that may be in a file."""
    path = ROOT / "examples/gateway.toml"
    settings = load_settings(path)
    assert settings.territory == "laval"
    text = path.read_text(encoding="utf-8")
    assert [
        name
        for name in Settings.model_fields
        if not name.endswith(("passphrase", "password", "eraser_database")) and f"\n{name} = " not in text
    ] == []


def test_every_missing_setting_is_named_at_once(file: Path) -> None:
    """Neither a public URL nor a territory is ever guessed."""
    file.write_text("", encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_settings(file)
    assert {fault.pointer for fault in refused.value.faults} == {"/public_url", "/territory"}
    assert {fault.code for fault in refused.value.faults} == {"setting-missing"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("port = true", "setting-wrong"),
        ("port = 65536", "setting-wrong"),
        ("port = 80.0", "setting-wrong"),
        ('port = "many"', "setting-wrong"),
        ("stop_seconds = -1", "setting-wrong"),
        ('host = ""', "setting-wrong"),
        ("keystore = 5", "setting-wrong"),
        ('log_level = "loud"', "unknown-code"),
        ('database = "postgresql://user:secret@db/x"', "secret-in-settings"),
        ('database = "postgresql://user@db/x?password=secret"', "secret-in-settings"),
        ('database = "postgresql://user@db/x?sslmode=verify-full&sslpassword=secret"', "secret-in-settings"),
        ('database = "postgresql://user@db/"', "database-url"),
        ('database = "postgresql://user@db:port/x"', "database-url"),
        ('database = "postgresql://user@db/x?options=-c%20fsync%3Doff"', "database-url"),
        ('database = "postgresql+psycopg2://user@db/x"', "database-url"),
        ('database = "mysql://user@db/x"', "database-url"),
        ('database_password = "written here"', "secret-in-settings"),
        ('database = "sqlite://"', "database-url"),
        ('database = "sqlite:///:memory:"', "database-url"),
        ('portt = "8440"', "setting-unknown"),
        ('[table]\nx = "y"', "setting-unknown"),
        ('passphrase = "written here"', "secret-in-settings"),
    ],
)
def test_a_slip_is_told_with_its_key_and_line(file: Path, line: str, code: str) -> None:
    """The third line is at fault, and the fault says so without repeating the value."""
    found = _fault(file, NEEDED + line)
    assert found == (code, "/" + line.split(" ", maxsplit=1)[0].split("\n", maxsplit=1)[0].strip("[]"), 3)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://passerelle.example", "public-url-insecure"),
        ("http://127.0.0.1.example", "public-url-insecure"),
        ("https://passerelle.example/", "public-url"),
        ("https://passerelle.example/path", "public-url"),
        ("https://Passerelle.example", "public-url"),
        ("https://user@passerelle.example", "public-url"),
        ("https://passerelle.example?x", "public-url"),
        ("ftp://passerelle.example", "public-url"),
        ("passerelle.example", "public-url"),
        ("", "public-url"),
    ],
)
def test_a_public_url_is_https_and_bare(file: Path, url: str, code: str) -> None:
    """Clients compare it letter by letter, and nothing unprotected leaves the machine."""
    assert _fault(file, f'public_url = "{url}"\nterritory = "laval"\n') == (code, "/public_url", 1)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8440", "http://localhost", "http://[::1]:80", "https://[fd00::1]"])
def test_a_loopback_needs_no_tls(file: Path, url: str) -> None:
    """On the machine itself http is enough."""
    file.write_text(f'public_url = "{url}"\nterritory = "laval"\n', encoding="utf-8")
    assert load_settings(file).public_url == url


@pytest.mark.parametrize("territory", ["Laval", "laval city", "", "l" * 64, "lavál", "laval\\n"])
def test_a_territory_ends_addresses(file: Path, territory: str) -> None:
    """Lower case letters, digits and hyphens, as in `nom@territoire`."""
    assert _fault(file, f'public_url = "https://p.example"\nterritory = "{territory}"\n')[:2] == (
        "setting-wrong",
        "/territory",
    )


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ('public_url = "x', "not-toml", 1),
        (NEEDED + "port == 1", "not-toml", 3),
        (NEEDED + NEEDED, "not-toml", 3),
        (b'public_url = "caf\xe9"', "not-utf8", None),
    ],
)
def test_a_file_that_is_no_toml_is_told_with_its_line(
    file: Path, text: str | bytes, code: str, line: int | None
) -> None:
    """Truncated, doubled or wrongly encoded: the line where reading stopped."""
    found = _fault(file, text)
    assert (found[0], found[2]) == (code, line)


def test_a_missing_file_is_told_only_when_it_was_named(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A named file must exist; without any, variables alone make settings."""
    with pytest.raises(FileError):
        load_settings(tmp_path / "other.toml")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv(f"{PREFIX}PUBLIC_URL", "https://p.example")
    monkeypatch.setenv(f"{PREFIX}TERRITORY", "fr")
    assert load_settings().territory == "fr"
    monkeypatch.chdir(file.parent)
    monkeypatch.delenv(f"{PREFIX}TERRITORY")
    assert load_settings().territory == "laval"


def test_a_variable_wins_and_is_named_when_it_is_wrong(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment comes before the file, and a fault in it points to the variable."""
    monkeypatch.setenv(f"{PREFIX}PORT", "9000")
    assert load_settings(file).port == 9000
    monkeypatch.setenv(f"{PREFIX}PORT", "ninety")
    assert _fault(file, NEEDED) == ("setting-wrong", f"{PREFIX}PORT", None)


def test_a_variable_that_sets_nothing_is_found() -> None:
    """Variables that begin like ours and that nobody reads are listed, whatever their case."""
    environment = {f"{PREFIX}PRT": "1", "passerelle_gateway_hots": "x", f"{PREFIX}PORT": "1", f"{PREFIX}SETTINGS": "x"}
    assert unknown_variables(environment) == [f"{PREFIX}PRT", "passerelle_gateway_hots"]


def test_a_secret_comes_from_its_folder_and_is_never_shown(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that is named, or the one that systemd made; printing settings shows that it is there, no more."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "passerelle_gateway_passphrase").write_text("quatre mots canari\n", encoding="utf-8")
    for variable in (f"{PREFIX}SECRETS_DIR", "CREDENTIALS_DIRECTORY"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, str(folder))
            settings = load_settings(file)
        assert settings.passphrase is not None
        assert settings.passphrase.get_secret_value() == "quatre mots canari"
        assert "canari" not in f"{settings!r}{dict(settings.shown())}"
        assert "passphrase" in dict(settings.shown())


def test_a_folder_of_secrets_that_is_not_there_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named folder must exist: otherwise the passphrase would silently be asked for."""
    monkeypatch.setenv(f"{PREFIX}SECRETS_DIR", str(file.parent / "nowhere"))
    assert _fault(file, NEEDED)[0] == "secrets-folder"


def test_a_fault_never_repeats_a_value(file: Path) -> None:
    """The explanation in either language holds no part of what was written."""
    file.write_text(NEEDED + 'database = "postgresql://user:canari@db/x"\n', encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_settings(file)
    for language in ("fr", "en"):
        assert "canari" not in words.explain(refused.value, "fr" if language == "fr" else "en")
    assert "canari" not in str(refused.value)


@pytest.mark.parametrize("from_folder", [True, False])
def test_a_database_password_is_a_secret_of_its_own(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, from_folder: bool
) -> None:
    """It comes from the folder of secrets or the environment, reaches the server, and is shown by nothing."""
    if from_folder:
        folder = tmp_path / "secrets"
        folder.mkdir()
        (folder / "passerelle_gateway_database_password").write_text("mot canari/@:\n", encoding="utf-8")
        monkeypatch.setenv(f"{PREFIX}SECRETS_DIR", str(folder))
    else:
        monkeypatch.setenv(f"{PREFIX}DATABASE_PASSWORD", "mot canari/@:")
    place = "postgresql://passerelle@db.example:5432/laval?sslmode=verify-full"
    file.write_text(f'{NEEDED}database = "{place}"\n', encoding="utf-8")
    settings = load_settings(file)
    assert (settings.database_url.password, settings.database_url.host) == ("mot canari/@:", "db.example")
    assert (settings.database_place, settings.database_path) == (place, None)
    shown = f"{settings!r}{dict(settings.shown())}{settings.database_url!r}{settings.database_url}"
    assert "canari" not in shown
    assert dict(settings.shown())["database_password"] == "••••••••"


WITNESS = str(vkey_of("temoin.example/invente", Ed25519PrivateKey.from_private_bytes(bytes(32))))


def _with_witness(url: str, vkey: str = WITNESS) -> str:
    return f'{NEEDED}[[witnesses]]\nurl = "{url}"\nvkey = "{vkey}"\n'


def test_public_witnesses_are_named_by_address_and_key(file: Path) -> None:
    """Several may be named; each is shown as it was written."""
    second = '[[witnesses]]\nurl = "http://127.0.0.1:9000"\nvkey = "' + WITNESS + '"\n'
    file.write_text(_with_witness("https://temoin.example/w/1") + second, encoding="utf-8")
    settings = load_settings(file)
    named = settings.broker.witnesses
    assert [each.url for each in named] == ["https://temoin.example/w/1", "http://127.0.0.1:9000"]
    assert {str(each.vkey) for each in named} == {WITNESS}
    assert ("witnesses", f"https://temoin.example/w/1 {WITNESS}") in list(settings.shown())


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://temoin.example", "public-url-insecure"),
        ("https://temoin.example/", "witness-url"),
        ("https://temoin.example/w?x=1", "witness-url"),
        ("https://user:secret@temoin.example", "witness-url"),
        ("https://temoin.example/../w//x", "witness-url"),
        ("https://temoin.example/" + "w" * 1000, "witness-url"),
        ("ftp://temoin.example", "witness-url"),
    ],
)
def test_a_witness_is_called_over_https_at_a_plain_address(file: Path, url: str, code: str) -> None:
    """What it is sent is public, and what it answers must come from it."""
    assert _fault(file, _with_witness(url)) == (code, "/witnesses", 3)


@pytest.mark.parametrize("vkey", ["", "x", WITNESS[:-4], str(Vkey("temoin.example", 1, bytes(31) + b"\x58"))])
def test_a_witness_has_a_key_that_cosigns(file: Path, vkey: str) -> None:
    """A key of a type by which checkpoints are signed without a time is none of a witness."""
    assert _fault(file, _with_witness("https://temoin.example", vkey)) == ("witness-key", "/witnesses", 3)
