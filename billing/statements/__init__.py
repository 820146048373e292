"""A month in entries: its totals, its rows, and its forms to take away."""
