"""The folder of a training run: its checkpoints, its arguments and its metrics.

Of several processes the first reads and writes it, so that the others need not see it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxsample.interop._files import read_json, write_whole
from jaxsample.learn._hosts import as_first, of_first, whole

METRICS = "metrics.jsonl"
ARGUMENTS = "arguments.json"
CHECKPOINTS = "checkpoints"
KEPT = 2  # the number of checkpoints to keep


class Journal:
    """The history of a run; with a folder, also the files there.

    Attributes:
        history: the entries so far, including those of the run that is resumed.
        step: the step of the last checkpoint, or 0.
    """

    def __init__(self, folder: str | Path | None, made_with: dict[str, Any]):
        self.history: list[dict[str, float]] = []
        self.step = 0
        self._made_with = made_with
        self._folder = None if folder is None else Path(folder).absolute()
        self._manager = None
        if self._folder is not None:
            of_first(self._open)

    def _open(self) -> None:
        assert self._folder is not None
        try:
            import orbax.checkpoint as ocp
        except ImportError as error:
            raise ImportError("checkpoints need: pip install 'jaxsample[train]'") from error
        (self._folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        alone = {"primary_host": 0, "active_processes": {0}} if jax.process_count() > 1 else {}
        options = ocp.CheckpointManagerOptions(
            max_to_keep=KEPT,
            create=False,
            multiprocessing_options=ocp.options.MultiprocessingOptions(**alone),
        )
        self._manager = ocp.CheckpointManager(self._folder / CHECKPOINTS, options=options)
        self._save, self._restore = ocp.args.StandardSave, ocp.args.StandardRestore

    def restore(self, run: Any) -> Any:
        """Return what the last checkpoint holds, or `run` itself if there is none.

        Raises:
            ValueError: if the checkpoint cannot be read, or belongs to another sampler, optimizer,
                key or batch size.
        """
        if self._folder is None:
            return run
        leaves, structure = jax.tree.flatten(run)
        like = [np.empty(leaf.shape, leaf.dtype) for leaf in leaves]
        kept = like

        def read() -> tuple[int, list[dict[str, float]]]:
            nonlocal kept
            kept = self._read(like)
            return self.step, self.history

        self.step, self.history = of_first(read)
        if not self.step:
            return run
        return structure.unflatten([jax.device_put(leaf) for leaf in as_first(kept)])

    def _read(self, like: list[np.ndarray]) -> list[np.ndarray]:
        assert self._folder is not None and self._manager is not None
        self.step = self._manager.latest_step() or 0
        made_with = self._made_with | {"shapes": [list(leaf.shape) for leaf in like]}
        path = self._folder / ARGUMENTS
        if not self.step:
            write_whole(path, (json.dumps(made_with) + "\n").encode())
        elif read_json(path, {}, "the arguments of a training run") != made_with:
            raise ValueError(
                f"the checkpoint of step {self.step} in {self._folder} belongs to another sampler, "
                "optimizer, key or batch size; use another folder, or the arguments it was made "
                "with"
            )
        self._trim(self._folder / METRICS)
        if not self.step:
            return like
        named = {str(i): leaf for i, leaf in enumerate(like)}
        try:
            kept = self._manager.restore(self.step, args=self._restore(named))
        except Exception as error:  # orbax and its storage raise many types
            damaged = self._folder / CHECKPOINTS / str(self.step)
            reason = str(error).partition("\n")[0]
            raise ValueError(
                f"the checkpoint {damaged} is damaged ({reason}); delete that folder to resume "
                "from the checkpoint before it, or use another folder to start again"
            ) from error
        return [kept[name] for name in named]

    def write(self, step: int, run: Any, entry: dict[str, float]) -> None:
        """Add an entry to the history, and keep the run as it is after this step."""
        self.history.append(entry)
        if self._folder is None:
            return
        leaves = {str(i): whole(leaf) for i, leaf in enumerate(jax.tree.leaves(run))}
        if self._manager is not None:
            with open(self._folder / METRICS, "a") as file:
                file.write(json.dumps(entry) + "\n")
            self._manager.save(step, args=self._save(leaves))
        self.step = step

    def _trim(self, path: Path) -> None:
        """Drop the metrics that were written after the checkpoint: they will be written again."""
        lines = path.read_text("utf-8", "replace").splitlines() if path.exists() else []
        for i, line in enumerate(lines):
            try:
                entry = json.loads(line)
                if entry["step"] <= self.step:
                    self.history.append(entry)
            except (ValueError, TypeError, KeyError, RecursionError):
                if i + 1 < len(lines):  # a run that was killed may leave a part of a last line
                    raise ValueError(f"{path}: line {i + 1} is damaged; delete that line") from None
        write_whole(path, "".join(json.dumps(entry) + "\n" for entry in self.history).encode())

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if self._manager is not None:
            self._manager.wait_until_finished()
            self._manager.close()
        if isinstance(error, KeyboardInterrupt):
            error.add_note(self._how_to_resume())

    def _how_to_resume(self):
        if self._folder is None:
            return "training was interrupted and nothing was kept; pass folder= to keep checkpoints"
        if not self.step:
            return f"training was interrupted before the first checkpoint in {self._folder}"
        return (
            f"training was interrupted: the checkpoint of step {self.step} is in {self._folder}; "
            "call fit again with the same arguments to resume from it"
        )
