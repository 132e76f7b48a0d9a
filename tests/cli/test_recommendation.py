"""The generation config of a model, where it counts the tokens of the prompt."""

import pytest

from jaxsample import ForceTokens, MinNewTokens, Temperature, TopK, chain
from jaxsample.cli.flags import SamplerFlags
from jaxsample.cli.recommendation import Lengths, offered

LEAST = {"eos_token_id": 1, "min_length": 9, "do_sample": True, "top_k": 5}
FORCED = {"forced_eos_token_id": 1, "max_new_tokens": 50, "do_sample": True, "top_k": 5}


@pytest.mark.parametrize(
    ("config", "sampler"),
    [
        (LEAST, chain(MinNewTokens(6, [1]), TopK(5))),
        ({"eos_token_id": 1, "min_length": 9}, chain(MinNewTokens(6, [1]), Temperature(0.0))),
        (FORCED, chain(ForceTokens([-1, -1, -1, 1]), TopK(5))),  # the last of the text to come
    ],
)
def test_a_config_may_count_the_tokens_of_the_prompt(config, sampler):
    flags, lengths = SamplerFlags(generation_config=True), Lengths(prompt=3, new=4)
    assert flags.sampler(config, lengths) == offered(config, lengths) == sampler
    with pytest.raises(ValueError, match="--generation-config: .* differ here from prompt"):
        flags.sampler(config)
    assert offered(config) is None


def test_lengths_that_change_nothing_are_no_matter():
    config = LEAST | {"min_new_tokens": 2}
    sampler = SamplerFlags(generation_config=True).sampler(config)
    assert sampler == chain(MinNewTokens(2, [1]), TopK(5))
    assert offered(LEAST | {"min_length": 0}) == chain(TopK(5))


def test_a_search_names_its_flag():
    with pytest.raises(ValueError, match="num_beams=4 is a search.* --beams 4"):
        SamplerFlags(generation_config=True).sampler({"num_beams": 4})
