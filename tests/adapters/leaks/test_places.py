"""Which texts of a referral are read, what is at home in each, and where a leak is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Annotated, Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from adapters.leaks import Leak, find_leaks
from adapters.leaks.places import FREE_TEXT
from adapters.sections import FORMS
from keys.documents import Document
from tests.adapters.leaks.referrals import sections, shown
from tests.invented import ABSENT

SAMPLES = ("Deux mots inventés", "papier-invente.pdf")


def _models(annotation: object) -> Iterator[type[Document]]:
    if isinstance(annotation, type) and issubclass(annotation, Document):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _takes(field: FieldInfo, values: Iterable[object]) -> bool:
    wanted: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    for value in values:
        with suppress(ValidationError):
            TypeAdapter(wanted).validate_python(value)
            return True
    return False


def _free_texts(model: type[Document], pointer: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        place = f"{pointer}/{field.alias or name}"
        inner = list(_models(field.annotation))
        for one in inner:
            yield from _free_texts(one, f"{place}/*" if "tuple" in str(field.annotation) else place)
        if not inner and _takes(field, SAMPLES):
            yield place
        if not inner and _takes(field, [(sample,) for sample in SAMPLES]):
            yield f"{place}/*"


def test_every_free_text_of_every_form_is_classified() -> None:
    """A field that takes any sentence stands in the table of places, and the table names no other."""
    found = {place for form, model in FORMS.items() for place in _free_texts(model, f"/{form.partition('/')[0]}")}
    assert found == set(FREE_TEXT)


class _Unclassified(Document):
    remark: str
    items: tuple[str, ...] = ()


def test_a_new_free_text_would_be_seen() -> None:
    """The walk over the forms sees a sentence and a list of sentences."""
    assert list(_free_texts(_Unclassified, "/new")) == ["/new/remark", "/new/items/*"]


def test_nothing_leaks_where_everything_is_at_home() -> None:
    """A phone among the contact details, an address in the housing, a diagnosis in the health note pass."""
    assert find_leaks(sections()) == ()


@pytest.mark.parametrize(
    ("pointer", "text", "expected"),
    [
        ("/situation/note", "Zélie attend.", ("name", "Zélie", "identity")),
        ("/situation/note", "Joindre Oriane.", ("name", "Oriane", "identity")),
        ("/situation/note", "Dite Zaza.", ("name", "Zaza", "identity")),
        ("/situation/note", "Joindre au 450 555-0123.", ("phone", "450 555-0123", "contact")),
        ("/situation/note", "Écrire à zaza@example.invalid.", ("email", "zaza@example.invalid", "contact")),
        ("/situation/note", "Vit au 12, rue Inventée.", ("address", "12, rue Inventée", "housing")),
        ("/situation/note", "Elle est née le 28 février 1990.", ("number", "28 février 1990", "identity")),
        ("/situation/note", "NAS 046 454 286", ("number", "046 454 286", None)),
        ("/situation/note", "Elle est enceinte.", ("health", "enceinte", "health-note")),
        ("/situation/note", "Elle est sourde.", ("disability", "sourde", "health-note")),
        ("/situation/note", "Elle a été agressée.", ("violence", "agressée", "safety")),
        ("/situation/note", "Elle est réfugiée.", ("migration-status", "réfugiée", "migration-status")),
        ("/outcome/note", "Elle est enceinte.", ("health", "enceinte", "health-note")),
        ("/health-note/note", "Elle subit des violences.", ("violence", "violences", "safety")),
        ("/health-note/note", "Zélie a besoin de calme.", ("name", "Zélie", "identity")),
        ("/housing/address", "Chez Oriane", ("name", "Oriane", "identity")),
        ("/identity/alias", "Zaza 450 555-0123", ("phone", "450 555-0123", "contact")),
        ("/contact/channels/1/value", "Au foyer, elle est enceinte", ("health", "enceinte", "health-note")),
        ("/worker/team", "Équipe de Zélie", ("name", "Zélie", "identity")),
    ],
)
def test_what_stands_elsewhere_is_shown_at_its_place(
    pointer: str, text: str, expected: tuple[str, str, str | None]
) -> None:
    """One thing out of place in a valid referral: its pointer, its words, and the section that protects it."""
    kind, words, section = expected
    found = [leak for leak in find_leaks(sections({pointer: text})) if leak.kind == kind]
    assert [(leak.place, shown(text, leak), leak.belongs_in) for leak in found] == [
        (f"/sections{pointer}", (kind, words), section)
    ]


def test_leaks_are_ordered_by_place_and_position() -> None:
    """Whoever reads them goes through the referral once, from top to bottom of each text."""
    note = "Enceinte, appelle du 450 555-0123, dit Zélie."
    leaks = find_leaks(sections({"/situation/note": note, "/health-note/note": "Dit Zélie.", "/outcome/note": note}))
    assert len(leaks) == 7
    assert list(leaks) == sorted(leaks, key=lambda leak: (leak.place, leak.start))


def test_a_referral_without_identity_is_read_all_the_same() -> None:
    """No name to look for is no reason to stop looking."""
    text = "Zélie est enceinte."
    found = find_leaks(sections({"/identity": ABSENT, "/contact": ABSENT, "/situation/note": text}))
    assert [shown(text, leak) for leak in found] == [("health", "enceinte")]


def test_an_address_of_mail_names_its_owner() -> None:
    """The two words before an `@` are a name, which may not stand in a note either."""
    changes = {"/contact/channels/1/value": "lubin.madeup@example.invalid", "/situation/note": "Joindre Lubin."}
    assert [leak.kind for leak in find_leaks(sections(changes))] == ["name"]


def test_a_leak_holds_no_word_of_the_text() -> None:
    """What is passed on, shown or logged by mistake is a place: never the name, the number or the illness."""
    [leak] = find_leaks(sections({"/situation/note": "Zélie attend."}))
    assert leak == Leak("/sections/situation/note", 0, 5, "name", "identity")
    assert "Zélie" not in repr(leak)
