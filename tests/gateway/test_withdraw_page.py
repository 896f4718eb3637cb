"""The public page: what it says, to whom it says nothing, and what nobody can make it do."""

import dataclasses
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from ipaddress import ip_network
from urllib.parse import urlencode

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.broker import Broker
from gateway.rates import BY_PAGE
from gateway.words import words
from keys.words import Language
from tests.builders import AT, LINE
from tests.databases import held
from tests.gateway.endings import CODE, OTHER_CODE, kept_bytes, register, say, told
from tests.gateway.first_day import SETTINGS, broker_keys
from tests.gateway.sign_in import URL
from tests.gateway.world import World, slug

_FORM = "application/x-www-form-urlencoded"
_LANGUAGES: tuple[Language, ...] = ("fr", "en")
_SHOWN = " ".join((CODE[:4], CODE[4:8], CODE[8:12], CODE[12:]))


class _Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def _send(world: World, code: str, path: str = "/withdraw?lang=en", **headers: str) -> Response:
    body = urlencode({"code": code})
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return world.client.post(path, content=body, headers={"Content-Type": _FORM} | more)


def _everything(world: World) -> list[Response]:
    """The page in each of its states."""
    register(world.line)
    return [
        world.client.get("/withdraw"),
        world.client.get("/withdraw?lang=en"),
        _send(world, "0000"),
        _send(world, OTHER_CODE),
        _send(world, CODE),
        *[_send(world, OTHER_CODE) for _ in range(BY_PAGE.burst)][-1:],
    ]


def test_a_person_withdraws_without_an_account(world: World) -> None:
    """The code as it stands on the receipt ends the consent; the page says so, and is the receipt."""
    register(world.line)
    world.line.deposit(world.referral())
    answer = _send(world, _SHOWN)
    assert answer.status_code == 200
    assert words("page.withdraw.done", "en") in answer.text
    index = world.types().index("consent.withdrawn")
    assert f"number {index + 26} of the journal" in answer.text
    assert f"{AT:%Y-%m-%d} at {AT:%H:%M} (UTC)" in answer.text
    assert kept_bytes(world) is None
    assert told(world.line) == [("non-delivery", "T12"), ("consent-ended", None)]


def test_the_page_shows_the_receipt_a_partner_would_get(world: World) -> None:
    """The same signed receipt, at the page and at a partner, first and again."""
    register(world.line)
    first = _Page(_send(world, CODE)).words
    receipt = say(world.shelter).text
    assert receipt in first
    assert receipt in _Page(_send(world, CODE)).words


@pytest.mark.parametrize("language", _LANGUAGES)
def test_the_page_speaks_both_languages(world: World, language: Language) -> None:
    """By what the browser asks for, or by the link that the page offers in the other language."""
    for answer in (
        world.client.get("/withdraw", headers={"Accept-Language": language}),
        world.client.get(f"/withdraw?lang={language}", headers={"Accept-Language": "en" if language == "fr" else "fr"}),
        _send(world, "?", f"/withdraw?lang={language}"),
    ):
        page = _Page(answer)
        assert page.all("html") == [{"lang": language}]
        assert answer.headers["content-language"] == language
        assert words("page.withdraw.heading", language) in page.words
        [_, other] = page.all("a")
        assert other["href"] == f"/withdraw?lang={'en' if language == 'fr' else 'fr'}"
        assert page.all("form")[0]["action"] == f"/withdraw?lang={language}"


@pytest.mark.parametrize(
    "asked", ['"><script>alert(1)</script>', "en\r\nSet-Cookie: a=b", "EN", "de", "../../etc/passwd", "en&lang=fr", ""]
)
def test_a_language_that_is_none_is_not_repeated(world: World, asked: str) -> None:
    """Whatever stands there, the page is in French or in English, and holds nothing of it."""
    answer = world.client.get("/withdraw?" + urlencode({"lang": asked}), headers={"Accept-Language": "fr"})
    assert answer.status_code == 200
    assert answer.text == world.client.get("/withdraw?lang=fr").text
    assert "set-cookie" not in answer.headers


