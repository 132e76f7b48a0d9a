"""Names every doctest may use, and which tests share a process."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsample


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep a file's tests in one process under `--dist loadgroup`: they share compilations."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.split("::")[0]))


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    doctest_namespace.update(jax=jax, jnp=jnp, np=np, jaxsample=jaxsample)
    doctest_namespace.update({name: getattr(jaxsample, name) for name in jaxsample.__all__})
