"""Laws of the transformer: caches, padding, packing, gradients and traces."""

import dataclasses
import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxsample_models import (
    Delta,
    GlobalHeads,
    RopeScaling,
    Routing,
    SharedKeys,
    TransformerConfig,
    as_model,
    bind,
    init,
    shapes,
)

from .conftest import TINY


def assert_close(a, b):
    np.testing.assert_allclose(a, b, atol=1e-4, rtol=0)


@functools.partial(jax.jit, static_argnums=0)
def whole(config, params, tokens, positions=None, segments=None):
    return bind(config, params)(tokens, positions, segments=segments)[0]


@functools.partial(jax.jit, static_argnums=0)
def apply(config, params, tokens, positions, cache):
    return as_model(config).apply(params, tokens, positions, cache)


@pytest.mark.parametrize("windows", [(), (3, None)])
def test_whole_chunked_and_stepwise_agree(tiny, tokens, windows):
    config, params = dataclasses.replace(TINY, windows=windows), tiny[1]
    expected = whole(config, params, tokens)
    model = as_model(config)
    places = jnp.broadcast_to(jnp.arange(12), tokens.shape)
    for cuts in ([5, 12], range(1, 13)):
        cache, parts, start = model.init_cache(3, 20), [], 0
        for end in cuts:
            out = apply(config, params, tokens[:, start:end], places[:, start:end], cache)
            cache, start = out.cache, end
            assert out.logits is None
            parts.append(out.hidden)
        assert_close(jnp.concatenate(parts, axis=1), expected)


def test_ragged_rows_equal_rows_alone(tiny, tokens, positions):
    config, params = tiny
    model = as_model(config)
    out = apply(config, params, tokens, positions, model.init_cache(3, 16))
    bare = whole(config, params, tokens, positions)
    for b, length in enumerate([12, 5, 9]):
        alone = whole(config, params, tokens[b : b + 1, :length])[0]
        assert_close(out.hidden[b, :length], alone)
        assert_close(bare[b, :length], alone)


def test_padding_leaves_the_cache_alone(tiny, tokens, positions):
    config, params = tiny
    model = as_model(config)
    marked = jax.tree.map(lambda leaf: leaf + 7.0, model.init_cache(3, 16))
    cache = apply(config, params, tokens, positions, marked).cache
    assert jax.tree.structure(cache) == jax.tree.structure(marked)
    for leaf in jax.tree.leaves(cache):
        assert leaf.shape[0] == 3
        for b, length in enumerate([12, 5, 9]):
            assert (leaf[b, :, length:] == 7.0).all()
            assert not (leaf[b, :, :length] == 7.0).any()


def test_a_row_of_padding_changes_nothing_and_is_finite(tiny, tokens):
    config, params = tiny
    model = as_model(config)
    before = apply(
        config, params, tokens, jnp.arange(12)[None].repeat(3, 0), model.init_cache(3, 16)
    )
    out = apply(config, params, tokens[:, :1], jnp.full((3, 1), -1), before.cache)
    assert jnp.isfinite(out.hidden).all()
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), out.cache, before.cache))


DELTA = Delta(layers=(1,), heads=4, key_heads=2, key_dim=8, value_dim=4)


def test_layers_without_attention_keep_the_past_of_each_row(tokens, positions):
    """Chunks equal the whole, padding keeps a row's cache, and position 0 forgets the past."""
    config = dataclasses.replace(TINY, convolutions=(0,), convolution_width=4, delta=DELTA)
    params = init(config, jax.random.key(0))
    dirty = jax.tree.map(lambda leaf: leaf + 7.0, as_model(config).init_cache(3, 20))
    first = apply(config, params, tokens[:, :6], positions[:, :6], dirty)
    second = apply(config, params, tokens[:, 6:], positions[:, 6:], first.cache)
    hidden = jnp.concatenate([first.hidden, second.hidden], axis=1)
    expected = whole(config, params, tokens)
    for b, length in enumerate([12, 5, 9]):
        assert_close(hidden[b, :length], expected[b, :length])
    # The second row has no token in the second chunk, the first has six.
    for kept, before in zip(*map(jax.tree.leaves, (second.cache, first.cache)), strict=True):
        assert (kept[1] == before[1]).all()
        assert not (kept[0] == before[0]).any()
    with pytest.raises(ValueError, match="delta layers"):
        bind(config, params)(tokens, segments=jnp.zeros_like(tokens))


@pytest.mark.full
def test_convolutions_stay_in_their_segment(tokens):
    config = dataclasses.replace(TINY, convolutions=(0,))
    params = init(config, jax.random.key(0))
    segments = jnp.array([[0] * 7 + [1] * 5])
    places = jnp.concatenate([jnp.arange(7), jnp.arange(5)])[None]
    packed = whole(config, params, tokens[:1], places, segments)
    assert_close(packed[:, :7], whole(config, params, tokens[:1])[:, :7])
    rolled = jnp.roll(tokens[:1], -7, axis=1)
    assert_close(packed[:, 7:], whole(config, params, rolled)[:, :5])


