"""Other libraries warn, about JAX and about themselves; here a warning is no error."""

import warnings
from pathlib import Path

import pytest

collect_ignore = ["tunix_meshes.py", "tunix_policy.py"]  # they have no tests, and need tunix


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return (yield)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore"))
