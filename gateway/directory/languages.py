"""Brings the codes of languages to one spelling, so that “fra”, “fre” and “fr-CA” all find French."""

from __future__ import annotations

import re

__all__ = ["language_code"]

_TAG = re.compile(r"(?P<code>[A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8}){0,4}")

# Three-letter codes (ISO 639-2 both ways, ISO 639-3, the commonest member of a macrolanguage) of languages
# that have a two-letter one and are met in social services of Québec and France; others stay as they are.
_SHORT = {
    "alb": "sq", "amh": "am", "ara": "ar", "arb": "ar", "arm": "hy", "bam": "bm", "ben": "bn", "bos": "bs",
    "bul": "bg", "bur": "my", "cat": "ca", "ces": "cs", "chi": "zh", "cmn": "zh", "cre": "cr", "cze": "cs",
    "deu": "de", "dut": "nl", "ell": "el", "eng": "en", "eus": "eu", "ewe": "ee", "fas": "fa", "fra": "fr",
    "fre": "fr", "ful": "ff", "geo": "ka", "ger": "de", "gre": "el", "guj": "gu", "hat": "ht", "hau": "ha",
    "heb": "he", "hin": "hi", "hrv": "hr", "hun": "hu", "hye": "hy", "ibo": "ig", "iku": "iu", "ita": "it",
    "jpn": "ja", "kat": "ka", "khm": "km", "kin": "rw", "kor": "ko", "kur": "ku", "lao": "lo", "lin": "ln",
    "mlg": "mg", "mya": "my", "nep": "ne", "nld": "nl", "oji": "oj", "pan": "pa", "per": "fa", "pes": "fa",
    "pol": "pl", "por": "pt", "pus": "ps", "ron": "ro", "rum": "ro", "run": "rn", "rus": "ru", "slk": "sk",
    "slo": "sk", "som": "so", "spa": "es", "sqi": "sq", "srp": "sr", "swa": "sw", "tam": "ta", "tgl": "tl",
    "tha": "th", "tir": "ti", "tur": "tr", "ukr": "uk", "urd": "ur", "vie": "vi", "wol": "wo", "yid": "yi",
    "yor": "yo", "zho": "zh",
}  # fmt: skip


def language_code(tag: str) -> str | None:
    """The shortest ISO 639 code of a language code or BCP 47 tag, lowercase; None when it is neither."""
    match = _TAG.fullmatch(tag)
    if match is None:
        return None
    code = match["code"].lower()
    return _SHORT.get(code, code)
