"""Prompts as conversations, in which the model has answered examples already."""

from __future__ import annotations

from collections.abc import Sequence

from jaxsample.interop.text._text import Text
from jaxsample.study.draw._item import Item
from jaxsample.study.draw._source import Source


def few_shot(
    source: Source,
    items: Sequence[Item],
    examples: Sequence[Item] = (),
    *,
    system: str | None = None,
) -> list[Item]:
    """Write the prompts in the model's chat template, after the same examples.

    Each prompt becomes the last message of a user. The prompts of the examples come before it, each
    answered by its first reference. All prompts begin alike, and a sweep reads this part once. The
    model ends its answer with an eos, as its template does.

    Args:
        source: the model with its tokenizer, whose checkpoint has a chat template.
        items: the prompts.
        examples: prompts with references, in the order of the conversation.
        system: the system message, or None.

    Returns:
        The items with new prompts. `without` is the same conversation with the item's own
        `without` as the last message. If an item has none, that message is empty, because its
        whole prompt is the source.

    Raises:
        ValueError: if there is no chat template, an example has no reference, or an example is one
            of the items.

    >>> import jaxsample_models
    >>> template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\\n{% endfor %}assistant:"
    >>> model = jaxsample_models.embedded()._replace(chat_template=template)
    >>> example = Item("2", "2 + 2", ("4",))
    >>> found, = few_shot(Source("stories", model), [Item("1", "7 + 1")], [example])
    >>> print(found.prompt)
    user: 2 + 2
    assistant: 4
    user: 7 + 1
    assistant:
    """
    text = Text.of(source.checkpoint)
    if text.chat_template is None:
        raise ValueError(f"{source.name} has no chat template, which a conversation needs")
    prompts = {item.prompt for item in items}
    turns = [] if system is None else [{"role": "system", "content": system}]
    for example in examples:
        if not example.references:
            raise ValueError(f"example {example.id!r} has no reference, which would answer it")
        if example.prompt in prompts:
            raise ValueError(f"example {example.id!r} is one of the prompts; take another file")
        turns += [
            {"role": "user", "content": example.prompt},
            {"role": "assistant", "content": example.references[0]},
        ]
    # The template may write what the tokenizer puts before every text.
    begin = text.decode(text.encode(""), special=True)

    def conversation(words: str) -> str:
        return text.chat([*turns, {"role": "user", "content": words}]).removeprefix(begin)

    return [
        item._replace(
            prompt=conversation(item.prompt),
            without=conversation(item.without or ""),
        )
        for item in items
    ]
