"""What a row of logits must be, said once."""

import jax
import jax.numpy as jnp


def clean(logits: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return a row `[V]` as float32 fit for arithmetic, and whether it was valid.

    A NaN anywhere, or nothing above -inf, makes the row invalid: it comes back as zeros. If the
    maximum is +inf, the +inf entries become 0 and the rest -inf.

    Raises:
        ValueError: if `logits` is not one row.
    """
    logits = jnp.asarray(logits)
    if logits.ndim != 1 or not logits.shape[0]:
        raise ValueError(
            f"logits must be one row [V], got shape {list(logits.shape)}; "
            "use jax.vmap for a batch of rows"
        )
    x = logits.astype(jnp.float32)
    top = jnp.max(x)
    valid = ~jnp.any(jnp.isnan(x)) & (top > -jnp.inf)
    x = jnp.where(top == jnp.inf, jnp.where(x == jnp.inf, 0.0, -jnp.inf), x)
    return jnp.where(valid, x, 0.0), valid


def clamp_below(values: jax.Array) -> jax.Array:
    """Return how far each value `[V]` lies below the maximum: <= 0, finite, 0 for -inf.

    The clamp keeps a difference that overflows from becoming -inf, whose product with 0 is NaN.
    """
    kept = values > -jnp.inf
    gap = jnp.where(kept, values, jnp.max(values)) - jnp.max(values)
    return jnp.maximum(gap, jnp.finfo(jnp.float32).min)
