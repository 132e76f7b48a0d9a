"""Every transform that takes token ids takes the same types, and no id wraps around."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    DRY,
    Allow,
    BadWords,
    ClassTemperature,
    ExponentialLengthDecay,
    ForceTokens,
    MinNewTokens,
    Prompt,
    SequenceBias,
    Suppress,
    TokenAutomaton,
    TopK,
    TopPDecay,
    Watermark,
    detect,
)

IDS = {
    "Suppress": lambda ids: Suppress(ids).tokens,
    "Allow": lambda ids: Allow(ids).tokens,
    "ForceTokens": lambda ids: ForceTokens(ids).tokens,
    "MinNewTokens": lambda ids: MinNewTokens(2, ids).eos,
    "ExponentialLengthDecay": lambda ids: ExponentialLengthDecay(2, 1.1, ids).eos,
    "TopPDecay": lambda ids: TopPDecay(0.9, 0.5, reset=ids).reset,
}
SEQUENCES = {
    "BadWords": lambda s: BadWords(s).sequences,
    "SequenceBias": lambda s: SequenceBias(s, np.zeros(len(s))).sequences,
    "DRY": lambda s: DRY(1.0, breakers=s).breakers,
}
OTHERS = {
    "Prompt": lambda ids: Prompt.of(ids, 9, 0).tokens,
    "detect": lambda ids: detect(Watermark(7), ids),
    "detect's prompt": lambda ids: detect(Watermark(7), [1], ids),
    "classes": lambda ids: ClassTemperature([0.5, 1.0], ids).classes,
    "automaton": lambda ids: TokenAutomaton(ids, [[0, 0]], [0]).classes,
}
ROWS = [[3, 4], (3, 4), np.array([3, 4]), np.array([3, 4], np.uint8), jnp.array([3, 4]),
        [np.int64(3), np.int32(4)]]  # fmt: skip


@pytest.mark.parametrize("name", IDS)
def test_ids_are_one_int32_row_however_they_come(name):
    for given in (*ROWS, range(3, 5), {4, 3}):
        leaf = IDS[name](given)
        assert leaf.dtype == np.int32
        np.testing.assert_array_equal(leaf, [3, 4])
    for given in (3, np.int64(3), np.array(3), jnp.int32(3)):
        np.testing.assert_array_equal(IDS[name](given), [3])


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences_are_one_int32_table_however_they_come(name):
    for given in ([[3, 4], [5]], ((3, 4), (5,)), [np.array([3, 4]), (np.int64(5),)],
                  np.array([[3, 4], [5, -1]]), jnp.array([[3, 4], [5, -1]])):  # fmt: skip
        leaf = SEQUENCES[name](given)
        assert leaf.dtype == np.int32
        np.testing.assert_array_equal(leaf, [[3, 4], [5, -1]])


PAST = 2**32 + 1


@pytest.mark.parametrize("name", [*IDS, *SEQUENCES, *OTHERS])
def test_ids_past_int32_are_refused_and_never_wrap(name):
    if name in SEQUENCES:
        given = [[[PAST]], [np.array([PAST])], np.array([[PAST, 1]]), [(np.int64(PAST),)]]
    else:
        given = [[PAST], (PAST, 1), [np.int64(PAST)], np.array([PAST, 1])]
    if name in IDS:
        given += [PAST, np.int64(PAST), np.array(PAST)]
    make = (IDS | SEQUENCES | OTHERS)[name]
    for ids in given:
        with pytest.raises(ValueError, match=str(PAST)):
            make(ids)


def test_ids_on_a_device_become_the_ends_of_int32():
    with jax.enable_x64(True):
        leaf = Suppress(jnp.array([PAST, -PAST, 3], jnp.int64)).tokens
    np.testing.assert_array_equal(leaf, [2**31 - 1, -(2**31), 3])
    np.testing.assert_array_equal(Suppress(jnp.array([2**31 + 5], jnp.uint32)).tokens, 2**31 - 1)


def test_whole_numbers_on_the_host_are_checked():
    for value in (np.int64(2**31), np.array([2.5]), np.float32(np.nan)):
        with pytest.raises(ValueError, match="k must be whole numbers"):
            TopK(value)


def test_any_of_several_tokens_resets_a_nucleus():
    fading = TopPDecay(0.8, 0.5, reset=[3, 4])
    row = jnp.zeros(6)

    def body(p, token):
        p = fading.update(p, row, token)
        return p, p

    tokens = jnp.array([1, 3, 1, 4, 2], jnp.int32)
    p = jax.jit(lambda: jax.lax.scan(body, fading.init(None, None), tokens)[1])()
    np.testing.assert_allclose(p, [0.4, 0.8, 0.4, 0.8, 0.4], rtol=1e-6)
