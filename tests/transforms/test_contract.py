"""The decorator, the fields and the constructors."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsample
from jaxsample import (
    EntropyTemperature,
    Function,
    MinP,
    Prompt,
    Temperature,
    TopK,
    TopP,
    Transform,
    chain,
    field,
    learn,
    stack,
    transform,
)
from tests import toys
from tests.rows import VALID, V
from tests.table import ATOMS, CHAINS, TOYS, cases, structures

NAN = float("nan")
NONSENSE = [  # the call, and words of its error message
    (lambda: TopP(1.3), ["1.3", "p", "0", "1]"]),
    (lambda: TopP(-0.1), ["-0.1", "p", "0", "1"]),
    (lambda: TopP(NAN), ["nan", "p"]),
    (lambda: TopP(2), ["2", "p", "0", "1]"]),
    (lambda: TopK(0), ["0", "k", "1"]),
    (lambda: TopK(-3), ["-3", "k", "1"]),
    (lambda: TopK(2.5), ["2.5", "k"]),
    (lambda: TopK(2**31), [str(2**31), "k"]),
    (lambda: MinP(1.01), ["1.01", "p", "0", "1]"]),
    (lambda: MinP(NAN), ["nan", "p"]),
    (lambda: Temperature(-1.0), ["-1.0", "value", "0"]),
    (lambda: Temperature(NAN), ["nan", "value"]),
    (lambda: Temperature(np.float64(-2.5)), ["-2.5", "value", "0"]),
    (lambda: EntropyTemperature(-1.0, 0.5), ["-1.0", "t0", "0"]),
    (lambda: EntropyTemperature(1.0, NAN), ["nan", "theta"]),
    (lambda: EntropyTemperature(1.0, 0.5, base=-0.8), ["-0.8", "base"]),
    (lambda: TopP(0.5).replace(p=1.3), ["1.3", "p", "0", "1]"]),
    (lambda: TopP(0.5).replace(k=3), ["k", "p"]),
    (lambda: chain(TopK(3)).replace(0, 7), ["7"]),
    (lambda: chain(TopK(3), 0.7), ["0.7"]),
    (lambda: chain(None), ["None"]),
    (lambda: chain("top_p"), ["top_p"]),
    (lambda: chain([TopK(3)]), ["TopK"]),
    (lambda: Function(3), ["3"]),
    (lambda: toys.Nucleus(p=0.5, decay=1.5), ["1.5", "decay", "0", "1]"]),
    (lambda: toys.Counts(0.5)(jnp.zeros(4)), ["prompt"]),
    (lambda: toys.Learned.of(4)(jnp.zeros(4)), ["hidden"]),
]


@pytest.mark.parametrize("make, words", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_raises_value_error_naming_it(make, words):
    with pytest.raises(ValueError) as error:
        make()
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    "make",
    [lambda: TopP(0), lambda: TopP(1), lambda: Temperature(0), lambda: TopK(TopK.off)]
    + [lambda: TopK(1), lambda: MinP(0), lambda: TopK(3.0), lambda: Temperature(1e4)],
)
def test_the_ends_of_a_range_are_inside(make):
    make()


def test_arrays_are_not_validated():
    """Checking the value of an array would wait for the device, so every value is defined."""
    row = jnp.asarray(VALID["mild"])
    np.testing.assert_array_equal(TopP(jnp.float32(1.3))(row), row)


@structures([*ATOMS, *(case for case in CHAINS if case.id != "empty")])
@pytest.mark.parametrize("shape", [(), (2, 8), (1, 1, 8)])
def test_any_other_rank_says_vmap(case, shape):
    with pytest.raises(ValueError, match=r"jax\.vmap"):
        case.sampler(jnp.zeros(shape))


# Large leaves are printed as dtype and shape, and weights of policies are not printed.
WRITTEN_OUT = [
    c
    for c in ATOMS
    if all(np.size(leaf) <= 8 for leaf in jax.tree.leaves(c.sampler))
    and not isinstance(c.sampler, learn.Learned)
]


@structures([*WRITTEN_OUT, *CHAINS, *TOYS[:2]])
def test_repr_is_the_constructor_call(case):
    again = eval(repr(case.sampler), vars(jaxsample) | vars(learn) | dict(Nucleus=toys.Nucleus))
    assert repr(again) == repr(case.sampler)
    assert jax.tree.structure(again) == jax.tree.structure(case.sampler)
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(case.sampler), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("number", [0.7, 0.1, 0.95, 1e-4, 0.3333])
def test_repr_prints_the_shortest_decimals(number):
    for value in (number, np.float64(number), np.float32(number), jnp.float32(number)):
        printed = repr(TopP(value)).removeprefix("TopP(").removeprefix("p=").removesuffix(")")
        assert float(printed) == number and len(printed) <= len(str(number))


def test_repr_of_anything_does_not_raise():
    for leaf in (None, object(), "x", np.zeros((3, 4)), jnp.zeros(5), jnp.bfloat16(0.5)):
        repr(jax.tree.map(lambda _, x=leaf: x, TopP(0.5), is_leaf=lambda x: x is None))
    jax.jit(lambda s: repr(s) and s)(chain(TopP(0.5)))
    jax.vmap(lambda s: repr(s) and s)(stack([TopP(0.5), TopP(0.6)]))


def test_replace_changes_one_field_of_a_copy():
    old = EntropyTemperature(1.0, 0.5, base=0.7)
    new = old.replace(theta=2)
    assert isinstance(new, EntropyTemperature)
    assert (float(new.t0), float(new.theta), float(new.base)) == (1.0, 2.0, np.float32(0.7))
    assert float(old.theta) == 0.5
    assert float(new.max_temperature) == 10.0


@cases([*ATOMS, *CHAINS, *TOYS])
def test_transforms_are_frozen(case):
    name = next((f.name for f in dataclasses.fields(case.sampler)), "anything")
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(case.sampler, name, 1.0)


def test_kinds():
    assert [t.kind for t in (Temperature(1), TopK(1), TopP(1), MinP(0))] == ["order"] * 4
    assert EntropyTemperature(1, 0).kind == "order"
    assert Function(toys.halve).kind == "token"
    assert chain(TopK(3), TopP(0.5)).kind == "order"
    assert chain(TopK(3), toys.halve, TopP(0.5)).kind == "token"

    @transform(kind="set")
    class Loose(Transform):
        def __call__(self, logits, state=None, hidden=None):
            return logits

    assert chain(TopK(3), Loose()).kind == "set"
    assert chain(Loose(), toys.halve).kind == "token"


def test_the_default_kind_is_token():
    @transform()
    class Plain(Transform):
        def __call__(self, logits, state=None, hidden=None):
            return logits

    assert Plain.kind == Plain().kind == "token"


def test_static_fields_shape_the_trace_and_leaves_do_not(counted):
    @transform()
    class Shift(Transform):
        by: float = field()
        times: int = field(static=True)

        def __call__(self, logits, state=None, hidden=None):
            return logits + self.by * float(self.times)

    assert len(jax.tree.leaves(Shift(by=1.0, times=2))) == 1
    run = counted(lambda s, x: s(x))
    jitted = jax.jit(run)
    for by, times, traces in ((1.0, 2, 1), (3, 2, 1), (1.0, 4, 2)):
        np.testing.assert_array_equal(jitted(Shift(by=by, times=times), jnp.zeros(2)), by * times)
        assert run.traces == traces


def test_a_class_without_state_keeps_none():
    """The defaults of `init` and `update` return no state."""
    for sampler in (TopP(0.5), Function(toys.halve)):
        assert sampler.init(jax.random.key(0), None) == ()
        assert sampler.update((), jnp.zeros(4), jnp.int32(1)) == ()


def test_an_undecorated_subclass_runs_by_itself():
    class Negate(Transform):
        def __call__(self, logits, state=None, hidden=None):
            return -logits

    np.testing.assert_array_equal(Negate()(jnp.array([1.0, 2.0])), [-1.0, -2.0])
    assert Negate().init(None, None) == ()
    assert Negate().update((), jnp.zeros(2), jnp.int32(0)) == ()


def test_a_prompt_is_padded_to_the_room_it_needs():
    prompt = Prompt.of([5, 6, 7], vocab_size=V, budget=4)
    assert (int(prompt.length), int(prompt.budget), prompt.vocab_size) == (3, 4, V)
    assert {leaf.dtype for leaf in jax.tree.leaves(prompt)} == {jnp.dtype("int32")}
    assert prompt.tokens.shape[0] >= 7
    np.testing.assert_array_equal(prompt.tokens[:3], [5, 6, 7])
    assert len(jax.tree.leaves(prompt)) == 3
    counts = toys.Counts(0.5).init(None, prompt)
    assert counts.shape == (V,)


def test_an_empty_prompt_raises():
    with pytest.raises(ValueError):
        Prompt.of(np.zeros(0, np.int32), vocab_size=V, budget=4)


def test_stack_makes_a_sampler_with_a_setting_per_row():
    settings = [chain(Temperature(t), TopK(k)) for t, k in ((0.0, 5), (1, TopK.off), (2.0, 2))]
    many = stack(settings)
    assert {leaf.shape for leaf in jax.tree.leaves(many)} == {(3,)}
    rows = jnp.asarray(np.stack([VALID["mild"]] * 3))
    alone = jax.jit(lambda s, x: s(x))
    got = jax.jit(jax.vmap(lambda s, x: s(x)))(many, rows)
    for out, setting, row in zip(got, settings, rows, strict=True):
        np.testing.assert_array_equal(out, alone(setting, row))


@pytest.mark.parametrize(
    "samplers",
    [[], [TopP(0.5), TopK(3)], [chain(TopP(0.5)), chain(TopP(0.5), TopK(3))]]
    + [[chain(toys.halve), chain(toys.scale)], [TopP(0.5), TopP(jnp.zeros(2))]],
    ids=["none", "classes", "lengths", "functions", "shapes"],
)
def test_stack_of_different_structures_raises(samplers):
    with pytest.raises(ValueError):
        stack(samplers)


def test_a_subclass_that_writes_the_other_pair_has_one_meaning():
    @transform(kind="order")
    class Off(TopP):
        def __call__(self, logits, state=None, hidden=None):
            return logits

    row = jnp.array([0.0, 3.0, 1.0])
    np.testing.assert_array_equal(Off(0.1)(row), row)
    np.testing.assert_array_equal(chain(Off(0.1))(row), row)

    @transform(kind="order")
    class Again(Off):
        def on(self, row, state=None, hidden=None):
            return row.keep(row.max)

    np.testing.assert_array_equal(Again(0.1)(row), [-jnp.inf, 3.0, -jnp.inf])
    np.testing.assert_array_equal(chain(Again(0.1))(row), [-jnp.inf, 3.0, -jnp.inf])


def _infinite(logits):
    return logits.at[1].set(jnp.inf)


def _empty(logits):
    return jnp.full_like(logits, -jnp.inf)


@pytest.mark.parametrize("fn", [_infinite, _empty])
def test_one_transform_and_a_chain_of_it_agree_on_odd_rows(fn):
    row = jnp.array([0.0, 3.0, 1.0])
    np.testing.assert_array_equal(Function(fn)(row), chain(fn)(row))


def test_static_fields_are_checked_too():
    @transform
    class Gram(Transform):
        n: int = field(static=True, low=1)

    with pytest.raises(ValueError, match=r"Gram: n must be a whole number in \[1, "):
        Gram(0)
    with pytest.raises(ValueError, match="static and must be hashable"):
        Gram([1])
    with pytest.raises(ValueError, match="k must be a whole number"):
        TopK(True)
    with pytest.raises(ValueError, match="decorates a subclass of Transform"):
        transform("order")
