"""The operator's program, from an empty folder to a verified bundle, and everything that it refuses."""

import json
import stat
from pathlib import Path

import pytest

from adapters.pins import GatewayPins, pin_code
from consent.agreement import Agreement
from gateway.store.store import Store
from journal.cli import TERMINAL as AUDIT
from journal.cli import app as audit
from keys.documents import encode, parse, sha256_hex, validate
from tests.builders import AGREEMENT_ID, HEALTH, LINE, PARTIES, SHELTER, agreement_signature, root_key
from tests.gateway.first_day import statements_of
from tests.gateway.operator import PASSPHRASE, Operator
from tests.keys.ceremony import play
from tests.repository import ROOT


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """Somebody with settings and nothing else."""
    made = Operator(tmp_path)
    made.write_settings()
    return made


@pytest.fixture
def founded(operator: Operator) -> Operator:
    """Somebody whose broker was just created."""
    operator.done("init")
    return operator


def _types(operator: Operator) -> list[str]:
    """The types of every entry that has an opening, and `clear` for the others."""
    store = Store(f"sqlite:///{operator.folder / 'gateway.sqlite3'}")
    with store.reading() as tx:
        openings = dict(tx.journal.openings(tx.journal.head().size))
        size = tx.journal.head().size
    store.close()
    return [json.loads(openings[at].entry)["type"] if at in openings else "clear" for at in range(size)]


def test_a_broker_is_created_once_and_privately(operator: Operator) -> None:
    """Database and keys are the owner's alone; a second `init` changes nothing."""
    assert "passerelle.example/laval/journal/1" in operator.done("init")
    files = {name: operator.folder / name for name in ("gateway.sqlite3", "gateway.keystore")}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    before = files["gateway.keystore"].read_bytes()
    assert "already has a journal" in operator.refused("init")
    assert files["gateway.keystore"].read_bytes() == before


def test_the_whole_way_from_an_empty_folder_to_a_verified_bundle(founded: Operator) -> None:
    """Partners added, agreement proposed, signed and in force, directory imported, bundle verified offline."""
    for address in PARTIES:
        assert address in founded.add(address)
    members = founded.agreement()
    document = validate(Agreement, members)
    payload = encode(document)
    told = founded.done("agreement", "propose", founded.file("agreement.json", payload))
    assert f"{AGREEMENT_ID}@1" in told
    assert sha256_hex(payload) in told
    for address in PARTIES:
        signed = agreement_signature(document, address)
        founded.done("agreement", "sign", founded.file(f"signature-{address}.json", signed.encode()))
    founded.done("agreement", "in-force", f"{AGREEMENT_ID}@1")
    assert "in force" in founded.done("agreement", "list")
    shown = founded.done("agreement", "show", f"{AGREEMENT_ID}@1")
    assert shown.count("has signed") == len(PARTIES)
    assert "5" in founded.done("directory", "import", ROOT / "examples/directory-laval.json")
    bundle = founded.folder / "journal.zip"
    founded.done("journal", "export", bundle)
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    pins = founded.file("pins.json", founded.pins())
    verified = play("verify", bundle, "--pins", pins, "--complete", terminal=AUDIT, program=audit)
    assert verified.code == 0, verified.all


def test_the_reading_of_the_journal_is_in_the_bundle_it_made(founded: Operator) -> None:
    """Each export is journalled before it is written, and a name that is taken is left alone."""
    bundle = founded.folder / "journal.zip"
    founded.done("journal", "export", bundle)
    content = bundle.read_bytes()
    assert "file of this name" in founded.refused("journal", "export", bundle)
    assert bundle.read_bytes() == content
    assert _types(founded) == ["audit.read"]
    assert "cannot be written" in founded.refused("journal", "export", founded.folder / "no" / "such" / "folder.zip")


def test_pins_are_what_partners_read_and_compare(founded: Operator) -> None:
    """The document is of the form that adapters pin, and the code is the one that they compute."""
    played = founded("pins")
    pins = parse(GatewayPins, played.out.encode(), limit=16 * 1024)
    assert pin_code(pins) in played.err


def test_a_partner_is_added_only_with_the_fingerprint_that_was_heard(founded: Operator) -> None:
    """Another fingerprint adds nothing; the sixty digits or lower case with spaces serve as well."""
    file = founded.enrolment(SHELTER)
    wrong = root_key(LINE).public.fingerprint
    assert "fingerprint" in founded.refused(
        "organisation", "add", file, "--fingerprint", wrong, "--scope", "envelope:send"
    )
    assert founded.done("organisation", "list") == ""
    heard = root_key(SHELTER).public.fingerprint.lower()
    spaced = " ".join(heard[at : at + 4] for at in range(0, len(heard), 4))
    founded.done("organisation", "add", file, "--fingerprint", spaced, "--scope", "envelope:send")
    shown = founded.done("organisation", "show", SHELTER)
    assert "envelope:send" in shown
    assert _types(founded) == ["client.registered", "clear", "clear", "clear", "clear"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"address": "refuge-lavoie@ailleurs"}, "/address"),
        ({"address": "gateway@laval"}, "already taken"),
        ({"jurisdiction": "XX"}, "line 1"),
        ({"legal_name": ""}, "/legal_name"),
        ({"surprise": 1}, "/surprise"),
        ({"key_statements": []}, "/key_statements"),
        ({"key_statements": [{"payloadType": "x", "payload": "", "signatures": []}]}, "/key_statements/0"),
        ({"key_statements": [s.to_json() for s in statements_of(SHELTER)[1:]]}, "/key_statements/0"),
    ],
)
def test_a_bad_enrolment_adds_nothing(founded: Operator, changes: dict[str, object], told: str) -> None:
    """Each fault is told with its place in the file; no row and no entry is left."""
    file = founded.enrolment(SHELTER, changes)
    heard = root_key(SHELTER).public.fingerprint
    complaint = founded.refused("organisation", "add", file, "--fingerprint", heard, "--scope", "envelope:send")
    assert told in complaint
    assert file.name in complaint
    assert founded.done("organisation", "list") == ""
    assert _types(founded) == []


