"""The benchmark: ours and the yardsticks, side by side, on the same mail."""
