"""The model "jaxsample" of lm-evaluation-harness, made from the arguments of its command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jaxsample import chain
from jaxsample.cli.chains import read_chain
from jaxsample.interop.lm_eval import LM


class Evaluated(LM):
    """A model by its name or path, and a chain by the names of its members."""

    def __init__(
        self,
        pretrained: str | None = None,
        dtype: str = "float32",
        batch_size: int | str = 8,
        max_batch_size: int | None = None,
        device: str | None = None,
        max_length: int | None = None,
        max_gen_toks: int = 256,
        seed: int = 0,
        **members: Any,
    ):
        del max_batch_size, device  # the harness fills them in for torch; JAX_PLATFORMS decides
        if not str(batch_size).isdigit():
            raise ValueError(f"--batch_size must be a number, got {batch_size}")
        import jaxsample_models

        opened = jaxsample_models.embedded()
        if pretrained is not None:
            opened = jaxsample_models.load(Path(pretrained), dtype=dtype)
        super().__init__(
            opened,
            _sampler(members),
            batch_size=int(batch_size),
            max_length=max_length,
            max_gen_toks=max_gen_toks,
            seed=seed,
        )


def _sampler(members):
    file = members.pop("chain", None)
    if file is not None and members:
        raise ValueError(f"give chain or its members, not both: {file}, {', '.join(members)}")
    written = file or ",".join(f"{name}={value}" for name, value in members.items())
    return chain(*read_chain(str(written))) if written else None
