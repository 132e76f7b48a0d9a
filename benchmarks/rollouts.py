"""Many prompts with outputs of different lengths: batches beside a rollout, whose slots refill.

    python benchmarks/rollouts.py [--quick] [--out DIR] [--model embedded|15M] [--prompts 256]
        [--slots 16] [--mean 40] [--longest 256] [--rounds 5]

The lengths of the outputs are drawn from a geometric distribution and fixed by budgets, so all arms
write the same tokens. The arms: batches in the order of the prompts, batches sorted by the length
of the output, which nobody knows before, and rollouts that refill 2 or 4 slots at a time. The loop
of `rollout` runs on the host, and `generate(.., slots)` is one program on the device.
Steps are counted in a run of its own; the occupancy is tokens / (slots x steps).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from decoders.models import SHAPES, params_of
from harness.options import parser
from harness.plot import Panel, picture
from harness.progress import progress
from harness.report import environment, figures, heading, load, ratio, recorded, save, table, times
from harness.turns import take_turns, timed

from jaxsample import Request, Temperature, TopK, TopP, chain, generate, rollout
from jaxsample_models import as_model, embedded

SAMPLER = chain(Temperature(0.8), TopK(50), TopP(0.9))
PROMPT = 16
KEY = jax.random.key(0)
BATCHES, SORTED = "batches", "batches, sorted by length"


class Work:
    """The prompts, and the ways to decode them. An arm returns the tokens of each prompt."""

    def __init__(self, given):
        if given.model == "embedded":
            checkpoint = embedded()
            self.model, self.params = checkpoint.model, checkpoint.params
            size = checkpoint.config.vocab_size
        else:
            config = SHAPES[given.model]
            self.model, self.params = as_model(config), params_of(config)
            size = config.vocab_size
        rng = np.random.default_rng(0)
        self.prompts = rng.integers(0, size, (given.prompts, PROMPT), np.int32)
        self.budgets = np.minimum(rng.geometric(1 / given.mean, given.prompts), given.longest)
        self.slots, self.longest = given.slots, given.longest
        self.room = PROMPT + given.longest
        self.keys = jax.vmap(jax.random.fold_in, (None, 0))(KEY, np.arange(given.prompts))

    def batches(self, order):
        found = {}
        for first in range(0, len(order), self.slots):
            rows = order[first : first + self.slots]
            out = generate(
                self.keys[rows],
                self.model,
                self.params,
                self.prompts[rows],
                SAMPLER,
                max_new_tokens=self.longest,
                max_length=self.room,
                budget=self.budgets[rows],
                record=(),
            )
            tokens, lengths = jax.device_get((out.tokens, out.lengths))
            found |= {row: tokens[i, : lengths[i]] for i, row in enumerate(rows)}
        return found

    def rollout(self, refill):
        requests = (
            Request(prompt, budget=int(budget))
            for prompt, budget in zip(self.prompts, self.budgets, strict=True)
        )
        done = rollout(
            KEY,
            self.model,
            self.params,
            requests,
            SAMPLER,
            slots=self.slots,
            max_length=self.room,
            max_new_tokens=self.longest,
            widths=(PROMPT,),
            refill=refill,
            record=(),
        )
        return {finished.index: finished.tokens for finished in done}

    def in_slots(self, refill):
        out = generate(
            KEY,
            self.model,
            self.params,
            self.prompts,
            SAMPLER,
            max_new_tokens=self.longest,
            max_length=self.room,
            budget=self.budgets,
            record=(),
            slots=self.slots,
            refill=refill,
        )
        tokens, lengths = jax.device_get((out.tokens, out.lengths))
        return {row: tokens[row, :length] for row, length in enumerate(lengths)}

    def arms(self, refills):
        plain, by_length = np.arange(len(self.prompts)), np.argsort(self.budgets, kind="stable")
        arms = {BATCHES: lambda: self.batches(plain), SORTED: lambda: self.batches(by_length)}
        for refill in refills:
            arms[f"rollout, {refill} at a time"] = lambda refill=refill: self.rollout(refill)
            arms[f"generate in slots, {refill} at a time"] = lambda refill=refill: self.in_slots(
                refill
            )
        return arms

    def counting(self):
        """Keep in `live` the number of rows at work in each step of decoding."""
        model, self.live = self.model, []

        def apply(params, tokens, positions, cache):
            if tokens.shape[1] == 1:
                live = jnp.sum(positions >= 0)
                jax.debug.callback(lambda n: self.live.append(int(n)), live, ordered=True)
            return model.apply(params, tokens, positions, cache)

        self.model = model._replace(apply=apply)


def measure(given):
    work = Work(given)
    refills = (2, 4)
    tokens = int(work.budgets.sum())
    expected = work.batches(np.arange(given.prompts))
    live, same = {}, {}
    with progress(2 * len(refills) + 3) as say:
        counted = Work(given)
        counted.counting()
        for name, arm in counted.arms(refills).items():
            say(f"{name}: steps")
            found = arm()
            jax.effects_barrier()
            live[name], counted.live = counted.live, []
            equal = [np.array_equal(found[i], expected[i]) for i in range(given.prompts)]
            same[name] = float(np.mean(equal))
        say("times")
        arms = {name: timed(lambda _, arm=arm: arm()) for name, arm in work.arms(refills).items()}
        runs = recorded(take_turns(arms, given.rounds, 1e9, given.rounds))
    return {
        name: {
            **run,
            "live": live[name],
            "occupancy": tokens / (given.slots * len(live[name])),
            "tokens_per_s": tokens / run["median_s"],
            "equal": same[name],
        }
        for name, run in runs.items()
    }


def tables(results):
    """Return the table of all arms."""
    rows, base = [], results["arms"][BATCHES]["times_s"]
    for name, arm in results["arms"].items():
        found = "" if name == BATCHES else times(ratio(base, arm["times_s"]))
        line = (
            name,
            len(arm["live"]),
            f"{arm['occupancy']:.3f}",
            figures(arm["tokens_per_s"]),
            found,
        )
        rows.append([*line, f"{arm['equal']:.3f}"])
    return table(["arm", "steps", "occupancy", "tokens/s", "of batches", "rows equal"], rows)


def draw(results, path):
    """Draw how many slots are at work in each step of every arm, the mean of 16 steps."""
    longest = max(len(arm["live"]) for arm in results["arms"].values())
    slots = results["settings"]["slots"]
    panels = []
    for name, arm in results["arms"].items():
        steps = np.array(arm["live"])
        firsts = range(0, len(steps), 16)
        at_work = [(first, float(steps[first : first + 16].mean())) for first in firsts]
        lines = {
            "slots at work": [*at_work, (len(steps), 0)],
            "all slots": [(0, slots), (longest, slots)],
        }
        options = dict(log=False, markers=False, floors=["all slots"])
        panels.append(Panel(name, "step", "slots", lines, **options))
    return picture(path, panels, "rollouts")


def main():
    made = parser(__doc__, "rollouts.png", "few prompts, one round")
    made.add_argument("--model", default="embedded", choices=["embedded", *SHAPES])
    made.add_argument("--prompts", type=int, default=256)
    made.add_argument("--slots", type=int, default=16)
    made.add_argument("--mean", type=int, default=40, help="of the lengths of the outputs")
    made.add_argument("--longest", type=int, default=256)
    made.add_argument("--rounds", type=int, default=5)
    given = made.parse_args()
    if given.quick:
        given.prompts, given.slots, given.mean, given.longest, given.rounds = 12, 4, 6, 16, 1
    before = environment()
    print(heading(before))
    results = {
        "benchmark": "rollouts",
        "before": before,
        "settings": {k: v for k, v in vars(given).items() if k not in ("out", "peer", "quick")},
        "arms": measure(given),
        "load_after": load(),
    }
    print(f"\n{tables(results)}\n\nload before {before['load']}, after {results['load_after']}")
    if given.out:
        print(f"wrote {save(given.out, results)}")
        print(f"wrote {draw(results, given.out / 'rollouts.png')}")


if __name__ == "__main__":
    main()
