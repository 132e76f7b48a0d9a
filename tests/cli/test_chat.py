"""Conversations, and the flags of commands that draw text."""

import contextlib
import io
import json
import threading

import numpy as np
import pytest

import jaxsample
from jaxsample.cli.chains import read_chain
from jaxsample.cli.conversation import Conversation
from jaxsample.cli.flags import SamplerFlags
from jaxsample.cli.opening import open_model
from jaxsample.cli.recommendation import offered
from jaxsample.study import Source

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %} {{ m.content }}{% if m.role == 'assistant' %} big"
    "{% endif %} ,{% endfor %}"
)


@pytest.fixture
def talking(tiny):
    """The tiny model with a template in its own words; its answers never end with the eos."""
    source = open_model(tiny)
    checkpoint = source.checkpoint._replace(
        chat_template=TEMPLATE, special_tokens={"bos_token": "<s>"}
    )
    return Source("tiny", checkpoint)


def asked(talk, *messages):
    return [[p.token for chunk in talk.ask(m) for p in chunk.pieces] for m in messages]


def test_a_turn_reads_only_what_is_new(talking):
    sampler = jaxsample.chain(jaxsample.Temperature(0.9), jaxsample.Suppress([0, 1, 2]))
    talk = Conversation(talking, sampler, seed=3, room=5)
    asked(talk, "the cat")
    assert (talk.length, talk.read) == (4, 4)
    (second,) = asked(talk, "a dog")
    # 4 of the prompt and 5 of the answer are known; "big , a dog ," is new.
    assert (talk.length, talk.read) == (14, 5)
    other = Conversation(talking, sampler, seed=3, room=5)
    other.messages = talk.messages[:2]
    assert asked(other, "a dog") == [second], "a model that reads everything answers the same"
    assert other.read == 14
    talk.reset()
    assert talk.messages == []
    asked(talk, "the cat")
    assert talk.read == talk.length == 4


def test_what_a_stop_string_cut_off_is_taken_back(talking):
    sampler = jaxsample.chain(jaxsample.Temperature(0.9), jaxsample.Suppress([0, 1, 2]))
    free = Conversation(talking, sampler, seed=3, room=5)
    (tokens,) = asked(free, "the cat")
    word = talking.tokenizer.id_to_token(tokens[1])
    talk = Conversation(talking, sampler, seed=3, room=5, stop=[word])
    asked(talk, "the cat")
    cut = talk.messages[1]["content"].split()
    assert word not in cut
    answers = asked(talk, "a dog")
    held = 4 + len(cut)
    assert talk.read == talk.length - held, (
        "the prompt and the text before the stop string are kept"
    )
    other = Conversation(talking, sampler, seed=3, room=5, stop=[word])
    other.messages = talk.messages[:2]
    assert asked(other, "a dog") == answers and other.read == other.length


def test_a_model_that_cannot_take_tokens_back_reads_everything(talking):
    model = talking.checkpoint.model._replace(rewinds=False)
    source = Source("tiny", talking.checkpoint._replace(model=model))
    sampler = jaxsample.chain(jaxsample.Temperature(0.9), jaxsample.Suppress([0, 1, 2]))
    talk = Conversation(source, sampler, seed=3, room=5)
    asked(talk, "the cat", "a dog")
    assert (talk.length, talk.read) == (14, 5), "nothing has to be taken back"
    talk.messages[1]["content"] = "ran"
    asked(talk, "the cat")
    assert talk.read == talk.length


def test_an_answer_that_is_closed_stays_in_the_conversation(talking):
    sampler = jaxsample.chain(jaxsample.Temperature(0.9), jaxsample.Suppress([0, 1, 2]))
    talk = Conversation(talking, sampler, seed=3, room=20)
    answer = talk.ask("the cat")
    written = "".join(piece.text for piece in next(answer).pieces)
    answer.close()
    assert [m["content"] for m in talk.messages] == ["the cat", written]
    asked(talk, "a dog")
    assert talk.read == talk.length - 8


def test_a_conversation_that_fills_the_context_says_so(talking):
    talk = Conversation(talking, jaxsample.Suppress([0, 1, 2]), seed=0, room=20)
    asked(talk, "the cat")
    with pytest.raises(ValueError, match="48 positions"):
        asked(talk, *["a dog"] * 3)


