"""The samplers of llama.cpp on given candidates, without a model or a vocabulary.

`pip install llama-cpp-python` compiles them, which takes about ten minutes on two cores.
"""

import ctypes
import functools
from typing import Any, NamedTuple

import numpy as np

CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
# The public function of DRY takes breakers as strings of a vocabulary. The one in llama.cpp's tests
# takes tokens, as C++ vectors. This is its mangled name, and `Vector` is their layout in libstdc++.
DRY_OF_TOKENS = "_Z30llama_sampler_init_dry_testingffiiRKSt6vectorIS_IiSaIiEESaIS1_EE"


class Vector(ctypes.Structure):
    """A std::vector over memory that Python owns."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("begin", "end", "capacity")]

    @classmethod
    def of(cls, items):
        start = ctypes.addressof(items)
        end = start + ctypes.sizeof(items)
        return cls(start, end, end)


@functools.cache
def llama() -> Any:
    """Return the C functions; imported here so that this module loads without llama_cpp."""
    from llama_cpp import llama_cpp

    return llama_cpp


class Drawn(NamedTuple):
    """The result of a row.

    Attributes:
        logits: `[V]`, -inf for dropped tokens.
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
        """Apply the chain to a row `[V]`; only tokens that are `present` become candidates."""
        ids = np.arange(len(row)) if present is None else np.flatnonzero(present)
        data = np.zeros(len(ids), CANDIDATE)
        data["id"], data["logit"] = ids, row[ids]
        pointer = data.ctypes.data_as(ctypes.POINTER(llama().llama_token_data))
        candidates = llama().llama_token_data_array(pointer, len(data), -1, False)
        llama().llama_sampler_apply(self.chain, ctypes.byref(candidates))
        # XTC moves the pointer and not the data.
        first = ctypes.addressof(candidates.data.contents) - data.ctypes.data
        left = data[first // CANDIDATE.itemsize :][: candidates.size]
        logits = np.full(len(row), -np.inf, np.float32)
        logits[left["id"]] = left["logit"]
        return Drawn(logits, left["id"][candidates.selected] if candidates.selected >= 0 else -1)


def takes_breakers():
    """Return whether the library exports the function of DRY that takes tokens."""
    return hasattr(llama()._lib, DRY_OF_TOKENS)


def dry(multiplier, base, allowed_length, last_n, breakers=()):
    """Return DRY; breakers are token sequences, and need `takes_breakers`."""
    numbers = (
        ctypes.c_float(multiplier),
        ctypes.c_float(base),
        ctypes.c_int32(allowed_length),
        ctypes.c_int32(last_n),
    )
    # At a multiplier of 0 it returns a sampler without effect, on which the other function crashes.
    if not breakers or multiplier == 0:
        return llama().llama_sampler_init_dry(None, *numbers, None, 0)
    arrays = [(ctypes.c_int32 * len(b))(*b) for b in breakers]
    vectors = (Vector * len(arrays))(*map(Vector.of, arrays))
    make = getattr(llama()._lib, DRY_OF_TOKENS)
    make.restype = llama().llama_sampler_p_ctypes
    return make(*numbers, ctypes.byref(Vector.of(vectors)))


def logit_bias(bias):
    """Return a logit bias for a whole row `[V]`."""
    entries = (llama().llama_logit_bias * len(bias))(*[(i, float(b)) for i, b in enumerate(bias)])
    return llama().llama_sampler_init_logit_bias(len(bias), len(bias), entries)
