"""lm-evaluation-harness judges a sampler, and scores a model as it scores that of transformers."""

import functools
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxsample import Temperature, TopK, chain

pytest.importorskip("lm_eval", reason="pip install 'jaxsample[lm-eval]'")

import lm_eval
from lm_eval.api.instance import Instance
from lm_eval.tasks import TaskManager

import jaxsample_models
from jaxsample.cli.main import main
from jaxsample.interop.lm_eval import LM
from jaxsample_models import TransformerConfig, as_model, bind, init

pytestmark = pytest.mark.peers

OPENINGS = ["A funny story. Once upon a", "A sad story. Once upon a", "Once", "A story. The"]
TASK = """
task: openings
dataset_path: json
dataset_kwargs: {{data_files: {data}}}
output_type: generate_until
test_split: train
doc_to_text: "{{{{text}}}}"
doc_to_target: "{{{{next}}}}"
generation_kwargs: {{until: ["."], max_gen_toks: 12, do_sample: false, temperature: 0.0}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""


@pytest.fixture(scope="module")
def story():
    return jaxsample_models.embedded()


@pytest.fixture(scope="module")
def greedy(story):
    return LM(story, chain(TopK(1)), batch_size=4)


def asked(kind, *arguments):
    return [Instance(kind, {}, args, i) for i, args in enumerate(arguments)]


def texts(lm, **options):
    options = {"until": ["."], "max_gen_toks": 12} | options
    requests = asked("generate_until", *((opening, options) for opening in OPENINGS))
    return lm.generate_until(requests, disable_tqdm=True)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory, greedy):
    """A folder with a task whose answers are the model's greedy ones, but for the last."""
    folder = tmp_path_factory.mktemp("tasks")
    answers = [*texts(greedy)[:-1], "none"]
    rows = [dict(text=t, next=n) for t, n in zip(OPENINGS, answers, strict=True)]
    (folder / "openings.json").write_text(json.dumps(rows))
    (folder / "openings.yaml").write_text(TASK.format(data=folder / "openings.json"))
    return folder


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    for name in ("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))


def test_a_sampler_is_judged_on_a_task(story, greedy, tasks):
    manager = TaskManager(include_path=str(tasks), include_defaults=False)

    def judged(lm):
        results = lm_eval.simple_evaluate(lm, tasks=["openings"], task_manager=manager)
        return results["results"]["openings"]["exact_match,none"], results["config"]["sampler"]

    assert judged(greedy) == (0.75, "chain(TopK(k=1))")
    assert judged(LM(story, batch_size=4)) == (0.75, "None"), "the task itself asks for greedy"
    hot = LM(story, Temperature(2.0), batch_size=4)
    assert judged(hot)[0] == 0.0, "the sampler draws, not the task's temperature"


def test_the_command_line(tasks, tmp_path, capsys):
    arguments = ["lm-eval", "--model_args", "top_k=1,seed=3", "--batch_size", "4"]
    arguments += ["--tasks", "openings", "--include_path", str(tasks)]
    assert main([*arguments, "--output_path", str(tmp_path)]) == 0
    (file,) = tmp_path.rglob("results_*.json")
    results = json.loads(file.read_text())
    assert results["results"]["openings"]["exact_match,none"] == 0.75
    assert results["config"]["sampler"] == "chain(TopK(k=1))"
    assert "exact_match" in capsys.readouterr().out
    assert main([*arguments[:2], "temperatur=0.8", *arguments[3:]]) == 2
    assert "no transform is named 'temperatur'" in capsys.readouterr().err


def test_a_text_depends_on_the_seed_and_its_place_alone(story):
    sampler = Temperature(1.5)
    first = texts(LM(story, sampler, batch_size=4))
    assert texts(LM(story, sampler, batch_size=3)) == first
    assert texts(LM(story, sampler, batch_size=4, seed=1)) != first
    twice = asked("generate_until", *[(OPENINGS[0], {"until": ["."], "max_gen_toks": 12})] * 4)
    assert len(set(LM(story, sampler, batch_size=4).generate_until(twice))) > 1


def test_texts_end_before_stop_strings_and_in_time(story, greedy):
    whole = texts(greedy, until=[], max_gen_toks=40)
    for text in texts(greedy, until=["\n", " was", "."], max_gen_toks=40):
        assert " was" not in text and any(other.startswith(text) for other in whole)
    short = LM(story, chain(TopK(1)), batch_size=4, max_length=24)
    lengths = [len(short.tok_encode(text, False)) for text in texts(short, max_gen_toks=99)]
    assert max(lengths) < 24
    long = " ".join(OPENINGS * 9), {"until": [], "max_gen_toks": 12}
    (text,) = short.generate_until(asked("generate_until", long))
    assert text, "a long context loses its beginning"


@pytest.fixture(scope="module")
def theirs(story):
    pytest.importorskip("torch", reason="pip install 'jaxsample[parity]'")
    from lm_eval.models.huggingface import HFLM
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    folder = Path(jaxsample_models.__file__).parent / "stories" / "weights"
    module = LlamaForCausalLM.from_pretrained(folder, dtype="float32")
    special = dict(bos_token="<s>", eos_token="</s>", pad_token="</s>")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=story.tokenizer, **special)
    given = dict(tokenizer=tokenizer, device="cpu", batch_size=4)
    return functools.partial(HFLM, module, **given)


