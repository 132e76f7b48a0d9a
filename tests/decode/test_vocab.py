"""`sample` with a vocabulary that is sharded over devices never gathers a row."""

import pytest

from tests.decode.test_mesh import run_on_devices


@pytest.mark.slow
def test_no_row_of_logits_moves():
    done = run_on_devices("tests.decode.vocab_program")
    assert "vocabulary ok" in done.stdout, done.stderr[-3000:]
