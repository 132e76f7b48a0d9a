"""Models of other libraries as a `Model`, and a check that one keeps the contract."""
