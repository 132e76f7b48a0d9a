"""Write the model card of a story model from fresh measurements."""

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
    """Measure the model in `folder`, as it is stored, and return its card as Markdown.

    Args:
        folder: a model folder with the training.json that training wrote.
        stories: held-out stories the divergences are averaged over.
        samples: stories the model tells at each temperature.
    """
    checkpoint = load(folder)
    training = json.loads((folder / "training.json").read_text())
    scores = score(checkpoint, stories)
    keys = jax.random.split(jax.random.key(1), len(TEMPERATURES))
    told = {t: tell(checkpoint, key, samples, t) for t, key in zip(TEMPERATURES, keys, strict=True)}
    parts = (
        _front(checkpoint, folder),
        _truth(),
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
short stories from a known grammar, so that the exact next-token distribution of the truth is at
hand for any prefix. It is meant for testing and studying decoding, not for prose.

```python
import jaxsample_models

model, params, tokenizer, config, generation_config = jaxsample_models.embedded()
```

Llama layout: width {config.dim}, {config.layers} layers, {config.heads} heads ({config.kv_heads}
for keys and values), gated MLP of {config.mlp_dim}, rotary positions, tied embeddings,
{config.vocab_size} word tokens. It has only seen stories that start at `<s>`.
"""


def _truth() -> str:
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
    return f"""## The truth

A token comes from one of four kinds of slot: a **template** word, a **fact** settled earlier (the
color of that fox), a **branch** (an even pick, or a turn of the plot), or an **open** slot, Zipf
over {sizes[0]} to {sizes[-1]} words. The title sets the tone, and the tone the exponent:
{tones}; {UNTITLED} without a title. Exact means over all stories, which have {low} to {high}
tokens:

| slot | tokens a story | nats a story |
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

On {stories} held-out stories, with the stored weights; nats per token, the divergence exact at each
position. Accuracy: the model's favourite is a favourite of the truth. Stray mass: probability given
to tokens the truth rules out.

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
    return f"""Stories the model tells by itself, plain sampling: how many the grammar accepts, and
in what kind of slot the others first fail.

{table}
"""


def _examples(checkpoint: Checkpoint, told: dict[float, list[list[int]]]) -> str:
    texts = [f"> {checkpoint.tokenizer.decode(stories[0])}" for stories in told.values()]
    quotes = "\n\n".join(texts)
    temperatures = " and ".join(map(str, told))
    return f"""The first story at temperature {temperatures}:

{quotes}
"""


def _training(training: dict) -> str:
    return f"""## Training

{training["tokens"] / 1e6:.2f}M tokens ({training["stories"]} stories, {training["steps"]} steps
of {training["stories"] // training["steps"]}), cross-entropy against the exact distributions;
{training["cpu_seconds"] / 60:.0f} minutes of CPU time, {training["wall_seconds"] / 60:.0f} minutes
by the clock on two cores that others shared. No stories are stored: they are drawn as needed.

```
python -m jaxsample_models.stories.train --out DIR \\
    --tokens {training["budget"]} --seed {training["seed"]}
python -m jaxsample_models.stories.card --folder DIR/weights
```
"""


def main():
    """Measure a model folder and write its README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--stories", type=int, default=1024, help="held out, for the divergences")
    parser.add_argument("--samples", type=int, default=1024, help="told at each temperature")
    args = parser.parse_args()
    text = card(args.folder, args.stories, args.samples)
    (args.folder / "README.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