def test_nothing_is_kept_shown_elsewhere_or_told_to_another_site(world: World) -> None:
    """In every state: no cache, cookie, script, inline style or foreign content, no frame, no referrer."""
    for answer in _everything(world):
        headers = answer.headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert (policy["default-src"], policy["style-src"]) == ("'none'", "'self'")
        assert (policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'")
        assert policy["form-action"] == "'self'"
        assert "set-cookie" not in headers
        page = _Page(answer)
        assert {tag for tag, _ in page.elements}.isdisjoint({"script", "style", "img", "iframe", "object", "base"})
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith(("on", "style"))]
        assert [link["href"] for link in page.all("link")] == ["/withdraw.css"]
        [leave, _] = page.all("a")
        assert leave["rel"] == "noreferrer"


def test_the_page_can_be_used_by_everybody(world: World) -> None:
    """WCAG 2.2 AA, as far as a program can tell: one heading, a labelled field, and its fault beside it."""
    for answer in _everything(world):
        page = _Page(answer)
        assert len(page.all("h1")) == 1
        assert page.all("main")
        assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
        identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(identifiers) == len(set(identifiers))
        for field in page.all("input"):
            assert [label["for"] for label in page.all("label")] == [field["id"]]
            assert set((field["aria-describedby"] or "").split()) <= set(identifiers)
            assert field["autocomplete"] == "off"
    wrong = _Page(_send(world, "0000"))
    assert wrong.all("input")[0]["aria-invalid"] == "true"
    assert "alert" in (wrong.all("input")[0]["aria-describedby"] or "")
    assert wrong.words.index(words("page.withdraw.title-error", "en")) < wrong.words.index("Your withdrawal code")


def test_a_mistyped_code_can_be_put_right(world: World) -> None:
    """422, what is wrong in words, and what was typed still in the field, without a sign that no code has."""
    register(world.line)
    mistyped = CODE[:-1] + ("0" if CODE[-1] != "0" else "1")
    answer = _send(world, mistyped)
    assert answer.status_code == 422
    assert words("page.withdraw.error-wrong", "en") in answer.text
    assert _Page(answer).all("input")[0]["value"] == mistyped
    assert world.types() == ["consent.registered"]


@pytest.mark.parametrize(
    "typed",
    [
        '"><script>alert(1)</script>',
        "' onfocus=alert(1) autofocus='",
        "<img src=x onerror=alert(1)>",
        "${code} {index} %s",
        "\u202e\u0000\ud7ff",
        "A" * 3000,
        "javascript:alert(1)//",
    ],
)
def test_what_is_typed_never_becomes_part_of_the_page(world: World, typed: str) -> None:
    """The elements of the page are those of the form, with nothing in the field but letters, digits and spaces."""
    answer = _send(world, typed)
    assert answer.status_code == 422
    page, plain = _Page(answer), _Page(_send(world, "0"))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert [set(attributes) for _, attributes in page.elements] == [set(each) for _, each in plain.elements]
    assert re.fullmatch(r"[A-Za-z0-9 -]{0,40}", page.all("input")[0]["value"] or "")


def test_an_unknown_code_is_told_with_what_to_do(world: World) -> None:
    """404 in words; nothing is repeated, nothing is journalled."""
    answer = _send(world, OTHER_CODE)
    assert answer.status_code == 404
    assert words("page.withdraw.error-unknown", "en") in answer.text
    assert OTHER_CODE[:8] not in answer.text
    assert world.types() == []


def test_one_address_is_slowed_down_and_the_code_stays_good(world: World) -> None:
    """429 in words with the seconds to wait; mistyped codes cost nothing; afterwards the right code works."""
    register(world.line)
    for _ in range(3):
        _send(world, "0000")
    for _ in range(BY_PAGE.burst):
        assert _send(world, OTHER_CODE).status_code == 404
    slowed = _send(world, CODE)
    assert slowed.status_code == 429
    assert slowed.headers["retry-after"] == "6"
    assert words("page.withdraw.error-slow", "en", seconds=6) in slowed.text
    assert _send(world, CODE, X_Forwarded_For="198.51.100.7").status_code == 429
    assert world.types() == ["consent.registered"]
    world.clock.move(seconds=6)
    assert _send(world, CODE).status_code == 200


