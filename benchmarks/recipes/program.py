"""Run the recipes of one page and print what is found, one JSON object a line.

    python program.py PAGE TOKENS ROUNDS BUDGET [FIRST]

FIRST is the number of recipes to run, all by default.

An environment of another library runs it too, so it imports only JAX and this library.
"""

from __future__ import annotations

import itertools
import json
import sys
from importlib import metadata

import jax
import numpy as np

from benchmarks.harness.turns import take_turns, timed
from benchmarks.recipes.pages import PAGES, Recipe, lines, recipes
from jaxsample import TopK, generate
from jaxsample.interop import check_model

LENGTHS = (6, 4, 1)  # of the prompts whose greedy tokens are compared
TIMED = 4, 8  # rows and tokens of the prompts that are timed
PACKAGES = {
    "bonsai": ("jax-bonsai",),
    "equinox": ("equinox",),
    "flax": ("flax",),
    "gemma": ("gemma",),
    "keras_hub": ("keras-hub", "keras"),
    "transformers": ("transformers",),
    "tunix": ("google-tunix",),
}


def versions(page: str) -> dict[str, str]:
    """Return the versions of a page's packages and of jax."""
    return {name: metadata.version(name) for name in (*PACKAGES[page], "jax")}


def rows_of(recipe: Recipe, batch: int, width: int) -> np.ndarray:
    """Return prompts without id 0, which several libraries take for padding."""
    rows = np.random.default_rng(0).integers(1, recipe.vocab_size - 1, (batch, width))
    return rows.astype(np.int32)


def ours(recipe: Recipe, prompts, count: int, lengths=None) -> np.ndarray:
    """Return greedy tokens by `generate`."""
    given = recipe.model, recipe.params, prompts, TopK(1)
    out = generate(jax.random.key(0), *given, lengths=lengths, max_new_tokens=count)
    return np.asarray(out.tokens)


def compare(recipe: Recipe, count: int = 8) -> dict:
    """Compare ragged rows with the library's own greedy decoding of each row alone."""
    prompts = rows_of(recipe, len(LENGTHS), max(LENGTHS))
    got = ours(recipe, prompts, count, LENGTHS)
    own = [recipe.own(prompts[[row], :length], count)[0] for row, length in enumerate(LENGTHS)]
    return {
        "equal": [bool(np.array_equal(a, b)) for a, b in zip(got, own, strict=True)],
        "distinct": len(np.unique(got)),
    }


def check(recipe: Recipe) -> str | None:
    """Return what check_model says against the model."""
    try:
        check_model(recipe.model, recipe.params, recipe.vocab_size)
    except ValueError as error:
        return str(error)
    return None


def time(recipe: Recipe, count: int, rounds: int, budget_s: float) -> dict[str, list[float]]:
    """Return the seconds of drawing `count` tokens for each row, by us and by the library."""
    prompts = rows_of(recipe, *TIMED)
    arms = {"ours": timed(lambda i: ours(recipe, prompts, count))}
    if recipe.sampler:
        arms["own"] = timed(lambda i: recipe.own(prompts, count))
    return take_turns(arms, rounds, budget_s, 3)


def main(page: str, count: int, rounds: int, budget_s: float, first: int | None = None):
    try:
        for recipe in itertools.islice(recipes(PAGES / f"{page}.md"), first):
            found = {"recipe": recipe.name, "versions": versions(page), **compare(recipe)}
            found |= {"lines": lines(PAGES / f"{page}.md"), "broken": check(recipe)}
            found["seconds"] = time(recipe, count, rounds, budget_s)
            print(json.dumps(found), flush=True)
    except ModuleNotFoundError as error:
        print(json.dumps({"absent": str(error)}), flush=True)


if __name__ == "__main__":
    page, count, rounds, budget, *first = sys.argv[1:]
    main(page, int(count), int(rounds), float(budget), *map(int, first))
