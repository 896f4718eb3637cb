"""The public page where anybody takes a consent back with its code: no account, no script, no cookie, no trace.

PRODUCT §2 and §4, PROTOCOL §3. It works on an old telephone, from a keyboard, and printed. What is typed is sent in a
form and never stands in an address; nothing of the page is kept by a browser or shown inside another page.
"""

from __future__ import annotations

import string
from functools import cache
from html import escape
from importlib import resources
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import Response

from consent.withdrawal_code import check_code
from gateway.broker import Broker
from gateway.problems import RETRY_SECONDS, ProblemError
from gateway.rates import BY_PAGE, client_address, take
from gateway.store.heads import StoppedError
from gateway.store.store import StoreUnavailableError
from gateway.store.transaction import Transaction
from gateway.withdrawals import withdraw_by_code
from gateway.words import words
from keys import strictjson
from keys.errors import MalformedError
from keys.signing import SignedDocument
from keys.words import Language, language_of_header

__all__ = ["MAX_FORM", "withdraw_page_router"]

MAX_FORM = 4096
"""Bytes of the form that are read."""
_MAX_ECHO = 40
_FORM_TYPE = "application/x-www-form-urlencoded"
_LANGUAGES: tuple[Language, ...] = ("fr", "en")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Language",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_NEXT = ("next", "stops", "destroyed", "told", "collector", "again")


def withdraw_page_router(broker: Broker) -> APIRouter:
    """`GET` and `POST /withdraw`, `GET /withdraw.css`."""
    router = APIRouter()

    @router.get("/withdraw")
    async def form(request: Request) -> Response:
        """The page that asks for the code and says in plain words what happens next."""
        return _form(_language(request))

    @router.post("/withdraw")
    async def withdraw(request: Request) -> Response:
        """End the consent of the code that was typed, and show the receipt; else the form again, with what is wrong."""
        language = _language(request)
        typed = await _typed(request)
        try:
            code = check_code(typed)
            source = client_address(request, broker.settings.trusted_proxies)
            # A transaction of its own: what a wrong code costs is not taken back with its refusal.
            await broker.store.write(lambda tx: _count(broker, tx, source))
            receipt = await broker.store.write(lambda tx: withdraw_by_code(broker, tx, code))
        except MalformedError:
            return _form(language, "wrong", 422, typed=typed)
        except (StoreUnavailableError, StoppedError):
            return _form(language, "busy", 503, wait=RETRY_SECONDS[503])
        except ProblemError as refused:
            if refused.code == "rate-limited":
                return _form(language, "slow", 429, wait=int(refused.headers["Retry-After"]))
            return _form(language, "unknown", 404)
        return _done(language, receipt)

    @router.get("/withdraw.css")
    async def style() -> Response:
        """How the page looks, on a screen 320 pixels wide, on a large one, and on paper."""
        return Response(_file("withdraw.css"), headers=_HEADERS, media_type="text/css")

    return router


def _language(request: Request) -> Language:
    """The language that the address asks for, else the browser; whatever else stands there is never repeated."""
    asked = request.query_params.get("lang")
    for language in _LANGUAGES:
        if asked == language:
            return language
    return language_of_header(request.headers.get("accept-language"))


async def _typed(request: Request) -> str:
    """The code as it was typed; empty when the form does not have exactly one.

    Raises `ProblemError` (content-type-unsupported) and `MalformedError` (too-large): no browser sends such a form.
    """
    types = request.headers.getlist("content-type")
    if len(types) != 1 or types[0].partition(";")[0].strip().lower() != _FORM_TYPE:
        raise ProblemError("content-type-unsupported")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise MalformedError("too-large")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=8)
    except ValueError:
        return ""
    codes = [value for name, value in pairs if name == "code"]
    return codes[0] if len(codes) == 1 else ""


def _count(broker: Broker, tx: Transaction, source: str) -> None:
    take(broker, tx, BY_PAGE, source, tx.journal.lock(broker.clock()))


def _form(
    language: Language, fault: str | None = None, status: int = 200, *, typed: str = "", wait: int | None = None
) -> Response:
    """The form, with what was wrong on top and beside the field."""
    alert = ""
    if fault is not None:
        told = _said(f"error-{fault}", language, seconds=wait or 0)
        alert = f'<p class="alert" id="alert" role="alert">{escape(told)}</p>'
    texts = _texts(language, "heading", "intro", "label", "hint", "button", *_NEXT)
    main = _filled(
        "withdraw_form.html",
        **texts,
        lang=language,
        alert=alert,
        typed=escape(_legible(typed)),
        described="alert hint" if fault == "wrong" else "hint",
        invalid='aria-invalid="true"' if fault == "wrong" else "",
    )
    return _page(language, main, "title" if fault is None else "title-error", status, wait)


def _done(language: Language, receipt: bytes) -> Response:
    """The page that says it is done, which is also the receipt to print or keep."""
    payload = strictjson.loads(SignedDocument.parse(receipt, "receipt").payload, limit=MAX_FORM)
    told = dict(payload) if isinstance(payload, dict) else {}
    moment = str(told["time"])
    recorded = _said(
        "recorded", language, date=moment[:10], time=moment[11:16], index=told["index"], origin=told["origin"]
    )
    texts = _texts(language, *_NEXT, "proof", "keep") | {"heading": escape(_said("done", language))}
    main = _filled("withdraw_done.html", **texts, recorded=escape(recorded), receipt=escape(receipt.decode("ascii")))
    return _page(language, main, "title-done", 200, None)


def _page(language: Language, main: str, title: str, status: int, wait: int | None) -> Response:
    other = "en" if language == "fr" else "fr"
    content = _filled(
        "shell.html",
        lang=language,
        title=escape(_said(title, language)),
        other=other,
        main=main,
        **_texts(language, "leave", "leave_note", "other_name"),
    )
    headers = _HEADERS | {"Content-Language": language} | ({"Retry-After": str(wait)} if wait else {})
    return Response(content, status, headers, media_type="text/html; charset=utf-8")


def _legible(typed: str) -> str:
    """What was typed, so that it can be put right, as far as it consists of characters that a code may have."""
    return "".join(sign for sign in typed if sign.isascii() and (sign.isalnum() or sign in " -"))[:_MAX_ECHO]


def _texts(language: Language, *names: str) -> dict[str, str]:
    """Sentences of the page by name, ready to stand in HTML."""
    return {name: escape(_said(name.replace("_", "-"), language)) for name in names}


def _said(name: str, language: Language, **parameters: object) -> str:
    return words(f"page.withdraw.{name}", language, **parameters)


def _filled(name: str, **values: str) -> str:
    """A template of the page with its values, each escaped by whoever gives it."""
    return string.Template(_file(name)).substitute(values)


@cache
def _file(name: str) -> str:
    return resources.files("gateway").joinpath("pages", name).read_text(encoding="utf-8")
