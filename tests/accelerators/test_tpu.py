"""Programs for TPU v5e, compiled without one: cost, loops, collectives, memory and types."""

import importlib.util
import re
import sys
from pathlib import Path

import jax
import pytest

from benchmarks.ahead import programs
from benchmarks.harness.worker import Worker
from tests.accelerators.bounds import BOUNDS, COLLECTIVES, PASSES, PEAKS, STEP_COLLECTIVES

ROOT = Path(__file__).resolve().parents[2]
BATCH, VOCABULARY = 8, 128256
ALL = BATCH * VOCABULARY
WIDE = {"f64", "s64", "u64", "c64", "c128"}
QUICK = ("T", (8, 128256)), ("k 50 + p .9", (8, 128256))
FIRST = [
    pytest.param(*case, marks=() if case in QUICK else pytest.mark.full, id=f"{case[0]} {case[1]}")
    for case in BOUNDS
]
SHARDED = "k 50 + p .9", pytest.param("p .9", marks=pytest.mark.full)


@pytest.fixture(scope="module")
def compiled():
    """Return the facts about a program; one process compiles all, since libtpu is large."""
    if importlib.util.find_spec("libtpu") is None:
        pytest.skip(
            "libtpu, which compiles for a TPU, is not installed: pip install libtpu==0.0.52"
        )
    known = {}
    with Worker(sys.executable, ROOT / "benchmarks" / "ahead" / "compiling.py", ["v5e"]) as worker:

        def facts(program, shape, **more):
            spec = {"program": program, "shape": shape, **more}
            key = str(spec)
            if key not in known:
                known[key] = worker.prepare(**spec).call(0)
            return known[key]

        yield facts


@pytest.mark.parametrize(("sampler", "shape"), FIRST)
def test_a_draw_costs_no_more_than_its_bound(compiled, sampler, shape):
    facts, bound = compiled(sampler, shape), BOUNDS[sampler, shape]
    assert facts["kernels"] <= bound.kernels
    assert facts["us"] <= bound.us
    assert facts["us_most"] <= bound.dearest_us


@pytest.mark.parametrize(("sampler", "shape"), FIRST)
def test_no_loop_runs_over_the_rows(compiled, sampler, shape):
    """Every loop makes a fixed number of passes over the batch, and handles no single row."""
    vocabulary = shape[1]
    for loop in compiled(sampler, shape)["loops"]:
        assert loop["trips"] is not None and loop["trips"] <= PASSES
        assert not [size for size in loop["sizes"] if vocabulary <= size < 2 * vocabulary]


@pytest.mark.parametrize(("sampler", "shape"), FIRST)
def test_nothing_is_computed_in_float64(compiled, sampler, shape):
    assert not WIDE & set(compiled(sampler, shape)["types"])


@pytest.mark.parametrize("sampler", SHARDED)
def test_devices_that_share_the_vocabulary_exchange_little(compiled, sampler):
    found = compiled(sampler, (BATCH, VOCABULARY), mesh=(1, 8))["collectives"]
    assert len([1 for *_, always in found if always]) <= COLLECTIVES, found
    assert all(size < ALL / 8 for _, size, _ in found), found


@pytest.mark.parametrize("sampler", SHARDED)
def test_devices_that_share_the_batch_exchange_no_logits(compiled, sampler):
    """They may exchange whether a row needs more than its largest values; the rows stay."""
    found = compiled(sampler, (BATCH, VOCABULARY), mesh=(8, 1))["collectives"]
    assert all(size < VOCABULARY for _, size, _ in found), found
    assert len(found) <= COLLECTIVES, found


@pytest.mark.full
@pytest.mark.parametrize("mesh", STEP_COLLECTIVES)
def test_devices_that_share_a_model_exchange_little(compiled, mesh):
    """Weights and cache lie as `jaxsample_models.shardings` says; no row of logits is gathered."""
    facts = compiled("step", (BATCH,), sampler="k 50 + p .9", mesh=mesh)
    found = facts["collectives"]
    assert len([1 for *_, always in found if always]) <= STEP_COLLECTIVES[mesh], found
    logits = BATCH * programs.CONFIG.vocab_size
    assert all(size < logits / 8 for _, size, _ in found), found


@pytest.mark.full
@pytest.mark.parametrize("name", PEAKS)
def test_a_model_on_256_chips_takes_little_room_on_each(compiled, name):
    """As in benchmarks/memory.py, with two layers: weights, cache and all else at the peak."""
    decoded = {"name": name, "layers": 2, "prompt": 1024, "new": 1024}
    facts = compiled("generate", (256,), sampler="k 50 + p .9", mesh=(32, 8), decoded=decoded)
    assert facts["peak"] <= PEAKS[name]


@pytest.mark.parametrize("program", ["step", pytest.param("generate", marks=pytest.mark.full)])
def test_weights_stay_bfloat16(compiled, program):
    facts = compiled(program, (BATCH,), sampler="k 50 + p .9")
    weights = [leaf.shape for leaf in jax.tree.leaves(programs.weights()) if leaf.ndim > 1]
    wide = [shape for shape in facts["results"] if shape.startswith("f32[")]
    written = {tuple(map(int, re.findall(r"\d+", shape[len("f32") :]))) for shape in wide}
    assert not written & {order for shape in weights for order in (shape, shape[::-1])}
    assert "bf16" in facts["types"] and not WIDE & set(facts["types"])


def test_a_step_writes_into_the_cache_that_it_is_given(compiled):
    bytes_of_bfloat16 = 2
    keys_and_values = 2 * programs.CONFIG.layers
    cache = bytes_of_bfloat16 * keys_and_values * programs.cached(BATCH)
    assert compiled("step", (BATCH,), sampler="k 50 + p .9")["aliased"] >= cache


@pytest.mark.full
def test_generate_copies_no_cache_in_its_loop(compiled):
    loops = compiled("generate", (BATCH,), sampler="k 50 + p .9")["loops"]
    assert any(programs.cached(BATCH) in loop["sizes"] for loop in loops)
    assert not any(programs.cached(BATCH) in loop["copied"] for loop in loops)


@pytest.mark.full
def test_the_steps_of_slots_copy_no_cache_and_choose_nothing_about_it(compiled):
    facts = compiled("in slots", (BATCH,), sampler="k 50 + p .9")
    (steps,) = (loop for loop in facts["loops"] if loop["trips"] is None)
    cache = programs.cached(programs.SLOTS)
    # The loop over refills around it copies once: rows are put in with another layout.
    assert cache in steps["sizes"] and cache not in steps["copied"]
    # All conditionals are those of a draw.
    assert facts["choices"] == compiled("step", (BATCH,), sampler="k 50 + p .9")["choices"]
