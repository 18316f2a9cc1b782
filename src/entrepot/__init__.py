"""Entrepot: a bonded warehouse for software."""

__version__ = "0.1.0"
