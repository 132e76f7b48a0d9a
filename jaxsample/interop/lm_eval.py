"""A model of EleutherAI's lm-evaluation-harness whose texts a sampler of this library draws."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import normalize_gen_kwargs
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from jaxsample.decode._generate import generate
from jaxsample.decode._sample import check_sampler
from jaxsample.decode._score import score
from jaxsample.interop._batches import Asked, Pair, batches, padded, parted
from jaxsample.interop.settings._generation_config import from_generation_config
from jaxsample.interop.text._stops import cut
from jaxsample.interop.text._text import Text
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.contract._transform import Transform


class LM(TemplateLM):
    """A model for `lm_eval.simple_evaluate(model=LM(..), tasks=..)`.

    Tasks that generate text are answered through the sampler. Tasks that compare log-likelihoods
    are answered by the model alone, as with every other model of the harness.

    The harness finds only models that it ships. `jaxsample lm-eval` runs its command line with this
    class registered as "jaxsample".

    Args:
        checkpoint: the model: an object with the attributes of `jaxsample_models.Checkpoint`.
        sampler: a transform that draws every text, whatever temperature, top-p or `do_sample` the
            task asks for. None takes them from the task; most tasks are greedy.
        batch_size: rows that are decoded at once. Texts do not depend on it.
        max_length: the largest number of tokens of a context and its text; by default that of the
            model. If both do not fit, the text is shorter, but has at least half of it; then the
            context loses its beginning.
        max_gen_toks: the largest number of tokens of a text if the task does not say.
        seed: the texts are a function of the seed and the place of the request.

    Raises:
        ValueError: if `sampler` is no transform, or the checkpoint has no tokenizer or no eos.

    >>> import jaxsample_models
    >>> from lm_eval.api.instance import Instance
    >>> lm = LM(jaxsample_models.embedded(), chain(TopK(1)), batch_size=1)
    >>> request = "A funny story. Once upon a", {"until": ["."], "max_gen_toks": 8}
    >>> lm.generate_until([Instance("generate_until", {}, request, 0)], disable_tqdm=True)
    ['time there was a girl named Mia']
    """

    def __init__(
        self,
        checkpoint: Any,
        sampler: Transform | None = None,
        *,
        batch_size: int = 8,
        max_length: int | None = None,
        max_gen_toks: int = 256,
        seed: int = 0,
    ):
        super().__init__()
        if sampler is not None:
            check_sampler(sampler)
        self._model, self._params = checkpoint.model, checkpoint.params
        self._text, self._sampler = Text.of(checkpoint), sampler
        self._eos = _ids(checkpoint.generation_config.get("eos_token_id"))
        if not self._eos:
            raise ValueError("the checkpoint's generation_config has no eos_token_id")
        self._bos = _ids(checkpoint.generation_config.get("bos_token_id"))
        self._size = checkpoint.config.vocab_size
        self._key = jax.random.key(seed)
        self.batch_size = batch_size
        self.max_length = max_length or checkpoint.config.max_length
        self.max_gen_toks = max_gen_toks

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Return a text for each request, which ends before the task's stop strings."""
        del disable_tqdm
        texts = [""] * len(requests)
        asked = [self._asked(i, *request.args) for i, request in enumerate(requests)]
        for batch in batches(asked, self.batch_size):
            for one, text in zip(batch, self._drawn(batch), strict=True):
                texts[one.index] = text
                self.cache_hook.add_partial("generate_until", requests[one.index].args, text)
        return texts

    def _asked(self, index, context, options):
        wanted = normalize_gen_kwargs(options, self.max_gen_toks)
        until, count = wanted.pop("until"), int(wanted.pop("max_gen_toks"))
        ids = self.tok_encode(context) or [self.prefix_token_id]
        sampler = self._sampler
        if sampler is None:
            if not wanted.get("do_sample"):
                wanted.pop("temperature", None)
            sampler = from_generation_config(wanted, strict=True)
        until = tuple(stop for stop in until if stop)
        room = max(self.max_length - len(ids), self.max_length // 2)
        count = min(count, self.max_length - 1)
        ids = ids[-(self.max_length - min(count, room)) :]
        return Asked(index, ids, until, count, sampler)

    def _drawn(self, batch):
        _, _, until, count, sampler = batch[0]
        prompts, lengths = padded([one.ids for one in batch], self.batch_size, self.max_length)
        index = np.zeros(len(prompts), np.uint32)
        index[: len(batch)] = [one.index for one in batch]
        used = np.arange(len(prompts)) < len(batch)
        budget = np.minimum(count, self.max_length - lengths)
        drawn = generate(
            jax.vmap(jax.random.fold_in, (None, 0))(self._key, index),
            self._model,
            self._params,
            prompts,
            sampler,
            lengths=lengths,
            max_new_tokens=count,
            max_length=min(prompts.shape[1] + count, self.max_length),
            budget=np.where(used, budget, 0),
            eos=self._eos,
            stop=self._text.stop(until, self._size) if until else (),
            record=(),
        )
        tokens, ends = jax.device_get((drawn.tokens, drawn.lengths))
        rows = zip(batch, tokens, ends, strict=False)
        return [cut(self._text.decode(row[:end]), until) for _, row, end in rows]

    def loglikelihood_rolling(
        self, requests: Sequence[Any], disable_tqdm: bool = False
    ) -> list[float]:
        """Return the log-likelihood of each whole text, in nats."""
        del disable_tqdm
        windows, owners = [], []
        for i, request in enumerate(requests):
            ids = self._text.encode(request.args[0], special=False)
            rolling = get_rolling_token_windows(ids, self.prefix_token_id, self.max_length, 1)
            for window in map(make_disjoint_window, rolling):
                windows.append((("", ""), *window))
                owners.append(i)
        totals = [0.0] * len(requests)
        for i, (total, _) in zip(owners, self._loglikelihood_tokens(windows), strict=True):
            totals[i] += total
        for request, total in zip(requests, totals, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
        return totals

    def _loglikelihood_tokens(self, requests, **_):
        answers = [(0.0, True)] * len(requests)
        pairs = [self._pair(i, *request[1:]) for i, request in enumerate(requests)]
        for batch in batches(pairs, self.batch_size):
            for one, answer in zip(batch, self._scored(batch), strict=True):
                answers[one.index] = answer
                names = requests[one.index][0]
                if names != ("", ""):
                    self.cache_hook.add_partial("loglikelihood", names, answer)
        return answers

    def _pair(self, index, context, continuation):
        if len(continuation) > self.max_length:
            raise ValueError(
                f"a continuation has {len(continuation)} tokens, the model reads {self.max_length}"
            )
        room = self.max_length + 1 - len(continuation)
        return Pair(index, context[-room:], continuation)

    def _scored(self, batch):
        prompts, lengths, tokens, counts = parted(batch, self.batch_size, self.max_length)
        given = self._model, self._params, prompts, tokens, chain()
        record = "model_logprobs", ("top", 1)
        seen = score(*given, lengths=lengths, token_lengths=counts, record=record)
        logprobs, best = jax.device_get((seen.model_logprobs, seen.top))
        for i, one in enumerate(batch):
            own = slice(counts[i] - len(one.tokens), counts[i])
            greedy = bool((best.ids[i, own, 0] == one.tokens).all())
            yield float(logprobs[i, own].sum(dtype=np.float64)), greedy

    @property
    def eot_token_id(self) -> int:
        """The token that ends a text."""
        return self._eos[0]

    @property
    def prefix_token_id(self) -> int:
        """The token before a text without a context: the bos, or else the eos."""
        return (self._bos or self._eos)[0]

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **_: Any
    ) -> list[int]:
        """Return the tokens of a text; by default with the bos that the tokenizer adds, once."""
        begins = bool(self._bos) and string.startswith(
            self._text.decode(self._bos[:1], special=True)
        )
        special = not begins if add_special_tokens is None else add_special_tokens
        return self._text.encode(string, special=special)

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Write a conversation with the model's chat template."""
        return self._text.chat(chat_history, add_generation_prompt=add_generation_prompt)

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """Return the model's chat template, if one is wanted."""
        return self._text.chat_template if chat_template else None

    @property
    def tokenizer_name(self) -> str:
        """A name of the tokenizer that changes with its contents, for the harness's cache."""
        return f"jaxsample-{zlib.crc32(self._text.tokenizer.to_str().encode()):08x}"

    def get_model_info(self) -> dict[str, Any]:
        """Return what the results of the harness say about this model."""
        return {"sampler": repr(self._sampler), "max_length": self.max_length}


def _ids(value):
    return [] if value is None else [value] if isinstance(value, int) else list(value)
