"""The cost of a training step, compared with the cross-entropy of its logits.

    python benchmarks/learning.py [--quick] [--out DIR] [--batch 32] [--width 128] [--vocab 32000]
        [--microbatches 32] [--rounds 7]

The logits are given, as `jaxsample.learn.remember` keeps them. Each arm is a call of
`jaxsample.learn.fit` for one step, forward and backward: features, a network of 2 x 64,
cross-entropy, gradients and Adam. The floor is the softmax cross-entropy and its gradient with
respect to the logits, in one call over the whole batch. There is no plot.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from harness.options import parser
from harness.progress import progress
from harness.report import environment, figures, heading, load, ratio, recorded, save, table
from harness.turns import take_turns, timed

from jaxsample import EntropyTemperature, Temperature
from jaxsample.learn import DISTRIBUTION, Examples, Learned, Policy, cross_entropy
from jaxsample.learn._batches import parts
from jaxsample.learn._training import Forms, start, train_step

FLOOR = "cross-entropy and its gradient"
ADAM = optax.adam(3e-3)


def floor(logits, tokens):
    """Return the arm that computes the plain loss."""

    @jax.jit
    def both(logits):
        def loss(logits):
            logprobs = jax.nn.log_softmax(logits)
            return -jnp.mean(jnp.take_along_axis(logprobs, tokens[..., None], axis=-1))

        return jax.value_and_grad(loss)(logits)

    return timed(lambda i: jax.block_until_ready(both(logits)))


def training(sampler, batch, microbatches):
    """Return the arm of a step that trains `sampler`."""
    run = start(ADAM, sampler)
    forms = Forms(None, cross_entropy, ADAM)

    def step(i):
        key = jax.random.key(i)
        some = parts(batch, np.arange(len(batch.tokens)), microbatches)
        moved = train_step(forms, sampler, run, some, None, key, np.float32(300))
        return jax.block_until_ready(moved)

    return timed(step)


def samplers():
    """Return the samplers to train, by name."""

    def policy(*features, hidden_size=0, head="temperature"):
        rngs = nnx.Rngs(0)
        return Learned(Policy(head, features=features, hidden_size=hidden_size, rngs=rngs))

    return {
        "Temperature": Temperature(1.0),
        "EntropyTemperature": EntropyTemperature(1.0, 0.1),
        "policy: hidden state": policy(hidden_size=64),
        "policy: entropy, hidden state": policy("entropy", hidden_size=64),
        "policy: distribution, hidden state": policy(*DISTRIBUTION, hidden_size=64),
        "policy: distribution, nucleus as a feature": policy(*DISTRIBUTION, "nucleus"),
        "policy: distribution, nucleus head": policy(*DISTRIBUTION, head="nucleus"),
        "policy: distribution, reshape head": policy(*DISTRIBUTION, head="reshape"),
    }


def main():
    options = parser(__doc__, "no plot", "small logits, few rounds")
    for name, size in (("batch", 32), ("width", 128), ("vocab", 32000), ("rounds", 7)):
        options.add_argument(f"--{name}", type=int, default=size)
    options.add_argument("--microbatches", type=int, default=32)
    given = options.parse_args()
    if given.quick:
        given.batch, given.width, given.vocab, given.rounds = 4, 16, 1000, 3
        given.microbatches = min(given.microbatches, 2)
    before = environment()
    print(heading(before))
    noise, labels, states = jax.random.split(jax.random.key(0), 3)
    shape = given.batch, given.width
    logits = 3 * jax.random.normal(noise, (*shape, given.vocab))
    tokens = jax.random.randint(labels, shape, 0, given.vocab)
    hidden = jax.random.normal(states, (*shape, 64))
    batch = Examples(tokens, logits=logits, hidden=hidden).checked()
    arms = {FLOOR: floor(logits, tokens)}
    for name, sampler in samplers().items():
        arms[name] = training(sampler, batch, given.microbatches)
    with progress(given.rounds) as step:
        times = take_turns(arms, given.rounds, 600, 3, lambda done, of: step(f"round {done}"))
    rows = []
    for name, runs in times.items():
        found = ratio(runs, times[FLOOR])
        shown = "unclear" if found is None else figures(found.value)
        rows.append([name, figures(1e3 * np.median(runs)), len(runs), shown])
    print(f"\nB={given.batch}, T={given.width}, V={given.vocab}, {given.microbatches} microbatches")
    print(table(["arm", "ms", "runs", "x floor"], rows))
    print(f"\nload before {before['load']}, after {load()}")
    if given.out:
        shape = {"batch": given.batch, "width": given.width, "vocab": given.vocab}
        results = {"environment": before, "shape": shape, "arms": recorded(times)}
        print(f"wrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
