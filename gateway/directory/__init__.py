"""Which services exist in the territory: read from published files, and found for a person in need."""
