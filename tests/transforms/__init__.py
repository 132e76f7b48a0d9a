"""Tests of jaxsample.transforms."""
