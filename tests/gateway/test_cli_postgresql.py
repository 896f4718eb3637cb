"""PostgreSQL as an operator meets it: the first day, several programs, an upgrade, and everything that can be wrong."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest
from alembic import command

from gateway.logs import FIELDS
from gateway.store import server as servers
from gateway.store.migration import migrations
from gateway.store.store import Store
from tests.builders import LINE
from tests.databases import Server
from tests.gateway.doors import certificate, door, guarded_account
from tests.gateway.operator import Operator
from tests.gateway.test_cli_serving import _read_line
from tests.repository import PROGRAMS

PASSWORD = "Mot-de-passe-inventé-7"
SECRET = "PASSERELLE_GATEWAY_DATABASE_PASSWORD"


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """An empty database."""
    made = server.create()
    yield made
    server.drop(made)


@pytest.fixture
def operator(server: Server, name: str, tmp_path: Path) -> Operator:
    """Somebody with the settings of a broker whose database that is, as its owner."""
    made = Operator(tmp_path)
    made.write_settings(database=server.url(name))
    return made


@contextmanager
def _program(operator: Operator, *words: str, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The real program in French, and the first line that it prints; it is killed at the end at the latest."""
    told = {"PATH": os.environ["PATH"], "LC_ALL": "fr_CA.UTF-8", "PYTHONUNBUFFERED": "1", **environment}
    command_line = [str(PROGRAMS / "passerelle-gateway"), *words, "--settings", str(operator.settings)]
    with subprocess.Popen(command_line, env=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        try:
            yield program, _read_line(program.stdout.fileno(), 60)
        finally:
            program.kill()


def _port(told: str) -> int:
    assert "écoute sur" in told
    return int(told.partition("port ")[2].partition(".")[0])


def _ready(port: int) -> int:
    return httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=30, trust_env=False).status_code


def test_the_day_of_an_operator(server: Server, name: str, operator: Operator) -> None:
    """Founded by the owner, served twice by the application: one is killed, the other goes on and ends when told.

    The password stands in no line, no log and no title of a process.
    """
    operator.done("init")
    operator.done("roles", "--apply", "--prefix", name)
    account = f"{name}_serves"
    guarded_account(server, account, PASSWORD, f"{name}_application")
    operator.write_settings(database=server.url(name, account), port=0, stop_seconds=5)
    with (
        _program(operator, "serve", **{SECRET: PASSWORD}) as (first, told),
        _program(operator, "serve", **{SECRET: PASSWORD}) as (second, also_told),
    ):
        titles = [Path(f"/proc/{each.pid}/cmdline").read_bytes() for each in (first, second)]
        here, there = _port(told), _port(also_told)
        assert [_ready(here), _ready(there)] == [200, 200]
        first.kill()
        _, first_errors = first.communicate(timeout=30)
        assert _ready(there) == 200
        second.send_signal(signal.SIGTERM)
        _, errors = second.communicate(timeout=30)
    assert second.returncode == 0
    lines = [json.loads(line) for line in errors.decode().splitlines()]
    assert [line["event"] for line in lines] == ["broker.started", "broker.stopped"]
    assert all(set(line) <= FIELDS for line in lines)
    for text in (told.encode(), also_told.encode(), first_errors, errors, *titles):
        assert PASSWORD.encode() not in text


