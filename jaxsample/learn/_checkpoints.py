"""What a training run leaves in a folder: checkpoints to go on from, and its metrics."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

METRICS = "metrics.jsonl"
ARGUMENTS = "arguments.json"
KEPT = 2  # checkpoints


class Journal:
    """Keep the history of a run and, with a folder, write it and the checkpoints there.

    Attributes:
        history: the entries so far, those of a run that is gone on with too.
    """

    def __init__(self, folder: str | Path | None, made_with: dict[str, Any]):
        self.history: list[dict[str, float]] = []
        self._made_with = made_with
        self._folder = None if folder is None else Path(folder).absolute()
        self._manager: Any = None
        if self._folder is None:
            return
        try:
            import orbax.checkpoint as ocp
        except ImportError as error:
            raise ImportError("checkpoints need: pip install 'jaxsample[train]'") from error
        self._folder.mkdir(parents=True, exist_ok=True)
        options = ocp.CheckpointManagerOptions(max_to_keep=KEPT)
        self._manager = ocp.CheckpointManager(self._folder / "checkpoints", options=options)

    def restore(self, run: Any) -> tuple[int, Any]:
        """Return the step of the last checkpoint and what it holds, or 0 and `run` itself.

        Raises:
            ValueError: if the checkpoint is of another sampler, optimizer, key or batch size.
        """
        if self._manager is None:
            return 0, run
        step = self._manager.latest_step() or 0
        self._trim(step)
        path = self._folder / ARGUMENTS  # type: ignore[operator]
        shapes = [list(np.shape(x)) for x in jax.tree.leaves(run)]
        made_with = self._made_with | {"shapes": shapes}
        if not step:
            path.write_text(json.dumps(made_with) + "\n")
            return 0, run
        if json.loads(path.read_text()) != made_with:
            raise ValueError(self._foreign(step))
        import orbax.checkpoint as ocp

        leaves, structure = jax.tree.flatten(run)
        like = {str(i): np.asarray(x) for i, x in enumerate(leaves)}
        kept = self._manager.restore(step, args=ocp.args.StandardRestore(like))
        found = [kept[str(i)] for i in range(len(leaves))]
        return step, structure.unflatten([jax.numpy.asarray(x) for x in found])

    def write(self, step: int, run: Any, entry: dict[str, float]) -> None:
        """Add an entry, and keep the run as it is after this step."""
        self.history.append(entry)
        if self._manager is None:
            return
        import orbax.checkpoint as ocp

        with open(self._folder / METRICS, "a") as file:  # type: ignore[operator]
            file.write(json.dumps(entry) + "\n")
        leaves = {str(i): np.asarray(x) for i, x in enumerate(jax.tree.leaves(run))}
        self._manager.save(step, args=ocp.args.StandardSave(leaves))

    def _trim(self, step):
        """Drop what was written after the checkpoint: it will be written again."""
        path = self._folder / METRICS  # type: ignore[operator]
        lines = path.read_text().splitlines() if path.exists() else []
        entries = [json.loads(line) for line in lines if line.endswith("}")]
        self.history = [entry for entry in entries if entry["step"] <= step]
        fresh = path.with_suffix(".new")
        fresh.write_text("".join(json.dumps(entry) + "\n" for entry in self.history))
        os.replace(fresh, path)

    def _foreign(self, step):
        return (
            f"the checkpoint of step {step} in {self._folder} is of another sampler, optimizer, "
            "key or batch size; give another folder, or the arguments it was made with"
        )

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._manager is not None:
            self._manager.wait_until_finished()
            self._manager.close()
