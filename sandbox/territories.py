"""The two invented territories of the demonstration: their partners, and the agreement they sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.pins import GatewayPins
from keys.documents import b64url, format_time, new_id

__all__ = ["TERRITORIES", "Partner", "Territory"]


@dataclass(frozen=True, slots=True)
class Partner:
    """An invented organisation and what it does."""

    slug: str
    legal_name: str
    role: str
    phone: str


@dataclass(frozen=True, slots=True)
class Territory:
    """A place: its law, its hours, its partners, and which of them play the main parts."""

    slug: str
    jurisdiction: str
    time_zone: str
    assessment: str
    partners: tuple[Partner, ...]
    requester: str
    owner: str

    def address(self, slug: str) -> str:
        """The address of a partner."""
        return f"{slug}@{self.slug}"

    @property
    def witnesses(self) -> tuple[str, str]:
        """The two partners of whom one must have seen a key before anything is sealed to it; never who asks."""
        others = (partner.slug for partner in self.partners if partner.slug not in {self.requester, self.owner})
        return self.owner, next(others)

    def agreement(self, pins: GatewayPins, fingerprints: Mapping[str, str], at: datetime) -> dict[str, Any]:
        """The members of the agreement that all partners sign, in force from `at` for a year."""
        return {
            "v": 1,
            "id": new_id("agr"),
            "version": 1,
            "territory": self.slug,
            "broker": {
                "address": pins.address,
                "receipts": b64url(pins.receipts),
                "journal": list(pins.journal.vkeys),
            },
            "parties": [
                {
                    "address": self.address(partner.slug),
                    "legal_name": partner.legal_name,
                    "root_fingerprint": fingerprints[partner.slug],
                    "roles": [partner.role],
                    "jurisdiction": self.jurisdiction,
                }
                for partner in self.partners
            ],
            "articles": [_article(number, *terms, self) for number, terms in enumerate(_ARTICLES, start=1)],
            "accession": [self.address(self.requester)],
            "retention": {"envelope_days": 14, "copy_days": 90, "evidence_days": 1095},
            "quorum": {"threshold": 1, "witnesses": [self.address(slug) for slug in self.witnesses]},
            "phone_fallback": self.partners[0].phone,
            "impact_assessment": {"reference": self.assessment, "approved_on": "2026-10-01"},
            "time_zone": self.time_zone,
            "not_before": format_time(at),
            "not_after": format_time(at + timedelta(days=365)),
        }


_CORE = ("identity", "contact", "situation")
_ARTICLES = (
    ("referral-shelter", (*_CORE, "housing", "worker"), ("shelter",), ("need", "territory")),
    ("referral-health", (*_CORE, "health-note", "worker"), ("mental-health", "health"), ()),
    ("referral-newcomer", (*_CORE, "worker"), ("newcomers-centre", "day-centre"), ("need",)),
)
_TEXTS = {
    "referral-shelter": (
        "Chaque partie peut orienter vers un hébergement, avec le consentement de la personne.",
        "Each party may refer to a shelter, with the person’s consent.",
    ),
    "referral-health": (
        "Chaque partie peut orienter vers des soins, avec le consentement exprès de la personne.",
        "Each party may refer to care, with the person’s express consent.",
    ),
    "referral-newcomer": (
        "Chaque partie peut orienter vers l’accueil, avec le consentement de la personne.",
        "Each party may refer to a welcome centre, with the person’s consent.",
    ),
}


def _article(
    number: int,
    purpose: str,
    sections: tuple[str, ...],
    roles: tuple[str, ...],
    clear: tuple[str, ...],
    territory: Territory,
) -> dict[str, Any]:
    held = {partner.role for partner in territory.partners}
    text_fr, text_en = _TEXTS[purpose]
    return {
        "no": str(number),
        "purposes": [purpose],
        "sections": list(sections),
        "from": [territory.address(partner.slug) for partner in territory.partners],
        "to": [role for role in roles if role in held],
        "authorities": ["consent", "consent-representative"],
        "clear": list(clear),
        "answer_delays": {"tonight": "1 hour", "urgent": "4 hours"},
        "text_fr": text_fr,
        "text_en": text_en,
    }


TERRITORIES: Mapping[str, Territory] = {
    "laval": Territory(
        slug="laval",
        jurisdiction="CA-QC",
        time_zone="America/Toronto",
        assessment="EFVP-2026-00 (exemple inventé)",
        partners=(
            Partner("ligne-211", "Ligne 211 de Laval (exemple inventé)", "line-211", "450 555-0111"),
            Partner("refuge-lavoie", "Refuge Lavoie (exemple inventé)", "shelter", "450 555-0122"),
            Partner(
                "equipe-sm", "Équipe de soutien en santé mentale (exemple inventé)", "mental-health", "450 555-0133"
            ),
            Partner("carrefour-accueil", "Carrefour d’accueil (exemple inventé)", "newcomers-centre", "450 555-0144"),
        ),
        requester="ligne-211",
        owner="refuge-lavoie",
    ),
    "fr": Territory(
        slug="fr",
        jurisdiction="FR",
        time_zone="Europe/Paris",
        assessment="AIPD-2026-00 (exemple inventé)",
        partners=(
            Partner("veille-115", "Veille sociale 115 (exemple inventé)", "line-115", "01 99 00 11 15"),
            Partner("foyer-lilas", "Foyer des Lilas (exemple inventé)", "shelter", "01 99 00 22 33"),
            Partner("accueil-jour", "Accueil de jour de l’Étape (exemple inventé)", "day-centre", "01 99 00 33 44"),
            Partner("equipe-sante", "Équipe mobile de santé (exemple inventé)", "health", "01 99 00 44 55"),
        ),
        requester="veille-115",
        owner="foyer-lilas",
    ),
}
"""Laval in Québec, and an invented French département; nobody in them exists."""
