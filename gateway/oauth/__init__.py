"""How a partner's machine signs in at the broker: OAuth 2 with signed assertions and proofs of possession."""
