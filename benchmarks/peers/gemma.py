"""The sampling methods of gemma, whose settings are constants of its jitted loop."""

from __future__ import annotations

from gemma.gm.text import RandomSampling, TopkSampling, TopPSampling
from harness.worker import serve

from peers.compiled import by_settings, calling


@by_settings
def program(chain):
    temperature, k, p = chain["temperature"], chain["top_k"], chain["top_p"]
    if p is not None:
        method = TopPSampling(p=p, temperature=temperature)
    elif k is not None:
        method = TopkSampling(k=k, temperature=temperature)
    else:
        method = RandomSampling(temperature=temperature)
    return lambda key, logits: method.get_next_tokens(logits, key)


def prepare(path, chain):
    if chain["per_row"] or chain["theta"] is not None or chain["min_p"] is not None:
        return None
    if chain["top_k"] is not None and chain["top_p"] is not None:
        return None  # its methods do not compose
    return calling(program(chain), path)


if __name__ == "__main__":
    serve(lambda spec: prepare(spec["path"], spec["chain"]))
