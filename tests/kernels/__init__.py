"""Tests of jaxsample.kernels."""
