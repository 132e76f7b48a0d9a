"""Stories from a probabilistic grammar whose exact next-token distribution is known."""
