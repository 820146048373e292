"""The pages of a customer's credits."""
