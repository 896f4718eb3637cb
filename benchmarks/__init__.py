"""Programs that measure: each prints ratios of two things run side by side, never a verdict."""
