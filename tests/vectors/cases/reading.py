"""Vectors of what may be read: strict JSON, times, binary in text, addresses and identifiers (PROTOCOL §0)."""

from __future__ import annotations

from typing import Any

from keys.documents import b64url

__all__ = ["forms", "strict_json"]

Json = dict[str, Any]

_ACCEPTED = {
    "an object": '{"v":1,"text":"Éloïse Inventée","list":[true,false,null,"x"]}',
    "spaces between tokens": ' {\n\t"a" : [ ] }\r\n',
    "escapes": r'{"a":"\u00e9 \ud83d\ude00 \" \\ \/ \n"}',
    "the largest and the smallest integer": '{"a":9007199254740991,"b":-9007199254740991}',
    "sixteen levels": "[" * 16 + "]" * 16,
    "the same key in two objects": '[{"a":1},{"a":2}]',
    "a finite decimal": '{"a":1.5}',
}
"""Texts that the reader accepts; which of these values a document may hold is the document's affair."""

_REFUSED = {
    "nothing at all": ("", "not-json", ""),
    "a member without a value": ('{"a":}', "not-json", ""),
    "bytes after the end": ('{"a":1} x', "not-json", ""),
    "a comma too many": ('{"a":1,}', "not-json", ""),
    "a comment": ('{"a":1 /* one */}', "not-json", ""),
    "single quotes": ("{'a':1}", "not-json", ""),
    "a control character in a text": ('{"a":"\x01"}', "not-json", ""),
    "a leading zero": ('{"a":01}', "not-json", ""),
    "a key given twice": ('{"a":1,"b":{"c":1,"c":2}}', "duplicate-key", "/b/c"),
    "a key given twice, once by an escape": (r'{"a":1,"\u0061":2}', "duplicate-key", "/a"),
    "an integer too large": ('{"a":9007199254740992}', "number-not-allowed", "/a"),
    "an integer too small": ('{"a":[1,-9007199254740992]}', "number-not-allowed", "/a/1"),
    "not a number": ('{"a":NaN}', "number-not-allowed", "/a"),
    "infinity by its name": ('{"a":-Infinity}', "number-not-allowed", "/a"),
    "infinity by its exponent": ('{"a":1e400}', "number-not-allowed", "/a"),
    "seventeen levels": ("[" * 17 + "]" * 17, "too-deep", "/0" * 16),
    "half of a pair of surrogates": (r'{"a":"\ud83d"}', "lone-surrogate", "/a"),
    "half of a pair in a key": (r'{"\udc00":1}', "lone-surrogate", ""),
}
_REFUSED_BYTES = {
    "a byte-order mark": (b'\xef\xbb\xbf{"a":1}', "byte-order-mark"),
    "latin-1": ('{"a":"é"}'.encode("latin-1"), "not-utf8"),
    "utf-16": ('{"a":1}'.encode("utf-16-le"), "not-json"),
    "a surrogate in utf-8": (b'{"a":"\xed\xa0\x80"}', "not-utf8"),
    "an overlong slash": (b'{"a":"\xc0\xaf"}', "not-utf8"),
}


def strict_json() -> Json:
    """Texts that every reader accepts, and those that it refuses with a slug and a place."""
    accepted = [{"name": name, "text": text} for name, text in _ACCEPTED.items()]
    refused: list[Json] = [
        {"name": name, "text": text, "code": code, "pointer": pointer}
        for name, (text, code, pointer) in _REFUSED.items()
    ]
    refused += [
        {"name": name, "bytes": b64url(data), "code": code, "pointer": ""}
        for name, (data, code) in _REFUSED_BYTES.items()
    ]
    refused.append({"name": "one byte too many", "text": "[1,2,3]", "limit": 6, "code": "too-large", "pointer": ""})
    return {"accepted": accepted, "refused": refused}


_TIMES = {
    "accepted": ["2026-11-22T00:00:00.000Z", "2024-02-29T23:59:59.999Z", "0001-01-01T00:00:00.000Z"],
    "refused": [
        "2026-11-22T00:00:00Z",
        "2026-11-22T00:00:00.0Z",
        "2026-11-22T00:00:00.000000Z",
        "2026-11-22T00:00:00.000+00:00",
        "2026-11-22 00:00:00.000Z",
        "2026-11-22t00:00:00.000z",
        "2026-02-29T00:00:00.000Z",
        "2026-11-22T24:00:00.000Z",
        "2026-11-22T23:59:60.000Z",
        "٢026-11-22T00:00:00.000Z",
        "",
    ],
}
_BASE64URL = {
    "accepted": [
        {"text": "", "hex": ""},
        {"text": "AA", "hex": "00"},
        {"text": "_-8", "hex": "ffef"},
        {"text": "AAEC", "hex": "000102"},
    ],
    "refused": ["A", "AB", "AA==", "+/8", "AA\n", " AA", "AAF", "AAECé"],
}
_ADDRESSES = {
    "accepted": ["refuge-lavoie@laval", "a@b", "115@93-75", f"{'x' * 63}@{'y' * 63}"],
    "refused": [
        "Refuge@laval",
        "refuge_lavoie@laval",
        "refuge@",
        "@laval",
        "refuge",
        "refuge@laval@qc",
        "refuge@laval ",
        "réfuge@laval",
        f"{'x' * 64}@laval",
    ],
}
_BODY = "abcdefghijklmnopqrstuvwx27"
_IDENTIFIERS = {
    "accepted": [f"{prefix}_{_BODY}" for prefix in ("env", "ref", "cs", "agr")],
    "refused": [
        f"xyz_{_BODY}",
        f"env-{_BODY}",
        f"env_{_BODY[:-1]}",
        f"env_{_BODY}a",
        f"env_{_BODY.upper()}",
        f"env_{_BODY[:-1]}1",
        f"env_{_BODY[:-1]}=",
    ],
}


def forms() -> Json:
    """Texts of each form, accepted and refused."""
    return {"time": _TIMES, "base64url": _BASE64URL, "address": _ADDRESSES, "identifier": _IDENTIFIERS}
