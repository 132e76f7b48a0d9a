"""Settings of other systems: one table for each says what they mean, for reading and writing."""
