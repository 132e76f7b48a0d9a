"""The text of a model: encoding, decoding and conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxsample.interop.automaton._stop import stop_strings
from jaxsample.interop.automaton._vocabulary import vocabulary_of
from jaxsample.interop.text._template import render
from jaxsample.interop.text._transcript import Transcript
from jaxsample.transforms.tokens._stop_strings import StopStrings

Messages = Sequence[Mapping[str, Any]]


class Text:
    """Text in and text out of a model: encode, decode, chat.

    A tokenizer may have been saved with a length to cut or pad texts to. Prompts are neither cut
    nor padded here.

    Args:
        tokenizer: a `tokenizers.Tokenizer`; it is not changed.
        chat_template: the Jinja template that writes a conversation, or None.
        special_tokens: the texts that the template knows, such as {"bos_token": "<s>"}.

    >>> import jaxsample_models
    >>> text = Text.of(jaxsample_models.embedded())
    >>> text.encode("Once upon a time")
    [1, 113, 112, 17, 111]
    >>> text.decode([1, 113, 112, 17, 111])
    'Once upon a time'
    """

    def __init__(
        self,
        tokenizer: Any,
        chat_template: str | None = None,
        special_tokens: Mapping[str, str] | None = None,
    ):
        if not hasattr(tokenizer, "to_str"):
            raise ValueError(f"a tokenizers.Tokenizer is needed, got {type(tokenizer).__name__}")
        if tokenizer.truncation is not None or tokenizer.padding is not None:
            tokenizer = type(tokenizer).from_str(tokenizer.to_str())
            tokenizer.no_truncation()
            tokenizer.no_padding()
        self.tokenizer = tokenizer
        self.chat_template = chat_template
        self.special_tokens = dict(special_tokens or {})

    @classmethod
    def of(cls, checkpoint: Any) -> Text:
        """Return the text of a checkpoint, such as `jaxsample_models.load` returns.

        Raises:
            ValueError: if the checkpoint has no tokenizer.
        """
        if checkpoint.tokenizer is None:
            raise ValueError("the checkpoint has no tokenizer, so its tokens have no text")
        template = getattr(checkpoint, "chat_template", None)
        return cls(checkpoint.tokenizer, template, getattr(checkpoint, "special_tokens", None))

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Return the ids of a text; `special` adds what the tokenizer puts around texts.

        Raises:
            ValueError: if the text has a lone surrogate, which is half of a character.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            half = text[error.start]
            raise ValueError(f"the text holds {half!r}, half of a character; remove it") from None
        return self.tokenizer.encode(text, add_special_tokens=special).ids

    def decode(self, ids: Sequence[int], *, special: bool = False) -> str:
        """Return the text of ids; `special` writes special tokens too."""
        return self.tokenizer.decode([int(i) for i in ids], skip_special_tokens=not special)

    def chat(
        self,
        messages: Messages,
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        **variables: Any,
    ) -> str:
        """Return a conversation as the text that the model's chat template makes of it.

        Args:
            messages: dicts with a "role" ("system", "user", "assistant", ..) and a "content".
            tools: JSON schemas of functions that the model may call.
            add_generation_prompt: whether to begin the model's turn at the end.
            variables: any others that the template reads, such as `enable_thinking`.

        Raises:
            ValueError: if there is no template, or it refuses the messages.
            ImportError: jinja2 is not installed.
        """
        if self.chat_template is None:
            raise ValueError("the model has no chat template; give one to Text as chat_template")
        given = {"documents": None, **self.special_tokens, **variables}
        given["add_generation_prompt"] = add_generation_prompt
        return render(self.chat_template, messages, tools, given)

    def encode_chat(self, messages: Messages, **options: Any) -> list[int]:
        """Return the ids of a conversation; the options are those of `chat`.

        The template writes special tokens itself, so none are added.
        """
        return self.encode(self.chat(messages, **options), special=False)

    def transcript(self, prompt: Sequence[int] = (), stop: str | Sequence[str] = ()) -> Transcript:
        """Return a `Transcript`, which decodes tokens while they are drawn."""
        return Transcript(self.tokenizer, prompt, stop)

    def stop(self, strings: str | Sequence[str], size: int | None = None) -> StopStrings:
        """Return strings that end a row, for the `stop` of `generate`.

        Args:
            strings: one string or more.
            size: the number of tokens of the model, if it has more than the tokenizer.
        """
        return stop_strings(strings, vocabulary_of(self.tokenizer, size, special=True))