def test_checking_hides_the_password_and_tries_the_rights(
    server: Server, name: str, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner is told to serve as another; an account without rights is refused before anybody calls."""
    operator.done("init")
    assert "could change the journal" in operator.done("check")
    account = f"{name}_serves"
    guarded_account(server, account, PASSWORD)
    monkeypatch.setenv(SECRET, PASSWORD)
    operator.write_settings(database=server.url(name, account))
    assert "may not do that" in operator.refused("serve")
    monkeypatch.delenv(SECRET)
    operator.write_settings(database=server.url(name))
    operator.done("roles", "--apply", "--prefix", name)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f'GRANT "{name}_application" TO "{account}"')
    monkeypatch.setenv(SECRET, PASSWORD)
    operator.write_settings(database=server.url(name, account))
    shown = operator.done("check")
    assert "••••" in shown
    assert PASSWORD not in shown
    assert "could change the journal" not in shown
    assert "is admitted" in operator.add(LINE)
    with psycopg.connect(server.url(name)) as connection:
        connection.execute(f'REVOKE INSERT ON withdrawal_code FROM "{name}_application"')
    for refused in ("check", "serve"):
        assert "may not do that" in operator.refused(refused)


def test_an_older_database_is_refused_until_it_is_migrated(server: Server, name: str, operator: Operator) -> None:
    """`serve` names the command in both languages; what the migration made is usable once the roles were applied."""
    store = Store(server.url(name))
    with store.connected() as connection:
        command.upgrade(migrations(connection), "0001")
    store.close()
    for language, words in (("fr", "d’une version plus ancienne"), ("en", "of an older release")):
        operator.language = language  # type: ignore[assignment]  # one of the two
        complaint = operator.refused("serve")
        assert words in complaint
        assert "passerelle-gateway migrate" in complaint
        assert server.url(name) in complaint
    assert "up to date" in operator.done("migrate")
    assert "up to date already" in operator.done("migrate")
    assert "passerelle-gateway init" in operator.refused("serve")


@pytest.fixture
def wrong(server: Server, name: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Database URLs that lead nowhere, by what is wrong with them."""
    account = f"{name}_guarded"
    guarded_account(server, account, PASSWORD)
    authority, tls = certificate(tmp_path, "localhost")
    stranger, _ = certificate(tmp_path, "ailleurs.example")
    with door(server) as plain, door(server, tls) as secured:
        strict = "sslmode=verify-full&sslrootcert="
        yield {
            "host": f"postgresql://{account}@no-such-host.invalid/{name}",
            "port": f"postgresql://{account}@127.0.0.1:1/{name}",
            "socket": f"postgresql://{account}@/{name}?host={tmp_path}",
            "password": server.url(name, account),
            "database": server.url("no_such_database"),
            "role": server.url(name, "no_such_role"),
            "no-tls": f"postgresql://postgres@localhost:{plain}/{name}?{strict}{authority}",
            "authority": f"postgresql://postgres@localhost:{secured}/{name}?{strict}{stranger}",
            "name": f"postgresql://postgres@127.0.0.1:{secured}/{name}?{strict}{authority}",
        }


COMPLAINTS = {
    "host": ("cannot be reached", "injoignable"),
    "port": ("cannot be reached", "injoignable"),
    "socket": ("cannot be reached", "injoignable"),
    "password": ("PASSERELLE_GATEWAY_DATABASE_PASSWORD", "PASSERELLE_GATEWAY_DATABASE_PASSWORD"),
    "database": ("CREATE DATABASE", "CREATE DATABASE"),
    "role": ("pg_hba.conf", "pg_hba.conf"),
    "no-tls": ("does not prove who it is", "ne prouve pas qui il est"),
    "authority": ("does not prove who it is", "ne prouve pas qui il est"),
    "name": ("does not prove who it is", "ne prouve pas qui il est"),
}


def test_whatever_keeps_the_gateway_out_is_told_with_its_place_and_remedy(
    wrong: dict[str, str], operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Host, port, password, database, role and certificate: each its own words in both languages, and no secret."""
    monkeypatch.setenv(SECRET, f"{PASSWORD} faux")
    for kind, place in wrong.items():
        operator.write_settings(database=place)
        for language, words in zip(("en", "fr"), COMPLAINTS[kind], strict=True):
            operator.language = language  # type: ignore[assignment]  # one of the two
            for refused in ("check", "serve", "init", "migrate", "pins"):
                complaint = operator.refused(refused)
                assert words in complaint, (kind, refused, complaint)
                assert place in complaint
                assert PASSWORD not in complaint


def test_a_server_with_a_certificate_of_its_own_is_believed_by_its_file(
    server: Server, name: str, operator: Operator, tmp_path: Path
) -> None:
    """`sslmode=verify-full` and `sslrootcert`: everything that `check` tries works through TLS."""
    operator.done("init")
    authority, tls = certificate(tmp_path, "localhost")
    with door(server, tls) as port:
        place = f"postgresql://postgres@localhost:{port}/{name}?sslmode=verify-full&sslrootcert={authority}"
        operator.write_settings(database=place)
        assert "All is well." in operator.done("check")


@pytest.mark.parametrize("way", ["parameter", "variable", "secrets"])
def test_the_password_is_taken_from_where_it_may_stand(
    server: Server, name: str, operator: Operator, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A file of `passfile` or PGPASSFILE that others may not read, or the folder of secrets."""
    operator.done("init")
    account = f"{name}_{way}"
    guarded_account(server, account, PASSWORD, "pg_read_all_data")
    database = server.url(name, account)
    file = operator.folder / "passfile"
    if way == "secrets":
        monkeypatch.setenv("PASSERELLE_GATEWAY_SECRETS_DIR", str(operator.folder))
        file = operator.folder / "passerelle_gateway_database_password"
        file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    else:
        file.write_text(f"*:*:{name}:{account}:{PASSWORD}\n", encoding="utf-8")
    file.chmod(0o600)
    if way == "variable":
        monkeypatch.setenv("PGPASSFILE", str(file))
    operator.write_settings(database=f"{database}&passfile={file}" if way == "parameter" else database)
    assert operator.pins()["territory"] == "laval"
    file.unlink()
    assert "password" in operator.refused("pins")


def test_a_server_that_cannot_be_relied_on_is_refused(
    server: Server, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too old, without Unicode, or writing to nothing but memory: told before anything is made."""
    narrow = f"{operator.folder.name.lower().replace('-', '_')[-20:]}_narrow"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE \"{narrow}\" TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    settings = operator.settings.read_text(encoding="utf-8")
    operator.write_settings(database=server.url(narrow))
    for refused in ("init", "migrate", "check"):
        assert "UTF8" in operator.refused(refused)
    server.drop(narrow)
    operator.settings.write_text(settings, encoding="utf-8")
    monkeypatch.setattr(servers, "OLDEST", 99)
    assert "too old" in operator.refused("init")
    assert not (operator.folder / "gateway.keystore").exists()


def test_a_server_that_forgets_is_refused(own_server: Server, tmp_path: Path) -> None:
    """Without `fsync`, an answer could be older than what the journal knows after a power cut."""
    operator = Operator(tmp_path)
    operator.write_settings(database=own_server.url("postgres"))
    with psycopg.connect(own_server.url("postgres"), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf(), pg_sleep(0.3)")
    assert "fsync" in operator.refused("init")
