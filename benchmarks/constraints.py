"""The cost of constrained decoding: compilation, memory, and the time of every token.

    python benchmarks/constraints.py [--quick] [--out DIR] [--stories260k DIR]
        [--sizes 512,32000,50257] [--objects 1000] [--model 15M] [--steps 64] [--rounds 15]

The first table has the states, classes and bytes of the automata of some languages, and the seconds
to compile each of them (the best of three). The vocabularies are that of the story model, that of
stories260K if its folder is given, and byte-level BPEs that are trained on the source of Python's
standard library.

The second table counts objects of a nested schema with strings of up to 40 characters. A random
Llama and stories260K write them within a budget of tokens. It shows how many are complete, parse,
and are valid under the schema (if jsonschema is installed).

The third table has the milliseconds per step with and without the automaton of that schema, next to
T .8 and p .95: in generate with a random Llama, and in sampling alone, which draws from given
logits and updates the state.
"""

from __future__ import annotations

import time
from pathlib import Path

import jax
from constrained import runs
from constrained.cases import LANGUAGES, NESTED, OF_WORDS, byte_pairs
from decoders.models import SHAPES, params_of
from decoders.overhead import overhead
from harness.options import parser
from harness.progress import progress
from harness.report import environment, heading, load, recorded, save

import jaxsample_models
from jaxsample.interop import vocabulary_of

BATCH, SLACK = 8, 120
SMALL = "tiny"  # the model that writes objects; its vocabulary trains fast


def compiled(name, vocabulary, eos, languages, repeats, step):
    """Compile every language over one vocabulary; return the table's lines and the automata."""
    lines, automata = [], {}
    for language in languages:
        step(f"{name}: {language}")
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            automaton = jax.block_until_ready(LANGUAGES[language](vocabulary, eos))
            seconds.append(time.perf_counter() - start)
        automata[language] = automaton
        states, classes = automaton.table.shape
        lines.append(
            {
                "vocabulary": name,
                "language": language,
                "tokens": len(vocabulary),
                "states": states,
                "classes": classes,
                "bytes": sum(leaf.nbytes for leaf in jax.tree.leaves(automaton)),
                "shortest": int(automaton.distance[0]),
                "seconds": min(seconds),
            }
        )
    return lines, automata


def priced(what, times, steps):
    """Return a line of the third table, from the seconds of calls of `steps` steps."""
    times = {arm: [seconds / steps for seconds in found] for arm, found in times.items()}
    share = overhead(times[runs.BOUND], times[runs.FREE])
    return {"what": what, "arms": recorded(times), "overhead": share}


def parse():
    options = parser(__doc__, "constraints.png", "a small vocabulary, few objects and rounds")
    add = options.add_argument
    add("--stories260k", type=Path, metavar="DIR", help="the Hugging Face folder of stories260K")
    add("--sizes", help="tokens of the trained vocabularies, comma between")
    add("--objects", type=int, help="objects to write")
    add("--model", choices=SHAPES, help="the random Llama of the third table")
    add("--steps", type=int, help="new tokens of a call")
    add("--rounds", type=int, help="runs of an arm")
    given = options.parse_args()
    small = SHAPES[SMALL].vocab_size
    sizes = given.sizes or (str(small) if given.quick else "512,32000,50257")
    given.sizes = tuple(map(int, sizes.split(",")))
    given.objects = given.objects or (20 if given.quick else 1000)
    given.model = given.model or (SMALL if given.quick else "15M")
    given.steps = given.steps or (8 if given.quick else 64)
    given.rounds = given.rounds or (3 if given.quick else 15)
    return given


def main():
    given = parse()
    before = environment(("tokenizers", "jsonschema"))
    print(heading(before))
    automata, models, objects, costs = [], {}, {}, []
    sizes = {*given.sizes, SHAPES[SMALL].vocab_size, SHAPES[given.model].vocab_size}
    stories = given.stories260k if given.stories260k and given.stories260k.is_dir() else None
    if not stories:
        print("stories260K: skipped (no --stories260k, or no such folder)")
    repeats = 1 if given.quick else 3
    total = len(OF_WORDS) + len(LANGUAGES) * (len(sizes) + bool(stories)) + len(sizes) + 3
    with progress(total) as step:
        story = jaxsample_models.embedded()
        eos = story.generation_config["eos_token_id"]
        found, _ = compiled(
            "story words", vocabulary_of(story.tokenizer), eos, OF_WORDS, repeats, step
        )
        automata += found
        if stories:
            loaded = jaxsample_models.load(stories)
            words = vocabulary_of(loaded.tokenizer, loaded.config.vocab_size)
            eos = loaded.generation_config["eos_token_id"]
            found, made = compiled("stories260K", words, eos, LANGUAGES, repeats, step)
            automata += found
            models["stories260K"] = loaded.model, loaded.params, words, eos, made
        trained = {}
        for size in sorted(sizes):
            step(f"training {size} tokens")
            words = vocabulary_of(byte_pairs(size, 1_000_000 if given.quick else 8_000_000), size)
            found, made = compiled(f"BPE {size}", words, 0, LANGUAGES, repeats, step)
            automata += found if size in given.sizes else []
            trained[size] = words, made
        config = SHAPES[SMALL]
        words, made = trained[config.vocab_size]
        name = f"random Llama, V={config.vocab_size}"
        models[name] = jaxsample_models.as_model(config), params_of(config), words, 0, made
        for name, (model, params, words, eos, made) in models.items():
            step(f"{name}: objects")
            automaton = made["nested objects"]
            budget = int(automaton.distance[0]) + SLACK
            objects[name] = runs.objects(
                model, params, words, eos, automaton, NESTED, given.objects, budget
            )
        config = SHAPES[given.model]
        step(f"{given.model}: generate")
        automaton = trained[config.vocab_size][1]["nested objects"]
        times = runs.decoding(
            jaxsample_models.as_model(config), params_of(config), automaton, BATCH, given.steps,
            given.rounds,
        )  # fmt: skip
        costs.append(priced(f"generate, {given.model}, V={config.vocab_size}", times, given.steps))
        for size in () if given.quick else given.sizes:
            times = runs.sampling(trained[size][1]["nested objects"], BATCH, size, given.rounds)
            costs.append(priced(f"sampling alone, V={size}", times, 1))
    results = {
        "benchmark": "constraints",
        "before": before,
        "load_after": load(),
        "batch": BATCH,
        "steps": given.steps,
        "budget_slack": SLACK,
        "automata": automata,
        "objects": objects,
        "costs": costs,
    }
    from constrained.show import draw, tables

    print(f"\n{tables(results)}\n\nload before {before['load']}, after {results['load_after']}")
    if given.out:
        print(f"wrote {save(given.out, results)}")
        print(f"wrote {draw(results, given.out / 'constraints.png')}")


if __name__ == "__main__":
    main()
