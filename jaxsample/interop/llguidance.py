"""Grammars of llguidance as transforms, for languages that no finite automaton holds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

try:
    from llguidance import LLMatcher, LLTokenizer
except ImportError as error:
    raise ImportError(
        "jaxsample.interop.llguidance needs llguidance: pip install 'jaxsample[llguidance]'"
    ) from error

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import IntLeaf
from jaxsample.transforms.contract._transform import Transform, transform

KEPT = 256  # matchers that wait for their next token, at least


class _Written(NamedTuple):
    """The state of `Grammar` for one row.

    Attributes:
        tokens: `[L]` int32, the tokens drawn so far, then zeros.
        n: int32, their number.
    """

    tokens: jax.Array
    n: jax.Array


class Grammars:
    """Grammars over one tokenizer, whose masks llguidance computes on the host.

    A mask is a function of the grammar and of the tokens drawn so far. Matchers of recent texts are
    kept, so a step parses one token, and nothing depends on the order of the calls.

    Args:
        tokenizer: an `LLTokenizer` for the model. Its `n_vocab` is the number of logits V, and its
            `eos_token` is the `eos` of `generate`.

    >>> grammars = Grammars(LLTokenizer("byte"))
    >>> row = grammars.of('start: "(" start ")" | "x"')(jnp.zeros(262))
    >>> [chr(token) for token in jnp.flatnonzero(row == 0)]
    ['(', 'x']
    """

    def __init__(self, tokenizer: LLTokenizer):
        self.tokenizer = tokenizer
        self._numbers: dict[str, int] = {}
        self._starts: list[LLMatcher] = []
        self._recent: OrderedDict[tuple[int, bytes], LLMatcher] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self):
        return f"<{len(self._starts)} grammars over {self.tokenizer.vocab_size} tokens>"

    def of(self, grammar: str) -> Grammar:
        """Return the transform of a grammar.

        Args:
            grammar: a grammar in llguidance's dialect of Lark, or the text that
                `LLMatcher.grammar_from_json_schema`, `grammar_from_regex` or
                `grammar_from_lark` returns.

        Raises:
            ValueError: if llguidance refuses the grammar; the message is its own.
        """
        if grammar not in self._numbers:
            start = LLMatcher(self.tokenizer, grammar, log_level=0)
            if start.is_error():
                raise ValueError(f"llguidance refuses the grammar: {start.get_error()}")
            self._starts.append(start)
            self._numbers[grammar] = len(self._starts) - 1
        return Grammar(self._numbers[grammar], self)

    def masks(self, number: np.ndarray, tokens: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Return the masks of rows, `[.., W]` uint32 with W = ceil(V / 32).

        Bit b of integer w is 1 if token 32 w + b is allowed.

        Args:
            number: `[..]`, the grammar of each row.
            tokens: `[.., L]`, the tokens drawn so far.
            n: `[..]`, their number.

        Raises:
            ValueError: if llguidance fails, for example because a text is too complex. A running
                program then ends with this error.
        """
        numbers, counts = np.ravel(number).tolist(), np.ravel(n).tolist()
        texts = np.asarray(tokens).reshape(len(counts), np.shape(tokens)[-1])
        rows = zip(numbers, texts, counts, strict=True)
        with self._lock:
            found = [_mask(self._after(i, text[:n])) for i, text, n in rows]
            while len(self._recent) > max(KEPT, 2 * len(found)):
                self._recent.popitem(last=False)
        words = np.frombuffer(b"".join(found), np.uint32)
        return words.reshape(*np.shape(n), -1)

    def _after(self, number: int, tokens: np.ndarray) -> LLMatcher:
        """Return the matcher that has read these tokens; it must not be changed."""
        if not len(tokens):
            return self._starts[number]
        text, before = tokens.tobytes(), tokens[:-1].tobytes()
        if (number, text) not in self._recent:
            begun = len(tokens) - 1 if (number, before) in self._recent else 0
            known = self._recent[number, before] if begun else self._starts[number]
            matcher = known.deep_copy()
            for token in tokens[begun:].tolist():
                if matcher.validate_tokens([token]):  # a refused token would end the matcher
                    matcher.consume_token(token)
            self._recent[number, text] = matcher
        self._recent.move_to_end((number, text))
        return self._recent[number, text]


@transform(kind="token")
class Grammar(Transform):
    """Allow only tokens after which the text can still become a text of the grammar.

    `Grammars.of` makes it. In every step the compiled program calls the host, which computes the
    mask, and waits for it. This works with `jax.vmap` and inside `generate`, `stream` and `score`,
    in programs of one device. Transforms of the same `Grammars` share one program, and `stack`
    gives each row its own grammar. Where the next bytes are certain, llguidance allows only the
    tokens that its tokenizer has for them. A row that ends by its budget may hold only the
    beginning of a text. Put the grammar before transforms that drop tokens, such as `TopP`.

    The state is the tokens drawn so far. A forbidden token, which can occur only in `score`, does
    not change the text.

    Attributes:
        number: the number of the grammar; a leaf.
        grammars: the grammars and their tokenizer; static.

    Raises:
        ValueError: if the row has another size than the tokenizer, or `update` gets the state of
            an `init` without a prompt.

    >>> grammar = Grammars(LLTokenizer("byte")).of("start: /[0-9]+/")
    >>> logits, prompt = jnp.zeros(262), Prompt.of([0], 262, 4)
    >>> state = grammar.update(grammar.init(None, prompt), logits, ord("7"))
    >>> jnp.flatnonzero(grammar(logits, state) == 0)[-1:]  # the tokenizer ends a text with 261
    Array([261], dtype=int32)
    """

    number: IntLeaf = field(low=0)
    grammars: Grammars = field(static=True)

    def init(self, key, prompt):
        del key
        room = 0 if prompt is None else prompt.tokens.shape[-1]
        return _Written(jnp.zeros(room, jnp.int32), jnp.int32(0))

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        size = self.grammars.tokenizer.vocab_size
        if logits.shape != (size,):
            raise ValueError(
                f"Grammar has a tokenizer of {size} tokens, the row has {list(logits.shape)}; "
                "pass the number of logits as n_vocab to LLTokenizer"
            )
        mask = jax.ShapeDtypeStruct((-(-size // 32),), jnp.uint32)
        words = jax.pure_callback(
            self.grammars.masks, mask, self.number, *state, vmap_method="broadcast_all"
        )
        token = jnp.arange(size)
        allowed = (words[token // 32] >> (token % 32).astype(jnp.uint32)) & 1
        return jnp.where(allowed == 1, logits, -jnp.inf)

    def update(self, state, logits, token, hidden=None):
        del logits, hidden
        if not state.tokens.size:
            raise ValueError("Grammar needs a prompt in init, whose room its tokens fill")
        return _Written(state.tokens.at[state.n].set(token), state.n + 1)


def _mask(matcher):
    """Return the bits of a mask; a matcher that fails would allow the end alone."""
    mask = matcher.compute_bitmask()
    if matcher.is_error():
        raise ValueError(f"llguidance stopped: {matcher.get_error().splitlines()[0]}")
    return mask
