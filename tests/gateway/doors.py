"""Doors to a PostgreSQL server of a test run, which has none of its own to the network: plain, or with TLS."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from psycopg import sql

from tests.databases import Server

__all__ = ["certificate", "door", "guarded_account"]

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""What a client of PostgreSQL sends first when it would like TLS (its manual, "Message Formats")."""
_HALF_A_MINUTE = 30


def guarded_account(server: Server, name: str, password: str, member_of: str | None = None) -> None:
    """An account that may sign in with a password only; the others of a test server need none."""
    hba = server.socket / "pg_hba.conf"
    rule = f"local all {name} scram-sha-256\n"
    hba.write_text(rule + hba.read_text(encoding="utf-8"), encoding="utf-8")
    member = sql.SQL(" IN ROLE {}").format(sql.Identifier(member_of)) if member_of else sql.SQL("")
    made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(made + member)
        connection.execute("SELECT pg_reload_conf()")


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate for a host that signs for itself: its file, and what a server shows it with."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Autorité inventée")])
    now = datetime.now(tz=UTC)
    made = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    file, secret = folder / f"{name}.crt", folder / f"{name}.key"
    file.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, secret)
    return file, context


@contextmanager
def door(server: Server, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Let programs of this machine come to the server by TCP; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_let_in, args=(listening, server, tls), daemon=True).start()
        yield int(listening.getsockname()[1])


def _let_in(listening: socket.socket, server: Server, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            come, _ = listening.accept()
            threading.Thread(target=_serve, args=(come, server, tls), daemon=True).start()


def _serve(come: socket.socket, server: Server, tls: ssl.SSLContext | None) -> None:
    come.settimeout(_HALF_A_MINUTE)
    with suppress(OSError), come, socket.socket(socket.AF_UNIX) as behind:
        behind.connect(str(server.socket / ".s.PGSQL.5432"))
        if tls is not None and come.recv(len(_SSL_REQUEST), socket.MSG_PEEK) == _SSL_REQUEST:
            come.recv(len(_SSL_REQUEST))
            come.sendall(b"S")
            with tls.wrap_socket(come, server_side=True) as spoken:
                _carry(spoken, behind)
        else:
            _carry(come, behind)


def _carry(here: socket.socket, there: socket.socket) -> None:
    """Carry bytes both ways until one end has no more; by one thread, because two may not use one TLS connection."""
    while True:
        waiting = isinstance(here, ssl.SSLSocket) and here.pending()
        ready = [here] if waiting else select.select([here, there], [], [], _HALF_A_MINUTE)[0]
        for source, target in ((here, there), (there, here)):
            if source in ready:
                data = source.recv(65536)
                if not data:
                    return
                target.sendall(data)
