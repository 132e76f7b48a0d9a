"""The recipe on each page of docs/stacks draws the library's own greedy tokens."""

import importlib.metadata
import importlib.util

import pytest

from benchmarks.recipes.pages import PAGES, lines, recipes
from benchmarks.recipes.program import PACKAGES, check, compare

MARKS = {page: pytest.mark.full if page == "flax" else pytest.mark.peers for page in PACKAGES}


@pytest.mark.parametrize("page", [pytest.param(page, marks=MARKS[page]) for page in PACKAGES])
def test_generate_draws_the_librarys_own_greedy_tokens(page):
    if not importlib.util.find_spec(page):
        pytest.skip(f"{page} is not installed; docs/stacks/{page}.md says how")
    if page == "transformers" and importlib.metadata.version(page) >= "5":
        pytest.skip("transformers 5 has no Flax models: pip install transformers==4.57.6")
    found = 0
    for recipe in recipes(PAGES / f"{page}.md"):
        result = compare(recipe)
        assert result["equal"] == [True] * 3, recipe.name
        assert result["distinct"] > 2, "greedy decoding of one token shows nothing"
        assert check(recipe) is None
        found += 1
    assert found == sum(line.startswith("## ") for line in open(PAGES / f"{page}.md"))


def test_every_page_of_a_library_is_a_recipe_with_a_short_adapter():
    pages = {page.stem for page in PAGES.glob("*.md")} - {"index"}
    assert pages == set(PACKAGES)
    assert max(lines(PAGES / f"{page}.md") for page in PACKAGES) <= 30
