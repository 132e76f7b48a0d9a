"""The grammar of the stories, with the exact distribution of the next token after any prefix."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache

import numpy as np

from ._compiler import BOS, END, SPACE, Machine, Node, compile_story
from ._states import UNBOUND, Distribution, Parse, State
from ._tables import BY_CHILD, OPEN, PICKS, TONES, UNTITLED
from ._templates import STORY


@cache
def machine() -> Machine:
    """Compile the stories once."""
    return compile_story(STORY)


class Grammar:
    """A probabilistic grammar of stories.

    Every prefix has exactly one state, and therefore an exact next-token distribution. Tokens at
    open slots follow Zipf's law, p ~ rank ** -(exponent * style), with the exponent of the story's
    tone. Style s therefore equals style 1 at temperature 1 / s, at open slots only.

    Attributes:
        style: factor on the exponents of all open slots, at least 0; nothing else depends on it.
        vocabulary: the tokens, `[V]`; a token that follows a space begins with `SPACE`.

    Raises:
        ValueError: `style` is negative.

    >>> grammar = Grammar()
    >>> story = grammar.sample(np.random.default_rng(0))
    >>> grammar.parse(story).accepted
    True
    >>> *_, state = grammar.walk(story[:3])
    >>> grammar.kind(state), grammar.vocabulary[grammar.next_probs(state).argmax()]
    ('template', '▁story')
    """

    def __init__(self, style: float = 1.0):
        if style < 0:
            raise ValueError(f"`style` must be at least 0, got {style}")
        self.style = style
        self.vocabulary = machine().vocabulary
        self._nodes = machine().nodes
        self._variables = {name: i for i, name in enumerate(machine().variables)}
        self._dropped = self._forget()
        self._ids = {token: i for i, token in enumerate(self.vocabulary)}
        self._tables = {name: self._table(words) for name, words in (*PICKS.items(), *OPEN.items())}
        self._follows = {
            name: {self._ids[SPACE + k]: self._ids[SPACE + v] for k, v in words.items()}
            for name, words in BY_CHILD.items()
        }
        self._exponents = {self._ids[SPACE + tone]: s * style for tone, s in TONES.items()}
        self._exponents[UNBOUND] = UNTITLED * style
        self._distributions: dict[tuple, Distribution] = {}

    def _forget(self) -> list[tuple[int, ...]]:
        """List for each node the variables that neither it nor a later node reads."""
        dropped: list[set[int]] = [set() for _ in self._nodes]
        for node in self._nodes:
            held = node.live | ({node.name} & self._variables.keys() if node.binds else set())
            for after in node.next:
                dropped[after] |= {self._variables[v] for v in held - self._nodes[after].live}
        return [tuple(indices) for indices in dropped]

    def _table(self, words: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(self._ids[SPACE + word] for word in words)

    @property
    def vocab_size(self) -> int:
        """The number of tokens V."""
        return len(self.vocabulary)

    def start(self) -> State:
        """Return the state after `<s>`."""
        return self._state(machine().start, (UNBOUND,) * len(self._variables))

    def is_end(self, state: State) -> bool:
        """Tell whether `</s>` has been read."""
        return state.node == END

    def kind(self, state: State) -> str:
        """Return the kind of the next token, one of `KINDS`."""
        return self._node(state).kind

    def slot(self, state: State) -> str:
        """Return the table or variable of the next token, or "" if it has none."""
        return self._node(state).name

    def distribution(self, state: State) -> Distribution:
        """Return the distribution of the next token; equal distributions are the same object.

        Raises:
            ValueError: the story has ended.
        """
        node = self._node(state)
        if node.kind == "fact":
            key = (self._recall(state, node.name),)
        elif node.kind == "open":
            key = (node.name, self._value(state, "tone"))
        elif node.name:
            key = (self._source(state, node.name),)
        else:
            key = (node.tokens, node.weights)
        if key not in self._distributions:
            self._distributions[key] = self._distribution(node, key)
        return self._distributions[key]

    def next_probs(self, state: State) -> np.ndarray:
        """Return the distribution of the next token over the vocabulary, float64 `[V]`."""
        dense = np.zeros(self.vocab_size)
        truth = self.distribution(state)
        dense[list(truth.tokens)] = truth.probs
        return dense

    def advance(self, state: State, token: int) -> State:
        """Return the state after one more token.

        Raises:
            ValueError: no story continues with this token; the message lists those that do.
        """
        node = self._node(state)
        token = int(token)
        allowed = node.tokens or self.distribution(state).tokens
        if token not in allowed:
            raise ValueError(self._complaint(state, token))
        after = node.next[node.tokens.index(token)] if node.tokens else node.next[0]
        values = state.values
        if node.binds and node.name in self._variables:
            i = self._variables[node.name]
            values = (*values[:i], token, *values[i + 1 :])
        return self._state(after, values)

    def tell(
        self, rng: np.random.Generator, state: State | None = None
    ) -> Iterator[tuple[State, int]]:
        """Draw a story, or the rest of one after `state`: yield each state and the token drawn."""
        state = self.start() if state is None else state
        while not self.is_end(state):
            truth = self.distribution(state)
            sure = len(truth.tokens) == 1
            token = truth.tokens[0 if sure else bisect_right(truth.cumulative, rng.random())]
            yield state, token
            state = self.advance(state, token)

    def sample(self, rng: np.random.Generator) -> list[int]:
        """Draw a story: token ids from `<s>` to `</s>`."""
        return [BOS, *(token for _, token in self.tell(rng))]

    def walk(self, tokens) -> Iterator[State]:
        """Yield the state before each token after `<s>`, then the state after the last token.

        Raises:
            ValueError: no story begins with these tokens.
        """
        state = self.start()
        if not len(tokens) or tokens[0] != BOS:
            raise ValueError("a story begins with <s>")
        for token in tokens[1:]:
            yield state
            state = self.advance(state, token)
        yield state

    def parse(self, tokens) -> Parse:
        """Accept a whole story, or return the position and the reason of the first error."""
        position = 0
        try:
            for position, state in enumerate(self.walk(tokens), 1):
                if self.is_end(state) and position < len(tokens):
                    return Parse(False, position, "the story continues after </s>")
        except ValueError as error:
            return Parse(False, position, str(error))
        if not self.is_end(state):
            return Parse(False, position, "the story stops before its end")
        return Parse(True, position, "")

    def outcomes(self, state: State) -> list[tuple[float, State]]:
        """List the next states with their probabilities, merging those that differ in one word.

        The words of a table lead to the same future up to renaming, except tones and children. A
        dynamic program over `outcomes` from `start()` therefore visits a few hundred states.
        """
        truth = self.distribution(state)
        node = self._node(state)
        if node.tokens or node.name in ("tone", "child"):
            pairs = zip(truth.probs, truth.tokens, strict=True)
            return [(float(p), self.advance(state, token)) for p, token in pairs]
        return [(1.0, self.advance(state, truth.tokens[0]))]

    def _node(self, state: State) -> Node:
        if state.node == END:
            raise ValueError("the story has ended: nothing follows </s>")
        return self._nodes[state.node]

    def _state(self, node: int, values: tuple[int, ...]) -> State:
        dropped = self._dropped[node]
        if dropped:
            values = tuple(UNBOUND if i in dropped else v for i, v in enumerate(values))
        return State(node, values)

    def _value(self, state: State, name: str) -> int:
        return state.values[self._variables[name]]

    def _recall(self, state: State, name: str) -> int:
        if name in self._follows:
            return self._follows[name][self._value(state, "child")]
        return self._value(state, name)

    def _source(self, state: State, name: str) -> str:
        if name != "name":
            return name
        return self.vocabulary[self._value(state, "child")].strip(SPACE)

    def _distribution(self, node: Node, key: tuple) -> Distribution:
        if node.kind == "fact":
            tokens, weights = key, np.ones(1)
        elif node.kind == "open":
            tokens = self._tables[node.name]
            weights = np.arange(1.0, len(tokens) + 1) ** -self._exponents[key[1]]
        elif node.name:
            tokens = self._tables[key[0]]
            weights = np.ones(len(tokens))
        else:
            tokens, weights = node.tokens, np.asarray(node.weights, float)
        probs = weights / weights.sum()
        entropy = -float(np.sum(probs * np.log(probs)))
        return Distribution(tokens, probs, [*np.cumsum(probs)[:-1].tolist(), 1.0], entropy)

    def _complaint(self, state: State, token: int) -> str:
        node = self._node(state)
        got = self._say(token)
        if node.kind == "fact":
            about = "child" if node.name in self._follows else node.name
            bound = self._say(self._recall(state, node.name))
            return f"expected {bound}, as the {about} was settled before, got {got}"
        if node.name:
            return f"expected a word for the {self._source(state, node.name)}, got {got}"
        return f"expected {' or '.join(map(self._say, node.tokens))}, got {got}"

    def _say(self, token: int) -> str:
        known = 0 <= token < self.vocab_size
        return repr(self.vocabulary[token].strip(SPACE)) if known else f"token {token}"
