"""Every run of the tests is the same run; the long ones look for something new."""

from __future__ import annotations

import os

from hypothesis import settings

# How long one example takes says more about the machine than about what is tested.
settings.register_profile("the same every time", derandomize=True, deadline=None)
settings.register_profile("new every time", print_blob=True, deadline=None)
settings.load_profile("new every time" if os.environ.get("ENTREPOT_TEST_LONG") == "1" else "the same every time")
