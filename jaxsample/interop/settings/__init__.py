"""Settings of other systems, read and written by one table for each system."""
