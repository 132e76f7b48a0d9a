"""Engines of constrained decoding, as a worker that compiles schemas, reads texts and times masks.

It runs in the environment of an engine, which has JAX too, because the judge is this library's.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np

os.environ["JAX_PLATFORMS"] = "cpu"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from constrained.asked import Asked  # noqa: E402
from jaxsample.interop import from_json_schema  # noqa: E402

MEMORY = 8 << 30  # bytes of address space while a schema is compiled, so that the machine lives on
COARSE = 0.1  # seconds below which the processor's clock is not read


class JaxSample:
    def __init__(self, vocabulary, eos, tokenizer):
        self.make = functools.partial(
            from_json_schema, vocabulary=vocabulary, eos=eos, additional=True
        )

    def compile(self, schema):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = self.make(schema)
        self.columns = np.asarray(made.classes).tolist()
        self.table = np.asarray(made.table)
        self.states = [0]

    def accepts(self, tokens):
        state = self.states[-1]
        for token in tokens:
            state = int(self.table[state, self.columns[token]])
            if state < 0:
                return False
        return True

    def read(self, tokens):
        for token in tokens:
            self.states.append(int(self.table[self.states[-1], self.columns[token]]))

    def forget(self, count):
        del self.states[len(self.states) - count :]


class LLGuidance:
    def __init__(self, vocabulary, eos, tokenizer):
        import llguidance

        class Bytes:
            tokens = [word or b"<eos>" for word in vocabulary]
            eos_token_id, bos_token_id, special_token_ids = eos, None, [eos]

            def __call__(self, text):
                return list(text if isinstance(text, bytes) else text.encode())

        made = tokenizer or llguidance.TokenizerWrapper(Bytes())
        self.matcher, self.eos = llguidance.LLMatcher, eos
        self.tokenizer = llguidance.LLTokenizer(made, n_vocab=len(vocabulary), eos_token=eos)

    def compile(self, schema):
        grammar = self.matcher.grammar_from_json_schema(
            json.dumps(schema), overrides={"whitespace_flexible": False}
        )
        self.made = self.matcher(self.tokenizer, grammar, log_level=0)
        if self.made.is_error():
            raise ValueError(self.made.get_error().splitlines()[0])

    def accepts(self, tokens):
        # Once a text has to end, the matcher takes no token, not even eos.
        if tokens == [self.eos]:
            return self.made.is_accepting()
        return self.made.validate_tokens(tokens) == len(tokens)

    def read(self, tokens):
        self.made.consume_tokens(tokens)

    def forget(self, count):
        self.made.rollback(count)

    def masking(self):
        matcher = self.made.deep_copy()
        return matcher.compute_bitmask, matcher.consume_token


class XGrammar:
    def __init__(self, vocabulary, eos, tokenizer):
        import xgrammar

        words = [word or b"" for word in vocabulary]
        self.x, self.size = xgrammar, len(words)
        about = xgrammar.TokenizerInfo(words, vocab_size=len(words), stop_token_ids=[eos])
        # A cache would make the second compilation of a part free.
        self.compiler = xgrammar.GrammarCompiler(about, max_threads=1, cache_enabled=False)

    def compile(self, schema):
        grammar = self.compiler.compile_json_schema(
            json.dumps(schema), any_whitespace=False, separators=(",", ":"), strict_mode=False
        )
        self.grammar, self.made = grammar, self.x.GrammarMatcher(grammar)

    def accepts(self, tokens):
        count = 0
        while count < len(tokens) and self.made.accept_token(tokens[count]):
            count += 1
        self.made.rollback(count)
        return count == len(tokens)

    def read(self, tokens):
        for token in tokens:
            self.made.accept_token(token)

    def forget(self, count):
        self.made.rollback(count)

    def masking(self):
        matcher = self.x.GrammarMatcher(self.grammar)
        words = self.x.allocate_token_bitmask(1, self.size)
        return lambda: matcher.fill_next_token_bitmask(words), matcher.accept_token


class Outlines:
    def __init__(self, vocabulary, eos, tokenizer):
        import outlines_core

        ids = {}
        for token, word in enumerate(vocabulary):
            if word:
                ids.setdefault(word, []).append(token)
        self.core, self.size, self.eos = outlines_core, len(vocabulary), eos
        self.vocabulary = outlines_core.Vocabulary(eos, ids)

    def compile(self, schema):
        pattern = self.core.json_schema.build_regex_from_schema(
            json.dumps(schema), whitespace_pattern=""
        )
        self.made = self.core.Index(pattern, self.vocabulary)
        self.states = [self.made.get_initial_state()]

    def accepts(self, tokens):
        state = self.states[-1]
        for token in tokens:
            if token == self.eos:
                return self.made.is_final_state(state)
            state = self.made.get_next_state(state, token)
            if state is None:
                return False
        return True

    def read(self, tokens):
        for token in tokens:
            self.states.append(self.made.get_next_state(self.states[-1], token))

    def forget(self, count):
        del self.states[len(self.states) - count :]

    def masking(self):
        guide = self.core.Guide(self.made)
        words = np.zeros(-(-self.size // 32), np.uint32)
        fill = functools.partial(guide.write_mask_into, words.ctypes.data, words.size, 4)
        return fill, lambda token: guide.advance(token, return_tokens=False)


class Reader:
    """Asks an engine about texts; a beginning shared with the last text is not read again."""

    def __init__(self, engine, eos):
        self.engine, self.eos = engine, eos
        self.done = b""  # what the engine has read

    def __call__(self, before, text, ends):
        """Return whether the engine accepts `text` after `before`, which it accepts."""
        before = before.encode()
        shared = len(os.path.commonprefix([before, self.done]))
        if shared < len(self.done):
            self.engine.forget(len(self.done) - shared)
        if shared < len(before):
            self.engine.read(list(before[shared:]))
        self.done = before
        return bool(self.engine.accepts([*text.encode(), *([self.eos] if ends else [])]))


ENGINES = {
    "jaxsample": JaxSample,
    "llguidance": LLGuidance,
    "xgrammar": XGrammar,
    "outlines": Outlines,
}


@functools.cache
def opened(engine, words, eos, tokenizer):
    found = json.loads(Path(words).read_text())
    spelled = [None if word is None else word.encode("latin-1") for word in found]
    return ENGINES[engine](spelled, eos, tokenizer and Path(tokenizer).read_text())


def prepare(spec):
    """Compile a schema in `limit` seconds of the processor; the process ends if it takes longer.

    Returns a call. For None it gives the seconds of the compilation, or the error. For a list of
    tokens it returns the seconds of each mask, and of each token that is read. For a dict with
    `instances` it tells whether invalid ones are accepted, or else valid ones rejected.
    """
    engine = opened(spec["engine"], spec["words"], spec["eos"], spec["tokenizer"])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))
    signal.setitimer(signal.ITIMER_VIRTUAL, spec["limit"])
    start, begun = time.perf_counter(), time.process_time()
    try:
        engine.compile(spec["schema"])
        wall, used = time.perf_counter() - start, time.process_time() - begun
        # The clock of the processor is coarse, and that of the wall counts other work.
        about = {"seconds": wall if wall < COARSE else used}
    except Exception as error:  # each engine has errors of its own
        about = {"error": f"{type(error).__name__}: {error}"[:200]}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

    def call(asked):
        if asked is None:
            return about
        if isinstance(asked, list):
            return walk(*engine.masking(), asked)

        judge = Asked(Reader(engine, spec["eos"]))
        tried = [(valid, judge.accepts(value)) for value, valid in asked["instances"]]
        wrong = any(accepted and not valid for valid, accepted in tried)
        return {"wrong": wrong, "narrow": not wrong and (True, False) in tried}

    return call


def walk(mask, take, tokens):
    seconds = []
    for token in tokens:
        start = time.perf_counter()
        mask()
        middle = time.perf_counter()
        if take(token) is False:
            break
        seconds.append([middle - start, time.perf_counter() - middle])
    return seconds


if __name__ == "__main__":
    from harness.worker import serve

    serve(prepare)
