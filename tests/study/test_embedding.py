"""Embeddings of a model with known hidden states, cosines and principal components."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Model, ModelOutput
from jaxsample.study import cosine, embed, pca

D = 3


class Letters:
    """A tokenizer with a bos, 1, and a token for each letter, from a = 2."""

    def __init__(self, bos):
        self.bos = bos

    def encode(self, text):
        return SimpleNamespace(ids=[*self.bos, *(ord(letter) - 95 for letter in text)])


def source_of(apply, bos=(1,), context=100, streams=1):
    model = Model(lambda batch, length: jnp.zeros((batch, length)), apply, None, streams)
    checkpoint = SimpleNamespace(model=model, params=jnp.float32(10.0))
    bos = list(bos)
    return SimpleNamespace(
        name="letters", checkpoint=checkpoint, tokenizer=Letters(bos), bos=bos, context=context
    )


def hidden_of(params, tokens, positions, cache):
    """Hidden states (token, position, params); NaN at padding."""
    parts = tokens, positions, jnp.full(tokens.shape, params)
    hidden = jnp.stack([x.astype(jnp.float32) for x in parts], axis=-1)
    return ModelOutput(None, jnp.where(positions[..., None] < 0, jnp.nan, hidden), cache)


def test_embedding_is_the_mean_over_the_tokens_but_the_first(counted):
    apply = counted(hidden_of)
    source = source_of(apply)
    texts = ["ab", "", "aaaa", "c", "abc"]
    expected = [[2.5, 1.5, 10], [1, 0, 10], [2, 2.5, 10], [4, 1, 10], [3, 2, 10]]
    got = embed(source, texts, batch_size=2)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(embed(source, ["zzzzz", *texts], batch_size=2)[1:], got)
    assert apply.traces == 1


def test_without_a_bos_every_token_counts():
    got = embed(source_of(hidden_of, bos=()), ["ab", "c"], batch_size=2)
    np.testing.assert_allclose(got, [[2.5, 0.5, 10], [4, 0, 10]])
    with pytest.raises(ValueError, match="text 1 has no tokens"):
        embed(source_of(hidden_of, bos=()), ["ab", ""])


def test_a_long_text_is_truncated_to_the_context():
    got = embed(source_of(hidden_of, context=4), ["a" * 50], batch_size=1)
    np.testing.assert_allclose(got, [[2, 2, 10]])


def test_progress_counts_texts(capsys):
    embed(source_of(hidden_of), ["ab"] * 5, batch_size=2, progress=True)
    assert "embedded 5" in capsys.readouterr().err


def test_a_model_without_hidden_states_is_refused():
    def silent(params, tokens, positions, cache):
        return ModelOutput(jnp.zeros((*tokens.shape, 5)), None, cache)

    with pytest.raises(ValueError, match="give an embedder of your own"):
        embed(source_of(silent), ["a"])
    with pytest.raises(ValueError, match="several streams"):
        embed(source_of(hidden_of, streams=2), ["a"])
    with pytest.raises(ValueError, match="no texts"):
        embed(source_of(hidden_of), [])


def test_cosine_of_known_angles():
    np.testing.assert_allclose(cosine([[1, 0], [1, 1], [-2, 0]], [3, 0]), [1, 0.5**0.5, -1])
    assert np.isnan(cosine([0, 0], [1, 0]))
    assert cosine([1e-3, 7.1], [1e-3, 7.1]) <= 1.0


def test_pca_finds_the_axes_of_a_rotated_cloud():
    """Return points with variances 9, 4, 0.01 along known axes, away from the origin."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(5, 3)))[0].T
    axes *= np.sign(axes[np.arange(3), np.argmax(np.abs(axes), axis=1)])[:, None]
    along = rng.normal(size=(4000, 3))
    along -= along.mean(axis=0)
    along = along @ np.linalg.inv(np.linalg.cholesky(np.cov(along.T, bias=True))).T * [3, 2, 0.1]
    got = pca(along @ axes + 7.0)
    np.testing.assert_allclose(got.axes, axes[:2], atol=1e-9)
    np.testing.assert_allclose(got.points, along[:, :2], atol=1e-9)
    np.testing.assert_allclose(got.share, np.array([9, 4]) / 13.01)


def test_pca_does_not_flip():
    x = np.random.default_rng(1).normal(size=(20, 4))
    mirrored = pca(x[::-1], 3)
    np.testing.assert_allclose(mirrored.points[::-1], pca(x, 3).points, atol=1e-12)
    axes = pca(x, 3).axes
    assert (axes[np.arange(3), np.argmax(np.abs(axes), axis=1)] > 0).all()


def test_pca_at_the_edges():
    same = pca(np.ones((4, 3)))
    assert not same.points.any() and not same.share.any()
    with pytest.raises(ValueError, match="dimensions must be in 1..1"):
        pca(np.ones((1, 3)))
    with pytest.raises(ValueError, match="finite"):
        pca([[np.nan, 1.0], [1.0, 2.0]])
