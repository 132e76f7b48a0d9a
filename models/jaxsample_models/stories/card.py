"""The model card of a story model, written from new measurements."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import jax

from .._checkpoints import Checkpoint, load
from ._evaluate import Score, Told, judge, score, tell
from ._grammar import Grammar
from ._states import KINDS
from ._tables import OPEN, TONES, UNTITLED
from ._totals import expected, lengths

WEIGHTS = Path(__file__).parent / "weights"
TEMPERATURES = (1.0, 0.7)


def card(folder: Path, stories: int, samples: int) -> str:
    """Measure the model in `folder` and return its card as Markdown.

    Args:
        folder: a model folder with the training.json of its training.
        stories: the number of held-out stories for the divergences.
        samples: the number of stories to sample at each temperature.
    """
    checkpoint = load(folder)
    training = json.loads((folder / "training.json").read_text())
    scores = score(checkpoint, stories)
    keys = jax.random.split(jax.random.key(1), len(TEMPERATURES))
    told = {t: tell(checkpoint, key, samples, t) for t, key in zip(TEMPERATURES, keys, strict=True)}
    parts = (
        _front(checkpoint, folder),
        _grammar(),
        _scores(scores, stories),
        _told({t: judge(some) for t, some in told.items()}),
        _examples(checkpoint, told),
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

# Story model

A language model of {count / 1e6:.2f}M parameters ({size / 1e6:.2f} MB of float16) that tells
short stories. The stories come from a known grammar, which gives the exact next-token distribution
after any prefix. The model serves to test and study decoding, not to write prose.

```python
import jaxsample_models

model, params, tokenizer, config, generation_config, *_ = jaxsample_models.embedded()
```

It has the architecture of Llama: width {config.dim}, {config.layers} layers, {config.heads} heads
({config.kv_heads} for keys and values), a gated MLP of width {config.mlp_dim}, rotary positions,
tied embeddings and {config.vocab_size} tokens, one for each word. It was trained only on stories
that begin with `<s>`.
"""


def _grammar() -> str:
    grammar = Grammar()
    rows = []
    for kind in KINDS:
        tokens = expected(grammar, lambda s, kind=kind: float(grammar.kind(s) == kind))
        nats = expected(
            grammar,
            lambda s, kind=kind: grammar.distribution(s).entropy * (grammar.kind(s) == kind),
        )
        rows.append(f"| {kind} | {tokens:.2f} | {nats:.2f} |")
    total = expected(grammar, lambda s: 1.0)
    nats = expected(grammar, lambda s: grammar.distribution(s).entropy)
    low, high = lengths(grammar)
    sizes = sorted(len(words) for words in OPEN.values())
    tones = ", ".join(f"{tone} {s}" for tone, s in TONES.items())
    table = "\n".join(rows)
    return f"""## The grammar

A token comes from one of four kinds of slot:

- **template**: a fixed word.
- **fact**: a word that repeats an earlier one, such as the color of the fox.
- **branch**: a choice among a few words of equal probability, or a turn of the plot.
- **open**: a choice among {sizes[0]} to {sizes[-1]} words by Zipf's law.

The title sets the tone, and the tone sets the exponent of Zipf's law: {tones}, and {UNTITLED}
without a title. A story has {low} to {high} tokens. The table gives exact means over all stories:

| slot | tokens per story | nats per story |
|---|---|---|
{table}
| all | {total:.2f} | {nats:.2f} |
"""


def _scores(scores: dict[str, Score], stories: int) -> str:
    head = "| slot | share | KL(truth, model) | standard error | accuracy | entropy | stray mass |"
    rows = [
        f"| {kind} | {s.share:.1%} | {s.kl:.6f} | {s.error:.6f} | {s.accuracy:.3%} "
        f"| {s.entropy:.3f} | {s.stray:.6f} |"
        for kind, s in scores.items()
    ]
    table = "\n".join([head, "|---|---|---|---|---|---|---|", *rows])
    return f"""## How close the model is

These are the scores of the stored weights on {stories} held-out stories, in nats per token. The
divergence at each position is exact. Accuracy is the share of positions where the model's likeliest
token is among the likeliest of the grammar. Stray mass is the probability that the model gives to
tokens that the grammar rules out.

{table}
"""


def _told(told: dict[float, Told]) -> str:
    head = f"| temperature | stories | accepted | standard error | {' | '.join(KINDS)} |"
    rows = [
        f"| {t} | {x.count} | {x.share:.2%} | {x.error:.2%} "
        f"| {' | '.join(str(x.failures[kind]) for kind in KINDS)} |"
        for t, x in told.items()
    ]
    table = "\n".join([head, "|---" * (4 + len(KINDS)) + "|", *rows])
    return f"""The next table shows how many stories sampled from the model the grammar accepts, and
the kind of slot where the others first fail.

{table}
"""


def _examples(checkpoint: Checkpoint, told: dict[float, list[list[int]]]) -> str:
    texts = [f"> {checkpoint.tokenizer.decode(stories[0])}" for stories in told.values()]
    quotes = "\n\n".join(texts)
    temperatures = " and ".join(map(str, told))
    return f"""The first stories at temperatures {temperatures}:

{quotes}
"""


def _training(training: dict) -> str:
    return f"""## Training

The model was trained on {training["tokens"] / 1e6:.2f}M tokens ({training["stories"]} stories in
{training["steps"]} steps of {training["stories"] // training["steps"]}). The loss is the
cross-entropy against the exact distributions. Training took {training["cpu_seconds"] / 60:.0f}
minutes of CPU time, or {training["wall_seconds"] / 60:.0f} minutes on two shared cores. Stories
are sampled during training, so no data set is stored.

```
python -m jaxsample_models.stories.train --out DIR \\
    --tokens {training["budget"]} --seed {training["seed"]}
python -m jaxsample_models.stories.card --folder DIR/weights
```
"""


def main():
    """Measure the model in a folder and write the README.md of the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--stories", type=int, default=1024, help="held-out stories")
    parser.add_argument("--samples", type=int, default=1024, help="sampled at each temperature")
    args = parser.parse_args()
    text = card(args.folder, args.stories, args.samples)
    (args.folder / "README.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
