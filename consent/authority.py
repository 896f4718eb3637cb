"""On which legal basis something may be passed on in a place: its rule pack, and the rule that holds to it.

PRODUCT §4 and §8. Every rule cites its article and who reviewed it; one that no jurist reviewed is shown as such. The
rows are in `consent/tables/legal_rules.csv`, `emergency_rules.csv` and `consent_rules.csv`. Where the law is not sure
enough for a row there is none: the ground is then unclear, and whoever asks is told whom to turn to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Protocol, Self

from consent import tabular
from consent.agreement import Article, Party
from consent.conditions import Fault, sections_within
from consent.envelope import ReferralHeader
from consent.essentials import CONSENT_RULES, ConsentRule
from consent.passage import Case, Refused
from consent.tabular import Row
from consent.vocabulary import (
    AUTHORITY_KINDS,
    EMERGENCY_RULES,
    JURISDICTIONS,
    PURPOSES,
    ROLES,
    SECTIONS,
    EmergencyRule,
)
from consent.words import words
from keys.words import Language

__all__ = [
    "LEGAL_KINDS",
    "LEGAL_RULES",
    "Ground",
    "LegalRule",
    "RulePack",
    "ask",
    "grounds_open_to",
    "legal_ground",
    "legal_rules",
    "pack",
    "review_of",
]

LEGAL_KINDS: Final = ("legal-sharing", "care-team")
"""The legal bases that an article of law opens by itself, without a consent; the person is informed."""


class Cited(Protocol):
    """What every rule of a pack tells: its article, and who reviewed it."""

    @property
    def jurisdiction(self) -> str:
        """The place whose law it is."""
        ...

    @property
    def reviewed_by(self) -> str | None:
        """The jurist who reviewed it; None when nobody did."""
        ...

    def article(self, language: Language) -> str:
        """The article, cited as the reader's language does."""
        ...


@dataclass(frozen=True, slots=True)
class LegalRule:
    """What an article of law lets pass between organisations of certain roles without asking for a consent."""

    code: str
    """The article as statements name it, such as `FR-CASF-L345-2-10`."""
    kind: str
    jurisdiction: str
    article_fr: str
    article_en: str
    title_fr: str
    title_en: str
    from_roles: tuple[str, ...]
    to_roles: tuple[str, ...]
    purposes: tuple[str, ...]
    sections: tuple[str, ...]
    inform_person: bool
    """Whether the person has to be told that this is passed on."""
    reviewed_by: str | None

    @classmethod
    def read(cls, row: Row) -> Self:
        """Make the rule of one row; raises `MalformedError` as the reading of every table does.

        A code that does not begin with its jurisdiction, or a list that is empty, is no rule.
        """
        lists = {"from_roles": ROLES, "to_roles": ROLES, "purposes": PURPOSES, "sections": SECTIONS}
        for column in lists:
            row.text(column)
        jurisdiction = row.choice("jurisdiction", tuple(JURISDICTIONS))
        if not row.text("code").startswith(f"{jurisdiction}-"):
            raise row.fault("wrong-form", "code")
        return cls(
            code=row.text("code"),
            kind=row.choice("kind", LEGAL_KINDS),
            jurisdiction=jurisdiction,
            article_fr=row.text("article_fr"),
            article_en=row.text("article_en"),
            title_fr=row.text("title_fr"),
            title_en=row.text("title_en"),
            **{column: row.several(column, codes) for column, codes in lists.items()},
            inform_person=row.flag("inform_person"),
            reviewed_by=row.optional("reviewed_by"),
        )

    def article(self, language: Language) -> str:
        """The article of law, cited as the reader's language does."""
        return self.article_en if language == "en" else self.article_fr

    def title(self, language: Language) -> str:
        """What the article allows, in the reader's language."""
        return self.title_en if language == "en" else self.title_fr

    def joins(self, requester: Party, owner: Party) -> bool:
        """Whether both act under this law, the one who refers and the one referred to, each in a role it names."""
        return self.sends(requester) and self.takes(owner)

    def sends(self, requester: Party) -> bool:
        """Whether this party may refer under it."""
        return requester.jurisdiction == self.jurisdiction and not set(requester.roles).isdisjoint(self.from_roles)

    def takes(self, owner: Party) -> bool:
        """Whether this party may be referred to under it."""
        return owner.jurisdiction == self.jurisdiction and not set(owner.roles).isdisjoint(self.to_roles)


@dataclass(frozen=True, slots=True)
class RulePack:
    """Everything that the law of one place says here, each rule with its article and who reviewed it."""

    jurisdiction: str
    consent: tuple[ConsentRule, ...]
    """What a consent needs there; a rule that does not apply there is kept, because its article says why."""
    sharing: tuple[LegalRule, ...]
    emergencies: tuple[EmergencyRule, ...]

    @property
    def rules(self) -> tuple[Cited, ...]:
        """All of them, in the order in which a sender is asked for the ground."""
        return (*self.consent, *self.sharing, *self.emergencies)

    @property
    def witness_for_spoken(self) -> bool:
        """Whether a consent given by voice needs a witness there."""
        return any(rule.code == "witness-missing" and rule.applies for rule in self.consent)


