"""The contract of a transform, and how transforms are composed."""
