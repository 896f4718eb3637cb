"""The broker: it carries sealed referrals between partners, decides, records, and cannot read them."""
