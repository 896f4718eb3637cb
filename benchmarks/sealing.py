"""How many referrals a partner can seal and open each second, beside the two signatures that travel with each anyway.

    python -m benchmarks.sealing

One referral has five sections of ordinary size (2 KiB in all before padding). The measure beside it is one Ed25519
signature and its verification, so that the figure means something on another machine.
"""

from __future__ import annotations

from benchmarks.pairing import paired, per_second
from keys.identity import SigningKey, verifier
from keys.sealing import Slot, open_sections, seal_sections
from keys.sealing_keys import SealingKey

PROTECTED = "eyJ2IjoxLCJzdWl0ZSI6IlBRMSJ9" * 40
KID = "refuge-lavoie@laval#sealing-00000000000000000000000000000000"
NAMES = ("identity", "contact", "situation", "housing", "worker")
SECTIONS = {Slot(f"s{n}", name): b"x" * 410 for n, name in enumerate(NAMES, start=1)}


def main() -> None:
    """Print seal and open per second, and each one's ratio to a signature made and verified."""
    key, signer = SealingKey.generate(), SigningKey.generate("ligne-211@laval")
    check = verifier(signer.address, "signing", signer.public_bytes)
    parts = seal_sections(PROTECTED, KID, key.public, SECTIONS)
    slots = tuple(SECTIONS)
    assert open_sections(PROTECTED, KID, key, parts, slots).keys() == {slot.sid for slot in slots}

    def sign_and_verify() -> None:
        check.verify(signer.sign(PROTECTED.encode()), PROTECTED.encode())

    beside = "sign and verify once (Ed25519)"
    print("Sealing one referral of five sections to one recipient (PQ1)")
    sealing = paired(
        lambda: per_second(lambda: seal_sections(PROTECTED, KID, key.public, SECTIONS)),
        lambda: per_second(sign_and_verify),
    )
    print(sealing.lines("seal", beside))
    print("Opening it")
    opening = paired(
        lambda: per_second(lambda: open_sections(PROTECTED, KID, key, parts, slots)),
        lambda: per_second(sign_and_verify),
    )
    print(opening.lines("open", beside))


if __name__ == "__main__":
    main()
