"""Measure texts, and state how sure each number is."""
