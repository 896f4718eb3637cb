"""The locks and seals of Passerelle: who signed, who may read, and nothing about referrals."""
