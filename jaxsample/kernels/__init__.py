"""Array kernels: no transforms here."""
