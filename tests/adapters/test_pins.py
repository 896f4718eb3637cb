"""What is pinned of a gateway: read strictly, compared aloud, and never taken from another place."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.pins import MAX_PINS, GatewayPins, fetch_pins, pin_code, read_pins
from adapters.problems import GatewayProblemError, GatewayUnreachableError
from adapters.words import words
from journal.notes import open_note
from keys.documents import b64url, encode, parse
from keys.errors import ForgedError, MalformedError, PasserelleError
from tests.adapters.answers_double import URL, answer, problem
from tests.adapters.gateway_double import ORIGIN, GatewayDouble
from tests.journal.builders import journal_signer

GATEWAY = GatewayDouble()
OTHER = journal_signer(ORIGIN)
WELL_KNOWN = "/.well-known/passerelle"


def announced(**changes: object) -> dict[str, Any]:
    """The announcement of a gateway, with members changed."""
    return GATEWAY.announced | changes


def read(members: object) -> GatewayPins:
    """Read members as a pins file holds them."""
    return parse(GatewayPins, json.dumps(members).encode(), limit=MAX_PINS)


def test_pins_are_read_from_a_file_and_written_again(tmp_path: Path) -> None:
    """What was announced, saved and read again is the same pins, and their keys verify what the gateway signs."""
    path = tmp_path / "pins.json"
    path.write_bytes(encode(fetch_pins(GATEWAY.http(), URL)))
    pins = read_pins(path)
    assert pins == GATEWAY.pins
    receipt = GATEWAY.receipt({})
    receipt.verify((pins.receipts_verifier,))
    assert open_note(GATEWAY.note(), pins.vkeys).checkpoint.origin == ORIGIN
    assert pins.vkeys == GATEWAY.journal.vkeys


def test_a_fault_in_a_file_is_told_by_its_place(tmp_path: Path) -> None:
    """Whoever edits the file learns the line and the column."""
    path = tmp_path / "pins.json"
    path.write_text(json.dumps(announced(receipts="AA"), indent=1))
    with pytest.raises(MalformedError) as refused:
        read_pins(path)
    [fault] = refused.value.faults
    assert (fault.code, fault.pointer, fault.line) == ("key-wrong-size", "/receipts", 6)


def test_a_file_that_is_not_there_is_told_plainly(tmp_path: Path) -> None:
    """A missing file, or a folder in its place, is pins-unreadable."""
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(MalformedError, match="pins-unreadable"):
            read_pins(path)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        (announced(address="gateway@fr"), "gateway-address"),
        (announced(address="portier@laval"), "gateway-address"),
        (announced(territory="fr", address="gateway@fr"), "wrong-origin"),
        (announced(receipts=b64url(b"\x01" + bytes(31))), "key-small-order"),
        (announced(receipts=b64url(bytes(31))), "key-wrong-size"),
        (announced(v=2), "out-of-range"),
        (announced(extra="x"), "unknown-field"),
        (announced(journal={"origin": "nowhere", "vkeys": announced()["journal"]["vkeys"]}), "wrong-origin"),
        (announced(journal={"origin": ORIGIN, "vkeys": [str(OTHER.vkeys[0])] * 2}), "vkeys-not-two-kinds"),
        (announced(journal={"origin": ORIGIN, "vkeys": [str(OTHER.vkeys[1])] * 2}), "vkeys-not-two-kinds"),
        (announced(journal={"origin": ORIGIN, "vkeys": [str(OTHER.vkeys[0])]}), "too-short"),
        (announced(journal={"origin": ORIGIN, "vkeys": ["x", "y"]}), "wrong-vkey"),
        (announced(journal={"origin": ORIGIN + "x", "vkeys": announced()["journal"]["vkeys"]}), "wrong-origin"),
        ([], "wrong-type"),
    ],
)
def test_pins_that_speak_of_two_gateways_or_of_weak_keys_are_refused(members: object, code: str) -> None:
    """Every member must be sound and agree with the others."""
    with pytest.raises(MalformedError) as refused:
        read(members)
    assert code in {fault.code for fault in refused.value.faults}
    assert words(f"error.{code}.remedy", "fr") != words(f"error.{code}.remedy", "en")


@pytest.mark.parametrize(
    "url",
    [
        "http://passerelle.example",
        "ftp://passerelle.example",
        "https://passerelle.example/",
        "https://user:secret@passerelle.example",
        "https://passerelle.example?x=1",
        "https://passerelle.example#x",
        "https://passerelle.example/a/../b",
        "https://passerelle.example//a",
        "https://passerelle.example:port",
        "https://[::1",
        "https://",
        "https://passerelle.example\n",
        "HTTPS://passerelle.example",
        "http://localhost.passerelle.example",
        "http://10.0.0.1",
        "",
    ],
)
def test_a_gateway_stands_at_a_plain_https_address(url: str) -> None:
    """Another scheme, a login, parameters, a path that moves: none of them is an address of a gateway."""
    with pytest.raises(MalformedError, match="gateway-url"):
        read(announced(issuer=url))
    if not url.endswith("/"):
        with pytest.raises(MalformedError, match="gateway-url"):
            fetch_pins(GATEWAY.http(), url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000", f"{URL}/gw"])
def test_plain_http_is_for_the_same_machine(url: str) -> None:
    """A sandbox on this machine needs no certificate."""
    assert read(announced(issuer=url)).issuer == url


def test_the_code_covers_every_member() -> None:
    """Whatever is changed in between the two ends, they read out another code."""
    code = pin_code(GATEWAY.pins)
    assert [len(group) for group in code.split(" ")] == [4, 4, 4, 4]
    elsewhere = announced()["journal"] | {"vkeys": [str(GATEWAY.journal.vkeys[0]), str(OTHER.vkeys[1])]}
    changed = [
        announced(issuer="https://passerelle.example/x"),
        announced(receipts=b64url(OTHER.ed25519.public_key().public_bytes_raw())),
        announced(journal=elsewhere),
        announced(journal={"origin": ORIGIN, "vkeys": [str(vkey) for vkey in OTHER.vkeys]}),
    ]
    codes = [pin_code(read(members)) for members in changed]
    assert len({code, *codes}) == 1 + len(changed)


def test_the_code_is_made_as_the_protocol_says() -> None:
    """The other end computes it from the same members by another program."""
    said = announced()
    digest = hashlib.sha256(b"passerelle/pins/1\0")
    texts = [said["address"], said["territory"], said["issuer"], GATEWAY.receipts.public_bytes]
    for part in [*texts, said["journal"]["origin"], *said["journal"]["vkeys"]]:
        data = part if isinstance(part, bytes) else part.encode()
        digest.update(struct.pack(">I", len(data)) + data)
    assert pin_code(GATEWAY.pins).replace(" ", "") == base64.b32encode(digest.digest()[:10]).decode()


def rotated(times: int = 2) -> GatewayDouble:
    """A gateway whose journal went on under new keys."""
    gateway = GatewayDouble()
    for _ in range(times):
        gateway.bustle(1)
        gateway.rotate()
    return gateway


def test_later_shards_are_pinned_with_the_first_one() -> None:
    """The first one stays what it is; who pinned it alone is not told another code by what it never saw."""
    gateway = rotated()
    pins = gateway.pins
    assert pins.vkeys == gateway.shards[0].signer.vkeys
    assert [each.shard for each in pins.shards or ()] == [gateway.shard(2), gateway.shard(3)]
    assert read(json.loads(encode(pins))) == pins
    first = {name: value for name, value in gateway.announced.items() if name != "shards"}
    assert "shards" not in json.loads(encode(read(first)))


def test_the_code_covers_later_shards() -> None:
    """For each of them its origin and its two keys, after those of the first, where it begins, and how."""
    gateway = rotated()
    said = gateway.announced
    digest = hashlib.sha256(b"passerelle/pins/1\0")
    named = [said["journal"], *said["shards"]]
    texts = [said["address"], said["territory"], said["issuer"], gateway.receipts.public_bytes]
    begun = [[], *([str(each["start"]), "restarted" if each["restarted"] else "opened"] for each in said["shards"])]
    names = [(each["origin"], *each["vkeys"], *start) for each, start in zip(named, begun, strict=True)]
    for part in [*texts, *(text for each in names for text in each)]:
        data = part if isinstance(part, bytes) else part.encode()
        digest.update(struct.pack(">I", len(data)) + data)
    assert pin_code(gateway.pins).replace(" ", "") == base64.b32encode(digest.digest()[:10]).decode()
    fewer = read(said | {"shards": said["shards"][:1]})
    first = read({name: value for name, value in said.items() if name != "shards"})
    moved, restarted = ([said["shards"][0], said["shards"][1] | each] for each in ({"start": 99}, {"restarted": True}))
    others = (fewer, first, read(said | {"shards": moved}), read(said | {"shards": restarted}))
    assert len({pin_code(each) for each in (gateway.pins, *others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"number": 3}, "shards-out-of-order"),
        ({"number": 1}, "out-of-range"),
        ({"start": 99}, "shards-out-of-order"),
        ({"origin": ORIGIN}, "wrong-origin"),
        ({"vkeys": [str(vkey) for vkey in OTHER.vkeys]}, "wrong-origin"),
        ({"restarted": "no"}, "wrong-type"),
        ({"extra": 1}, "unknown-field"),
    ],
)
def test_shards_that_do_not_follow_each_other_are_refused(changes: dict[str, object], code: str) -> None:
    """Each is the next of the one before, under its own name and keys, and begins no earlier."""
    said = rotated().announced
    said["shards"][0] |= changes
    with pytest.raises(MalformedError) as refused:
        read(said)
    assert code in {fault.code for fault in refused.value.faults}
    with pytest.raises(MalformedError):
        read(said | {"shards": []})


def test_the_code_does_not_depend_on_how_the_file_is_written() -> None:
    """The order of the two journal keys says nothing."""
    journal = announced()["journal"]
    turned = announced(journal=journal | {"vkeys": journal["vkeys"][::-1]})
    assert pin_code(read(turned)) == pin_code(GATEWAY.pins)


def test_an_announcement_for_another_address_is_refused() -> None:
    """A server that presents itself as another gateway is not believed."""
    gateway = GatewayDouble()
    gateway.instead[WELL_KNOWN] = lambda _: answer(announced(issuer="https://autre.example"))
    with pytest.raises(ForgedError, match="issuer-elsewhere"):
        fetch_pins(gateway.http(), URL)


@pytest.mark.parametrize(
    ("respond", "error"),
    [
        (lambda _: httpx2.Response(302, headers={"Location": "https://autre.example/"}), GatewayProblemError),
        (lambda _: problem("not-found", 404), GatewayProblemError),
        (lambda _: httpx2.Response(200, html="<p>Entretien</p>"), GatewayUnreachableError),
        (lambda _: answer({"v": 1}), MalformedError),
        (lambda _: answer(" " * (MAX_PINS + 1)), MalformedError),
    ],
)
def test_no_other_answer_is_taken_for_an_announcement(
    respond: Callable[[httpx2.Request], httpx2.Response], error: type[PasserelleError]
) -> None:
    """A redirect, a refusal, a web page, something else or something huge gives an error and nothing to rely on."""
    gateway = GatewayDouble()
    gateway.instead[WELL_KNOWN] = respond
    with pytest.raises(error):
        fetch_pins(gateway.http(), URL)
    assert len(gateway.requests) == 1


@given(st.binary(max_size=200))
def test_garbage_is_refused_like_any_announcement(data: bytes) -> None:
    """Whatever bytes are announced, only our own errors come out."""
    gateway = GatewayDouble.__new__(GatewayDouble)
    gateway.requests, gateway.instead = [], {}
    headers = {"Content-Type": "application/json"}
    gateway.instead[WELL_KNOWN] = lambda _: httpx2.Response(200, headers=headers, content=data)
    with pytest.raises(PasserelleError):
        fetch_pins(gateway.http(), URL)
