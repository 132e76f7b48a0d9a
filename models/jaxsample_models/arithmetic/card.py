"""The model card of a model of sums, written from new measurements."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import jax
import numpy as np

import jaxsample

from .._checkpoints import Checkpoint, load
from ._evaluate import Score, score
from ._exact import pass_at_1
from ._slips import FORGOTTEN, LARGE, MISCOUNTED, PLAN_ODDS
from ._sums import PLANS, VOCABULARY, draw_sums
from ._tree import grow, solved

WEIGHTS = Path(__file__).parent / "weights"
TEMPERATURES = (1.4, 1.0, 0.7, 0.4, 0.1)
K = 8


def card(folder: Path, sums: int) -> str:
    """Measure the model in `folder` and return its card as Markdown.

    Args:
        folder: a model folder with the training.json of its training.
        sums: the number of held-out sums of each measurement.
    """
    checkpoint = load(folder)
    training = json.loads((folder / "training.json").read_text())
    parts = (
        _front(checkpoint, folder),
        _slips(),
        _scores(score(checkpoint, sums), sums),
        _chances(checkpoint, sums),
        _training(training),
    )
    return "\n".join(parts)


def _front(checkpoint: Checkpoint, folder: Path) -> str:
    config = checkpoint.config
    count = sum(x.size for x in jax.tree.leaves(checkpoint.params))
    size = (folder / "model.safetensors").stat().st_size
    return f"""---
license: apache-2.0
library_name: jaxsample
pipeline_tag: text-generation
language: en
---

# Model of sums

A language model of {count / 1e6:.2f}M parameters ({size / 1e6:.2f} MB of float16) that works out
sums of three numbers in two steps. Its training texts have random errors (slips) at known places
and rates. So the exact distribution of every token is known, and the exact probability of a right
answer follows from it. The model is made for studies of decoding with verifiable rewards, not for
adding numbers.

```python
import jaxsample_models

model, params, tokenizer, config, generation_config, *_ = jaxsample_models.embedded_arithmetic()
```

It has the architecture of Llama: width {config.dim}, {config.layers} layers, {config.heads} heads,
a gated MLP of width {config.mlp_dim}, rotary positions, tied embeddings and {len(VOCABULARY)}
tokens, one for each digit, sign and plan. It reads only prompts of the form `<s>47+38+29=`, with
three terms in 10 to 99.
"""


def _slips() -> str:
    plans = ", ".join(f"`{plan}:` {odds:g}" for plan, odds in zip(PLANS, PLAN_ODDS, strict=True))
    return f"""## The texts

A solution is `left:85,14</s>`. The plan names the pair that is added first: `left:` adds the first
two terms, `right:` the last two, `outer:` the first and the last. Then come the result of that step
and, after the comma, the result of the second step, which adds the term that is left. Numbers have
two digits, the last two of a sum. A digit is the sum of a column, its two digits and the carry.

- **plan**: odds {plans}, the same for every sum.
- **digit**: right with probability {1 - MISCOUNTED:g}, else off by one, up or down equally.
- **large**: if both digits of the column are {LARGE} or more, right with probability
  {1 - FORGOTTEN:.2g}, else one too small.
- **fixed**: the comma and the end, always the same.

A slip in the first step is carried on: the second step adds the number that was written. In a large
column the likeliest digit is wrong. So a plan with a large column mostly fails, but another plan of
the same sum may have none. A low temperature is best at a digit, and a variety of plans is needed
to solve a sum in a few tries.
"""


def _scores(scores: dict[str, Score], sums: int) -> str:
    head = "| token | share | KL(truth, model) | standard error | entropy | stray mass |"
    rows = [
        f"| {kind} | {s.share:.1%} | {s.kl:.6f} | {s.error:.6f} | {s.entropy:.3f} | {s.stray:.6f} |"
        for kind, s in scores.items()
    ]
    table = "\n".join([head, "|---|---|---|---|---|---|", *rows])
    return f"""## How close the model is

These are the scores of the stored weights on {sums} sums that training held out, in nats per token.
The divergence at each position is exact. Stray mass is the probability that the model gives to
tokens that the texts never have there.

{table}
"""


def _chances(checkpoint: Checkpoint, count: int) -> str:
    sums = draw_sums(np.random.default_rng(1), count, held_out=True)
    tree, rows = grow(checkpoint, sums), []
    for t in TEMPERATURES:
        sampler = jaxsample.Temperature(t)
        corpus, model = pass_at_1(sums, sampler), solved(tree, sampler)
        numbers = (
            np.mean(corpus),
            _at_k(corpus),
            np.mean(model.right),
            _at_k(model.right),
            np.mean(model.missed),
        )
        rows.append(f"| {t} | {' | '.join(f'{x:.4f}' for x in numbers)} |")
    head = f"| temperature | texts: pass@1 | pass@{K} | model: pass@1 | pass@{K} | missed |"
    table = "\n".join([head, "|---|---|---|---|---|---|", *rows])
    return f"""## How often the answer is right

The next table gives the exact probability of a right answer, and of one among {K}, on {count} sums
that training held out. That of the texts is computed by dynamic programming over plans and digits.
That of the model sums over the 300 solutions with the right answer: every plan, and every result of
the first step. It is exact for this format. The last column bounds what texts of other formats
could add. After a wrong first step the model still writes the right answer at times.

{table}
"""


def _at_k(right: np.ndarray) -> float:
    return float(np.mean(1.0 - (1.0 - right) ** K))


def _training(training: dict) -> str:
    return f"""## Training

The model was trained on {training["sums"] / 1e3:.0f} thousand sums in {training["steps"]} steps of
{training["sums"] // training["steps"]}. The loss is the cross-entropy against the exact
distributions. Training took {training["cpu_seconds"] / 60:.1f} minutes of CPU time on one core
({training["wall_seconds"] / 60:.0f} minutes on a shared machine). A tenth of all sums is held out.

```
python -m jaxsample_models.arithmetic.train --out DIR \\
    --calls {training["calls"]} --seed {training["seed"]}
python -m jaxsample_models.arithmetic.card --folder DIR/weights
```
"""


def main():
    """Measure the model in a folder and write the README.md of the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--sums", type=int, default=512, help="held-out sums")
    args = parser.parse_args()
    text = card(args.folder, args.sums)
    (args.folder / "README.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
