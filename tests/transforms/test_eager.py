"""Calls outside `jax.jit` compile once for each structure and shape, never for a value."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsample
from jaxsample import (
    DRY,
    EntropyTemperature,
    Guidance,
    Mirostat,
    Prompt,
    Temperature,
    TopK,
    TopP,
    Transform,
    Typical,
    chain,
    draw,
    field,
    sample,
    transform,
)
from tests.compilations import compilations

ROW = np.float32(np.random.default_rng(0).standard_normal(500))
PROMPT = Prompt.of([1, 2, 1, 2], vocab_size=500, budget=3)
KEY = np.uint32([0, 7])


def nucleus(i):
    return chain(Temperature(0.5 + i / 100), TopK(10 + i), TopP(0.9 - i / 1000))


# Every kind of public call that runs a loop or a branch; the argument changes values alone.
CALLS = {
    "mass": lambda i: TopP(0.5 + i / 100)(ROW + i),
    "rank": lambda i: TopK(5 + i)(ROW),
    "nearest": lambda i: Typical(0.5 + i / 100)(ROW),
    "entropy": lambda i: EntropyTemperature(1.0 + i, 0.3)(ROW),
    "chain": lambda i: nucleus(i)(ROW),
    "sample": lambda i: sample(jax.random.key(i), ROW, nucleus(i)),
    "draw": lambda i: draw(jax.random.key(i), ROW),
    "init": lambda i: DRY(1.0 + i / 10).init(KEY, PROMPT),
    "update": lambda i: Mirostat(3.0 + i / 10, 0.1).update(None, ROW, np.int32(i)),
    "vmap": lambda i: jax.vmap(nucleus(i))(np.stack([ROW, ROW])),
    "gradient": lambda i: jax.grad(lambda t: Temperature(t)(ROW)[3])(1.0 + i),
    "combiner": lambda i: Guidance(1.0 + i / 10)(ROW, ROW[::-1].copy()),
    "list": lambda i: TopP(0.5)([1.0, 2.0, 3.0 + i]),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_new_value_compiles_nothing(call):
    with compilations() as first:
        CALLS[call](0)
    assert first or call == "list", "the listener hears nothing: this test would always pass"
    CALLS[call](1)
    with compilations() as later:
        for i in range(2, 6):
            CALLS[call](i)
    assert not later


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="memory maps are Linux's")
def test_a_thousand_calls_hold_no_more_memory_maps():
    """Each compiled program holds some, and a process may have 65,530."""

    def maps():
        return len(Path("/proc/self/maps").read_text().splitlines())

    nucleus(0)(ROW), sample(KEY, ROW, nucleus(0))
    before = maps()
    for i in range(500):
        nucleus(i)(ROW)
        sample(np.uint32([0, i]), ROW, nucleus(i))
    assert maps() - before < 100


@transform(kind="order")
class Conditional(Transform):
    """A user's mistake: Python cannot branch on the value of a leaf."""

    gap: float = field(low=0.0)

    def on(self, row, state=None, hidden=None):
        return row.keep(row.max - self.gap) if self.gap > 0 else row


def test_python_that_needs_a_value_is_told_what_to_write_instead():
    with pytest.raises(jax.errors.TracerBoolConversionError) as told:
        Conditional(0.5)(jnp.zeros(3))
    notes = " ".join(told.value.__notes__)
    assert "Conditional.__call__ is compiled" in notes
    assert "jnp.where" in notes


def test_sample_names_what_is_no_transform():
    for given in (lambda logits: logits, jaxsample.TopP, None, 0.9):
        with pytest.raises(ValueError, match="sampler must be a transform"):
            sample(KEY, ROW, given)
