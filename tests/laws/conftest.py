from __future__ import annotations

from hypothesis import settings

# How long one example takes says more about the machine than about the law.
settings.register_profile("laws", deadline=None, max_examples=100)
settings.load_profile("laws")
