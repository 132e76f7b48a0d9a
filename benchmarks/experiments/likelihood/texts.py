"""The texts of each domain, as token ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from jaxsample.learn import Examples
from jaxsample_models.stories import BOS, Corpus, Grammar, lengths

PARTS = ("train", "val", "test")


def build(name: str, path: Path | None, checkpoint: Any, plan: dict[str, Any]) -> dict:
    """Return the parts of a domain, each as checked examples with prompts.

    Args:
        name: "shakespeare", "gsm8k" or "stories".
        path: the source; None for "stories".
        checkpoint: the model that will read them.
        plan: the domain's part of the protocol.

    Raises:
        ValueError: if the source has too few texts.
    """
    if name == "stories":
        return _stories(plan)
    assert path is not None
    begin = checkpoint.generation_config["bos_token_id"]

    def encode(text):
        return checkpoint.tokenizer.encode(text, add_special_tokens=False).ids

    if name == "shakespeare":
        pairs = _passages(encode(path.read_text("utf-8")), begin, plan["width"], _count(plan))
    else:
        pairs = _solutions(path.read_text("utf-8"), encode, begin, plan)
    if len(pairs) < _count(plan):
        raise ValueError(f"{path} has {len(pairs)} texts of fitting length, need {_count(plan)}")
    return _divided(pairs[: _count(plan)], plan)


def _count(plan):
    return sum(plan[part] for part in PARTS)


def _passages(ids, begin, width, count):
    places = np.linspace(0, len(ids) // width - 1, count).astype(int)
    if len(np.unique(places)) < count:
        return []
    return [([begin], ids[i * width : (i + 1) * width]) for i in places]


def _solutions(text, encode, begin, plan):
    pairs = []
    for line in text.splitlines():
        problem = json.loads(line)
        prompt = [begin, *encode(problem["question"] + "\n")]
        answer = encode(problem["answer"])
        if len(prompt) <= plan["prompt"] and len(answer) <= plan["width"]:
            pairs.append((prompt, answer))
    return pairs


def _stories(plan):
    corpus = Corpus(Grammar(plan["style"]), lengths(Grammar())[1] - 1)
    told = corpus.draw(np.random.default_rng(0), _count(plan))
    sizes = (told.kinds >= 0).sum(axis=1)
    texts = (row[1 : 1 + size].tolist() for row, size in zip(told.tokens, sizes, strict=True))
    return _divided([([BOS], text) for text in texts], plan)


def _divided(pairs, plan):
    prompts, texts = zip(*pairs, strict=True)
    whole = Examples(
        _padded(texts),
        np.array([len(text) for text in texts], np.int32),
        _padded(prompts),
        np.array([len(prompt) for prompt in prompts], np.int32),
    ).checked()
    ends = np.cumsum([plan[part] for part in PARTS])
    return {
        part: whole[int(end) - plan[part] : int(end)] for part, end in zip(PARTS, ends, strict=True)
    }


def _padded(rows):
    out = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out
