"""Our account at KIE: what is in it, what may be spent, and when to stop."""
