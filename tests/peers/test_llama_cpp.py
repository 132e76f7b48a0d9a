"""Transforms, compared with llama.cpp on 1,000 rows of settings, and by hand at its edges.

Every row agrees, lies too close to an edge, or has a named disagreement that is checked to be
exactly this one. `python -m tests.peers.report` writes how many rows have each.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import AdaptiveP, TopK, TopNSigma, TopP, Typical, chain
from tests.oracles import filters
from tests.oracles.common import probabilities
from tests.peers.agreement import compare, kept
from tests.peers.llama_cpp_chain import Samplers, takes_breakers
from tests.peers.report import llama_cpp

pytest.importorskip("llama_cpp", reason="pip install 'jaxsample[llama]' compiles for ten minutes")
pytestmark = pytest.mark.peers


@pytest.mark.parametrize("comparison", llama_cpp(), ids=lambda c: c.name)
def test_every_row_is_accounted_for(comparison):
    if "breakers" in comparison.name and not takes_breakers():
        pytest.skip("this build of llama.cpp hides DRY with breakers of tokens")
    found = compare(comparison)
    assert not found.unexplained
    assert found.skipped <= found.rows // 100
    assert found.agree > 0
    assert all(found.named.values()), "remove a disagreement that no row has"


def theirs(row, make):
    with Samplers(make) as samplers:
        return np.flatnonzero(kept(samplers(np.float32(row)).logits)).tolist()


def ours(row, sampler):
    out = jax.jit(lambda s, x: s(x))(sampler, jnp.asarray(row, jnp.float32))
    return np.flatnonzero(kept(np.asarray(out))).tolist()


def test_d1_d2_it_cuts_a_tie_by_its_sort():
    """Of four equal tokens at p = .5 it keeps two, which depend on its sort."""
    found = theirs(np.zeros(4), lambda llama: [llama.llama_sampler_init_top_p(0.5, 0)])
    assert len(found) == 2
    assert ours(np.zeros(4), TopP(0.5)) == [0, 1, 2, 3]
    row = [1.0, 2.0, 2.0, 2.0, 0.0]
    found = theirs(row, lambda llama: [llama.llama_sampler_init_top_k(2)])
    assert len(found) == 2 and set(found) < {1, 2, 3}
    assert ours(row, TopK(2)) == [1, 2, 3]


def test_d6_typical_after_top_n_sigma_takes_the_likeliest():
    """The tokens that top-n-sigma leaves at -inf make its entropy NaN, so it keeps the order."""
    row = [10, 9.5, 9, 8.5, 5, 0, -3, -4]

    def both(llama):
        return [
            llama.llama_sampler_init_top_n_sigma(1.0),
            llama.llama_sampler_init_typical(0.25, 0),
        ]

    assert theirs(row, both) == [0]
    assert theirs(row[:5], lambda llama: both(llama)[1:]) == [1]
    assert ours(row, chain(TopNSigma(1.0), Typical(0.25))) == [1]


def test_d8_typical_goes_one_further_where_the_mass_is_reached_exactly():
    """With masses .25 (nearest to the entropy of 1.75 bits), .5 and .125 it stops after p."""
    row = np.log(2) * np.array([-1.0, -2.0, -3.0, -3.0])
    np.testing.assert_allclose(probabilities(np.float32(row)), [0.5, 0.25, 0.125, 0.125], 1e-6)

    def typical(p):
        return theirs(row, lambda llama: [llama.llama_sampler_init_typical(p, 0)])

    assert typical(0.25 - 1e-5) == ours(row, Typical(0.25 - 1e-5)) == [1]
    assert typical(0.25 + 1e-5) == ours(row, Typical(0.25 + 1e-5)) == [0, 1]
    assert typical(0.25) == [0, 1]
    assert ours(row, Typical(0.25)) == [1]
    assert np.flatnonzero(kept(filters.typical(0.25)(np.log([0.5, 0.25, 0.125, 0.125])))) == [1]


def test_d14_off_is_written_differently():
    """Its top-n-sigma is off at 0, where ours keeps the maxima. Both are off at a target < 0."""
    row = np.float32([1.0, 3.0, 2.0, 3.0])
    assert theirs(row, lambda llama: [llama.llama_sampler_init_top_n_sigma(0.0)]) == [0, 1, 2, 3]
    assert ours(row, TopNSigma(0.0)) == [1, 3]
    assert ours(row, TopNSigma(TopNSigma.off)) == [0, 1, 2, 3]
    with Samplers(lambda llama: [llama.llama_sampler_init_adaptive_p(-1.0, 0.9, 1)]) as samplers:
        assert samplers(row).logits.tolist() == AdaptiveP(-1.0)(row).tolist() == row.tolist()
