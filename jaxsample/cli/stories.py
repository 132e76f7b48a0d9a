"""Default prompts of the embedded model: openings of stories, with true endings."""

from __future__ import annotations

import numpy as np

from jaxsample.study import Item

SENTENCES = 3  # the sentences of an opening, which give the title, the child and the home


def openings(count: int, references: int = 4, seed: int = 0) -> list[Item]:
    """Draw openings of stories and endings for each from the grammar.

    `without` is the opening without its title. The title announces the tone of the story, so it
    serves a combiner as the source.
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
    """Rate texts of the embedded model, token ids from `<s>` on, by the grammar of its stories.

    Returns:
        `[N]` each: "likelihood", "agreement", "grammatical" and "read". The agreement of a text
        that repeats no fact is NaN, and so is the likelihood of a text without any token of a
        story.
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
