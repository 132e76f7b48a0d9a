"""The tests of jaxsample; shared pieces are imported as `tests.table`, `tests.oracles`, ..."""
