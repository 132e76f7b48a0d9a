"""The time of a fresh process until its first token, as JSON on stdout.

    python compiling/first_token.py MODEL

Only the standard library is imported before the clock starts.
"""

import time

BEGUN = time.perf_counter()

import collections  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402

BATCH, PROMPT = 1, 16
# The events by which jax reports its own work, and their names here.
PHASES = {
    "/jax/core/compile/jaxpr_trace_duration": "trace",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "lower",
    "/jax/core/compile/backend_compile_duration": "compile",
}


def main(name: str):
    clock = Clock()
    import jaxsample

    assert jaxsample.generate  # the library is imported when a name is first used
    clock.lap("import jaxsample")
    import jax
    import numpy as np
    from decoders.models import SHAPES, params_of

    import jaxsample_models

    config = SHAPES[name]
    model = jaxsample_models.as_model(config)
    params = jax.block_until_ready(params_of(config))
    sampler = jaxsample.chain(jaxsample.Temperature(0.8), jaxsample.TopK(50), jaxsample.TopP(0.9))
    prompts = np.ones((BATCH, PROMPT), np.int32)
    clock.lap("weights")
    clock.listen(jax.monitoring)

    def prefill(seed):
        return jax.block_until_ready(
            jaxsample.prefill(
                jax.random.key(seed), model, params, prompts, sampler, max_length=PROMPT + 1
            )
        )

    def first(decoding):
        out = jaxsample.resume(model, params, decoding, sampler, max_new_tokens=1, record=())
        return int(out.tokens[0, 0])

    decoding = prefill(0)
    clock.lap("prefill")
    first(decoding)
    clock.lap("first token")
    first(prefill(1))
    clock.lap("again")
    print(json.dumps(clock.laps))


class Clock:
    """Laps in seconds, each with the seconds that jax reports for its phases."""

    def __init__(self):
        self.last, self.laps, self.told = BEGUN, {}, collections.Counter()

    def lap(self, name: str):
        now = time.perf_counter()
        self.laps[name] = {"seconds": now - self.last, **self.told}
        self.last, self.told = now, collections.Counter()

    def listen(self, monitoring):
        def listener(event, seconds, **_):
            if event in PHASES:
                self.told[PHASES[event]] += seconds

        monitoring.register_event_duration_secs_listener(listener)


if __name__ == "__main__":
    main(sys.argv[1])