def test_log_likelihoods_equal_those_of_transformers(greedy, theirs):
    pairs = [*((text, " time there was") for text in OPENINGS), ("", "Once upon a time")]
    requests = asked("loglikelihood", *pairs)
    got, want = (lm.loglikelihood(requests, disable_tqdm=True) for lm in (greedy, theirs()))
    assert [flag for _, flag in got] == [flag for _, flag in want]
    # float32 in other orders of summation, up to ten tokens
    np.testing.assert_allclose([x for x, _ in got], [x for x, _ in want], atol=1e-4)
    long = " ".join(f"{text} time." for text in OPENINGS * 9)  # several windows of 128 tokens
    requests = asked("loglikelihood_rolling", (long,), (OPENINGS[0],))
    bare = theirs(add_bos_token=False)  # else it predicts a bos after the bos
    got, want = (lm.loglikelihood_rolling(requests, disable_tqdm=True) for lm in (greedy, bare))
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.fixture(scope="module")
def learned(story):
    """A model whose 64 positions are learned, so that it has no place for another one."""
    config = TransformerConfig(
        vocab_size=story.config.vocab_size,
        dim=16,
        layers=1,
        heads=2,
        kv_heads=2,
        head_dim=8,
        mlp_dim=32,
        max_length=64,
        positions="learned",
    )
    params = init(config, jax.random.key(0))
    return story._replace(model=as_model(config), params=params, config=config)


def test_the_whole_context_of_learned_positions_is_used(learned):
    lm = LM(learned, batch_size=3)
    ids = np.random.default_rng(0).integers(3, 400, 65).tolist()
    # Each fits, but the longest context and the longest continuation together do not.
    parts = (ids[:60], ids[60:]), (ids[:3], ids[3:50]), (ids[:1], ids[1:])
    got = lm._loglikelihood_tokens([(("", ""), *part) for part in parts])
    transformer = bind(learned.config, learned.params)
    for (context, continuation), (total, _) in zip(parts, got, strict=True):
        whole = np.array(context + continuation)
        logprobs = jax.nn.log_softmax(transformer.unembed(transformer(whole[None, :-1])[0])[0])
        each = np.asarray(logprobs)[np.arange(len(whole) - 1), whole[1:]]
        want = each[len(context) - 1 :].sum()
        # float32 sums of up to 64 terms near -6 in other orders
        np.testing.assert_allclose(total, want, rtol=1e-5)
    long = " ".join(OPENINGS * 9), {"until": [], "max_gen_toks": 16}
    (text,) = lm.generate_until(asked("generate_until", long), disable_tqdm=True)
    assert text


def test_greedy_texts_equal_those_of_transformers(story, theirs):
    options = dict(do_sample=False, temperature=0.0)
    assert texts(LM(story, batch_size=4), **options) == texts(theirs(), **options)
