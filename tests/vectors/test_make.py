"""The vectors in the repository are the ones that their script writes."""

from tests.vectors.cases.once import Once
from tests.vectors.make import FOLDER, kept, made


def test_the_script_writes_the_same_vectors_again() -> None:
    """Nothing was edited by hand, and nothing that is random had to be made anew."""
    once = kept()
    files = made(once)
    assert {path.name for path in FOLDER.glob("*.json")} == set(files)
    assert [name for name, data in files.items() if (FOLDER / name).read_bytes() != data] == []
    assert once.made == 0


def test_what_is_random_is_made_once() -> None:
    """A value is kept under what it was made of; something else gets another one."""
    once = Once({})
    values = iter([b"first", b"second"])
    assert [once.value(lambda: next(values), b"a", b"bc") for _ in range(2)] == [b"first", b"first"]
    assert once.value(lambda: next(values), b"ab", b"c") == b"second"
    assert Once(once.used).value(lambda: b"third", b"a", b"bc") == b"first"
    assert once.made == 2
