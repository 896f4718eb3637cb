"""What an operator can ask of the broker on its host, by theme."""
