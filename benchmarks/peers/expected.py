"""The tokens that a chain keeps, in float64 NumPy, and a check that a peer draws among them."""

from __future__ import annotations

import jax
import numpy as np

from jaxsample.interop import from_dict

EDGE = 1e-4
TINY = np.finfo(np.float64).tiny
# A transform is a pytree, so that one program serves all its values.
_filtered = jax.jit(lambda transform, row: transform(row))


def kept(row: np.ndarray, chain: dict, edge: float = EDGE) -> np.ndarray:
    """Return the mask of one row, with the edges of p and min-p moved outward by `edge`.

    A sum in another order may keep or drop a token at the edge, and both are right. For `filter`
    the mask is that of our own transform, which the tests compare with oracles.
    """
    row = np.asarray(row, np.float64)
    temperature = chain["temperature"]
    if chain["theta"] is not None:
        p = _probabilities(row)
        entropy = -np.sum(p[p > 0] * np.log(p[p > 0]))
        temperature *= 0.8 ** (chain["theta"] / max(entropy, TINY))
    # A row of one sure token has temperature 0, which keeps its maximum.
    with np.errstate(over="ignore"):
        row = (row - row.max()) / max(temperature, TINY)
    mask = np.ones(row.shape, bool)
    if chain["top_k"] is not None:
        k = min(chain["top_k"], row.size)
        mask &= row >= np.partition(row, row.size - k)[row.size - k]
    if chain["top_p"] is not None:
        p = _probabilities(np.where(mask, row, -np.inf))
        ordered = np.sort(p)[::-1]
        before = np.cumsum(ordered) - ordered
        mask &= p >= ordered[(before < chain["top_p"] + edge).sum() - 1]
    if chain["min_p"] is not None:
        p = _probabilities(row)
        mask &= p >= chain["min_p"] * (1 - edge) * p.max()
    if chain["filter"] is not None:
        masked = np.where(mask, row, -np.inf).astype(np.float32)
        mask &= np.asarray(_filtered(from_dict(chain["filter"]), masked)) > -np.inf
    return mask


def sizes(logits: np.ndarray, chain: dict) -> list[int]:
    """Return the number of tokens that each row keeps."""
    return [int(kept(row, _of_row(chain, i), edge=0.0).sum()) for i, row in enumerate(logits)]


def verify(name, call, logits, chain, tokens_at_least=4):
    """Fail unless each token that `call(i)` draws is one that the chain keeps."""
    batch, vocabulary = logits.shape
    for i in range(max(1, tokens_at_least // batch)):
        tokens = np.asarray(call(i))
        if tokens.shape != (batch,) or not np.issubdtype(tokens.dtype, np.integer):
            raise SystemExit(f"{name}: {tokens.dtype}{tokens.shape} is not a token for each row")
        for number, token in enumerate(tokens):
            one = _of_row(chain, number)
            if not (0 <= token < vocabulary and kept(logits[number], one)[token]):
                raise SystemExit(f"{name}: token {token} of row {number} is not kept by {one}")


def _of_row(chain, number):
    return {key: v[number] if isinstance(v, list) else v for key, v in chain.items()}


def _probabilities(row):
    exp = np.exp(row - row.max())
    return exp / exp.sum()
