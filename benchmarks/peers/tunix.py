"""The top-p sampler of tunix, whose settings are constants of its jitted loop."""

from __future__ import annotations

from harness.worker import serve
from tunix.generate.sampler import sample_top_p

from peers.compiled import by_settings, calling


@by_settings
def program(chain):
    p = 1.0 if chain["top_p"] is None else chain["top_p"]

    def draw(key, logits):
        # It takes the logits of a sequence and reads the last position.
        return sample_top_p(logits[:, None], key, chain["temperature"], p, chain["top_k"])[0]

    return draw


def prepare(path, chain):
    if chain["per_row"] or chain["theta"] is not None or chain["min_p"] is not None:
        return None
    return calling(program(chain), path)


if __name__ == "__main__":
    serve(lambda spec: prepare(spec["path"], spec["chain"]))
