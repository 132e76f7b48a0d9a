"""Watermarks."""

import jax.numpy as jnp
import numpy as np

from jaxsample import SynthID, Temperature, Watermark, chain
from jaxsample.transforms.watermark._context import Recent
from tests.oracles.common import compose
from tests.oracles.temperature import temperature as t
from tests.oracles.watermark import green_list, tournament
from tests.rows import V
from tests.table.case import ENTROPY, ULPS, Case

TOKENS = np.arange(V, dtype=np.uint32)
KEYS = [654, 400, 836, 0, 123, 340]


def _seen(*tokens):
    return Recent(jnp.asarray(tokens, jnp.int32), jnp.int32(len(tokens)))


def _marked(mark, *tokens):
    return mark.init(None, None)._replace(recent=_seen(*tokens))


def _green(mark, *context):
    return np.asarray(mark.green(jnp.asarray(context), TOKENS))


def _coins(mark, *context):
    """The coins of the rounds that are on."""
    coins = np.asarray(mark.coins(jnp.asarray(context), TOKENS))
    return coins[:, np.asarray(mark.keys) != 0]


GREEN = Watermark(7, 0.5, 2.0)
PAIRS = Watermark(2**63 + 5, 0.25, 0.7, width=2)
SYNTH = SynthID(KEYS)
SHORT = SynthID([1, 2], width=1)
OFF = SynthID([0] * len(KEYS))

CASES = [
    Case("watermark", GREEN, green_list(_green(GREEN, 3), 2.0), kind="token", tolerance=ULPS,
         neutral=Watermark(7, 0.5, 0.0), state=_seen(3)),
    Case("watermark-all", Watermark(7, 1.0, 2.0), green_list(np.ones(V, bool), 2.0), kind="token",
         tolerance=ULPS, neutral=Watermark(7, 0.0, 2.0), state=_seen(3)),
    Case("t-watermark", chain(Temperature(0.7), PAIRS),
         compose(t(0.7), green_list(_green(PAIRS, 5, 130), 0.7)), kind="token", tolerance=ULPS,
         neutral=chain(Temperature(1.0), Watermark(1, 0.25, 0.0, width=2)), shifts=True,
         state=((), _seen(5, 130))),
    Case("synthid", SYNTH, tournament(_coins(SYNTH, 9, 8, 9, 7)), kind="token", tolerance=ENTROPY,
         neutral=OFF, state=_marked(SYNTH, 9, 8, 9, 7), terms=6),
    Case("synthid-short", SHORT, tournament(_coins(SHORT, 9)), kind="token", tolerance=ENTROPY,
         neutral=SynthID([0, 0], width=1), state=_marked(SHORT, 9), terms=3),
]  # fmt: skip
