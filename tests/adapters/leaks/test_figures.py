"""Phone numbers, addresses of both kinds, and the numbers that identify, beside the figures that tell nothing."""

from __future__ import annotations

import pytest

from tests.adapters.leaks.referrals import told


@pytest.mark.parametrize(
    "phone",
    [
        "450 555-0123",
        "450-555-0123",
        "450.555.0123",
        "450/555/0123",
        "(450) 555-0123",
        "(450)555-0123",
        "4505550123",
        "1-450-555-0123",
        "+1 450 555 0123",
        "450\u00a0555\u00a00123",
        "450\u2013555\u20130123",
        "4\u200b505550123",
        "４５０ ５５５ ０１２３",  # noqa: RUF001 - digits of full width
        "555-0123",
        "06 39 98 12 34",
        "06.39.98.12.34",
        "06-39-98-12-34",
        "06/39/98/12/34",
        "0639981234",
        "06\u202f39\u202f98\u202f12\u202f34",
        "+33 6 39 98 12 34",
        "+33 (0)6 39 98 12 34",
        "0033 6 39 98 12 34",
        "+32 470 12 34 56",
        "+44 7700 900123",
        "020 7946 0958",
    ],
)
def test_a_phone_number_is_found_however_it_is_spaced(phone: str) -> None:
    """Québec, France and elsewhere; dots, spaces, dashes, slashes, brackets, invisible and wide characters."""
    assert told(f"Joindre le {phone}, le soir") == [("phone", phone)]


@pytest.mark.parametrize(
    "email",
    [
        "zelie.fictive@example.invalid",
        "z-f_1+x@mail.example.invalid",
        "zelie @ example.invalid",
        "zelie arobase example.invalid",
        "zelie arobase example point com",
        "zelie [at] example.invalid",
        "zelie(at)example(dot)com",
        "zelie at example dot com",
        "zelie@gmail",
    ],
)
def test_an_electronic_address_is_found_plain_or_obfuscated(email: str) -> None:
    """The sign and the dot may be words, in either language."""
    assert told(f"Écrire: {email}, merci") == [("email", email)]


@pytest.mark.parametrize(
    "address",
    [
        "12, rue Inventée",
        "12 bis rue des Lilas",
        "1250 boul. Inventé Ouest, app. 3",
        "8 place de la Fiction",
        "101, 4e Avenue",
        "450 rang Saint-Inventé",
        "12 Maple Street",
        "340-22 Fictional Ave",
        "7 Wonder Cres, Apt 3",
        "9 Pretend Drive",
        "H7X 9Z9",
        "h7x9z9",
        "93200 Saint-Fictif",
        "C.P. 1234",
        "PO Box 482",
    ],
)
def test_a_postal_address_is_found(address: str) -> None:
    """A number with a street of either language, a postal code, a box."""
    found = told(f"Vit: {address}.")
    assert {kind for kind, _ in found} == {"address"}
    assert "".join(words for _, words in found).startswith(address[:8])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("NAS 046 454 286", "046 454 286"),
        ("son 046-454-286", "046-454-286"),
        ("SIN: 046454286", "046454286"),
        ("RAMQ FICT 9052 2811", "FICT 9052 2811"),
        ("sécu 2 90 02 93 123 456 78", "2 90 02 93 123 456 78"),
        ("passeport QX123456", "QX123456"),
        ("dossier no 45821", "45821"),
        ("client id 7654321", "7654321"),
        ("née le 12/03/1987", "12/03/1987"),
        ("nés le 3 mars 2001", "3 mars 2001"),
        ("D.D.N. 1990-02-28", "1990-02-28"),
        ("born March 12, 1984", "March 12, 1984"),
        ("DOB 28-02-90", "28-02-90"),
        ("IBAN FR76 3000 6000 0112 3456 7890 189", "FR76 3000 6000 0112 3456 7890 189"),
    ],
)
def test_a_number_that_identifies_is_found(text: str, number: str) -> None:
    """Insurance, passport, file, bank account and birth; each where it stands."""
    assert told(text) == [("number", number)]


@pytest.mark.parametrize(
    "text",
    [
        "Arrivée le 12/03/2026 vers 18 h 30",
        "Du 2024-09-03 au 2025-06-20",
        "Revenu de 1 450 $, loyer de 985,50 $, dette de 100 000 $",
        "2 adultes, 3 enfants, 4 places, 12000 personnes",
        "Appeler le 211, le 811 ou le 3919",
        "Ligne gratuite : 1 800 555-0199",
        "Dossier 2024 incomplet, année 2023-2024",
        "Vit à la rue, dort dans la rue",
        "Il reste 2 places de stationnement, 3 cours de français",
        "10 min drive, 2 nights on the street, 3 spots left",
        "Rendez-vous at noon @ 10h",
        "Appartement 4 1/2 au 3e étage",
        "route 132, chemin 4",
    ],
)
def test_ordinary_figures_tell_nobody(text: str) -> None:
    """Times, sums, counts, years, short and free numbers of services pass."""
    assert told(text) == []
