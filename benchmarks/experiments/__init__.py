"""Experiments: questions about decoding that a script answers with numbers."""
