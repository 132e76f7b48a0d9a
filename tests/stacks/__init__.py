"""Tests against other libraries; each file is skipped where its library is not installed."""
