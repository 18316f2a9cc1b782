"""The documentation is true: its examples run, and its reference pages are what the code says."""