@dataclass(frozen=True, slots=True)
class Ground:
    """One legal basis that a sender may choose, with the rules of law that make it one."""

    kind: str
    rules: tuple[Cited, ...]


def legal_rules(text: str | None = None) -> Mapping[tuple[str, str], LegalRule]:
    """Read the rules of legal sharing, by jurisdiction and article; `text` replaces the table shipped.

    Raises `MalformedError` for any slip in it: no slip may widen what the law allows.
    """
    text = tabular.shipped("legal_rules") if text is None else text
    found = tabular.rows("legal_rules", text, [item.name for item in fields(LegalRule)])
    return tabular.keyed(found, LegalRule.read, lambda rule: (rule.jurisdiction, rule.code))


LEGAL_RULES: Final = legal_rules()


def pack(jurisdiction: str) -> RulePack:
    """The rule pack of one jurisdiction; raises `KeyError` for one that is not in the vocabulary."""
    place = JURISDICTIONS[jurisdiction].code
    return RulePack(
        jurisdiction=place,
        consent=tuple(rule for rule in CONSENT_RULES.values() if rule.jurisdiction == place),
        sharing=tuple(rule for rule in LEGAL_RULES.values() if rule.jurisdiction == place),
        emergencies=tuple(rule for rule in EMERGENCY_RULES.values() if rule.jurisdiction == place),
    )


def review_of(rule: Cited, language: Language) -> str:
    """Who reviewed a rule, or that nobody did, in one sentence to be shown beside its article."""
    if rule.reviewed_by is None:
        return words("rule-pack.not-reviewed", language)
    return words("rule-pack.reviewed", language, who=rule.reviewed_by)


def grounds_open_to(
    article: Article, sender: Party, recipient: Party, purpose: str | None = None
) -> tuple[Ground, ...]:
    """The legal bases on which a sender may refer to a recipient under an article, in the order they are asked.

    What the article accepts and the law of the sender's place opens; for one purpose, or for any when it is None.
    """
    if not article.covers_direction(sender, recipient) or (purpose is not None and purpose not in article.purposes):
        return ()
    law = pack(sender.jurisdiction)
    needed = tuple(rule for rule in law.consent if rule.applies)
    sharing = [rule for rule in law.sharing if rule.joins(sender, recipient) and purpose in {None, *rule.purposes}]
    found: dict[str, tuple[Cited, ...]] = {
        "consent": needed,
        "consent-representative": needed,
        **{kind: tuple(rule for rule in sharing if rule.kind == kind) for kind in LEGAL_KINDS},
        "emergency": law.emergencies if article.emergency else (),
    }
    return tuple(Ground(kind, rules) for kind, rules in found.items() if rules and kind in article.authorities)


def ask(
    kind: str | None, article: Article, sender: Party, recipient: Party, purpose: str | None = None
) -> Ground | Refused:
    """The ground a sender names, if it is open to it; None stands for a sender who cannot say which it is.

    The refusals tell whom to ask (`consent.remedies`): article-authority when the article does not accept this kind,
    legal-ground-unclear when the sender does not know or no rule of law is sure enough.
    """
    for ground in grounds_open_to(article, sender, recipient, purpose):
        if ground.kind == kind:
            return ground
    known = kind is not None and kind in AUTHORITY_KINDS
    closed = kind not in article.authorities or (kind == "emergency" and not article.emergency)
    if known and closed:
        return Refused("article-authority", "R12", "/emergency" if kind == "emergency" else "/authority")
    return Refused("legal-ground-unclear", "R41", "/authority")


def legal_ground(case: Case) -> Fault:
    """What rests on an article of law stays within it: a known rule, roles it names, its purposes and sections.

    PRODUCT §4: legal sharing is limited to what the decision strictly needs. What the owner answers is held by the
    rule on answers.
    """
    if case.consent is None:
        return "consent-unknown", "/authority/statement"
    authority = case.consent.document.authority
    if authority.kind not in LEGAL_KINDS:
        return None
    rule = LEGAL_RULES.get((authority.jurisdiction, authority.article or ""))
    if rule is None or rule.kind != authority.kind:
        return "legal-ground-unknown", "/authority/statement"
    misplaced = _end_outside(case, rule)
    if misplaced is not None:
        return "legal-ground-role", misplaced
    if case.purpose not in rule.purposes:
        return "legal-ground-purpose", "/purpose" if isinstance(case.header, ReferralHeader) else "/ref"
    return None if case.answers else sections_within(case, rule.sections, "legal-ground-section")


def _end_outside(case: Case, rule: LegalRule) -> str | None:
    """Which end of the envelope the rule does not name by a role it holds in the agreement; None when it names both."""
    requester, owner = ("/to", "/from") if case.answers else ("/from", "/to")
    addresses = {"/from": case.header.from_, "/to": case.header.to}
    for place, named in ((requester, rule.sends), (owner, rule.takes)):
        party = case.agreement.document.party(addresses[place]) if case.agreement else None
        if party is None or not named(party):
            return place
    return None
