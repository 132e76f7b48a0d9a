"""Names every doctest may use."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsample


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    doctest_namespace.update(jax=jax, jnp=jnp, np=np, jaxsample=jaxsample)
    doctest_namespace.update({name: getattr(jaxsample, name) for name in jaxsample.__all__})
