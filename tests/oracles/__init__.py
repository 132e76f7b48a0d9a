"""Slow, obvious float64 oracles, one file per family of transforms; `common` says how."""
