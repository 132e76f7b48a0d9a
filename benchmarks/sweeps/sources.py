"""Random weights as a model that sweeps can draw from."""

from __future__ import annotations

from types import SimpleNamespace

from jaxsample import Temperature, TopK, TopP, chain
from jaxsample.study import Item, Source, grid

PROMPT = 16  # tokens


def source_of(folder, eos=()):
    """Return the model of a folder, whose token i is the word w<i>."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    import jaxsample_models

    loaded = jaxsample_models.load(folder)
    vocabulary = {f"w{i}": i for i in range(loaded.config.vocab_size)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = SimpleNamespace(
        model=loaded.model,
        params=loaded.params,
        tokenizer=tokenizer,
        config=SimpleNamespace(max_length=loaded.config.max_length),
        generation_config={"eos_token_id": list(eos)},
    )
    return Source(folder.name, made)


def settings_of(count):
    """Return settings that differ in their temperature."""
    values = [0.6 + 0.05 * i for i in range(count)]
    return grid("T {t}", lambda t: chain(Temperature(t), TopK(50), TopP(0.9)), t=values)


def items_of(count):
    """Return prompts of words."""
    return [
        Item(str(i), " ".join(f"w{100 + (7 * i + j) % 3000}" for j in range(PROMPT)))
        for i in range(count)
    ]
