"""Nouns: frozen values and pure rules, events and errors. Imports nothing else of Entrepot."""
