"""Prompts of the embedded model's own: the openings of stories, with true endings beside them."""

from __future__ import annotations

import numpy as np

from jaxsample.study import Item

SENTENCES = 3  # of an opening: the title, the child, the home


def openings(count: int, references: int = 4, seed: int = 0) -> list[Item]:
    """Draw story openings from the grammar, each with endings drawn from it too.

    `without` is the opening without its title, which announces the tone that decides how words are
    chosen: to a combiner the title is the source.
    """
    from jaxsample_models import embedded
    from jaxsample_models.stories import Grammar

    grammar, tokenizer = Grammar(), embedded().tokenizer
    rng = np.random.default_rng(seed)
    items, seen = [], set()
    while len(items) < count:
        story = grammar.sample(rng)
        ends = [i for i, token in enumerate(story) if grammar.vocabulary[token] == "."]
        opening = story[: ends[SENTENCES - 1] + 1]
        titled = tokenizer.decode(story[: ends[0] + 1]).endswith("story.")
        text = tokenizer.decode(opening)
        if not titled or text in seen:
            continue
        seen.add(text)
        *_, state = grammar.walk(opening)
        endings = [
            tokenizer.decode(opening + [token for _, token in grammar.tell(rng, state)])
            for _ in range(references)
        ]
        without = tokenizer.decode(opening[ends[0] + 1 :]).strip()
        rest = tuple(ending[len(text) :] for ending in endings)
        items.append(Item(str(len(items)), text, rest, without))
    return items


def judge(texts: list[list[int]]) -> dict[str, np.ndarray]:
    """Read texts of the embedded model, token ids from `<s>` on, by the grammar of its stories.

    Returns:
        `[N]` each: "likelihood", "agreement", "grammatical" and "read"; NaN for the agreement of a
        text that repeats no fact, and the likelihood of one with no token of a story.
    """
    from jaxsample_models.stories import Grammar, read

    grammar = Grammar()
    found = [read(grammar, text) for text in texts]
    return {
        "likelihood": np.asarray([one.likelihood for one in found]),
        "agreement": np.asarray(
            [one.agreeing / one.facts if one.facts else np.nan for one in found]
        ),
        "grammatical": np.asarray([float(one.accepted) for one in found]),
        "read": np.asarray([one.read for one in found]),
    }
