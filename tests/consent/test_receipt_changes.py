"""Receipts with a withdrawal code, and those that follow a change."""

from typing import get_args

import pytest

from consent.projection import statement_from
from consent.receipt import ConsentReceipt, receipt_of, receipt_text
from consent.revision import endings, extended, narrowed
from consent.statement import RegisteredStatement
from consent.withdrawal_code import ALPHABET
from consent.words import words
from keys.documents import encode, format_time, sha256_hex
from keys.errors import MalformedError
from keys.words import Language
from tests.builders import AT, DAY, HEALTH, LINE, NEWCOMERS, SHELTER, derived_statement, record
from tests.codes import completed

NAMES = {LINE: "Ligne 211", SHELTER: "Refuge Lavoie", HEALTH: "Équipe SM", NEWCOMERS: "Carrefour"}
PHONE = "450 555-0199"
WITHDRAW = (
    "Vous pouvez changer d’avis à tout moment, sans dire pourquoi : appelez Ligne 211 au 450 555-0199 "
    "et dites que vous retirez votre consentement."
)
LANGUAGES: tuple[Language, ...] = get_args(Language)
PAGE = "https://passerelle.example/withdraw"


def _lines(text: str) -> list[str]:
    return text.replace("\u00a0", " ").splitlines()


def _coded() -> ConsentReceipt:
    return receipt_of(
        record(), [derived_statement()], NAMES, PHONE, at=AT, code=completed("0123456789ABCDE"), page=PAGE
    )


def test_the_code_is_given_in_groups_and_as_it_is_said() -> None:
    """Four groups of four, each spelled with words that carry over a bad line, and the page that takes the code."""
    code = completed("0123456789ABCDE")
    french = _lines(receipt_text(_coded(), "fr"))
    at = french.index(f"  {code[:4]} {code[4:8]} {code[8:12]} {code[12:]}")
    assert french[at + 1] == "  0123 : zéro, un, deux, trois"
    assert french[at + 3] == "  89AB : huit, neuf, Alfa, Bravo"
    assert french[at + 5].endswith("ou tapez-le sur https://passerelle.example/withdraw")
    assert french[-1] == WITHDRAW
    english = _lines(receipt_text(_coded(), "en"))
    assert "  4567: four, five, six, seven" in english
    assert not any("earlier receipt" in line for line in english)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_character_of_a_code_can_be_said(language: Language) -> None:
    """Each of the 32 has a word of its own."""
    assert len({words(f"receipt.spelled.{sign}", language) for sign in ALPHABET}) == len(ALPHABET)


def test_a_wrong_code_is_not_printed() -> None:
    """Nobody is handed a code that no gateway will take."""
    with pytest.raises(MalformedError, match="withdrawal-code-wrong"):
        receipt_of(record(), [derived_statement()], NAMES, PHONE, at=AT, code="0" * 15 + "1")


def test_what_is_over_stands_apart_from_what_was_refused() -> None:
    """Taken back, or run out: told under a heading of its own, and no longer as agreed to."""
    kept, made = record(), derived_statement()
    taken = extended(kept, endings(kept, "dpv:ConsentWithdrawn", AT, "int-7", [("p1", SHELTER)]))
    ended = narrowed(taken, RegisteredStatement(made, sha256_hex(encode(made))), AT)
    assert ended is not None
    receipt = receipt_of(taken, [ended], NAMES, PHONE, at=AT)
    assert (receipt.agreed, [item.purpose for item in receipt.ended]) == ((), ["referral-shelter"])
    assert "Vous aviez accepté\u00a0; c’est terminé, et plus rien n’est transmis pour cela\u00a0:" in receipt_text(
        receipt, "fr"
    )
    over = receipt_of(kept, [made], NAMES, PHONE, at=made.not_after)
    assert (over.agreed, [item.purpose for item in over.ended]) == ((), ["referral-shelter"])
    assert over.withdrawal_code is None
    assert "earlier receipt" not in receipt_text(over, "en")


def test_restrictions_are_told_with_what_they_cover() -> None:
    """What is kept back, for what, from whom, until when; an open list is everything. Ended notices are not told."""
    notices = [
        {"at": format_time(AT - DAY), "worker": "int-7", "sections": ["contact"], "recipients": [HEALTH]},
        {"at": format_time(AT - DAY), "worker": "int-7", "until": format_time(AT + DAY)},
        {"at": format_time(AT - DAY), "worker": "int-7", "until": format_time(AT)},
    ]
    kept = record({"/restrictions": notices[:1]})
    receipt = receipt_of(kept, [derived_statement({"/restrictions": notices[:1]})], NAMES, PHONE, at=AT)
    assert "- Jamais transmis : Coordonnées ; pour : toute finalité ; à : Équipe SM" in _lines(
        receipt_text(receipt, "fr")
    )
    all_of_them = receipt_of(record({"/restrictions": notices}), [], NAMES, PHONE, at=AT)
    assert len(all_of_them.restricted) == 2
    text = receipt_text(all_of_them, "en")
    assert "- Never passed on: anything; for: any purpose; to: anyone\n  Until 3 March 2026 at 10:00" in text


def test_a_receipt_after_a_change_tells_of_every_statement() -> None:
    """An older statement that the change did not touch commits to the record as it was then, and still counts."""
    kept, made = record(), derived_statement()
    later = record().answer("p1", SHELTER)
    assert later is not None
    yes = later.model_copy(update={"purpose": "p3", "event_time": AT + DAY})
    longer = extended(kept, [yes])
    second = statement_from(
        longer,
        agreement_id=made.grants[0].agreement,
        statement_id="cs_" + "e" * 26,
        at=AT + DAY,
        max_uses=1,
        only=[("p3", NEWCOMERS)],
    )
    receipt = receipt_of(longer, [second, made], NAMES, PHONE, at=AT + DAY)
    assert [(item.purpose, item.until) for item in receipt.agreed] == [
        ("referral-shelter", made.not_after),
        ("referral-newcomer", second.not_after),
    ]
    assert receipt.undecided == ()
    assert receipt.collected_at == AT + DAY
