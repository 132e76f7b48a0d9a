"""Chi-square of drawn tokens against exact probabilities.

The keys are fixed, so a test built on this always passes or always fails. FALSE_ALARM is the chance
that a correct sampler fails under a random key.
"""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from jaxsample import draw

FALSE_ALARM = 1e-4


@jax.jit
def _batch(key, start, logits):
    fold = jax.vmap(lambda i: jax.random.fold_in(key, i))
    return jax.vmap(draw, in_axes=(0, None))(fold(start + jnp.arange(1000)), logits)


def draws(seed, logits, thousands=100):
    """100,000 tokens drawn from one row, a key each, 1000 at a time."""
    key, logits = jax.random.key(seed), jnp.asarray(logits)
    return np.concatenate([_batch(key, 1000 * i, logits) for i in range(thousands)])


def p_value(tokens, probs):
    """Chi-square of tokens against probabilities, pooled to expected counts of at least 20.

    Tokens are pooled from the least likely up, so that rare tokens are judged as a group. A token
    of probability 0 has p-value 0.
    """
    probs = np.asarray(probs, np.float64)
    seen = np.bincount(tokens, minlength=len(probs)).astype(np.float64)
    if tokens.min() < 0 or len(seen) > len(probs) or seen[probs == 0].any():
        return 0.0
    expected = probs / probs.sum() * len(tokens)
    groups = [[0.0, 0.0]]
    for token in np.argsort(probs):
        if groups[-1][0] >= 20:
            groups.append([0.0, 0.0])
        groups[-1][0] += expected[token]
        groups[-1][1] += seen[token]
    e, s = np.array(groups).T
    if e[-1] < 20 and len(e) > 1:  # the likeliest token alone is rarer than that
        e, s = np.append(e[:-2], e[-2:].sum()), np.append(s[:-2], s[-2:].sum())
    return float(stats.chi2.sf(((s - e) ** 2 / e).sum(), len(e) - 1)) if len(e) > 1 else 1.0
