"""The rows of a real model, and the numbers of tokens that chains keep."""

import argparse

import numpy as np
import pytest

from benchmarks.harness import real_rows
from benchmarks.peers.chains import settings
from benchmarks.peers.expected import sizes


@pytest.fixture
def assets(tmp_path):
    path = tmp_path / real_rows.FILE
    path.parent.mkdir()
    np.savez(path, logits=np.arange(6, dtype=np.float16).reshape(3, 2))
    return tmp_path


@pytest.mark.parametrize("batch", [1, 3, 7])
def test_rows_are_cut_or_repeated(assets, batch):
    found = real_rows.rows(assets, batch)
    assert found.dtype == np.float32
    assert found.tolist() == [[2 * (i % 3), 2 * (i % 3) + 1] for i in range(batch)]


def test_a_folder_without_the_rows_is_refused(assets, tmp_path_factory, capsys):
    options = argparse.ArgumentParser()
    real_rows.add_option(options)
    assert options.parse_args(["--assets", str(assets)]).assets == assets
    with pytest.raises(SystemExit):
        options.parse_args(["--assets", str(tmp_path_factory.mktemp("empty"))])
    assert "there is no" in capsys.readouterr().err


def test_sizes_are_those_of_the_kept_sets():
    probs = np.array([[0.5, 0.25, 0.15, 0.1], [0.97, 0.01, 0.01, 0.01]])
    logits = np.log(probs).astype(np.float32)
    assert sizes(logits, settings("T 1 + p .95", 2)) == [4, 1]
    assert sizes(logits, settings("T 1", 2)) == [4, 4]
    assert sizes(logits, settings("T 1 + min-p .02", 2)) == [4, 1]


def test_a_row_of_one_sure_token_keeps_it_under_entropy_temperature():
    """Its entropy is 0, and so is its temperature."""
    logits = np.array([[0.0, 900.0, 0.0]], np.float32)
    assert sizes(logits, settings("EDT 1 .3 + p .95", 1)) == [1]


def test_a_summary_counts_the_rows_beyond_the_window():
    found = real_rows.kept_summary([1, 64, 65, 1000])
    assert found["beyond"] == 0.5 and found["largest"] == 1000 and found["median"] == 64.5
