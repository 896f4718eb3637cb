"""The words for what entries say by code: organisations by the name they signed with, everything else by its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from consent.agreement import Agreement, Party, read_agreement
from consent.authority import LEGAL_RULES, LegalRule, review_of
from consent.identifiers import gateway_address, territory_of
from consent.statement import Authority
from consent.terms import Term, label
from consent.vocabulary import (
    EMERGENCY_RULES,
    GROUNDS,
    JURISDICTIONS,
    NEEDS,
    PURPOSES,
    REASONS,
    ROLES,
    SECTIONS,
    EmergencyRule,
)
from journal.audit.program import TERMINAL, word
from journal.bundle import Bundle
from keys.documents import Address
from keys.errors import MalformedError

__all__ = [
    "Names",
    "coded",
    "emergency_law",
    "error_title",
    "law",
    "law_words",
    "listed",
    "moment",
    "rule_words",
    "sharing_rule",
]

TABLES: Final[Mapping[str, Mapping[str, Term]]] = {
    "ground": GROUNDS,
    "jurisdiction": JURISDICTIONS,
    "need": NEEDS,
    "purpose": PURPOSES,
    "reason": REASONS,
    "role": ROLES,
    "section": SECTIONS,
}
"""Where the words of a code stand, by what the code is."""


def coded(kind: str, code: str) -> str:
    """The words of a code in the reader's language; a code that no table knows stands for itself."""
    term = TABLES[kind].get(code)
    return code if term is None else label(term, TERMINAL.language)


def listed(kind: str, codes: Iterable[str]) -> str:
    """The words of several codes."""
    return ", ".join(coded(kind, code) for code in codes)


def error_title(slug: str) -> str:
    """Why something was refused or destroyed, in words."""
    return TERMINAL.words.find(f"error.{slug}.title", TERMINAL.language) or slug


def rule_words(number: str) -> str:
    """What a rule of a decision asks."""
    return TERMINAL.words.find(f"rule.{number}", TERMINAL.language) or number


def sharing_rule(authority: Authority) -> LegalRule | None:
    """The article of law on which something is shared without a consent."""
    return LEGAL_RULES.get((authority.jurisdiction, authority.article or ""))


def law(rule: EmergencyRule | LegalRule) -> str:
    """An article of law as it is cited, and who reviewed the rule made of it, or that nobody did."""
    return f"{rule.article(TERMINAL.language)}. {review_of(rule, TERMINAL.language)}"


def emergency_law(rule: EmergencyRule | None) -> str | None:
    """By which code a register names the rule of an emergency, as it names those of sharing by theirs."""
    return f"{rule.jurisdiction}/{rule.ground}" if rule else None


def law_words(code: str) -> str:
    """The article of law under such a code; a code that no table knows stands for itself."""
    jurisdiction, _, ground = code.partition("/")
    sharing = (rule for rule in LEGAL_RULES.values() if rule.code == code)
    rule = EMERGENCY_RULES.get((ground, jurisdiction)) or next(sharing, None)
    return code if rule is None else law(rule)


def moment(at: datetime) -> str:
    """A time as people and spreadsheets read it, to the second, in UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S")


class Names:
    """Who the organisations are, as the agreements of a bundle say that name them."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._parties: dict[Address, Party] = {}
        self._documents: dict[str, Agreement | None] = {}
        self._naming: set[str] = set()

    def text(self, sha256: str) -> Agreement | None:
        """The agreement with this digest; None when it is not shown.

        It names nobody: whoever proposes a version that is never in force could give others another name by it.
        """
        if sha256 not in self._documents:
            self._documents[sha256] = self._read(sha256)
        return self._documents[sha256]

    def agreement(self, sha256: str) -> Agreement | None:
        """The same of an agreement that was in force: from now on its parties are called as it says."""
        document = self.text(sha256)
        if sha256 not in self._naming:
            self._naming.add(sha256)
            self._parties |= {party.address: party for party in document.parties} if document else {}
        return document

    def of(self, address: Address | None) -> str:
        """An organisation by its name and address, or the gateway."""
        if address is None:
            return "–"
        if address == gateway_address(territory_of(address)):
            return word("audit.story.gateway")
        party = self._parties.get(address)
        return address if party is None else f"{party.legal_name} ({address})"

    def emergency_rule(self, requester: Address | None, ground: str | None) -> EmergencyRule | None:
        """The rule of law under which an organisation declares an emergency; None where its place is not known."""
        party = self._parties.get(requester or "")
        return EMERGENCY_RULES.get((ground or "", party.jurisdiction)) if party else None

    def _read(self, sha256: str) -> Agreement | None:
        file = self._bundle.agreement(sha256)
        try:
            document = None if file is None else read_agreement(file.payload)
        except MalformedError:
            return None  # what is wrong with it is for `verify` to say
        return document
