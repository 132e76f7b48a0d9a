"""The entropy that a text needs before its watermark is found.

    python benchmarks/watermark.py [--quick] [--out DIR] [--texts 200]

The embedded story model writes texts at several temperatures, and tables of random logits write
texts of several entropies. Each text has its own key: for the green list, for SynthID, or for no
mark. A text counts as found if `detect` returns p <= 0.01, which happens for at most one unmarked
text in a hundred. Each text is judged at every level of summed entropy that it reaches, cut after
the token that reaches it. The entropy is that of the distribution before the mark. Generation
continues after the end of a story, because stories are too short.

The second table checks a promise: at least 95 in 100 texts are found when they are cut at their
80th token of more than 1 nat. Intervals are Wilson's, at 95%.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from harness.progress import progress
from harness.report import environment, figures, heading, load, save, table
from scipy import stats

import jaxsample_models
from jaxsample import Model, ModelOutput, SynthID, Watermark, chain, detect, generate, stack

ALARM = 0.01
RICH, NATS = 80, 1.0
LEVELS = (5, 10, 20, 30, 45, 60, 80, 100, 130, 160, 200, 250)
VOCABULARY, STATES, DEPTH = 512, 4096, 30
PLAIN = "no mark"


def green_list(i):
    """Return the default green list: a quarter of the vocabulary, 2 nats, the last token."""
    return Watermark(2**33 + i)


def synthid(i):
    """Return SynthID with the paper's depth, on the last four tokens."""
    return SynthID(np.arange(1, DEPTH + 1) + 1000 * (i + 1))


MARKS = {"green list": green_list, "SynthID": synthid}


def story():
    """Return the story model with params (params, temperature), its params, and its prompt."""
    model, params, _, _, extra, *_ = jaxsample_models.embedded()

    def apply(pair, tokens, positions, cache):
        return model.apply(pair[0], tokens, positions, cache)

    def unembed(pair, hidden):
        return model.unembed(pair[0], hidden) / pair[1]

    tempered = Model(model.init_cache, apply, unembed)
    return tempered, params, extra["bos_token_id"]


def random_table():
    """Return a model of random logits for a hash of the last two tokens; params (table, scale)."""

    def init_cache(batch, max_length):
        del max_length
        return jnp.zeros((batch, 1), jnp.int32)

    def apply(pair, tokens, positions, cache):
        def one(last, column):
            token, position = column
            hashed = (last[:, 0] * 31 + token * 7919) % STATES
            return jnp.where(position[:, None] < 0, last, token[:, None]), hashed

        cache, at = jax.lax.scan(one, cache, (tokens.T, positions.T))
        return ModelOutput(pair[0][at.T] * pair[1], None, cache)

    logits = jax.random.normal(jax.random.key(0), (STATES, VOCABULARY))
    return Model(init_cache, apply), logits, 0


def scale_of(nats):
    """Return the scale at which rows of normal logits have `nats` of entropy, by bisection."""
    row = np.random.default_rng(0).standard_normal((64, VOCABULARY))
    low, high = 0.0, 60.0
    for _ in range(40):
        middle = (low + high) / 2
        p = np.exp(middle * (row - row.max(1, keepdims=True)))
        p /= p.sum(1, keepdims=True)
        mean = -np.mean(np.sum(p * np.log(np.maximum(p, 1e-300)), 1))
        low, high = (middle, high) if mean > nats else (low, middle)
    return low


@jax.jit
def p_values(marks, tokens, lengths):
    """Return the p-values of `detect` for each text `[B, N]` at each of its lengths `[B, L]`."""
    cut = jax.vmap(lambda mark, text, n: detect(mark, text, length=n).p_value, (None, None, 0))
    return jax.vmap(cut)(marks, tokens, lengths)


def measure(opened, knob, texts, length, step):
    """Generate texts at one temperature or scale; return rates by level and at RICH tokens."""
    model, params, bos = opened
    prompts = jnp.full((texts, 1), bos)
    stacks = {name: stack([make(i) for i in range(texts)]) for name, make in MARKS.items()}
    found, nats, kinds = {}, [], [PLAIN, *stacks]
    for number, name in enumerate(kinds):
        step(name)
        marks = stacks.get(name)
        got = generate(
            jax.random.key(number),
            model,
            (params, jnp.float32(knob)),
            prompts,
            chain() if marks is None else marks,
            max_new_tokens=length,
            sampler_axes=None if marks is None else 0,
            record=("entropy",),
        )
        entropy = np.asarray(got.entropy)
        nats.append(entropy.mean())
        sums = np.cumsum(entropy, 1)
        rich = np.cumsum(entropy > NATS, 1)
        # The first position that reaches each level, and that of the RICH-th rich token.
        ends = [np.argmax(sums >= level, 1) + 1 for level in LEVELS] + [
            np.argmax(rich >= RICH, 1) + 1
        ]
        reached = np.stack([sums[:, -1] >= level for level in LEVELS] + [rich[:, -1] >= RICH], 1)
        # Unmarked texts are tried with the keys of every mark.
        for kind, keys in stacks.items() if marks is None else [(name, marks)]:
            p = np.asarray(p_values(keys, got.tokens, np.stack(ends, 1)))
            rates = [rate((p[:, i] <= ALARM)[reached[:, i]]) for i in range(p.shape[1])]
            found[kind, marks is not None] = rates
    return {
        "nats_per_token": float(np.mean(nats)),
        "kinds": {
            kind: {
                "levels": dict(zip(LEVELS, found[kind, True], strict=False)),
                "unmarked": dict(zip(LEVELS, found[kind, False], strict=False)),
                "rich": found[kind, True][-1],
                "rich_unmarked": found[kind, False][-1],
            }
            for kind in MARKS
        },
    }


