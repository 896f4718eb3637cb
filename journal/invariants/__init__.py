"""What must hold in every journal (PROTOCOL §7), one module for each promise that a replay can check."""
