"""Watermarks: samplers that leave a trace in the text, and the test that finds it by their key."""
