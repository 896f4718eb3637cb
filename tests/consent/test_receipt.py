"""The receipt: true to the statement, complete about refusals, in the person's words and hour."""

import re
from datetime import UTC, datetime
from typing import get_args

import pytest

from consent.receipt import ConsentReceipt, receipt_of, receipt_text
from consent.vocabulary import JURISDICTIONS
from keys.documents import encode, format_time, parse
from keys.errors import ForgedError
from keys.words import Language
from tests.builders import (
    AT,
    DAY,
    HEALTH,
    LINE,
    NEWCOMERS,
    PARTIES,
    SHELTER,
    derived_statement,
    record,
    statement,
)

NAMES = {LINE: "Ligne 211", SHELTER: "Refuge Lavoie", HEALTH: "Équipe SM", NEWCOMERS: "Carrefour"}
PHONE = "450 555-0199"
WITHDRAW = (
    "Vous pouvez changer d’avis à tout moment, sans dire pourquoi : appelez Ligne 211 au 450 555-0199 "
    "et dites que vous retirez votre consentement."
)
LANGUAGES: tuple[Language, ...] = get_args(Language)


def _receipt(changes: dict[str, object] | None = None, names: dict[str, str] | None = None) -> ConsentReceipt:
    return receipt_of(record(changes), [derived_statement(changes)], NAMES if names is None else names, PHONE, at=AT)


def _lines(text: str) -> list[str]:
    return text.replace("\u00a0", " ").splitlines()


def test_the_receipt_in_french() -> None:
    """Everything the person was told, line by line, in plain French and at the hour of Québec."""
    assert _lines(receipt_text(_receipt(), "fr")) == [
        "Reçu de consentement",
        "Référence : rec_" + "e" * 26,
        "Recueilli par Ligne 211, le 2 mars 2026 à 9 h 55.",
        "Réponses données par la personne.",
        "",
        "Vous avez accepté :",
        "- Trouver un hébergement",
        "  Peut le recevoir : Refuge Lavoie",
        "  Ce qui peut être transmis : Identité, Coordonnées, Logement, Personne ou équipe référente",
        "  Jusqu’au 31 mai 2026 à 10 h 55",
        "",
        "Vous avez refusé, et rien n’est transmis pour cela :",
        "- Accéder à des soins (Équipe SM)",
        "",
        "Sans réponse valable pour l’instant, donc rien n’est transmis pour cela :",
        "- Accueil des nouveaux arrivants (Carrefour)",
        "",
        "Refuser une chose ne bloque pas les autres et ne retarde pas l’aide.",
        "Le code de votre reçu précédent permet toujours de reprendre ce que vous aviez alors accepté.",
        WITHDRAW,
    ]


