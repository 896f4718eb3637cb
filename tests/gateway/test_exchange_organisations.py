"""Partners and their keys: who is who, and how a chain grows and does not fork."""

import pytest

from keys.documents import format_time
from keys.identity import SigningKey
from keys.sealing_keys import SealingKey
from keys.statements import PublishedUse, publish
from tests.builders import AT, DAY, LINE, SHELTER, root_key, signing_key
from tests.gateway.chains import chain_head, next_statement, publish_statement
from tests.gateway.first_day import statements_of
from tests.gateway.world import World, refusal_of


def test_a_partner_is_shown_without_any_person(world: World) -> None:
    """Address, legal name, jurisdiction, state and root fingerprint, to every partner."""
    answer = world.line.get(f"/v1/organisations/{SHELTER}")
    assert answer.json() == {
        "v": 1,
        "address": SHELTER,
        "legal_name": "Refuge Lavoie Inventé",
        "jurisdiction": "CA-QC",
        "active": True,
        "root_fingerprint": root_key(SHELTER).public.fingerprint,
    }


@pytest.mark.parametrize("address", ["inconnu@laval", "x", "%00", "..%2F", "gateway@laval"])
def test_an_unknown_partner_is_not_found(world: World, address: str) -> None:
    """404, whatever was asked for."""
    assert world.line.get(f"/v1/organisations/{address}").status_code == 404


def test_a_new_sealing_key_is_published_whole_and_in_clear(world: World) -> None:
    """201 with its place in the journal, where everybody can read the very statement; 200 when repeated."""
    signed = next_statement(world, "sealing", SealingKey.generate().public.data)
    answer = publish_statement(world, signed)
    assert answer.status_code == 201
    body = answer.json()
    assert body == {"v": 1, "org": SHELTER, "seq": 4, "index": 26, "time": format_time(AT)}
    entry = world.entries()[body["index"]]
    assert (entry.type, entry.document) == ("key.published", signed.encode())
    again = publish_statement(world, signed)
    assert (again.status_code, again.json()) == (200, body)


@pytest.mark.parametrize(
    ("position", "pointer"), [((3, "ab" * 32), "/seq"), ((5, "ab" * 32), "/seq"), ((4, "ab" * 32), "/prev")]
)
def test_a_fork_or_a_gap_is_a_conflict(world: World, position: tuple[int, str], pointer: str) -> None:
    """409 with the member at fault; the chain stays as it was."""
    before = chain_head(world, SHELTER)
    answer = publish_statement(
        world, next_statement(world, "sealing", SealingKey.generate().public.data, position=position)
    )
    assert refusal_of(answer) == (409, "chain-conflict")
    assert answer.json()["errors"] == [{"pointer": pointer, "code": "chain-conflict"}]
    assert (chain_head(world, SHELTER), world.types()) == (before, [])


def test_nobody_publishes_for_somebody_else(world: World) -> None:
    """A genuine statement of the shelter is refused from the hands of the line."""
    signed = next_statement(world, "sealing", SealingKey.generate().public.data)
    assert refusal_of(publish_statement(world, signed, caller=LINE)) == (403, "sender-is-not-caller")


def test_a_key_vouched_for_by_a_stranger_is_forged(world: World) -> None:
    """Sealing keys are signed by the organisation's own signing key, signing keys by its own root."""
    sealing = next_statement(world, "sealing", SealingKey.generate().public.data, signers=(signing_key(LINE),))
    assert refusal_of(publish_statement(world, sealing)) == (403, "key-unknown")
    fresh = SigningKey.generate(SHELTER).public_bytes
    signing = next_statement(world, "signing", fresh, (AT, AT + 30 * DAY), signers=root_key(LINE).signers)
    assert refusal_of(publish_statement(world, signing)) == (403, "wrong-signers")
    by_itself = next_statement(world, "signing", fresh, (AT, AT + 30 * DAY), signers=(signing_key(SHELTER),))
    assert refusal_of(publish_statement(world, by_itself)) == (403, "wrong-signers")


@pytest.mark.parametrize(
    ("use", "public", "code"),
    [
        ("signing", bytes(32), "key-small-order"),
        ("signing", b"\xff" * 32, "key-not-canonical"),
        ("sealing", bytes(1216), "key-small-order"),
        ("sealing", b"short", "key-wrong-size"),
        ("oauth", b"\x04" + bytes(64), "key-off-curve"),
    ],
)
def test_a_weak_key_is_not_registered(world: World, use: PublishedUse, public: bytes, code: str) -> None:
    """Keys that protect nothing are refused with their own word, and nothing is journalled."""
    answer = publish_statement(world, next_statement(world, use, public))
    assert refusal_of(answer) == (422, code)
    assert world.types() == []


def test_a_key_may_not_live_too_long(world: World) -> None:
    """A sealing key of eight days is refused: seven is the longest."""
    answer = publish_statement(
        world, next_statement(world, "sealing", SealingKey.generate().public.data, (AT, AT + 8 * DAY))
    )
    assert refusal_of(answer) == (403, "key-period")


def test_a_second_beginning_is_refused(world: World) -> None:
    """A chain begins once: another root under `seq` 0 does not take the place of the first."""
    other = root_key(SHELTER, "second")
    signed = publish((0, None), SHELTER, "root", other.public, (AT, AT + 30 * DAY), other.signers)
    assert refusal_of(publish_statement(world, signed))[0] == 409
    assert publish_statement(world, statements_of(SHELTER)[0]).status_code == 200


def test_a_revoked_sign_in_key_gets_no_more_tokens(world: World) -> None:
    """From the revocation on the key signs nobody in."""
    assert world.shelter.revoke(world.shelter.client_key.kid).status_code == 201
    answer = world.shelter.ask_token()
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_client"
