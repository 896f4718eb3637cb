"""The reader of the reviewed tables: a slip is named by its place, and never repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import tabular
from consent.words import words
from keys.errors import MalformedError

COLUMNS = ("code", "fr", "listed", "sure")
HEADER = "code,fr,listed,sure\n"
GOOD = HEADER + 'one,"Un, premier",a;b,yes\ntwo,Deux,,no\n'


def _read(text: str) -> list[tuple[str, tuple[str, ...], bool]]:
    found = tabular.rows("sample", text, COLUMNS)
    return [(row.text("code"), row.several("listed", {"a", "b"}), row.flag("sure")) for row in found]


def _fault(text: str) -> tuple[str, str, int | None]:
    with pytest.raises(MalformedError) as caught:
        _read(text)
    return caught.value.code, caught.value.pointer, caught.value.faults[0].line


def test_a_good_table_is_read() -> None:
    """Cells are read as text, lists, answers and nothing, with the line they stand on."""
    one, two = tabular.rows("sample", GOOD, COLUMNS)
    assert (one.line, one.text("fr"), one.several("listed"), one.flag("sure")) == (
        2,
        "Un, premier",
        ("a", "b"),
        True,
    )
    assert (two.line, two.optional("listed"), two.several("listed"), two.flag("sure")) == (3, None, (), False)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", ("missing-field", "/sample", 1)),
        (HEADER, ("missing-field", "/sample", 1)),
        ("code,fr,listed\none,Un,a\n", ("table-columns", "/sample", 1)),
        ("fr,code,listed,sure\nUn,one,a,yes\n", ("table-columns", "/sample", 1)),
        (GOOD + "three,Trois,a\n", ("table-columns", "/sample", 4)),
        (GOOD + "three,Trois,a,yes,more\n", ("table-columns", "/sample", 4)),
        (GOOD + "\n", ("table-columns", "/sample", 4)),
        (GOOD + "three, Trois,a,yes\n", ("wrong-form", "/sample/fr", 4)),
        (GOOD + 'three,"Trois,a,yes\n', ("wrong-form", "/sample", 4)),
        (GOOD + ",Trois,a,yes\n", ("missing-field", "/sample/code", 4)),
    ],
)
def test_a_malformed_table_is_refused(text: str, fault: tuple[str, str, int]) -> None:
    """A wrong header, a row of another length, a stray space, an open quote and an empty code are refused."""
    assert _fault(text) == fault


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("x,X,a;c,yes", ("unknown-code", "/sample/listed", 2)),
        ("x,X,a;,yes", ("unknown-code", "/sample/listed", 2)),
        ("x,X,a;a,yes", ("duplicate-code", "/sample/listed", 2)),
        ("x,X,a,oui", ("unknown-code", "/sample/sure", 2)),
        ("x,X,a,", ("missing-field", "/sample/sure", 2)),
    ],
)
def test_a_cell_with_a_slip_is_refused(row: str, fault: tuple[str, str, int]) -> None:
    """An unknown code, a code twice, and an answer that is neither yes nor no are refused at their cell."""
    assert _fault(f"{HEADER}{row}\n") == fault


def test_a_code_may_stand_once() -> None:
    """Two rows with the same code are refused at the second."""
    found = tabular.rows("sample", GOOD + "one,Encore,,yes\n", COLUMNS)
    with pytest.raises(MalformedError) as caught:
        tabular.keyed(found, lambda row: row.text("code"), lambda code: code)
    assert (caught.value.code, caught.value.faults[0].line) == ("duplicate-code", 4)


def test_a_fault_never_repeats_the_cell() -> None:
    """The explanation names the table, the line and the remedy, and not what was written there."""
    with pytest.raises(MalformedError) as caught:
        tabular.rows("sample", HEADER + "Inventée-Personne-Fictive ,X,a,yes\n", COLUMNS)
    for language in ("fr", "en"):
        told = words.explain(caught.value, "fr" if language == "fr" else "en")
        assert "/sample/code" in told
        assert "Fictive" not in told + repr(caught.value)


@given(st.text(alphabet=st.sampled_from('abc;,"\n\r\x00 é')))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text, however broken, ends in anything but rows or a `MalformedError`."""
    try:
        found = tabular.rows("sample", HEADER + text, COLUMNS)
    except MalformedError as error:
        assert error.faults[0].line is not None  # noqa: PT017 - either answer is right, so none is expected
    else:
        assert all(len(row.cells) == len(COLUMNS) for row in found)
