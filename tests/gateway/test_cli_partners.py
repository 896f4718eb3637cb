"""What the operator does for partners after the first day: carried statements, warnings, earlier signatures."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent.agreement import Agreement
from gateway.enrolments import EnrolmentError, add_statements, read_statements
from keys.documents import encode, format_time, validate
from keys.errors import ChainConflictError, ForgedError, MalformedError, PasserelleError
from keys.identity import ClientKey, SigningKey
from keys.sealing_keys import SealingKey
from keys.signing import SignedDocument
from keys.statements import publish
from tests.builders import AT, DAY, LINE, PARTIES, SHELTER, agreement_signature, root_key, signing_key
from tests.gateway.chains import chain_head, next_statement
from tests.gateway.first_day import PARTNER_SCOPES, SETTINGS, statements_of
from tests.gateway.operator import NOW, Operator
from tests.gateway.world import World
from tests.partnership import FOOD, joined


@pytest.fixture
def founded(tmp_path: Path) -> Operator:
    """Somebody whose broker was just created."""
    made = Operator(tmp_path)
    made.write_settings()
    made.done("init")
    return made


def _added(world: World, address: str, *statements: SignedDocument) -> int:
    return int(world.act(lambda tx, at: add_statements(world.broker, tx, address, statements, at)))


def _new_signing_key(world: World) -> tuple[SigningKey, SignedDocument]:
    fresh = SigningKey.generate(SHELTER)
    return fresh, next_statement(world, "signing", fresh.public_bytes, (AT - DAY, AT + 300 * DAY))


def test_a_partner_that_lost_its_keys_comes_back_by_the_operator(world: World) -> None:
    """The root vouches for a signing key, which vouches for a sign-in key; the operator carries both, and says so."""
    fresh, vouched = _new_signing_key(world)
    client = ClientKey.generate(SHELTER)
    seq, _ = chain_head(world, SHELTER)
    period = (AT - DAY, AT + 60 * DAY)
    sign_in = publish((seq + 1, vouched.sha256), SHELTER, "oauth", client.public_bytes, period, (fresh,))
    assert _added(world, SHELTER, *statements_of(SHELTER), vouched, sign_in) == 2
    assert world.types() == ["admin.change", "key.published", "key.published"]
    change = world.entries()[-3]
    assert (change.actor, change.from_, change.state) == (SETTINGS.address, SHELTER, "key-statements")
    world.shelter.sign_in_with(client)
    assert world.shelter.get("/v1/agreements").status_code == 200
    assert _added(world, SHELTER, vouched, sign_in) == 0
    assert world.types() == ["admin.change", "key.published", "key.published"]


def test_the_operator_carries_statements_and_makes_none(world: World) -> None:
    """A fork, a stranger's root, another partner's statement, an unknown partner: nothing is kept."""
    _, vouched = _new_signing_key(world)
    position = chain_head(world, SHELTER)
    period = (AT, AT + 7 * DAY)
    public = SealingKey.generate().public.data
    fork = next_statement(world, "sealing", public, period, position=(position[0] - 1, "ab" * 32))
    forged = next_statement(
        world, "signing", SigningKey.generate(SHELTER).public_bytes, period, signers=root_key(LINE).signers
    )
    cases: list[tuple[str, SignedDocument, type[PasserelleError], str]] = [
        (SHELTER, fork, ChainConflictError, "chain-conflict"),
        (SHELTER, forged, ForgedError, "wrong-signers"),
        (LINE, vouched, ForgedError, "statement-of-another"),
        ("inconnu@laval", vouched, EnrolmentError, "organisation-unknown"),
    ]
    for address, signed, kind, code in cases:
        with pytest.raises(kind) as caught:
            _added(world, address, signed)
        assert caught.value.code == code
    assert (chain_head(world, SHELTER), world.types()) == (position, [])


def test_statements_are_read_from_either_file() -> None:
    """One signed statement, or the enrolment file that the adapter writes; nothing else."""
    [first, *_] = statements_of(SHELTER)
    assert read_statements(first.encode()) == (first,)
    for text in (b"[]", b"{}", b"x"):
        with pytest.raises(MalformedError):
            read_statements(text)


def test_statements_are_added_by_command(founded: Operator) -> None:
    """A new statement is counted once; under another partner's name it is refused."""
    founded.add(SHELTER)
    founded.add(LINE)
    known = statements_of(SHELTER, NOW - DAY / 24)
    public, period = SealingKey.generate().public.data, (NOW, NOW + 7 * DAY)
    more = publish((len(known), known[-1].sha256), SHELTER, "sealing", public, period, (signing_key(SHELTER),))
    file = founded.file("statement.json", more.encode())
    assert "from another organisation" in founded.refused("organisation", "add-statements", LINE, file)
    assert "added: 1." in founded.done("organisation", "add-statements", SHELTER, file)
    assert "added: 0." in founded.done("organisation", "add-statements", SHELTER, file)
    assert "added: 0." in founded.done("organisation", "add-statements", SHELTER, founded.enrolment(SHELTER))


def test_the_end_of_an_agreement_is_told_in_the_list(founded: Operator) -> None:
    """From 60 days before, with its date, until it ends; a version that was replaced warns nobody."""
    document, ref = _in_force(founded, {"not_after": format_time(NOW + 20 * DAY)})
    told = founded.done("agreement", "list")
    assert "ends in less than 30 days" in told
    assert format_time(document.not_after) in told
    founded.language = "fr"
    assert "prend fin dans moins de 30 jours" in founded.done("agreement", "list")
    founded.done("agreement", "end", ref)
    assert "moins de 30 jours" not in founded.done("agreement", "list")


def test_who_need_not_sign_again_is_shown(founded: Operator) -> None:
    """By each party of a version: signed, stands from before, or missing."""
    document, _ = _in_force(founded, {"accession": [LINE]})
    heard = root_key(FOOD).public.fingerprint
    scopes = [word for scope in sorted(PARTNER_SCOPES) for word in ("--scope", scope)]
    founded.done("organisation", "add", _enrolment(founded), "--fingerprint", heard, *scopes)
    second = joined(document)
    founded.done("agreement", "propose", founded.file("second.json", encode(second)))
    founded.done("agreement", "sign", founded.file("food.json", agreement_signature(second, FOOD).encode()))
    shown = founded.done("agreement", "show", second.ref)
    assert (shown.count("has signed\n"), shown.count("earlier signature stands")) == (1, 3)
    assert shown.count("has not signed yet") == 1
    assert "has signed yet" in founded.refused("agreement", "in-force", second.ref)
    founded.done("agreement", "sign", founded.file("line.json", agreement_signature(second, LINE).encode()))
    assert "in force" in founded.done("agreement", "in-force", second.ref)


def _enrolment(founded: Operator) -> Path:
    members = {
        "v": 1,
        "address": FOOD,
        "legal_name": "Table Inventée",
        "jurisdiction": "CA-QC",
        "key_statements": [signed.to_json() for signed in statements_of(FOOD, NOW - DAY / 24)],
    }
    return founded.file("food-enrolment.json", members)


def _in_force(founded: Operator, changes: dict[str, object]) -> tuple[Agreement, str]:
    for address in PARTIES:
        founded.add(address)
    document = validate(Agreement, founded.agreement() | changes)
    founded.done("agreement", "propose", founded.file("agreement.json", encode(document)))
    for address in PARTIES:
        signed = agreement_signature(document, address)
        founded.done("agreement", "sign", founded.file(f"signature-{address}.json", signed.encode()))
    founded.done("agreement", "in-force", document.ref)
    return document, document.ref
