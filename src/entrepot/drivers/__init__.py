"""Ports, implemented. Only the composition root and the tests choose among these."""
