"""The pages of models and generations."""
