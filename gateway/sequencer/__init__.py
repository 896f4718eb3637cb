"""Builds the journal's tree from its leaves and signs what it has become (PROTOCOL §7)."""
