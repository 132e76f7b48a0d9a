"""A test of how much likelihood a temperature per token gains on texts of another domain."""
