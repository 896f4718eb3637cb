"""What anyone can check afterwards: entries, a Merkle tree, signed checkpoints, offline proofs."""