def test_a_chain_with_a_stranger_in_it_is_undone_whole(founded: Operator) -> None:
    """When the last statement is another organisation's, nothing of the partner stays."""
    statements = [*statements_of(SHELTER)[:3], statements_of(HEALTH)[0]]
    file = founded.enrolment(SHELTER, {"key_statements": [each.to_json() for each in statements]})
    heard = root_key(SHELTER).public.fingerprint
    complaint = founded.refused("organisation", "add", file, "--fingerprint", heard, "--scope", "envelope:send")
    assert "key_statements/" in complaint
    assert (founded.done("organisation", "list"), _types(founded)) == ("", [])


def test_a_partner_is_added_once_and_with_known_scopes(founded: Operator) -> None:
    """A second time, or a scope that does not exist, is refused."""
    founded.add(SHELTER)
    again = ("organisation", "add", founded.enrolment(SHELTER), "--fingerprint", root_key(SHELTER).public.fingerprint)
    assert "already taken" in founded.refused(*again, "--scope", "envelope:send")
    assert "scopes does not exist" in founded.refused(*again, "--scope", "everything")
    assert founded(*again).code == 2


def test_a_suspension_and_its_end_are_journalled(founded: Operator) -> None:
    """Each change is one entry; what is so already changes nothing; a stranger is not found."""
    founded.add(SHELTER)
    for command, told in (
        ("suspend", "is suspended"),
        ("suspend", "nothing has changed"),
        ("resume", "is active again"),
        ("resume", "nothing has changed"),
    ):
        assert told in founded.done("organisation", command, SHELTER)
    assert [kind for kind in _types(founded) if kind != "clear"] == [
        "client.registered",
        "client.suspended",
        "client.registered",
    ]
    assert "address" in founded.refused("organisation", "suspend", "inconnu@laval")
    assert "address" in founded.refused("organisation", "show", "inconnu@laval")


@pytest.mark.slow
def test_an_agreement_goes_through_its_states_only(founded: Operator) -> None:
    """Not in force before everybody signed; unknown references and strange signatures are refused."""
    for address in PARTIES:
        founded.add(address)
    document = validate(Agreement, founded.agreement())
    founded.done("agreement", "propose", founded.file("agreement.json", encode(document)))
    ref = f"{AGREEMENT_ID}@1"
    assert "has signed yet" in founded.refused("agreement", "in-force", ref)
    assert founded.refused("agreement", "suspend", ref)
    forged = agreement_signature(document, LINE, root=root_key(SHELTER))
    assert founded.refused("agreement", "sign", founded.file("forged.json", forged.encode()))
    for address in PARTIES:
        signed = founded.file("signature.json", agreement_signature(document, address).encode())
        founded.done("agreement", "sign", signed)
    assert "had signed already" in founded.done("agreement", "sign", founded.folder / "signature.json")
    for command, told in (
        ("in-force", "in force"),
        ("suspend", "suspended"),
        ("in-force", "in force"),
        ("end", "ended"),
    ):
        assert told in founded.done("agreement", command, ref)
    assert founded.refused("agreement", "in-force", ref)
    for unknown in ("x", f"{AGREEMENT_ID}@2", f"{AGREEMENT_ID}@0", "agr_x@1"):
        assert "not known here" in founded.refused("agreement", "show", unknown)


def test_a_directory_is_imported_whole_or_on_request_in_part(founded: Operator) -> None:
    """One bad service is explained with its place; nothing is imported until `--accept-partial` says so."""
    services = json.loads((ROOT / "examples/directory-laval.json").read_text(encoding="utf-8"))
    rows = services if isinstance(services, list) else services["services"]
    del rows[0]["name"]
    file = founded.file("directory.json", services)
    complaint = founded.refused("directory", "import", file)
    assert "line 1" in complaint
    assert "Nothing was imported" in complaint
    assert "Services imported: 4; left out: 1." in founded.done("directory", "import", file, "--accept-partial")


def test_messages_come_in_french(operator: Operator) -> None:
    """The same commands in the reader's language."""
    operator.language = "fr"
    assert "La passerelle de laval est créée" in operator.done("init")
    assert "Tout est en ordre." in operator.done("check")
    assert "déjà un journal" in operator.refused("init")


def test_the_passphrase_is_asked_when_no_file_holds_it(operator: Operator) -> None:
    """Twice when it is new; a slip between the two creates nothing."""
    operator.write_settings(passphrase_file=None)
    assert operator("init", typed=f"{PASSPHRASE}\nautre chose entierement\n").code == 1
    assert not (operator.folder / "gateway.keystore").exists()
    assert operator("init", typed=f"{PASSPHRASE}\n{PASSPHRASE}\n").code == 0
    assert operator("check", typed=f"{PASSPHRASE}\n").code == 0
    assert operator("check", typed="une autre phrase\n").code == 1
