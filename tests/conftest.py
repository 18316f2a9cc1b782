"""Every run of the tests is the same run; the long ones look for something new."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest
from hypothesis import settings

from tests import stores

# How long one example takes says more about the machine than about what is tested.
settings.register_profile("the same every time", derandomize=True, deadline=None)
settings.register_profile("new every time", print_blob=True, deadline=None)
settings.load_profile("new every time" if os.environ.get("ENTREPOT_TEST_LONG") == "1" else "the same every time")


def pytest_configure(config: pytest.Config) -> None:
    """What the servers of this run keep things in is started once, before the processes that run the tests are."""
    if not hasattr(config, "workerinput"):
        stack = ExitStack()
        stack.enter_context(stores.running())
        config.add_cleanup(stack.close)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is about the files of a data directory is for the run that keeps everything there."""
    if stores.chosen() != stores.DEFAULT:
        elsewhere = pytest.mark.skip(reason="about the files of a data directory, where this run keeps nothing")
        for item in items:
            if item.get_closest_marker("on_disk"):
                item.add_marker(elsewhere)
