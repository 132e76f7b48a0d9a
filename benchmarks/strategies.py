"""The time of a token under fixed, entropy-dependent and KL-guided temperature.

    python benchmarks/strategies.py [--quick] [--out DIR] [--batch 8] [--steps 64] [--rounds 41]

It times steps of generate with a random Llama of the shape of llama2.c's stories15M. The strategies
take turns in every round, and ratios are taken within a round. EDT needs one more sum of each row.
KL-guided temperature runs the model for two streams.
"""

from __future__ import annotations

from types import SimpleNamespace

from decoders.models import SHAPES, params_of
from harness.options import parser
from harness.report import environment, figures, heading, load, save, table

from jaxsample import EntropyTemperature, KLTemperature, Temperature, TopP, chain
from jaxsample.study import Setting, Source, costs
from jaxsample_models import as_model

STRATEGIES = {
    "as the model is": (
        Setting("T 0.8", chain(Temperature(0.8))),
        Setting("EDT 0.8, 0.5", chain(EntropyTemperature(0.8, 0.5))),
        Setting("KL-guided 0.8, 1", chain(), KLTemperature(0.8, 1.0)),
    ),
    "with top-p .9": (
        Setting("T 0.8", chain(Temperature(0.8), TopP(0.9))),
        Setting("EDT 0.8, 0.5", chain(EntropyTemperature(0.8, 0.5), TopP(0.9))),
        Setting("KL-guided 0.8, 1", chain(TopP(0.9)), KLTemperature(0.8, 1.0)),
    ),
}


def measure(given):
    """Yield for each group the costs of its strategies, relative to the first."""
    config = SHAPES["tiny" if given.quick else "15M"]
    checkpoint = SimpleNamespace(
        model=as_model(config), params=params_of(config), generation_config={}, config=config
    )
    source = Source("random Llama", checkpoint)
    for name, settings in STRATEGIES.items():
        found = costs(
            source, settings, batch_size=given.batch, tokens=given.steps, rounds=given.rounds
        )
        yield {"group": name, "costs": [one._asdict() for one in found]}


def tables(results):
    """Return a table for each group."""
    text = []
    for group in results["groups"]:
        rows = [
            [
                one["setting"],
                figures(one["milliseconds"]),
                f"{one['ratio']:.3f}",
                f"{one['low']:.3f} .. {one['high']:.3f}",
            ]
            for one in group["costs"]
        ]
        text.append(table([group["group"], "ms a step", "of the first", "quartiles"], rows))
    return "\n\n".join(text)


def main():
    options = parser(__doc__, "nothing else", "a tiny model, few rounds")
    options.add_argument("--batch", type=int, default=8, help="rows decoded at once")
    options.add_argument("--rounds", type=int, help="runs of each strategy")
    options.add_argument("--steps", type=int, help="tokens of a run")
    given = options.parse_args()
    given.steps = given.steps or (8 if given.quick else 64)
    given.rounds = given.rounds or (3 if given.quick else 41)
    before = environment()
    print(heading(before))
    results = {
        "benchmark": "strategies",
        "before": before,
        "batch": given.batch,
        "steps": given.steps,
        "groups": list(measure(given)),
    }
    results["load_after"] = load()
    print(f"\n{tables(results)}\n\nload before {before['load']}, after {results['load_after']}")
    if given.out:
        print(f"wrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
