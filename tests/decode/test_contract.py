"""Models that break the contract are refused before they run, with the helper that mends it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Guidance, Model, ModelOutput, TopK, generate, guided, prefill, score, stream

PROMPTS = np.array([[1, 2], [3, 4]])
TABLE = jax.random.normal(jax.random.key(0), (7, 7))


def apply(params, tokens, positions, cache):
    return ModelOutput(params[tokens], None, cache)


def with_cache(*shape):
    """Make a model whose cache has this shape, where "B" is the batch."""

    def init_cache(batch, max_length):
        return {"k": jnp.zeros([batch if n == "B" else n for n in shape])}

    return Model(init_cache, apply)


CALLS = {
    "prefill": lambda model: prefill(
        jax.random.key(0), model, TABLE, PROMPTS, TopK(1), max_length=4
    ),
    "generate": lambda model: generate(
        jax.random.key(0), model, TABLE, PROMPTS, TopK(1), max_new_tokens=2
    ),
    "stream": lambda model: next(
        iter(stream(jax.random.key(0), model, TABLE, PROMPTS, TopK(1), max_new_tokens=2))
    ),
    "score": lambda model: score(model, TABLE, PROMPTS, PROMPTS, TopK(1)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_is_no_model(call):
    with pytest.raises(ValueError, match="must be a jaxsample.Model, got a function: make one of"):
        call(apply)
    with pytest.raises(ValueError, match="must be a jaxsample.Model, got tuple: .*from_nnx"):
        call((apply,))


class Unhashable:
    __hash__ = None

    def __call__(self, *given):
        return apply(*given)


def test_functions_that_do_not_hash():
    with pytest.raises(ValueError, match="Model.apply must hash, because it is static under jit"):
        CALLS["generate"](Model(lambda batch, max_length: (), Unhashable()))


WRONG = {
    "batch_axis(model, 1) moves it": with_cache(3, "B", 5),
    "batch_axis(model, 2) moves it": with_cache(2, 5, "B"),  # the first axis is 2, as the batch is
    "jaxsample.interop.one_row gives each row": with_cache(),
    "one_token for a state": with_cache(2, 5),  # as long as the batch by chance
}


@pytest.mark.parametrize("message", WRONG)
@pytest.mark.parametrize("call", ["prefill", "score"])
def test_a_cache_without_the_batch_in_front(message, call):
    with pytest.raises(ValueError, match=r"cache\['k'\] has shape \[.*\] for 2 rows;") as raised:
        CALLS[call](WRONG[message])
    assert message in str(raised.value)


def test_the_cache_of_a_guided_model_is_looked_at_inside():
    combiner = Guidance(2.0)
    prompts = np.stack([PROMPTS, PROMPTS], axis=1)
    with pytest.raises(ValueError, match=r"has shape \[3, 4, 5\] for 4 rows"):
        generate(jax.random.key(0), guided(with_cache(3, "B", 5), combiner), (TABLE, combiner),
                 prompts, TopK(1), max_new_tokens=2)  # fmt: skip
    with pytest.raises(ValueError, match="must be a jaxsample.Model"):
        guided(apply, combiner)


def test_a_cache_of_squares_is_not_taken_for_another():
    CALLS["prefill"](with_cache("B", 2, 2))
    CALLS["prefill"](with_cache("B"))
    CALLS["prefill"](with_cache("B", 0))


def test_an_axis_of_rows_and_heads_together_is_not_the_batch():
    model = Model(lambda batch, max_length: jnp.zeros((4 * batch, 5)), apply)
    with pytest.raises(ValueError, match=r"cache has shape \[8, 5\] for 2 rows; axis 0 of every"):
        CALLS["prefill"](model)
