"""What the root signs and revokes at the keyboard, and everything that goes wrong there."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keys.identity import root_verifiers
from keys.signing import SignedDocument, media_type
from tests.keys.builders import ADDRESS, DAY, OTHER, PASSPHRASE, ChainBuilder, root, signing_key
from tests.keys.ceremony import Played, passphrase_file, play, root_file, written


def _chain() -> ChainBuilder:
    return ChainBuilder(at=datetime.now(tz=UTC) - 3 * DAY).with_root().with_signing()


def _request(folder: Path, payload: bytes, kind: str = "agreement-signature") -> Path:
    wire = {"payloadType": media_type(kind), "payload": base64.b64encode(payload).decode()}
    return written(folder / "request.json", wire)


def _payload(**changes: object) -> bytes:
    return json.dumps({"v": 1, "by": ADDRESS, "agreement": "agr_x@1", **changes}, ensure_ascii=False).encode()


def test_signing_shows_asks_and_signs(tmp_path: Path) -> None:
    """What is asked is shown with its digest; after yes, the same bytes come out signed by both halves."""
    payload = _payload()
    out = tmp_path / "signed.json"
    played = play("sign", root_file(tmp_path), _request(tmp_path, payload), out, typed=f"y\n{PASSPHRASE}\n")
    assert played.code == 0, played.err
    signed = SignedDocument.parse(out.read_bytes(), "agreement-signature")
    signed.verify(root_verifiers(ADDRESS, root().public))
    assert signed.payload == payload
    assert signed.sha256 in played.out
    assert '"agreement": "agr_x@1"' in played.out


def test_signing_for_scripts_asks_nothing(tmp_path: Path) -> None:
    """With --yes and a passphrase file, nothing is read from the keyboard."""
    out = tmp_path / "signed.json"
    file = passphrase_file(tmp_path)
    arguments = ("sign", root_file(tmp_path), _request(tmp_path, _payload()), out)
    assert play(*arguments, "--yes", "--passphrase-file", file).code == 0
    assert out.exists()
    assert play(*arguments, "--yes", "--passphrase-file", file).code == 1  # a signature is never replaced


@pytest.mark.parametrize("typed", ["n\n", "\n", "maybe\n", ""])
def test_without_yes_nothing_is_signed(tmp_path: Path, typed: str) -> None:
    """No, an empty line or the end of input ends without a file, the passphrase not even asked."""
    out = tmp_path / "signed.json"
    played = play("sign", root_file(tmp_path), _request(tmp_path, _payload()), out, typed=typed)
    assert played.code == (130 if typed == "" else 1)
    assert not out.exists()
    assert "assphrase" not in played.err


def test_what_is_shown_cannot_hide_what_is_signed(tmp_path: Path) -> None:
    """A request full of escape sequences is shown as it is: nothing is erased, reversed or coloured."""
    hostile = _payload(note="\u202eevil\u009b2J\u200b", **{"\u001b[8m": 1})
    played = play("sign", root_file(tmp_path), _request(tmp_path, hostile), tmp_path / "out", typed="n\n")
    assert not {"\u202e", "\u009b", "\u200b", "\u001b"} & set(played.all)
    assert "\\u202eevil\\u009b2J" in played.out


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (_payload(by=OTHER), "agreement-signature"),
        (_payload(), "statement"),
        (_payload(), "key-statement"),
        (_payload(), "agreement"),
        (b'{"v":1,"by":"' + ADDRESS.encode() + b'","by":"' + OTHER.encode() + b'"}', "agreement-signature"),
    ],
)
def test_a_tampered_request_is_not_signed(tmp_path: Path, payload: bytes, kind: str) -> None:
    """Another organisation, another kind, or bytes that read two ways end without a file."""
    out = tmp_path / "signed.json"
    request = _request(tmp_path, payload, kind)
    played = play("sign", root_file(tmp_path), request, out, "--yes", "--passphrase-file", passphrase_file(tmp_path))
    assert played.code == 1
    assert "request.json" in played.err
    assert not out.exists()


def test_a_wrong_passphrase_signs_nothing(tmp_path: Path) -> None:
    """The refusal names the root file, and there is no output."""
    file = passphrase_file(tmp_path, "not the right passphrase")
    out = tmp_path / "signed.json"
    played = play("sign", root_file(tmp_path), _request(tmp_path, _payload()), out, "--yes", "--passphrase-file", file)
    assert played.code == 1
    assert "root.keys" in played.err
    assert "not the right" not in played.all
    assert not out.exists()


def _revoke(folder: Path, chain: ChainBuilder, kid: str, *more: object, typed: str = f"y\n{PASSPHRASE}\n") -> Played:
    file = written(folder / "chain.json", chain.file())
    given = more or ("--reason", "lost")
    return play("revoke", root_file(folder), kid, "--chain", file, "--out", folder / "out.json", *given, typed=typed)


def test_revoking_makes_the_next_statement_of_the_chain(tmp_path: Path) -> None:
    """The statement extends the chain it was made from, and the key is revoked there."""
    chain = _chain()
    played = _revoke(tmp_path, chain, signing_key().kid, "--reason", "compromised")
    assert played.code == 0, played.err
    signed = SignedDocument.parse((tmp_path / "out.json").read_bytes(), "key-statement")
    keys = chain.add(signed).replay(at=datetime.now(tz=UTC)).keys
    assert [key.revoked_index for key in keys] == [None, 2]
    assert json.loads(signed.payload)["reason"] == "compromised"


def test_what_cannot_be_revoked_is_refused(tmp_path: Path) -> None:
    """An unknown key, a key revoked before, another organisation's chain, another root: no statement."""
    revoked = _chain()
    revoked.add(revoked.revocation(signing_key().kid))
    other = ChainBuilder(address=OTHER, root=root("other", OTHER), at=datetime.now(tz=UTC) - DAY).with_root()
    same_name = ChainBuilder(root=root("second"), at=datetime.now(tz=UTC) - DAY).with_root()
    for number, (chain, kid) in enumerate(
        (
            (_chain(), f"{ADDRESS}#signing-0"),
            (revoked, signing_key().kid),
            (other, root("other", OTHER).signers[0].kid),
            (same_name, root("second").signers[0].kid),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        played = _revoke(folder, chain, kid)
        assert played.code == 1
        assert not (folder / "out.json").exists()


def test_revoking_asks_and_takes_no_other_reason(tmp_path: Path) -> None:
    """Without yes nothing is written; a reason outside the list is a wrong command."""
    assert _revoke(tmp_path, _chain(), signing_key().kid, typed="n\n").code == 1
    (tmp_path / "root.keys").unlink()
    assert _revoke(tmp_path, _chain(), signing_key().kid, "--reason", "boredom").code == 2
    assert not (tmp_path / "out.json").exists()
