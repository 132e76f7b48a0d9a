"""The pair of each preset."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Temperature, TopP, chain
from jaxsample.interop import PRESETS, preset

PAIRS = {
    "code": (0.2, 0.1),
    "creative": (0.7, 0.8),
    "chat": (0.5, 0.5),
    "comment": (0.3, 0.2),
    "analysis": (0.2, 0.1),
    "explore": (0.6, 0.7),
}


def test_every_preset_is_tested():
    assert PRESETS == PAIRS


@pytest.mark.parametrize("name", PAIRS)
def test_a_preset_is_its_pair(name):
    temperature, top_p = PAIRS[name]
    sampler = preset(name)
    assert repr(sampler) == repr(chain(Temperature(temperature), TopP(top_p)))
    row = jnp.linspace(-3.0, 2.0, 17)
    expected = TopP(top_p)(Temperature(temperature)(row))
    np.testing.assert_array_equal(sampler(row), expected)


def test_an_unknown_preset_lists_the_names():
    with pytest.raises(ValueError, match="'poetry'.*code, creative, chat, comment, analysis"):
        preset("poetry")
