"""Verbs: one file, one verb, ``f(registry, caller, …)``. The only code that changes the registry."""
