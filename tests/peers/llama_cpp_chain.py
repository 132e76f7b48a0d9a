"""llama.cpp's samplers on candidates made by hand: no model, no vocabulary.

`pip install llama-cpp-python` compiles them, which takes about ten minutes on two cores.
"""

import ctypes
import functools
from typing import Any, NamedTuple

import numpy as np

CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
# DRY's own entry takes breakers as strings of a vocabulary. The one llama.cpp tests itself by takes
# tokens, but as C++ vectors: this is its name, and `Vector` their layout, in GNU's library.
DRY_OF_TOKENS = "_Z30llama_sampler_init_dry_testingffiiRKSt6vectorIS_IiSaIiEESaIS1_EE"


class Vector(ctypes.Structure):
    """A std::vector that someone else owns."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("begin", "end", "capacity")]

    @classmethod
    def of(cls, items):
        start = ctypes.addressof(items)
        end = start + ctypes.sizeof(items)
        return cls(start, end, end)


@functools.cache
def llama() -> Any:
    """The C functions. A function, so that this module can be read where they are not."""
    from llama_cpp import llama_cpp

    return llama_cpp


class Drawn(NamedTuple):
    """What became of a row.

    Attributes:
        logits: `[V]`, -inf where the token is gone.
        token: the token drawn, -1 if the samplers draw none.
    """

    logits: np.ndarray
    token: int


class Samplers:
    """A chain of llama.cpp's samplers; `make` gets the C functions and returns its members."""

    def __init__(self, make):
        self.chain = llama().llama_sampler_chain_init(llama().llama_sampler_chain_default_params())
        for sampler in make(llama()):
            llama().llama_sampler_chain_add(self.chain, sampler)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        llama().llama_sampler_free(self.chain)  # and its members

    def accept(self, *tokens):
        for token in tokens:
            llama().llama_sampler_accept(self.chain, int(token))

    def __call__(self, row, present=None):
        """Apply to a row `[V]`; `present` says which tokens are among the candidates at all."""
        ids = np.arange(len(row)) if present is None else np.flatnonzero(present)
        data = np.zeros(len(ids), CANDIDATE)
        data["id"], data["logit"] = ids, row[ids]
        pointer = data.ctypes.data_as(ctypes.POINTER(llama().llama_token_data))
        candidates = llama().llama_token_data_array(pointer, len(data), -1, False)
        llama().llama_sampler_apply(self.chain, ctypes.byref(candidates))
        # XTC moves the pointer, not the data.
        first = ctypes.addressof(candidates.data.contents) - data.ctypes.data
        left = data[first // CANDIDATE.itemsize :][: candidates.size]
        logits = np.full(len(row), -np.inf, np.float32)
        logits[left["id"]] = left["logit"]
        return Drawn(logits, left["id"][candidates.selected] if candidates.selected >= 0 else -1)


def takes_breakers():
    """Whether the library shows DRY's entry that takes tokens."""
    return hasattr(llama()._lib, DRY_OF_TOKENS)


def dry(multiplier, base, allowed_length, last_n, breakers=()):
    """DRY; breakers are token sequences, and need `takes_breakers`."""
    numbers = (
        ctypes.c_float(multiplier),
        ctypes.c_float(base),
        ctypes.c_int32(allowed_length),
        ctypes.c_int32(last_n),
    )
    # At a multiplier of 0 it makes a sampler that does nothing, and the other entry crashes on it.
    if not breakers or multiplier == 0:
        return llama().llama_sampler_init_dry(None, *numbers, None, 0)
    arrays = [(ctypes.c_int32 * len(b))(*b) for b in breakers]
    vectors = (Vector * len(arrays))(*map(Vector.of, arrays))
    make = getattr(llama()._lib, DRY_OF_TOKENS)
    make.restype = llama().llama_sampler_p_ctypes
    return make(*numbers, ctypes.byref(Vector.of(vectors)))


def logit_bias(bias):
    """LogitBias of a whole row `[V]`."""
    entries = (llama().llama_logit_bias * len(bias))(*[(i, float(b)) for i, b in enumerate(bias)])
    return llama().llama_sampler_init_logit_bias(len(bias), len(bias), entries)