def test_behind_a_named_proxy_each_address_has_its_share(world: World) -> None:
    """What our own proxy tells is counted; the address that a caller made up before it is not."""
    settings = dataclasses.replace(SETTINGS, trusted_proxies=(ip_network("10.0.0.0/8"),))
    app = create_app(Broker(settings, world.broker.store, broker_keys(), world.clock))
    world.client = TestClient(app, base_url=URL, client=("10.0.0.1", 50000))
    for number in range(BY_PAGE.burst):
        forwarded = f"6.6.6.{number}, 198.51.100.7"
        assert _send(world, OTHER_CODE, X_Forwarded_For=forwarded).status_code == 404
    assert _send(world, OTHER_CODE, X_Forwarded_For="6.6.6.77, 198.51.100.7").status_code == 429
    assert _send(world, OTHER_CODE, X_Forwarded_For="198.51.100.8").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"code",
        b"other=1",
        f"code={CODE}&code={CODE}".encode(),
        f"code[]={CODE}".encode(),
        b"code=%ff%fe",
        "code=é".encode(),
        b"&".join([b"a=1"] * 50),
    ],
)
def test_a_form_that_could_be_read_in_two_ways_ends_nothing(world: World, body: bytes) -> None:
    """Not exactly one code in UTF-8: the form is shown again."""
    register(world.line)
    answer = world.client.post("/withdraw?lang=en", content=body, headers={"Content-Type": _FORM})
    assert answer.status_code == 422
    assert world.types() == ["consent.registered"]


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b'{"code":"x"}', {"Content-Type": "application/json"}, "content-type-unsupported"),
        (b"code=x", {}, "content-type-unsupported"),
        (b"code=" + b"A" * 5000, {"Content-Type": _FORM}, "too-large"),
    ],
)
def test_what_no_browser_sends_is_refused(world: World, body: bytes, headers: Mapping[str, str], code: str) -> None:
    """Another type of body, or one that is too large, is not read as a form."""
    assert slug(world.client.post("/withdraw", content=body, headers=dict(headers))) == code


def test_a_code_in_the_address_is_not_read(world: World) -> None:
    """Addresses are kept in histories and logs: a code there ends nothing and is not shown."""
    register(world.line)
    answer = world.client.get(f"/withdraw?lang=en&code={CODE}")
    assert (answer.status_code, CODE in answer.text) == (200, False)
    assert world.client.post(f"/withdraw?code={CODE}", content=b"", headers={"Content-Type": _FORM}).status_code == 422
    assert world.types() == ["consent.registered"]


def test_a_busy_database_is_told_in_words(world: World) -> None:
    """503 as a page that says the code is still good, not as a document for machines."""
    register(world.line)
    with held(world.broker.store):
        answer = _send(world, CODE)
    assert (answer.status_code, words("page.withdraw.error-busy", "en", seconds=2) in answer.text) == (503, True)
    assert _send(world, CODE).status_code == 200


def _luminance(colour: str) -> float:
    parts = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_style_is_legible_narrow_and_printed(world: World) -> None:
    """Every colour stands at 4.5 to 1 or more against white, no width is fixed, and paper shows the receipt only."""
    answer = world.client.get("/withdraw.css")
    assert answer.headers["content-type"].startswith("text/css")
    colours = set(re.findall(r"(?<![\w-])(?:color|background): (#[0-9a-f]{6})", answer.text)) - {"#ffffff"}
    assert colours
    assert [colour for colour in colours if 1.05 / (_luminance(colour) + 0.05) < 4.5] == []
    assert re.findall(r"(?<!max-)width: \d+(?:px|rem)", answer.text) == []
    assert "@media print" in answer.text
    assert "url(" not in answer.text
    assert LINE not in answer.text
