"""What we need from outside, as protocols of a few methods, with their promises.

The suites in `entrepot.testing.contracts` are their specification; every driver passes them.
"""
