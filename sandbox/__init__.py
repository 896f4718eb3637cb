"""The demonstration: one broker, several partners and invented people in one process."""