@pytest.fixture
def chatting(tiny, talking, cli, monkeypatch):
    from jaxsample.cli import chat, generate

    monkeypatch.setattr(chat, "open_model", lambda *_: talking)
    monkeypatch.setattr(generate, "open_model", lambda *_: talking)

    def run(command, *arguments, lines=()):
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return cli(command, *arguments)

    return run


def test_commands_of_a_conversation(chatting):
    lines = [
        "the cat",
        "/stats",
        "/sampler top_k=1",
        "/sampler top_k=x",
        "/sampler nowhere.toml",
        "/reset",
        "/what",
        "/exit",
    ]
    run = chatting("chat", "--model", "tiny", "--max-new-tokens", 4, "--seed", 1, lines=lines)
    assert run.status == 0
    assert run.out.count("\n") == 1
    for said in (
        "chain(Temperature(value=0.5), TopP(p=0.5)), the preset chat",
        "prompt          4 tokens, 4 read, 0 in the cache",
        "chain(TopK(k=1))",
        "top_k=x",
        "nowhere.toml: No such file or directory; check the path",
        "the conversation is forgotten",
        "/sampler CHAIN",
    ):
        assert said in run.err, said


def test_ctrl_c_ends_the_answer_alone(chatting, monkeypatch):
    @contextlib.contextmanager
    def pressed():
        event = threading.Event()
        event.set()
        yield event

    monkeypatch.setattr("jaxsample.cli.interrupt.stopping", pressed)
    options = "--model", "tiny", "--seed", 1, "--chain", "suppress=1"
    run = chatting("chat", *options, lines=["the cat", "a dog", "/stats"])
    assert run.status == 0 and run.out.count("\n") == 2
    assert run.err.count("stopped at 4 tokens (Ctrl-C)") == 2
    assert ", 8 in the cache" in run.err


def test_an_answer_to_a_message_and_to_a_file(chatting, tmp_path):
    options = "--max-new-tokens", 4, "--seed", 1, "--temperature", 0.5
    one = chatting("generate", "a dog", "--chat", "--system", "the cat", *options)
    assert one.status == 0
    messages = [{"role": "system", "content": "the cat"}, {"role": "user", "content": "a dog"}]
    file = tmp_path / "messages.json"
    file.write_text(json.dumps(messages))
    assert chatting("generate", "--messages", file, *options).out == one.out
    file.write_text(json.dumps({"messages": messages, "tools": []}))
    assert chatting("generate", "--messages", file, *options).out == one.out
    file.write_text(json.dumps(messages[:1]))
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("a dog")
    more = chatting("generate", "--messages", file, "--prompt-file", prompt, "--json", *options)
    assert "a dog" in json.loads(more.out)["prompt"]
    file.write_text('{"messages": []}')
    refused = chatting("generate", "--messages", file)
    assert refused.status == 2 and "must hold a message" in refused.err
    assert "needs a message" in chatting("generate", "--chat").err
    assert "add --chat" in chatting("generate", "x", "--system", "y").err


def test_a_model_without_a_template_is_refused(cli, tiny):
    run = cli("chat", "--model", tiny)
    assert run.status == 2 and "no chat template" in run.err


def test_text_ends_before_a_stop_string(cli, tiny):
    options = "the cat", "--model", tiny, "--seed", 7, "--temperature", 0.9
    whole = cli("generate", *options, "--max-new-tokens", 11).out
    middle = whole.removesuffix("\n")[12:16]
    cut = cli("generate", *options, "--max-new-tokens", 11, "--stop", middle, "--json")
    found = json.loads(cut.out)
    assert found["prompt"] + found["text"] == whole[: whole.index(middle, 7)]
    assert found["finish_reason"] == "stop"


def test_a_special_token_is_a_stop_string(cli):
    options = "Once", "--max-new-tokens", 4, "--chain", "force_tokens=1,top_k=1", "--stop", "<s>"
    run = cli("generate", *options, "--seed", 1, "--json")
    found = json.loads(run.out)
    assert (found["tokens"], found["text"], found["finish_reason"]) == ([1], "", "stop")
    assert "--max-new-tokens" not in run.err


