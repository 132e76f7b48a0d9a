"""Type checkers understand a user's script: transforms, chains and generation."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import jaxsample

ROOT = Path(__file__).parents[1]
SCRIPT = """
import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import (
    FloatLeaf, Model, ModelOutput, Temperature, TopK, TopP, Transform, chain, combine, field,
    generate, partition, sample, score, stream, transform,
)

@transform(kind="order")
class Within(Transform):
    gap: FloatLeaf = field(low=0.0)

    def on(self, row, state=None, hidden=None):
        return row.keep(row.max - self.gap)

@transform
class Shift(Transform):
    by: float = field(default=1.0)
    times: int = field(default=1, static=True)

    def __call__(self, logits, state=None, hidden=None):
        return logits + self.by * self.times

def warm(logits: jax.Array, t: jax.Array, p: np.ndarray) -> jax.Array:
    return chain(Within(t), Temperature(t), TopP(p), TopK(np.int64(3)))(logits)

def after_its_token(params, tokens, positions, cache):
    return ModelOutput(params[tokens], None, cache)

model = Model(lambda batch, max_length: (), after_its_token)
sampler = chain(Within(0.5), Shift(by=2.0), TopP(0.9), jnp.negative)
out = generate(
    jax.random.key(0), model, jnp.zeros((4, 4)), jnp.array([[0]]), sampler, max_new_tokens=3
)
ids, lengths = np.array([[0, 1]]), np.array([2])
key, table = jax.random.key(0), np.zeros((4, 4))
generate(key, model, table, ids, sampler, max_new_tokens=3, lengths=lengths, budget=np.int64(2))
list(stream(key, model, table, ids, sampler, max_new_tokens=3, lengths=lengths, budget=lengths))
score(model, table, ids, ids, sampler, lengths=lengths, token_lengths=lengths, budget=lengths)
sample(key, table[0], sampler)
trainable, rest = partition(sampler)
reveal_type(TopP(0.9))  # TopP
reveal_type(TopP(0.9).p)  # Array
reveal_type(TopP(0.9).replace(p=0.5))  # TopP
reveal_type(TopP(0.9)(np.zeros(4)))  # Array
reveal_type(Within(0.5))  # Within
reveal_type(Within(0.5).replace(gap=1.0))  # Within
reveal_type(Shift(2.0, times=3))  # Shift
reveal_type(Shift().by)  # float
reveal_type(sampler)  # Chain
reveal_type(sampler.replace(0, TopK(3)))  # Chain
reveal_type(sampler[0])  # Transform
reveal_type(sampler[1:])  # Chain
reveal_type(combine(trainable, rest))  # Chain
reveal_type(out)  # Generation
TopP("0.9")  # refused
TopP(q=0.9)  # refused
Within()  # refused
Shift(by=1.0, times="2")  # refused
TopP(0.9).p = 0.5  # refused
"""
CLASSES = [
    name
    for name in jaxsample.__all__
    if isinstance(getattr(jaxsample, name), type) and hasattr(getattr(jaxsample, name), "replace")
]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Return the messages of pyright about the script and the constructor of every transform."""
    pytest.importorskip("pyright", reason="needs pyright, of the extra dev")
    folder = tmp_path_factory.mktemp("user")
    constructors = [f"reveal_type(jaxsample.{name}.__init__)" for name in CLASSES]
    (folder / "script.py").write_text("\n".join([SCRIPT, "import jaxsample", *constructors]))
    paths = [str(ROOT), str(ROOT / "models")]
    (folder / "pyrightconfig.json").write_text(json.dumps({"extraPaths": paths}))
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "."],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    lines = {}
    for said in json.loads(run.stdout)["generalDiagnostics"]:
        lines.setdefault(said["range"]["start"]["line"], []).append(
            (said["severity"], said["message"])
        )
    return lines


def test_a_users_script_has_the_types_it_says(told):
    for i, line in enumerate(SCRIPT.splitlines()):
        code, _, expected = line.partition("  # ")
        severities = {severity for severity, _ in told.get(i, [])}
        if expected == "refused":
            assert severities == {"error"}, line
        elif code.startswith("reveal_type"):
            ((severity, message),) = told[i]
            assert severity == "information" and message.endswith(f' is "{expected}"'), line
        else:
            assert not severities, told[i]


def test_no_constructor_takes_anything(told):
    start = len(SCRIPT.splitlines()) + 2  # after an empty line and the import
    for i, name in enumerate(CLASSES, start):
        ((severity, message),) = told[i]
        assert severity == "information" and name in message
        assert not re.search(r"Unknown|\*\*|: Any[,)]", message), message


def test_transforms_are_among_the_classes():
    assert {"TopP", "Suppress", "Watermark", "Guidance", "EntropyTemperature"} <= set(CLASSES)
