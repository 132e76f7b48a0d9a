"""The results of studies as one HTML page."""
