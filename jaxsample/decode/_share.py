"""The prompts of a rollout, dealt to several processes."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Any

import jax

from jaxsample.decode._requests import Request, count_of


def share(prompts: Iterable[Any], done: Container[int] = ()) -> Iterator[Request]:
    """Yield the prompts of this process, out of the prompts of all processes.

    Pass the result to `rollout`. Process k of n takes the prompts k, k + n and so on. Each prompt
    keeps its index among all prompts, so its key and its `Finished.index` are the same as in a
    rollout on one process. The processes do not wait for each other, and none needs the results of
    another. After a failure, start any number of processes again and pass `done`.

    Args:
        prompts: the prompts of all processes, as for `rollout`: the same in each of them.
        done: the numbers of prompts that are finished already.

    >>> rest = share([[0], [1], [2]], done={1})
    >>> [(request.index, request.prompt) for request in rest]
    [(0, [0]), (2, [2])]
    """
    for place, given in enumerate(prompts):
        request = given if isinstance(given, Request) else Request(given)
        index = place if request.index is None else count_of("index", request.index)
        if index % jax.process_count() == jax.process_index() and index not in done:
            yield request._replace(index=index)
