"""Where one partner keeps its referrals, consents and what waits to be sent: the only place with SQL."""
