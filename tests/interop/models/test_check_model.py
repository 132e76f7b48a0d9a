"""check_model names the rule that a model breaks, and passes models that keep the contract."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Guidance, Model, ModelOutput, guided
from jaxsample.interop import batch_axis, check_model, one_row, one_token, without_cache
from jaxsample_models import TransformerConfig, as_model, init

from . import toys


def sliced_step(*given):
    output = toys.BROKEN["padding may end behind the cache"].apply(*given)
    return output.logits, output.cache


def whole_text(params, tokens):
    """Read all tokens in one call, as the model that forgets its cache can."""
    positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
    model = toys.BROKEN["one call equals chunks"]
    return model.apply(params, tokens, positions, model.init_cache(*tokens.shape)).hidden


# The remedy that the message names, and the broken model mended by it.
MENDED = {
    "the batch is the first axis of the cache": (
        "batch_axis(model, 1)",
        batch_axis(toys.BROKEN["the batch is the first axis of the cache"], 1),
    ),
    "a ragged row equals the row alone": (
        "one_row",
        one_row(lambda length: toys.shared_cache(1, length), toys.shared_step, toys.shared_rewind),
    ),
    "one call equals chunks": ("without_cache", without_cache(whole_text, toys.unembed)),
    "padding leaves the cache of its row": (
        "one_token",
        one_token(toys.recurrent_cache, toys.recurrent_step),
    ),
    "padding may end behind the cache": (
        "one_row",
        one_row(lambda length: toys.init_cache(1, length), sliced_step),
    ),
}


def said(model, **options):
    with pytest.raises(ValueError, match="the model breaks") as raised:
        check_model(model, toys.PARAMS, toys.V, **options)
    return str(raised.value)


@pytest.mark.parametrize("rule", toys.BROKEN)
def test_a_broken_model_is_told_its_rule_and_the_remedy(rule):
    message = said(toys.BROKEN[rule])
    assert f"\n- {rule}: " in message
    if rule in MENDED:
        helper, mended = MENDED[rule]
        assert helper in message
        assert max(check_model(mended, toys.PARAMS, toys.V).values()) < 1e-4


@pytest.mark.parametrize(
    "mistake",
    [
        "a call of several tokens sees itself alone",
        "all rows start where the first one does",
        pytest.param("padding wraps over a ring", marks=pytest.mark.full),
    ],
)
def test_a_mistake_in_calls_of_several_tokens_is_found(mistake):
    rule, model = toys.ALSO_BROKEN[mistake]
    assert f"\n- {rule}: logits differ" in said(model)


@pytest.mark.full
def test_a_ring_is_found_by_rows_longer_than_its_window_alone():
    _, ring = toys.ALSO_BROKEN["padding wraps over a ring"]
    assert max(check_model(ring, toys.PARAMS, toys.V, max_length=toys.WINDOW).values()) < 1e-5


def test_a_right_model_passes_with_room():
    differences = check_model(toys.MODEL, toys.PARAMS, toys.V)
    assert list(differences) == list(toys.BROKEN)
    assert max(differences.values()) < 1e-5  # rounding of float32, which other shapes add otherwise


def test_what_raises_is_reported_as_well():
    assert "KeyError: 'no such'" in said(
        Model(toys.init_cache, lambda params, *_: params["no such"])
    )


@pytest.mark.parametrize(
    ("message", "apply"),
    {
        r"\[3, 14, 23\] where \[3, 14, 24\] are due: pass vocab_size=23 if": toys.apply,
        r"\[3, 24\] where \[3, 14, 24\] are due: apply must return logits": lambda *given: (
            ModelOutput(jnp.zeros((3, toys.V + 1)), None, given[3])
        ),
        "the output has neither logits": lambda *given: ModelOutput(None, None, given[3]),
    }.items(),
)
def test_an_output_without_the_logits_is_reported_alone(message, apply):
    with pytest.raises(ValueError, match=f"the model cannot be checked: .*{message}") as raised:
        check_model(Model(toys.init_cache, apply), toys.PARAMS, toys.V + 1)
    assert "\n" not in str(raised.value)


def test_arguments_that_cannot_be_checked():
    with pytest.raises(ValueError, match="check the model that guided"):
        check_model(guided(toys.MODEL, Guidance(2.0)), toys.PARAMS, toys.V)
    with pytest.raises(ValueError, match="max_length must be at least 8, got 4"):
        check_model(toys.MODEL, toys.PARAMS, toys.V, max_length=4)
    with pytest.raises(ValueError, match="vocab_size must be at least 2, got 1"):
        check_model(toys.MODEL, toys.PARAMS, 1)


@pytest.mark.parametrize("axis", ["1", 1.0, None, {"seen": "1"}])
def test_an_axis_that_is_no_int_is_refused_at_once(axis):
    with pytest.raises(ValueError, match="axis must be an int or a tree of ints, got .*such as 1"):
        batch_axis(toys.MODEL, axis)


def test_a_forward_pass_passes_by_without_cache():
    def forward(params, tokens):
        positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
        return toys.apply(params, tokens, positions, toys.init_cache(*tokens.shape)).hidden

    model = without_cache(forward, toys.unembed)
    assert max(check_model(model, toys.PARAMS, toys.V).values()) < 1e-5


@pytest.mark.parametrize(
    "layers", ["attention", pytest.param("convolutions", marks=pytest.mark.full)]
)
def test_our_own_transformers_pass(layers):
    config = TransformerConfig(
        vocab_size=61, dim=16, layers=2, heads=2, kv_heads=1, head_dim=8, mlp_dim=32, max_length=32,
        convolutions=(0,) if layers == "convolutions" else (),
    )  # fmt: skip
    params = jax.tree.map(
        lambda x: 30 * x if np.ndim(x) > 1 else x, init(config, jax.random.key(0))
    )
    assert max(check_model(as_model(config), params, 61).values()) < 1e-4