@pytest.mark.parametrize(
    ("given", "sampler"),
    [
        ({"chain": "temperature=.5, top_k=3,p_less"}, "Temperature(value=0.5), TopK(k=3), PLess()"),
        ({"chain": "top_k=0,top_p=.5"}, "chain(TopP(p=0.5))"),
        ({"chain": "entropy_temperature=1:.5"}, "EntropyTemperature(t0=1.0, theta=0.5"),
        ({"top_k": 0, "top_p": 0.5}, "chain(TopP(p=0.5))"),
        ({"presence_penalty": 0.5}, "PresencePenalty(strength=0.5, scope='output')"),
        ({"repetition_penalty": 1.5, "top_k": 2}, "RepetitionPenalty(penalty=1.5"),
        ({"generation_config": True}, "chain(TopK(k=2), TopP(p=0.5))"),
    ],
)
def test_samplers_of_the_command_line(given, sampler):
    config = {"eos_token_id": 1, "do_sample": True, "top_k": 2, "top_p": 0.5}
    assert sampler in repr(SamplerFlags(**given).sampler(config))


def test_unknown_fields_of_a_recommendation_are_one_line(capsys):
    config = {"do_sample": True, "top_k": 2, "trained_on": "stories"}
    assert offered(config) == SamplerFlags(generation_config=True).sampler(config)
    said = "--generation-config: unknown fields, which have no effect: 'trained_on'\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("flag", ["--temperature", "--top-k", "--presence-penalty"])
def test_a_flag_of_zero_is_a_choice(chatting, flag):
    talk = chatting("chat", "--model", "tiny", flag, 0, lines=["/exit"])
    assert "unless you choose" not in talk.err


def test_a_chain_from_a_file(tmp_path):
    file = tmp_path / "chain.toml"
    file.write_text('chain = [{ transform = "TopP", p = 0.25 }]')
    assert repr(read_chain(str(file))) == "[TopP(p=0.25)]"
    file.write_text("chain = 3")
    with pytest.raises(ValueError, match="chain.toml: write chain"):
        read_chain(str(file))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--chain", "tempo=1"], "no transform is named 'tempo'"),
        (["--chain", "top_p=7"], "top_p=7"),
        (["--chain", "top_p"], "0 values; it is written top_p=P"),
        (["--chain", "top_p=1:2"], "2 values; it is written top_p=P"),
        (["--chain", "top_k=5", "--top-p", "0.5"], "--chain replaces the other flags"),
        (["--generation-config", "--top-p", "0.5"], "--generation-config replaces"),
        (["--generation-config"], "recommends no sampling"),
        (["--chain", "force_tokens=99999999"], "tokens must be token ids in 0..12"),
        (["--device", "abacus"], "there is no 'abacus'"),
        (["--dtype", "int3"], "int3"),
    ],
)
def test_wrong_flags_are_one_line(cli, tiny, flags, message):
    run = cli("generate", "the", "--model", tiny, "--max-new-tokens", "4", *flags)
    assert run.status == 2
    assert message in run.err.replace("\n", " ")


def test_what_a_model_recommends_is_offered(talking, chatting):
    recommended = {**talking.checkpoint.generation_config, "do_sample": True, "top_k": 2}
    talking.checkpoint.generation_config.update(recommended)
    try:
        told = chatting("generate", "the", "--max-new-tokens", "4", "--seed", "1")
        assert "--generation-config draws as tiny recommends: chain(TopK(k=2))" in told.err
        talk = chatting("chat", "--model", "tiny", lines=["/exit"])
        assert "chain(TopK(k=2)), as the model recommends" in talk.err
    finally:
        for key in ("do_sample", "top_k"):
            del talking.checkpoint.generation_config[key]


def test_a_recommendation_that_no_chain_can_follow_stops_no_one(talking, chatting, monkeypatch):
    config = talking.checkpoint.generation_config
    monkeypatch.setitem(config, "num_beams", 4)
    monkeypatch.setitem(config, "do_sample", True)
    assert chatting("generate", "the", "--max-new-tokens", "4", "--seed", "1").status == 0
    assert chatting("chat", "--model", "tiny", lines=["/exit"]).status == 0
    refused = chatting("generate", "the", "--generation-config")
    assert refused.status == 2 and "num_beams=4" in refused.err


def test_numbers_of_a_chain_reach_it():
    (dry,) = read_chain("dry=.8:2:3")
    assert [float(np.asarray(x)) for x in (dry.multiplier, dry.base, dry.allowed_length)] == [
        pytest.approx(0.8),
        2,
        3,
    ]


def test_a_flag_of_zero_is_given():
    assert SamplerFlags(temperature=0.0).any and SamplerFlags(top_k=0).any
    assert not SamplerFlags().any
