"""Generation with an automaton: the number of valid objects, and the time of a token."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
from harness.inputs import logits
from harness.turns import take_turns, timed

from jaxsample import Temperature, TopP, chain, generate, sample

REST = chain(Temperature(0.8), TopP(0.95))
FREE, BOUND = "unconstrained", "constrained"
ROWS = 50  # of one call of `objects`, at most


def objects(model, params, vocabulary, eos, automaton, schema, count, budget) -> dict:
    """Generate objects; return how many are complete, parse, and are valid under the schema."""
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        check = None
    else:
        check = Draft202012Validator(schema).is_valid
    found = {"objects": 0, "complete": 0, "parsed": 0, "valid": 0, "tokens": 0, "longest string": 0}
    batch = min(ROWS, count)
    prompts = jnp.ones((batch, 1), jnp.int32)
    ends = set(np.atleast_1d(eos).tolist())
    for call in range(-(-count // batch)):
        out = generate(
            jax.random.key(call), model, params, prompts, chain(automaton, *REST),
            max_new_tokens=budget, eos=eos, record=(),
        )  # fmt: skip
        rows = zip(np.asarray(out.tokens), np.asarray(out.lengths), strict=True)
        for row, n in list(rows)[: count - found["objects"]]:
            tokens = row[:n].tolist()
            found["objects"] += 1
            found["tokens"] += len(tokens)
            found["complete"] += tokens[-1] in ends
            try:
                value = json.loads(b"".join(vocabulary[t] for t in tokens if t not in ends))
            except ValueError:
                continue
            found["parsed"] += 1
            found["longest string"] = max(found["longest string"], len(value["name"]))
            found["valid"] += check is None or check(value)
    if check is None:
        found["valid"] = None
    return found


def decoding(model, params, automaton, batch, steps, rounds) -> dict[str, list[float]]:
    """Return the seconds of calls of generate with `steps` tokens, with and without automaton."""
    prompts = jnp.ones((batch, 4), jnp.int32)

    def generating(sampler):
        def call(i):
            key, static = jax.random.key(i), {"max_new_tokens": steps, "record": ()}
            return jax.block_until_ready(generate(key, model, params, prompts, sampler, **static))

        return timed(call)

    arms = {FREE: generating(REST), BOUND: generating(chain(automaton, *REST))}
    return take_turns(arms, rounds, 1e9)


def sampling(automaton, batch, vocabulary, rounds) -> dict[str, list[float]]:
    """Return the seconds to sample and update a batch without a model, with and without it."""
    rows = jnp.asarray(logits("peaked", batch, vocabulary))

    def drawing(sampler):
        one = sampler.init(None, None)
        state = jax.tree.map(lambda x: jnp.broadcast_to(x, (batch, *jnp.shape(x))), one)

        @jax.jit
        def draw(sampler, keys, rows, state):
            def row(key, row, state):
                token = sample(key, row, sampler, state)
                return token, sampler.update(state, row, jnp.maximum(token, 0))

            return jax.vmap(row)(keys, rows, state)

        def call(i):
            keys = jax.random.split(jax.random.key(i), batch)
            return jax.block_until_ready(draw(sampler, keys, rows, state))

        return timed(call)

    arms = {FREE: drawing(REST), BOUND: drawing(chain(automaton, *REST))}
    return take_turns(arms, rounds, 1e9)
