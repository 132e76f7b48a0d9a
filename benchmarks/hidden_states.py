"""The memory that training takes when the hidden states of a model are kept on disk.

    python benchmarks/hidden_states.py [--quick] [--out DIR] [--tokens 200000] [--text FILE]
        [--steps 20] [--folder DIR]

SmolLM2 reads `--tokens` tokens once (`jaxsample.learn.remember`), and a policy is trained from what
is on disk. The logits of all tokens at once would take 40 GB. The command ends with an error if the
peak of the process is above LIMIT. Memory that is mapped from the files counts too. The text is
random tokens unless `--text` names a file. There is no plot.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from flax import nnx
from harness.options import parser
from harness.progress import progress
from harness.report import environment, figures, heading, load, save, table

import jaxsample_models
from jaxsample.learn import DISTRIBUTION, Examples, Policy, fit, remember

LIMIT = 4.0  # GB
WIDTH = 128  # tokens of a text
TEXTS = 8  # texts that the model reads at once, and of a microbatch


def peak() -> float:
    """Return the largest resident memory of this process so far, in GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def texts(checkpoint, count: int, path: Path | None) -> Examples:
    """Return `count` tokens in texts of `WIDTH`, each after the token that begins a text."""
    shape = max(count // WIDTH, 1), WIDTH
    if path is None:
        ids = np.random.default_rng(0).integers(3, checkpoint.config.vocab_size, shape)
    else:
        ids = checkpoint.tokenizer.encode(path.read_text("utf-8"), add_special_tokens=False).ids
    tokens = np.resize(np.asarray(ids, np.int32), shape)
    begin = checkpoint.generation_config["bos_token_id"]
    return Examples(tokens, prompts=np.full((len(tokens), 1), begin, np.int32))


def stages(checkpoint, examples, folder, steps, step):
    """Return (stage, seconds, peak in GB) after each stage."""
    model, params = checkpoint.model, checkpoint.params
    rows, begun = [], time.perf_counter()

    def done(name):
        nonlocal begun
        rows.append((name, time.perf_counter() - begun, peak()))
        begun = time.perf_counter()

    rows.append(("the model is loaded", 0.0, peak()))
    step("read")
    kept = remember(model, params, examples, folder, batch_size=TEXTS)
    done(f"read {examples.tokens.size} tokens")
    step("train")
    policy = Policy(features=DISTRIBUTION, hidden_size=kept.hidden.shape[-1], rngs=nnx.Rngs(0))
    size = min(4 * TEXTS, len(examples.tokens))
    fit(
        jax.random.key(0),
        policy,
        model,
        params,
        kept,
        steps=steps,
        batch_size=size,
        microbatches=max(size // TEXTS, 1),
    )
    done(f"{steps} steps of {size * WIDTH} tokens")
    return rows


def main():
    options = parser(__doc__, "no plot", "the embedded model, few tokens")
    options.add_argument("--tokens", type=int, default=200_000)
    options.add_argument("--steps", type=int, default=20)
    options.add_argument("--text", type=Path, help="a text file")
    options.add_argument("--folder", type=Path, help="for the hidden states; temporary by default")
    given = options.parse_args()
    before = environment()
    print(heading(before))
    checkpoint = jaxsample_models.embedded() if given.quick else jaxsample_models.load("smollm2")
    if given.quick:
        given.tokens, given.steps = 4096, 2
    examples = texts(checkpoint, given.tokens, given.text)
    with tempfile.TemporaryDirectory() as temporary, progress(2) as step:
        folder = given.folder or Path(temporary)
        rows = stages(checkpoint, examples, folder, given.steps, step)
        size = (folder / "hidden.npy").stat().st_size / 1e9
    shown = [(name, figures(seconds), f"{gb:.2f}") for name, seconds, gb in rows]
    print(f"\n{table(('after', 'seconds', 'peak GB'), shown)}")
    print(f"\non disk {size:.2f} GB; load before {before['load']}, after {load()}")
    if given.out:
        named = [dict(zip(("after", "seconds", "peak_gb"), row, strict=True)) for row in rows]
        results = {"environment": before, "tokens": given.tokens, "disk_gb": size, "stages": named}
        print(f"wrote {save(given.out, results)}")
    if rows[-1][2] > LIMIT:
        sys.exit(f"the peak is {rows[-1][2]:.2f} GB, above {LIMIT} GB")


if __name__ == "__main__":
    main()
