"""Without its extras the library decodes and draws pictures, and says what the rest needs."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
for package in "flax optax orbax safetensors tokenizers rich flatbuffers yaml".split():
    sys.modules[package] = None  # importing it raises ImportError
import jax
import numpy as np
from jaxsample import TopK, generate
from jaxsample.interop import from_sampling_params, preset
from conftest import BIGRAM, TABLE
prompts = np.array([[0], [2]])
out = generate(jax.random.key(0), BIGRAM, TABLE, prompts, TopK(1), max_new_tokens=3)
print(out.tokens.tolist())
print(any(name.startswith(("jaxsample.drawing", "jaxsample.show")) for name in sys.modules))
from jaxsample.show import explain
print(all(shown._repr_html_() for shown in (TopK(1), out, explain(TABLE[0], TopK(1)))))
for door in ("jaxsample.learn", "jaxsample.study", "jaxsample_models"):
    try:
        __import__(door)
    except ImportError as error:
        print(error)
"""


def test_jax_and_numpy_are_enough_to_decode_and_to_draw_pictures():
    root = Path(__file__).resolve().parent.parent
    path = {"PYTHONPATH": f"{root}:{root / 'models'}"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        cwd=root,
        env=os.environ | path,
    )
    learn = "jaxsample.learn needs flax and optax: pip install 'jaxsample[learn]'"
    models = "jaxsample_models needs flax: pip install 'jaxsample[models]'"
    said = done.stdout.splitlines()
    tokens = "[[1, 2, 3], [3, 0, 1]]"
    assert said == [tokens, "False", "True", learn, learn, models], done.stderr
