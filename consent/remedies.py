"""Who can do something about a refusal, so that a person knows whom to ask.

The words for each of them are under `who` in the labels, what they can do is the remedy of the refusal itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["WHO_CAN_FIX", "Fixer"]

Fixer = Literal["sender", "recipient", "operator", "coordination", "person", "developer"]
"""Of the envelope refused: its sender or recipient; the broker's operator; the coordination table, which amends
agreements; the person concerned, who alone can consent; whoever looks after the sender's software."""

_BY_FIXER: Final[Mapping[Fixer, tuple[str, ...]]] = {
    "sender": (
        "already-re-referred",
        "article-direction",
        "article-section",
        "article-unknown",
        "asked-required",
        "became-required",
        "channel-required",
        "clear-not-allowed",
        "consent-not-started",
        "consent-unknown",
        "detail-not-expected",
        "emergency-ground",
        "emergency-not-justified",
        "emergency-over",
        "emergency-section",
        "emergency-too-long",
        "envelope-expired",
        "foreign-territory",
        "helped-required",
        "info-not-requested",
        "justification-missing",
        "justification-not-to-auditors",
        "legal-ground-section",
        "outcome-required",
        "re-referral-missing",
        "reason-not-allowed",
        "reason-required",
        "reason-reserved",
        "referral-closed",
        "referral-unknown",
        "replaced-already",
        "replaced-differs",
        "replaced-leased",
        "replaced-unknown",
        "reply-too-late",
        "respond-by-past",
        "respond-by-required",
        "respond-by-too-far",
        "review-date-past",
        "review-date-required",
        "transition-not-from-here",
        "transition-not-yours",
    ),
    "recipient": ("correction-too-late",),
    "operator": (
        "deadline-not-reached",
        "emergency-worker-suspended",
        "recipient-suspended",
        "scope-missing",
        "sender-suspended",
    ),
    "coordination": (
        "agreement-ended",
        "agreement-not-in-force",
        "agreement-suspended",
        "agreement-unknown",
        "article-authority",
        "article-purpose",
        "legal-ground-role",
        "legal-ground-unclear",
        "legal-ground-unknown",
        "not-a-party",
    ),
    "person": (
        "agreement-not-granted",
        "consent-expired",
        "consent-invalidated",
        "consent-revoked",
        "consent-withdrawn",
        "legal-ground-purpose",
        "outside-geography",
        "purpose-not-granted",
        "recipient-not-granted",
        "section-not-granted",
        "uses-exhausted",
    ),
    "developer": (
        "agreement-digest",
        "agreement-of-another-referral",
        "agreement-superseded",
        "consent-digest",
        "consent-superseded",
        "emergency-of-another-referral",
        "envelope-from-the-future",
        "notice-not-from-broker",
        "referral-exists",
        "transition-unknown",
        "unknown-code",
    ),
}
WHO_CAN_FIX: Final[Mapping[str, Fixer]] = MappingProxyType(
    {slug: fixer for fixer, slugs in _BY_FIXER.items() for slug in slugs}
)
"""By the slug of a refusal: who can do something about it."""
