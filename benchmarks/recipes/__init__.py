"""The recipes for models of other libraries, run where the libraries are installed."""
