"""What a partner runs: it writes, seals, sends, receives and opens referrals."""
