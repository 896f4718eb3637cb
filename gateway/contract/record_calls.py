"""The calls about agreements, keys, partners and services."""

from __future__ import annotations

from typing import Final, get_args

from consent.agreement import SIGNATURE_KIND, Agreement, AgreementSignature, AgreementState
from consent.articles import Fingerprint, Name
from consent.identifiers import AgreementId, AgreementRef
from consent.vocabulary import Jurisdiction
from gateway.contract.calls import Call, Parameter, document, plain, text
from gateway.contract.refusals import DOCUMENT, SIGNED_IN, at
from gateway.contract.schemas import COUNT, TIME, Named, array, closed, encoded, form_of, signed
from gateway.directory.search import Match, ServiceQuery
from gateway.services import SEARCH_LIMIT
from keys.documents import Address, Sha256
from keys.publications import KIND, KeyPublication, KeyRevocation
from keys.signing import MAX_DOCUMENT

__all__ = ["RECORD_CALLS"]

_STATE: Final = {"enum": list(get_args(AgreementState))}
_SIGNATURE: Final = signed(SIGNATURE_KIND, AgreementSignature)
_KEY_STATEMENT: Final = Named("KeyStatement", {"anyOf": [KeyPublication, KeyRevocation]})
_AGREEMENT: Final = (
    Parameter("identifier", "path", form_of(AgreementId), "The agreement, through all its versions."),
    Parameter("version", "path", {"type": "integer", "minimum": 1, "maximum": 999_999}, "One version of it."),
)
_NUMBERED: Final = closed({"v": {"const": 1}, "org": form_of(Address), "seq": COUNT, "index": COUNT, "time": TIME})

RECORD_CALLS: Final = (
    Call(
        "get",
        "/v1/agreements",
        "listAgreements",
        "The agreements that name the caller, with their digests and states.",
        {
            200: text(
                "Every version of every agreement of the caller.",
                closed(
                    {
                        "agreements": array(
                            closed({"agreement": form_of(AgreementRef), "sha256": form_of(Sha256), "state": _STATE})
                        )
                    }
                ),
            )
        },
        scope="agreement:sign",
        problems=SIGNED_IN,
        tag="agreements",
    ),
    Call(
        "get",
        "/v1/agreements/{identifier}/{version}",
        "readAgreement",
        "The exact bytes of one version, its state, and every signature given so far.",
        {
            200: text(
                "The agreement as its parties sign it.",
                closed(
                    {
                        "v": {"const": 1},
                        "payload": encoded(Agreement),
                        "sha256": form_of(Sha256),
                        "state": _STATE,
                        "signatures": array(_SIGNATURE),
                    }
                ),
            )
        },
        scope="agreement:sign",
        parameters=_AGREEMENT,
        problems=SIGNED_IN | at(404, "agreement-unknown"),
        tag="agreements",
    ),
    Call(
        "post",
        "/v1/agreements/{identifier}/{version}/signatures",
        "signAgreement",
        "Bring the caller's signature by its root.",
        {
            status: text(said, closed({"v": {"const": 1}, "missing": array(form_of(Address))}))
            for status, said in ((200, "It had been brought before."), (201, "Kept; those listed have still to sign."))
        },
        scope="agreement:sign",
        parameters=_AGREEMENT,
        body=document(SIGNATURE_KIND, _SIGNATURE, MAX_DOCUMENT),
        problems=SIGNED_IN
        | DOCUMENT
        | at(403, "other-agreement", "not-a-party", "other-root", "bad-signature", "wrong-signers")
        | at(404, "agreement-unknown")
        | at(422, "wrong-payload-type"),
        tag="agreements",
    ),
    Call(
        "get",
        "/v1/organisations/{address}",
        "readOrganisation",
        "Who a partner is, and the fingerprint of its root; no person is named.",
        {
            200: text(
                "The partner.",
                closed(
                    {
                        "v": {"const": 1},
                        "address": form_of(Address),
                        "legal_name": form_of(Name),
                        "jurisdiction": form_of(Jurisdiction),
                        "active": {"type": "boolean"},
                        "root_fingerprint": form_of(Fingerprint),
                    }
                ),
            )
        },
        scope="directory:read",
        parameters=(Parameter("address", "path", form_of(Address), "The partner's address, `slug@territory`."),),
        problems=SIGNED_IN | at(404, "organisation-unknown"),
        tag="partners",
    ),
    Call(
        "post",
        "/v1/keys",
        "publishKey",
        "Publish or revoke one key of the caller: the next statement of its chain.",
        {
            200: text("It had been published before.", _NUMBERED),
            201: text("Published, at this place of the journal.", _NUMBERED),
        },
        scope="keys:publish",
        body=document(KIND, signed(KIND, _KEY_STATEMENT), MAX_DOCUMENT),
        problems=SIGNED_IN
        | DOCUMENT
        | at(403, "sender-is-not-caller", "fingerprint-differs", "key-unknown")
        | at(403, "key-period", "key-not-in-period", "key-revoked", "bad-signature", "wrong-signers")
        | at(404, "organisation-unknown")
        | at(409, "chain-conflict", "chain-starts-with-root", "key-already-published", "key-unknown")
        | at(422, "wrong-payload-type", "key-wrong-size", "key-not-canonical", "key-small-order", "key-off-curve")
        | at(422, "key-modulus", "key-does-not-seal"),
        tag="partners",
    ),
    Call(
        "post",
        "/v1/services/search",
        "searchServices",
        "The services that fit, best first, each with why it fits; nothing of the question is kept.",
        {200: text("What was found.", closed({"services": array(Match, 50), "count": COUNT}))},
        scope="directory:read",
        body=plain(ServiceQuery, SEARCH_LIMIT),
        problems=SIGNED_IN | DOCUMENT | at(422, "bad-language", "query-without-words"),
        tag="directory",
    ),
)
"""PROTOCOL §2, §3 and §6: what envelopes rest on."""
