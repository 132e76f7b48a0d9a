"""The prompt of Whisper's decoder is that of transformers 5."""

import pytest

from jaxsample.interop import decoder_prompt

WHISPER = {
    "decoder_start_token_id": 50258,
    "no_timestamps_token_id": 50364,
    "lang_to_id": {"<|en|>": 50259, "<|de|>": 50261},
    "task_to_id": {"transcribe": 50360, "translate": 50359},
}
OPEN = {"forced_decoder_ids": [[1, None], [2, 50360]]}
ENGLISH = {"forced_decoder_ids": [[1, 50259], [2, 50360]]}


@pytest.mark.parametrize(
    "fields, language, expected",
    [
        (OPEN, "<|en|>", [50258, 50259, 50360, 50364]),
        ({}, "<|en|>", [50258, 50259, 50360, 50364]),
        ({}, "EN", [50258, 50259, 50360, 50364]),
        (ENGLISH, None, [50258, 50259, 50360, 50364]),
        (ENGLISH, "<|de|>", [50258, 50261, 50360, 50364]),
        (
            {**ENGLISH, "task": "translate", "language": "<|de|>"},
            None,
            [50258, 50261, 50359, 50364],
        ),
        ({"forced_decoder_ids": [[1, 50259], [2, 50364]]}, None, [50258, 50259, 50364]),
        ({"lang_to_id": None, "task_to_id": None}, None, [50258, 50364]),
        ({"return_timestamps": True, "task": "translate"}, "de", [50258, 50261, 50359]),
    ],
)
def test_the_prompt(fields, language, expected):
    assert decoder_prompt(WHISPER | fields, language) == expected


@pytest.mark.parametrize(
    "fields, language, message",
    [
        (OPEN, None, "language is open; pass one of lang_to_id .<.en.>"),
        ({"task": "translate"}, None, "language is open"),
        ({}, "<|fr|>", "'<.fr.>' is none of lang_to_id"),
        ({"lang_to_id": None}, "<|en|>", "'<.en.>' is none of lang_to_id"),
        ({"task": "sing"}, "en", "'sing' is none of task_to_id"),
        ({"language": ["en"]}, None, "language must be one text"),
        (
            {"decoder_start_token_id": "x"},
            "en",
            "decoder_start_token_id must be .* 'x'",
        ),
        (
            {"no_timestamps_token_id": 1.5},
            "en",
            "no_timestamps_token_id must be .* 1.5",
        ),
        ({"lang_to_id": {"<|en|>": "x"}}, "en", "lang_to_id: <.en.> must be a token id, got 'x'"),
        ({"lang_to_id": 5}, None, "lang_to_id must be an object, got 5"),
        ({"forced_decoder_ids": [[1]]}, None, "forced_decoder_ids must be pairs"),
        ({"forced_decoder_ids": [[2, 3]]}, None, "forced_decoder_ids has no entry for place 1"),
        (
            {"forced_decoder_ids": [[1, "x"]]},
            None,
            "forced_decoder_ids must be .* 'x'",
        ),
    ],
)
def test_a_prompt_that_cannot_be_had_is_named(fields, language, message):
    with pytest.raises(ValueError, match=message):
        decoder_prompt(WHISPER | fields, language)
