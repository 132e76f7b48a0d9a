"""Made-up results of a study, with everything that a report shows."""

from __future__ import annotations

import json
import math
import random

from jaxsample.study import write_report
from jaxsample.study.show.charts._curves import front_chart, line_chart
from jaxsample.study.show.charts._marks import bar_chart, heat_map
from jaxsample.study.show.report._contents import SMALL

SETTINGS = (
    [(f"T {t}", "fixed temperature") for t in (0.2, 0.4, 0.6, 0.8, 1.0, 1.2)]
    + [(f"EDT {t}", "EDT") for t in (0.6, 0.8, 1.0, 1.2)]
    + [("KL-guided", "KL-guided"), ("preset <b>story</b>", "preset")]
)
SHOWN = "T 0.2", "T 0.6", "T 1.0", "EDT 0.8", "KL-guided"
WORDS = (
    "once upon a time there was a little girl named Lily . She loved to play outside in the "
    "sunny garden with her red ball and her dog . One day the ball rolled into the dark forest , "
    "and nobody dared to follow it . “ I will go , ” said the dog .\n\n So he went"
).split(" ")
ROWS = '{"setting": "T 0.2", "text": "once"}\n{"setting": "T 0.4", "text": "</script>"}\n'
HOSTILE = "</script><script>document.title = 'broken'</script><b>&amp;</b>"


def results():
    """Return what results.json of the study holds."""
    chance = random.Random(6)
    scores = []
    for place, (setting, family) in enumerate(SETTINGS):
        quality = 33.5 - 1.4 * (place % 6) + chance.uniform(-0.6, 0.6)
        diversity = 82 - 7.5 * (place % 6) - 4 * (family == "EDT") + chance.uniform(-2, 2)
        scores.append((setting, family, quality, diversity, 1.0 + 2 * chance.random()))
    return {
        "study": "edt",
        "title": "Entropy-based dynamic temperature",
        "about": "Each prompt is continued eight times under every setting. Quality is the overlap "
        "with the reference, diversity the overlap of the eight texts with each other: "
        "a setting is better the further up and left it stands.",
        "command": "jaxsample study edt --model stories --data prompts.jsonl --out out/edt",
        "quick": True,
        "model": {"name": "stories", "digest": "9f2c" * 16, "parameters": 900_000},
        "versions": {"jaxsample": "0.1.0", "jax": "0.10.2", "sacrebleu": "2.6.0"},
        "tables": [_quality(scores), _cost(), _best(chance)],
        "charts": _charts(scores, chance),
        "texts": [_text(item, chance) for item in range(8)],
        "notes": [
            "The model is small and its stories are alike; other models need a run of their own.",
            "Intervals are of 95 % and by bootstrap over prompts.",
        ],
    }


