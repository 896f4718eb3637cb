"""What partners agreed on, what a person consented to, and the decision that follows."""
