"""How classes and their static fields are written to a file, and when that is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import export

from jaxsample import (
    Generation,
    Guidance,
    NoRepeatNgram,
    TopK,
    TopP,
    Transform,
    chain,
    field,
    generate,
    guided,
    step,
    transform,
)
from jaxsample.learn import Learned, Policy
from tests.decode.models import TABLE, TABLE_PARAMS
from tests.learn.policies import wild


def same(tree):
    return tree


def through_a_file(tree):
    """The structure of a tree, written and read."""
    written = export.export(jax.jit(same))(tree).serialize()
    return export.deserialize(written).out_tree


@pytest.mark.parametrize("head", ["temperature", "nucleus"])
@pytest.mark.parametrize("per", ["corpus", "token"])
def test_a_learned_policy_is_an_input(head, per):
    policy = wild(Learned(Policy(head, per=per, width=4, rngs=nnx.Rngs(0)), soft=per == "token"))
    assert through_a_file(chain(policy, TopK(5))) == jax.tree.structure(chain(policy, TopK(5)))


def test_a_policy_takes_the_parameters_of_older_versions():
    """Layers had numbers as keys. With more than ten, names sort in another order than numbers."""
    policy = wild(Learned(Policy(depth=12, width=3, rngs=nnx.Rngs(0))))
    layers = {int(name): layer for name, layer in policy.params["layers"].items()}
    older = policy.replace(params=policy.params | {"layers": layers})
    for given in (policy, older):
        for i, layer in enumerate(given.policy.layers):
            np.testing.assert_array_equal(layer.kernel[...], layers[i]["kernel"])


def test_a_policy_of_a_user_is_refused():
    class Mine(Policy):
        pass

    with pytest.raises(ValueError, match=r"Learned .* JSON .*graph is not that of a Policy"):
        through_a_file(Learned(Mine(rngs=nnx.Rngs(0))))


def test_what_decoding_returns_is_written():
    prompts, key = np.zeros((2, 2, 3), np.int32), jax.random.key(0)
    model = guided(TABLE, Guidance(1.5))
    params, record = (TABLE_PARAMS, Guidance(1.5)), ("kept", ("support", 2), ("top", 2))
    shapes = jax.eval_shape(
        lambda: generate(key, model, params, prompts, TopK(5), max_new_tokens=2, record=record)
    )
    stepped = jax.eval_shape(lambda d: step(model, params, d, TopK(5)), shapes.decoding)
    given = shapes, stepped
    assert isinstance(shapes, Generation)
    written = export.export(jax.jit(same))(given).serialize()
    assert export.deserialize(written).out_tree == jax.tree.structure(given)


def test_names_do_not_hold_the_module():
    assert b"jaxsample.TopP" in export.export(jax.jit(same))(TopP(0.5)).serialize()


def test_a_class_that_is_defined_twice_is_refused():
    def define():
        @transform
        class Twice(Transform):
            def __call__(self, logits, state=None, hidden=None):
                return logits

        return Twice

    first = define()
    written = export.export(jax.jit(same))(first()).serialize()
    assert export.deserialize(written).out_tree == jax.tree.structure(first())
    second = define()
    named = "two classes are named tests.test_a_class.*Twice"
    for cls in (first, second):
        with pytest.raises(ValueError, match=named):
            through_a_file(cls())
    with pytest.raises(ValueError, match=named):  # the file may mean either
        export.deserialize(written)
    np.testing.assert_array_equal(second()(jnp.arange(3.0)), jnp.arange(3.0))


def test_a_static_field_that_json_cannot_hold_is_refused():
    @transform
    class Odd(Transform):
        number: complex = field(static=True)

        def __call__(self, logits, state=None, hidden=None):
            return logits

    with pytest.raises(ValueError, match="Odd has a static field that JSON cannot hold"):
        through_a_file(Odd(1j))


def test_other_fields_than_in_the_file_are_refused():
    written = export.export(jax.jit(same))(NoRepeatNgram(3)).serialize()
    changed = bytes(written).replace(b'{"n": 3, ', b'{"m": 3, ')
    assert changed != bytes(written)
    with pytest.raises(ValueError, match=r"had the fields \[\] and \['m', 'window'\]"):
        export.deserialize(bytearray(changed))