def rate(hits):
    """Return the share of True with Wilson's interval, or None if there is nothing."""
    n, k = len(hits), int(np.sum(hits))
    if not n:
        return None
    ends = stats.binomtest(k, n).proportion_ci(method="wilson")
    return {"texts": n, "found": k, "rate": k / n, "low": ends.low, "high": ends.high}


def pooled(rates):
    """Return one rate of several together."""
    rates = [one for one in rates if one]
    found, texts = (sum(one[name] for one in rates) for name in ("found", "texts"))
    return rate(np.arange(texts) < found)


def tables(results):
    """Return the tables."""

    def share(one):
        return "-" if one is None or one["texts"] < 20 else f"{one['rate']:.3f}"

    rows = []
    for setting in results["settings"]:
        for kind, arm in setting["kinds"].items():
            name = f"{setting['name']} ({figures(setting['nats_per_token'])} nats a token), {kind}"
            rows.append([name, *(share(arm["levels"][level]) for level in LEVELS)])
    parts = [
        f"share found at p <= {ALARM} by summed entropy, nats; {results['texts']} texts each",
        table(["texts", *LEVELS], rows),
        f"texts cut at their {RICH}th token above {NATS:g} nat",
    ]
    rows = []
    for kind, arm in results["rich"].items():
        for name, one in arm.items():
            if one:
                interval = f"{one['low']:.3f} .. {one['high']:.3f}"
                rows.append([f"{kind}, {name}", one["texts"], f"{one['rate']:.3f}", interval])
    parts.append(table(["", "texts", "share found", "interval"], rows))
    return "\n\n".join(parts)


def draw(results, path):
    """Draw the share of found texts over summed entropy, a panel for each setting."""
    from harness.plot import Panel, picture

    panels = []
    for setting in results["settings"]:
        lines = {}
        for kind, arm in setting["kinds"].items():
            for name, rates in ((kind, arm["levels"]), (f"{kind}, {PLAIN}", arm["unmarked"])):
                lines[name] = [
                    (level, one["rate"], one["low"], one["high"])
                    for level, one in rates.items()
                    if one and one["texts"] >= 20
                ]
        title = f"{setting['name']}, {figures(setting['nats_per_token'])} nats a token"
        floors = [f"{kind}, {PLAIN}" for kind in MARKS]
        panels.append(
            Panel(title, "summed entropy, nats", "share found", lines, floors=floors, log=False)
        )
    return picture(path, panels, f"watermarks found at p <= {ALARM}", columns=4)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="a few short texts of one table")
    options.add_argument("--out", type=Path, help="where results.json and watermark.png go")
    options.add_argument("--texts", type=int, help="texts of a setting")
    given = options.parse_args()
    texts = given.texts or (10 if given.quick else 200)
    before = environment()
    print(heading(before))
    temperatures, entropies = ((), (3,)) if given.quick else ((1, 1.5, 2, 3), (0.5, 1, 2, 3))
    # The story model has room for 128 tokens.
    settings = [(story, f"stories, T = {t:g}", t, 127) for t in temperatures]
    length = 40 if given.quick else 250
    settings += [
        (random_table, f"table of {nats:g} nats", scale_of(nats), length) for nats in entropies
    ]
    found = []
    with progress(len(settings) * (1 + len(MARKS))) as step:
        opened = {make: make() for make, *_ in settings}
        for make, name, knob, length in settings:
            seen = measure(
                opened[make], knob, texts, length, lambda kind, name=name: step(f"{name}: {kind}")
            )
            found.append({"name": name, "knob": knob, "tokens": length, **seen})
    results = {
        "benchmark": "watermark",
        "before": before,
        "load_after": load(),
        "texts": texts,
        "alarm": ALARM,
        "marks": {
            "green list": {"fraction": 0.25, "strength": 2.0, "width": 1},
            "SynthID": {"depth": DEPTH, "width": 4},
        },
        "settings": found,
        "rich": {
            kind: {
                "marked": pooled([one["kinds"][kind]["rich"] for one in found]),
                PLAIN: pooled([one["kinds"][kind]["rich_unmarked"] for one in found]),
            }
            for kind in MARKS
        },
    }
    print(f"\n{tables(results)}")
    if given.out:
        print(f"wrote {save(given.out, results)}")
        print(f"wrote {draw(results, given.out / 'watermark.png')}")


if __name__ == "__main__":
    main()
