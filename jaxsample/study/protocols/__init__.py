"""The protocols of published studies."""