def test_the_receipt_in_english() -> None:
    """The same in plain English."""
    lines = _lines(receipt_text(_receipt(), "en"))
    assert lines[2] == "Collected by Ligne 211 on 2 March 2026 at 9:55."
    assert "  What may be passed on: Identity, Contact details, Housing, Referring worker or team" in lines
    assert "- Get care (Équipe SM)" in lines
    assert "Refusing one thing blocks nothing else and does not delay help." in lines
    assert lines[-1].startswith(
        "You may change your mind at any time, without saying why: call Ligne 211 at 450 555-0199"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_receipt_with_one_refusal_and_nothing_given(language: Language) -> None:
    """When the consent has ended, the receipt says that nothing is passed on; a refusal stays listed."""
    kept = record()
    given = derived_statement()
    ended = given.model_copy(update={"state": "withdrawn", "grants": ()})
    receipt = receipt_of(kept, [ended], NAMES, PHONE, at=AT)
    assert (receipt.agreed, len(receipt.refused), len(receipt.undecided)) == ((), 1, 2)
    nothing = {
        "fr": "Vous n’avez rien accepté : rien n’est transmis.",
        "en": "You agreed to nothing: nothing is passed on.",
    }
    assert nothing[language] in _lines(receipt_text(receipt, language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_refused_is_said_too(language: Language) -> None:
    """Without a refusal the receipt says so, and without anything undecided that part is left out."""
    given = {
        "event_state": "dpv:ConsentGiven",
        "event_type": "dpv:ExplicitlyExpressedConsent",
        "event_time": format_time(AT),
        "worker": "int-7",
        "expression": {"how": "signed-paper", "kept_at": "armoire 2"},
    }
    text = receipt_text(
        _receipt({"/events/1": given | {"purpose": "p2"}, "/events/2": given | {"purpose": "p3"}}), language
    )
    assert {"fr": "Vous n’avez rien refusé.", "en": "You refused nothing."}[language] in text
    assert {"fr": "pour l’instant", "en": "so far"}[language] not in text
    assert text.count("- ") == 3


def test_recipients_of_one_answer_stand_together() -> None:
    """Two recipients of the same sections for the same purpose are one thing agreed to."""
    receipt = _receipt({"/processing/purposes/0/recipients": [SHELTER, NEWCOMERS]})
    assert [item.recipients for item in receipt.agreed] == [("Refuge Lavoie", "Carrefour")]


def test_a_consent_without_effect_is_not_shown_as_agreed() -> None:
    """What the person said yes to, but without effect, stands among what is not shared."""
    changes: dict[str, object] = {
        "/events/2/event_state": "dpv:ConsentGiven",
        "/events/2/event_type": "dpv:ImpliedConsent",
    }
    receipt = _receipt(changes)
    assert [item.purpose for item in receipt.agreed] == ["referral-shelter"]
    assert [item.purpose for item in receipt.undecided] == ["referral-newcomer"]


def test_the_receipt_names_who_answered() -> None:
    """A parent's answers are said to be a parent's."""
    receipt = _receipt({"/circumstances/given_by": "parent", "/circumstances/age": "under-14"})
    assert "Réponses données par un parent." in receipt_text(receipt, "fr")
    assert "Answers given by a parent." in receipt_text(receipt, "en")


def test_the_record_lends_the_names_that_are_missing() -> None:
    """Without another name, each organisation has the one the person was told."""
    text = receipt_text(_receipt(names={}), "fr")
    for address in PARTIES:
        assert PARTIES[address][0] in text
        assert address not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_person_is_not_in_the_receipt(language: Language) -> None:
    """Neither the person's file number nor the worker's pseudonym nor the salt is in the receipt or its text."""
    receipt = _receipt()
    for told in (receipt_text(receipt, language), encode(receipt).decode()):
        assert not re.search(r"personne-fictive|int-7|AAECAwQ", told)


def test_a_receipt_is_kept_as_a_document() -> None:
    """The receipt reads back as written."""
    assert parse(ConsentReceipt, encode(_receipt()), limit=10_000) == _receipt()


def test_a_receipt_is_made_of_one_record() -> None:
    """The statement of another record, or of a record changed since, gives no receipt."""
    made = derived_statement()
    changed_since = record({"/events/1/event_state": "dpv:ConsentGiven"})
    for kept, other in ((record(), statement()), (changed_since, made)):
        with pytest.raises(ForgedError) as caught:
            receipt_of(kept, [other], NAMES, PHONE, at=AT)
        assert (caught.value.code, caught.value.pointer) == ("other-record", "/record_commitment")


def test_a_name_cannot_write_lines_of_its_own() -> None:
    """A line break or control character in a name becomes a space: no name can forge what was agreed."""
    forged = "Refuge\nVous avez accepté\u00a0:\u2028tout\x1b[2J"
    text = receipt_text(_receipt(names=NAMES | {SHELTER: forged, LINE: "{phone}"}), "fr")
    assert "  Peut le recevoir\u00a0: Refuge Vous avez accepté : tout [2J" in text.splitlines()
    assert "\x1b" not in text
    assert "appelez {phone} au" in text


@pytest.mark.parametrize(
    ("moment", "fr", "en"),
    [
        (datetime(2026, 8, 1, 3, 59, tzinfo=UTC), "le 31 juillet 2026 à 23 h 59", "31 July 2026 at 23:59"),
        (datetime(2026, 8, 1, 4, 0, tzinfo=UTC), "le 1er août 2026 à 0 h 00", "1 August 2026 at 0:00"),
        (datetime(2026, 12, 25, 17, 5, tzinfo=UTC), "le 25 décembre 2026 à 12 h 05", "25 December 2026 at 12:05"),
    ],
)
def test_moments_are_those_of_the_place(moment: datetime, fr: str, en: str) -> None:
    """Days change at midnight where the person lives, and the first of the month is said as such."""
    receipt = _receipt().model_copy(update={"collected_at": moment})
    assert fr in _lines(receipt_text(receipt, "fr"))[2]
    assert en in _lines(receipt_text(receipt, "en"))[2]


def test_the_hour_follows_the_jurisdiction_unless_told() -> None:
    """Every jurisdiction has an hour of its own; another time zone may be given."""
    zones = {}
    for jurisdiction in JURISDICTIONS:
        zones[jurisdiction] = _receipt({"/circumstances/jurisdiction": jurisdiction}).time_zone
    assert zones == {"CA-QC": "America/Toronto", "FR": "Europe/Paris"}
    kept = record()
    made = derived_statement()
    islands = receipt_of(kept, [made], NAMES, PHONE, at=AT, time_zone="America/Halifax")
    assert "10:55" in receipt_text(islands, "en")
    assert islands.agreed[0].until == kept.events[0].event_time + 90 * DAY