def write(folder, changes=None, rows=None):
    """Write the study into a folder and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results() | (changes or {}))
    (folder / "results.json").write_text(text, encoding="utf-8")
    if rows is not None:
        (folder / "rows.jsonl").write_text(rows, encoding="utf-8")
    return folder


def write_pages(folder):
    """Write four reports: one study, two studies, wide charts and tables, and an empty study."""
    one = write(folder / "edt", rows=ROWS)
    two = write(folder / "more", {"title": "A second study"}, rows="x" * (SMALL + 1))
    write_report([one], folder / "one.html")
    write_report([one, two], folder / "two.html")
    write_report([write(folder / "wide", {"charts": _wide_charts(), "tables": [_wide_table()]})],
                 folder / "wide.html")  # fmt: skip
    nothing = {"tables": [], "charts": [], "texts": [], "notes": [], "versions": {}}
    write_report([write(folder / "bare", nothing)], folder / "bare.html")
    return folder


def _about(value, width):
    return {"value": value, "ci": [value - width, value + width]}


def _quality(scores):
    columns = [
        {"name": "setting", "title": "setting"},
        {"name": "rouge_l", "title": "ROUGE-L F1", "unit": "%"},
        {"name": "self_bleu", "title": "Self-BLEU", "unit": "%"},
        {"name": "entropy", "title": "mean entropy", "unit": "nats"},
        {"name": "perplexity", "title": "perplexity"},
        {"name": "texts", "title": "texts"},
    ]
    rows = [
        {
            "setting": setting,
            "rouge_l": _about(quality, 1.1),
            "self_bleu": _about(diversity, 1.6),
            "entropy": entropy,
            "perplexity": math.exp(entropy) if setting != "T 1.2" else "inf",
            "texts": 1024 if setting != "KL-guided" else None,
        }
        for setting, _, quality, diversity, entropy in scores
    ]
    caption = "Mean over 128 prompts; intervals of 95 % by bootstrap over prompts."
    return dict(name="quality", title="Quality and diversity", caption=caption, columns=columns,
                rows=rows)  # fmt: skip


def _cost():
    columns = [
        {"name": "strategy", "title": "strategy"},
        {"name": "calls", "title": "model calls a token"},
        {"name": "cost", "title": "time over fixed", "unit": "%"},
        {"name": "note", "title": "note"},
    ]
    rows = [
        {"strategy": "fixed", "calls": 1, "cost": {"value": 0.0, "ci": None}, "note": None},
        {"strategy": "EDT", "calls": 1, "cost": _about(1.2, 0.4), "note": "entropy is at hand"},
        {"strategy": "KL-guided", "calls": 2, "cost": _about(96.0, 3.0), "note": HOSTILE},
    ]
    caption = "Seconds a token at 8 texts a batch, the median of 5 turns of each."
    return dict(name="cost", title="Cost of a token", caption=caption, columns=columns, rows=rows)


def _best(chance):
    columns = [
        {"name": "temperature", "title": "temperature"},
        {"name": "share", "title": "best for", "unit": "% of prompts"},
    ]
    rows = [
        {"temperature": t, "share": _about(chance.uniform(10, 30), 6.0)}
        for t in (0.2, 0.4, 0.6, 0.8, 1.0, 1.2)
    ]
    caption = "For how many prompts each fixed temperature gives the best ROUGE-L F1."
    return dict(name="best", title="Best temperature of a prompt", caption=caption,
                columns=columns, rows=rows)  # fmt: skip


def _charts(scores, chance):
    points = [
        dict(x=d, y=q, x_ci=[d - 1.6, d + 1.6], y_ci=[q - 1.1, q + 1.1], family=f, setting=s)
        for s, f, q, d, _ in scores
    ]
    grid = [
        {"x": t, "y": c, "value": 40 + 9 * math.sin(3 * t) - 30 * (c - 0.3) ** 2}
        for t in (0.4, 0.6, 0.8, 1.0, 1.2)
        for c in (0.1, 0.2, 0.3, 0.5)
    ]
    traces = [
        dict(x=i, y=y, low=y - 0.1, high=y + 0.1, series=name)
        for name, level in (("EDT 0.8", 0.6), ("EDT 1.2", 0.9))
        for i in range(40)
        for y in [level + 0.2 * math.sin(i / 3 + level) * math.exp(-i / 30)]
    ]
    bars = [
        {"name": "fixed", "value": 0.0},
        {"name": "EDT", "value": 1.2, "low": 0.8, "high": 1.6},
        {"name": "KL-guided", "value": 96.0, "low": 93.0, "high": 99.0},
    ]
    return [
        _chart("front", "Quality against diversity", "EDT lies above every fixed temperature of "
               "the same Self-BLEU.", front_chart(points, "Self-BLEU (%)", "ROUGE-L F1 (%)")),
        _chart("theta", "Sensitivity to T0 and theta", "EDA is highest near T0 = 0.6 and theta = "
               "0.3.", heat_map(grid, "T0", "theta (nats)", "EDA (%)")),
        _chart("traces", "Temperature by token", "Temperature falls while a text grows.",
               line_chart(traces, "token", "temperature")),
        _chart("cost", "Cost of a token", "EDT costs about nothing, KL guidance doubles the time.",
               bar_chart(bars, "time over fixed (%)", "strategy")),
    ]  # fmt: skip


def _wide_charts():
    """Charts with many ticks, long names and long titles."""
    long = "proxy for {}: share of the words that agree"
    names = [long.format(quality) for quality in ("novelty", "cohesion", "typicality", "coherence")]
    grid = [{"x": t / 10, "y": c / 10, "value": t * c} for t in range(1, 16) for c in range(1, 11)]
    cells = [{"x": t / 10, "y": c, "value": t * c} for t in range(1, 12) for c in range(3)]
    series = [dict(x=i / 20, y=i * (k + 1), series=n) for k, n in enumerate(names) for i in (2, 9)]
    points = [dict(x=i, y=i, family=n[:24], setting=str(i)) for i, n in enumerate(names)]
    bars = [{"name": n, "value": len(n), "low": 1, "high": 60} for n in names]
    title = "Spearman's rank correlation with temperature over all texts"
    return [
        _chart("grid", "Grid", "A grid.", heat_map(grid, "temperature T", "top-p p", "value")),
        _chart("cells", "Cells", "A small grid.", heat_map(cells, "temperature T", "p", "value")),
        _chart("lines", "Lines", "Lines.", line_chart(series, title, title)),
        _chart("front", "Front", "Points.", front_chart(points, title, title)),
        _chart("bars", "Bars", "Bars.", bar_chart(bars, title, "measure")),
    ]


def _wide_table():
    titles = ("entropy of the sampler", "perplexity under the model", "readable by the grammar")
    columns = [{"name": "setting", "title": "setting"}]
    columns += [{"name": str(i), "title": titles[i % 3], "unit": "share"} for i in range(12)]
    rows = [
        {"setting": f"min-p 0.05, T {t}"}
        | {str(i): _about(-t / (i + 7), 0.00312) for i in range(12)}
        for t in (0.5, 1.0, 1.5)
    ]
    return dict(name="wide", title="Wide", caption="Many columns.", columns=columns, rows=rows)


def _chart(name, title, caption, spec):
    return {"name": name, "title": title, "caption": caption, "spec": spec}


def _text(item, chance):
    samples = []
    for setting in SHOWN:
        length = chance.randint(40, 120)
        start = chance.randrange(len(WORDS))
        pieces = [" " + WORDS[(start + i) % len(WORDS)] for i in range(length)]
        if item == 1:
            pieces[:2] = [HOSTILE, "\n"]
        probabilities = [round(chance.random() ** 0.4, 4) for _ in pieces]
        entropy = [round(-2.5 * math.log(p + 0.01) + 0.05, 4) for p in probabilities]
        temperature = [round(0.8 * 0.8 ** (0.5 / (h + 0.3)), 4) for h in entropy]
        samples.append(
            {
                "setting": setting,
                "pieces": pieces,
                "probabilities": probabilities,
                "entropy": entropy,
                "temperature": temperature if setting.startswith("EDT") else [None] * length,
            }
        )
    prompt = f"Story {item}: the animals of the farm" if item else ""
    reference = "The dog found the ball and everyone was happy." if item % 2 else None
    return {"item": str(item), "prompt": prompt, "reference": reference, "samples": samples}
