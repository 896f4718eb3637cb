"""What the broker keeps, and the only SQL it speaks: exact signed bytes, and columns to find them by."""
