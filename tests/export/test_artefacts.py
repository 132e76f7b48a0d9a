"""`jax.export` writes sampling and decoding to bytes, which other processes load."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import export

from jaxsample import Temperature, TopP, chain, generate, sample, score
from jaxsample.learn import Learned, Policy
from tests.decode.models import TABLE, TABLE_PARAMS, V
from tests.export.own import GAPS, Within
from tests.learn.policies import wild
from tests.rows import BANK, HIDDEN
from tests.table import CASES, swept

ROOT = Path(__file__).resolve().parents[2]
ALONE = ROOT / "tests" / "export" / "alone.py"
PLATFORMS = "cpu", "tpu", "cuda"
P, N = 4, 6


def shape(x):
    return jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x))


def child(*arguments):
    run = [sys.executable, *map(str, arguments)]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@jax.jit
def writes(key, params, prompts, lengths, heat, p):
    """A function of plain arrays, which makes its sampler inside."""
    sampler = chain(Temperature(heat), TopP(p))
    options = dict(max_new_tokens=N, lengths=lengths, eos=3, record=())
    out = generate(key, TABLE, params["table"], prompts, sampler, **options)
    return {"tokens": out.tokens, "lengths": out.lengths}


def test_one_file_writes_in_a_process_that_has_jax_alone(tmp_path):
    """Any number of rows, and settings that were not known when the file was made."""
    key, params = jax.random.key(0), {"table": np.asarray(TABLE_PARAMS)}
    (b,) = export.symbolic_shape("b")
    prompts, rows = (jax.ShapeDtypeStruct(s, jnp.int32) for s in ((b, P), (b,)))
    number = jax.ShapeDtypeStruct((), jnp.float32)
    given = shape(key), jax.tree.map(shape, params), prompts, rows, number, number
    made = export.export(writes, platforms=PLATFORMS)(*given)
    (tmp_path / "generate.bin").write_bytes(made.serialize())
    np.savez(tmp_path / "params.npz", **params)
    draws = np.random.default_rng(0)
    calls = {
        name: {
            "prompts": draws.integers(0, V, (3, P), dtype=np.int32),
            "lengths": draws.integers(1, P + 1, 3, dtype=np.int32),
            "heat": np.float32(heat),
            "p": np.float32(p),
            "seed": np.int32(seed),
        }
        for seed, (name, heat, p) in enumerate([("greedy", 0.0, 1.0), ("hot", 1.5, 0.99)])
    }
    flat = {f"{name}.{k}": v for name, call in calls.items() for k, v in call.items()}
    np.savez(tmp_path / "given.npz", **flat)
    child(ALONE, "generate", tmp_path)
    for name, call in calls.items():
        found, seed = np.load(tmp_path / f"{name}.npz"), call.pop("seed")
        expected = writes(jax.random.key(int(seed)), params, *call.values())
        for field, value in expected.items():
            np.testing.assert_array_equal(found[field], value)
    assert len(np.unique(np.load(tmp_path / "hot.npz")["tokens"])) > N


def test_a_trained_policy_draws_in_a_process_that_has_jax_alone(tmp_path):
    """The file holds the policy, which the function closes over."""
    logits = np.float32(3 * np.random.default_rng(0).standard_normal((16, V)))
    policy = Policy(features=("entropy",), width=4, depth=1, rngs=nnx.Rngs(0))
    sampler, key = chain(wild(Learned(policy), scale=2.0)), jax.random.key(4)

    def draws(key, logits):
        return sample(key, logits, sampler)

    made = export.export(jax.jit(draws), platforms=PLATFORMS)(shape(key), shape(logits[0]))
    (tmp_path / "sample.bin").write_bytes(made.serialize())
    np.save(tmp_path / "logits.npy", logits)
    child(ALONE, "sample", tmp_path)
    found = np.load(tmp_path / "tokens.npy")
    np.testing.assert_array_equal(found, [draws(key, row) for row in logits])
    assert np.any(found != [sample(key, row, chain(Learned(policy))) for row in logits])


def test_scores_go_through_a_file():
    """Texts of any number, and a temperature that was not known when the file was made."""

    @jax.jit
    def scores(params, prompts, tokens, lengths, heat):
        seen = score(TABLE, params, prompts, tokens, Temperature(heat), token_lengths=lengths)
        return {"sampler": seen.logprobs, "model": seen.model_logprobs}

    (b,) = export.symbolic_shape("b")
    shapes = (b, P), (b, N), (b,)
    texts = (jax.ShapeDtypeStruct(s, jnp.int32) for s in shapes)
    given = shape(TABLE_PARAMS), *texts, jax.ShapeDtypeStruct((), jnp.float32)
    made = export.export(scores, platforms=PLATFORMS)(*given)
    draws = np.random.default_rng(0)
    prompts, tokens = (draws.integers(0, V, (3, n), dtype=np.int32) for n in (P, N))
    call = TABLE_PARAMS, prompts, tokens, np.int32([N, 2, 0]), np.float32(0.7)
    found, expected = export.deserialize(made.serialize()).call(*call), scores(*call)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)
    assert np.all(np.asarray(found["sampler"])[0] != found["model"][0])


# The trees of these hold a function or a Flax variable, which nothing names in a file.
NAMELESS = "function", "partial", "learned"


def test_every_transform_and_state_goes_through_a_file():
    given = {c.id: (c.sampler, c.state) for c in CASES if c.id not in NAMELESS}
    made = export.export(jax.jit(lambda given: given))(given)
    found = export.deserialize(made.serialize())
    assert (found.in_tree, found.out_tree) == (made.in_tree, made.out_tree)
    assert found.in_tree.num_leaves == len(jax.tree.leaves(given))


# Not `python -m`, under which the name of the user's class would be that of another module.
PROGRAM = "import pathlib, sys; from tests.export import own; own.run(pathlib.Path(sys.argv[1]))"


def drawn(key, logits, sampler):
    return sample(key, logits, sampler)


def test_a_transform_of_a_user_is_an_input_in_another_process(tmp_path):
    logits = np.float32(np.random.default_rng(0).standard_normal(64))
    samplers = [chain(Within(gap), TopP(0.9)) for gap in GAPS]
    given = jax.random.key(4), logits, samplers[0]
    (tmp_path / "sample.bin").write_bytes(
        export.export(jax.jit(drawn), platforms=PLATFORMS)(*given).serialize()
    )
    np.save(tmp_path / "logits.npy", logits)
    tokens = child("-c", PROGRAM, tmp_path).split()
    assert [int(t) for t in tokens] == [int(drawn(*given[:2], sampler)) for sampler in samplers]
    assert len(set(tokens)) == 2


# One case for each way in which a sampler depends on the number of rows.
OPEN = [
    "edt-(1.0, 0.5)",
    "typical-0.2",
    "tail_free-0.95",
    "mirostat-6.0",
    "automaton-with time",
    "dry",
]


@pytest.mark.parametrize("name", swept(["t-k-p", *OPEN], ["t-k-p"]))
def test_samplers_draw_for_any_number_of_rows(name):
    case = next(case for case in CASES if case.id == name)

    def draws(key, logits):
        def row(b, logits):
            return sample(jax.random.fold_in(key, b), logits, case.sampler, case.state, HIDDEN)

        return jax.vmap(row)(jnp.arange(logits.shape[0]), logits)

    key, (b,) = jax.random.key(0), export.symbolic_shape("b")
    open_rows = jax.ShapeDtypeStruct((b, BANK.shape[1]), jnp.float32)
    made = export.export(jax.jit(draws))(shape(key), open_rows)
    np.testing.assert_array_equal(made.call(key, BANK), jax.jit(draws)(key, BANK))