def test_positions_past_the_cache_are_dropped(tiny, tokens):
    config, params = tiny
    model = as_model(config)
    cache = model.init_cache(3, 4)
    out = apply(config, params, tokens[:, :1], jnp.full((3, 1), 9), cache)
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), out.cache, cache))


def test_packed_segments_equal_separate_rows(tiny, tokens):
    segments = jnp.array([[0] * 7 + [1] * 5])
    positions = jnp.concatenate([jnp.arange(7), jnp.arange(5)])[None]
    packed = whole(*tiny, tokens[:1], positions, segments)
    assert_close(packed[:, :7], whole(*tiny, tokens[:1, :7]))
    assert_close(packed[:, 7:], whole(*tiny, tokens[:1, 7:]))


def test_segments_with_a_cache_are_refused(tiny, tokens):
    config, params = tiny
    cache = as_model(config).init_cache(3, 16)
    with pytest.raises(ValueError, match="segments"):
        bind(config, params)(tokens, cache=cache, segments=tokens)


def test_it_trains(tokens):
    config = dataclasses.replace(TINY, tied=False, qk_norm=True, post_norms=True)
    params = init(config, jax.random.key(0))
    optimizer = optax.adam(1e-2)

    def loss(params):
        module = bind(config, params)
        logits = module.unembed(module(tokens)[0])[:, :-1]
        return optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:]).mean()

    @jax.jit
    def train(params, state):
        value, gradients = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(params, updates), state, value, gradients

    state, losses = optimizer.init(params), []
    for _ in range(30):
        params, state, value, gradients = train(params, state)
        losses.append(value)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    assert losses[0] == pytest.approx(np.log(61), abs=0.7)
    assert losses[-1] < 0.3 * losses[0]


def test_padding_gives_finite_gradients(tiny, tokens, positions):
    config, params = tiny

    def loss(params):
        return jnp.sum(bind(config, params)(tokens, positions)[0] ** 2)

    gradients = jax.jit(jax.grad(loss))(params)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


def test_init_follows_shapes(tiny):
    config, params = tiny
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), params) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), shapes(config)
    )


def test_equal_configs_share_one_trace(tiny, tokens, positions, counted):
    config, params = tiny
    twin = dataclasses.replace(config)
    assert twin is not config and hash(twin) == hash(config)
    assert as_model(twin) is as_model(config)

    @counted
    def apply(model, params, tokens, positions, cache):
        return model.apply(params, tokens, positions, cache).hidden

    jitted = jax.jit(apply, static_argnums=0)
    for value in (config, twin, dataclasses.replace(config)):
        model = as_model(value)
        jitted(model, params, tokens, positions, model.init_cache(3, 16))
    assert apply.traces == 1


def test_learned_positions_bound_the_cache():
    model = as_model(dataclasses.replace(TINY, positions="learned"))
    model.init_cache(1, 64)
    with pytest.raises(ValueError, match="at most 64"):
        model.init_cache(1, 65)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (dict(norm="batch"), "`norm` must be one of"),
        (dict(dtype="float64"), "`dtype` must be one of"),
        (dict(layers=0), "`layers` must be at least 1"),
        (dict(dim=64.5), "`dim` must be at least 1 and whole, got 64.5"),
        (dict(rope_scaling=RopeScaling("ntk", 2.0)), "`rope_scaling.kind` must be one of"),
        (dict(rope_scaling=RopeScaling("llama3", 2.0, 4.0, 4.0)), r"must be below .* \(4.0\)"),
        (
            dict(rope_scaling=RopeScaling("longrope", 2.0, short=(1.0,))),
            "short` must have 4 entries",
        ),
        (dict(rotary_dim=3), "`rotary_dim` must be even"),
        (dict(rotary_dim=10), r"`rotary_dim` must be from 2 to `head_dim` \(8\), got 10"),
        (dict(routing=Routing(4, 5, 8)), r"`routing.chosen` must be from 1 .* \(4\), got 5"),
        (dict(kv_heads=3), "`kv_heads` must divide"),
        (dict(shared_keys=SharedKeys(2, 8)), "`shared_keys.layers` must leave"),
        (dict(shared_keys=SharedKeys(1, 8), windows=(4, None)), "`shared_keys.layers` must"),
        (dict(global_heads=GlobalHeads(3, 8)), "`global_heads.kv_heads` must divide"),
        (dict(global_heads=GlobalHeads(2, 7)), "`global_heads.head_dim` must be even"),
        (dict(head_dim=7), "`head_dim` must be even"),
        (dict(windows=(4,)), "`windows` must have 2 entries"),
        (dict(windows=(4, 0)), "a window must be"),
    ],
)
def test_an_invalid_config_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **fields)


def test_the_package_imports_jaxsample_by_its_door():
    package = pathlib.Path(as_model.__wrapped__.__code__.co_filename).parent
    for file in package.glob("*.py"):
        for line in file.read_text().splitlines():
            words = line.split()
            if words[:1] == ["from"] and words[1].startswith("jaxsample"):
                assert words[1] == "jaxsample", f"{file.name}: {line}"


def test_configs_compare_by_value():
    assert TransformerConfig(**dataclasses.asdict(TINY)) == TINY
