"""Money from outside: Stripe, what is bought there, and codes."""
