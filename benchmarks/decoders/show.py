"""The tables and the picture of benchmarks/decode.py."""

from __future__ import annotations

from harness.plot import Panel, picture
from harness.report import faster, figures, ratio, table, times

from .overhead import BASE
from .rooms import WRITTEN
from .steps import PRODUCTS, PROMPT, READ

# The largest interval of an overhead that is shown although its sign is not certain.
UNCLEAR = 0.05


def tables(results: dict) -> str:
    """Return the tables that were measured, and how each peer's weights compare with ours."""
    models, parts = results["models"], []
    if "decoders" in results["parts"]:
        parts += _speeds(results)
    if "overhead" in results["parts"]:
        parts.append(
            "time outside the model: ms per step in a loop of the model's own steps and in\n"
            "generate; (generate - loop) / loop, median over rounds with its interval; its time"
        )
        parts += [f"{_title(model)}\n{_overheads(model)}" for model in models]
    if "steps" in results["parts"]:
        parts.append(
            f"ms of a step after a prompt of {PROMPT} tokens, without the prefill; medians, and\n"
            "multiples of the time of the matrix products alone"
        )
        parts += [f"{_title(model)}\n{_steps(model)}" for model in models]
    if "rooms" in results["parts"]:
        parts.append(f"ms of a step after {WRITTEN} tokens, by the size of the cache; medians")
        parts += [f"{_title(model)}\n{_rooms(model)}" for model in models]
    return "\n\n".join(parts)


def _steps(model):
    return _compared(model["steps"], lambda arms: PRODUCTS, "of products")


def _rooms(model):
    return _compared(model["rooms"], lambda arms: next(iter(arms)), "of the smallest")


def _compared(lines, pick, words):
    """Return a table of steps, and how many times the arm that `pick` chooses each takes."""
    rows = []
    for line in lines:
        base = pick(line["arms"])
        for name, arm in line["arms"].items():
            low, high = (figures(arm[end] * 1e3) for end in ("low_s", "high_s"))
            middle = figures(arm["median_s"] * 1e3)
            against = line["arms"][base]["times_s"]
            found = "" if name == base else times(ratio(arm["times_s"], against))
            rows.append([f"B={line['batch']}  {name}", middle, f"{low} .. {high}", found])
    return table(["step", "ms/step", "interval", words], rows)


def _speeds(results):
    settings = results["settings"]
    words = (
        f"tokens per second of whole calls: prompt {settings['prompt']}, {settings['steps']} new "
        f"tokens, T {settings['temperature']}, k {settings['top_k']}, p {settings['top_p']}, "
        f"float32, {results['threads']} threads; medians\n"
        "(ours against a peer: how many times faster; `unclear` where runs were too noisy)"
    )
    parts = [words]
    for model in results["models"]:
        parts += [_title(model), *_weights(model), _decoders(model, results)]
    return parts


def speed(arm: dict, batch: int, steps: int) -> tuple[float, float, float]:
    """Return the tokens per second of an arm's median run, and the ends of the interval."""
    tokens = batch * steps
    return tokens / arm["median_s"], tokens / arm["high_s"], tokens / arm["low_s"]


def _title(model):
    size = figures(model["parameters"] / 1e6)
    return f"{model['name']}: {size}M parameters, V={model['vocabulary']}"


def _weights(model):
    lines = [f"  {name}: {said}" for name, said in model["weights"].items()]
    return ["\n".join(["weights against ours", *lines])] if lines else []


def _decoders(model, results):
    ours, steps = results["ours"], results["settings"]["steps"]
    rows = []
    for line in model["decoders"]:
        for name, arm in line["arms"].items():
            middle, low, high = speed(arm, line["batch"], steps)
            found = ratio(arm["times_s"], line["arms"][ours]["times_s"])
            rows.append(
                [
                    f"B={line['batch']}  {name}",
                    figures(middle),
                    f"{figures(low)} .. {figures(high)}",
                    arm["runs"],
                    "" if name == ours else faster(found),
                ]
            )
    return table(["decoder", "tokens/s", "interval", "runs", f"{ours} is"], rows)


def _overheads(model):
    rows = []
    for line in model["overhead"]:
        base = line["arms"][BASE]["median_s"]
        for name, arm in line["arms"].items():
            rows.append(
                [
                    f"B={line['batch']}  {name}",
                    figures(arm["median_s"] * 1e3),
                    arm["runs"],
                    *_share(arm["overhead"], base),
                ]
            )
    return table(["arm", "ms/step", "runs", "overhead", "interval", "us a step"], rows)


def _share(found, base):
    if found is None:
        return ["", "", ""]
    value, low, high = (found[key] for key in ("value", "low", "high"))
    interval = f"{low:+.1%} .. {high:+.1%}"
    if low <= 0 <= high and max(-low, high) > UNCLEAR:
        return ["unclear", interval, ""]
    return [f"{value:+.1%}", interval, f"{1e6 * value * base:+.0f}"]


def draw(results: dict, path):
    """Draw tokens per second and overheads against B for each model."""
    steps, panels = results["settings"]["steps"], []
    for model in results["models"] if "decoders" in results["parts"] else ():
        lines = {}
        for line in model["decoders"]:
            for name, arm in line["arms"].items():
                point = (line["batch"], *speed(arm, line["batch"], steps))
                lines.setdefault(name, []).append(point)
        ticks = [line["batch"] for line in model["decoders"]]
        panels.append(
            Panel(model["name"], "B", "tokens/s", lines, bold=results["ours"], ticks=ticks)
        )
    for model in results["models"] if "overhead" in results["parts"] else ():
        lines = {"the model's own step": [(line["batch"], 0) for line in model["overhead"]]}
        for line in model["overhead"]:
            for name, arm in line["arms"].items():
                if name != BASE:
                    shares = [100 * arm["overhead"][key] for key in ("value", "low", "high")]
                    lines.setdefault(name, []).append((line["batch"], *shares))
        panels.append(
            Panel(
                f"{model['name']}: time outside the model",
                "B",
                "% of the model's step",
                lines,
                floors=["the model's own step"],
                log=False,
                ticks=ticks_of(model),
            )
        )
    for model in results["models"] if "steps" in results["parts"] else ():
        panels.append(_steps_panel(model, results["ours"]))
    title = f"decoding, float32, {results['threads']} threads, {results['before']['processor']}"
    return picture(path, panels, title, columns=max(2, len(results["models"])))


def _steps_panel(model, ours):
    lines = {}
    for line in model["steps"]:
        for name, arm in line["arms"].items():
            ends = (1e3 * arm[key] for key in ("median_s", "low_s", "high_s"))
            lines.setdefault(name, []).append((line["batch"], *ends))
    bold = next(name for name in lines if name.startswith(ours))
    ticks, floors = [line["batch"] for line in model["steps"]], [READ, PRODUCTS]
    title = f"{model['name']}: a step"
    return Panel(title, "B", "ms", lines, bold=bold, floors=floors, ticks=ticks)


def ticks_of(model):
    """Return the batch sizes of a model's overheads."""
    return [line["batch"] for line in model["overhead"]]
