"""The names of the referral, however they are typed, and the words that only look like them."""

from __future__ import annotations

import unicodedata

import pytest

from tests.adapters.leaks.referrals import told


@pytest.mark.parametrize(
    ("text", "names", "found"),
    [
        ("Parlé avec Zélie hier.", ["Zélie"], ["Zélie"]),
        ("parlé avec zelie hier", ["Zélie"], ["zelie"]),
        ("ZÉLIE ATTEND", ["Zelie"], ["ZÉLIE"]),
        ("La fille d’Oriane", ["Oriane"], ["Oriane"]),
        ("L'ami d'ORIANE", ["Oriane"], ["ORIANE"]),
        ("Oriane's room", ["Oriane"], ["Oriane"]),
        ("Oriane’s room", ["Oriane"], ["Oriane"]),
        ("chez les Imaginés", ["Imaginé"], ["Imaginés"]),
        ("Anne-Lise dort", ["Anne Lise"], ["Anne-Lise"]),
        ("anne lise dort", ["Anne-Lise"], ["anne lise"]),
        ("annelise dort", ["Anne-Lise"], ["annelise"]),
        ("Lise dort", ["Anne-Lise"], ["Lise"]),
        ("N’Golo dort", ["N'Golo"], ["N’Golo"]),
        ("Zélie Imaginé dort, puis Zélie part", ["Zélie", "Imaginé"], ["Zélie Imaginé", "Zélie"]),
        ("vu M.Imaginé", ["Imaginé"], ["Imaginé"]),
        ("Z.I. attend, Z. I. aussi", ["Zélie", "Imaginé"], ["Z.I.", "Z. I."]),
        ("Mme I. attend", ["Zélie", "Imaginé"], ["Mme I."]),
        ("Appeler Wu", ["Wu"], ["Wu"]),
    ],
)
def test_a_name_is_found_however_it_is_typed(text: str, names: list[str], found: list[str]) -> None:
    """Case, accents, hyphens, apostrophes, elision, possessive, pieces and initials change nothing."""
    assert told(text, *names) == [("name", words) for words in found]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Une voisine passera.", ["Zélie"]),
        ("Les oriflammes de la fête", ["Ori"]),
        ("Il mange du wu", ["Wu"]),
        ("Une rose sur la table", ["Rose"]),
        ("we hope for a room", ["Hope"]),
        ("Hope to hear back", ["Hope"]),
        ("Will call again", ["Will"]),
        ("Grâce à la voisine", ["Grace"]),
        ("Petit logement demandé", ["Petit"]),
        ("PETIT LOGEMENT DEMANDÉ", ["Petit"]),
        ("arrivée en France", ["France"]),
        ("libre le 12 mai, in May", ["May"]),
        ("de la place au centre", ["de la Cour"]),
        ("T.S. du CLSC, C.P. incomplet", ["Sophie", "Tardieu", "Claude", "Prosper"]),
        ("M. Voisin attend", ["Zélie"]),
        ("Elle attend, et nul ne vient", []),
    ],
)
def test_an_ordinary_word_is_no_name(text: str, names: list[str]) -> None:
    """A word is whole, a short name has its capital, and a common word needs a sign of a person."""
    assert told(text, *names) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Rose attend", "Rose"),
        ("Parlé à Rose", "Rose"),
        ("Hope needs a bed", "Hope"),
        ("M. Petit attend", "Petit"),
        ("Mr. Young called", "Young"),
        ("France attend un appel", "France"),
        ("avec Pierre", "Pierre"),
    ],
)
def test_a_name_that_is_a_word_is_found_where_a_person_is_meant(text: str, name: str) -> None:
    """With its capital inside a sentence, after a title, or before what people do."""
    assert [kind for kind, _ in told(text, name)] == ["name"]


@pytest.mark.parametrize(
    "typed",
    [
        unicodedata.normalize("NFD", "Zélie"),
        "Zé\u00adlie",
        "Z\u200bé\u200cl\u2060ie",
        "Ｚｅｌｉｅ",  # noqa: RUF001 - letters of full width, as some phones type them
        "Z\u0301e\u0301l\u0301i\u0301e\u0301",
        "𝐙𝐞𝐥𝐢𝐞",  # noqa: RUF001 - letters that only mathematicians need
    ],
)
def test_a_name_in_disguise_is_found_whole(typed: str) -> None:
    """Accents apart, soft hyphens, invisible and wide characters hide nothing, and the whole of it is shown."""
    assert told(f"Dit {typed}, hier", "Zélie") == [("name", typed)]
