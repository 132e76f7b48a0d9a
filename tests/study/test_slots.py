"""The slots of E2E meanings that texts realise, in words that people wrote."""

import pytest

from jaxsample.study import realised, slot_share, slots_of

FULL = (
    "name[The Mill], eatType[pub], food[English], priceRange[less than £20], "
    "customer rating[3 out of 5], area[riverside], familyFriendly[yes], near[Raja Indian Cuisine]"
)


def test_a_meaning_is_read_slot_by_slot():
    assert list(slots_of(FULL)) == [
        "name", "eatType", "food", "priceRange", "customer rating", "area", "familyFriendly", "near"
    ]  # fmt: skip
    assert slots_of(FULL)["priceRange"] == "less than £20"
    assert slots_of("name [ A, B ] , food[]") == {"name": "A, B", "food": ""}


@pytest.mark.parametrize(
    "text", ["", "The Mill", "name[The Mill] food", "name[A], name[B]", "name[A, food[B]"]
)
def test_what_is_no_meaning_is_refused(text):
    with pytest.raises(ValueError, match="begin with a slot|twice"):
        slots_of(text)


SAID = [  # slot, value, a text that says it, a text that does not
    ("name", "The Mill", "the mill is small", "The Miller is small"),
    ("near", "Café Rouge", "It is by Cafe Rouge.", "It is by a café."),
    ("eatType", "coffee shop", "a nice coffee-shop", "a shop with coffee mugs"),
    ("eatType", "restaurant", "two restaurants", "a place to rest"),
    ("eatType", "pub", "It is a pub.", "It is public."),
    ("food", "English", "British food", "French food"),
    ("food", "Fast food", "fast-food for all", "food that comes fast"),
    ("food", "Japanese", "It sells Japanese food", "It sells food"),
    ("area", "riverside", "on the banks of the river", "north of the bridge"),
    ("area", "city centre", "in the center of town", "in the city"),
    ("priceRange", "cheap", "prices are quite low", "prices are quite high"),
    ("priceRange", "less than £20", "for under 20", "for over 20"),
    ("priceRange", "moderate", "moderately priced", "low priced"),
    ("priceRange", "£20-25", "costs £20 to £25", "costs £20"),
    ("priceRange", "high", "an expensive place", "an inexpensive place"),
    ("priceRange", "more than £30", "more than 30 pounds", "more than 20 pounds"),
    ("customer rating", "low", "is rated 1 out of 5", "is rated 5 out of 5"),
    ("customer rating", "1 out of 5", "a one star pub", "a five star pub"),
    ("customer rating", "average", "has an average customer rating", "has average prices"),
    ("customer rating", "3 out of 5", "3 stars", "3 pubs"),
    ("customer rating", "high", "is highly rated", "is high above"),
    ("customer rating", "5 out of 5", "customers rate it 5 out of 5", "customers rate it"),
    ("familyFriendly", "yes", "is kid friendly", "is not kid friendly"),
    ("familyFriendly", "yes", "welcomes families", "does not welcome families"),
    ("familyFriendly", "no", "It isn't family-friendly", "It is family-friendly"),
    ("familyFriendly", "no", "for adults only", "for adults"),
    ("familyFriendly", "no", "children are not allowed", "children are allowed"),
    ("customer rating", "high", "low price, high rating", "a high price and a low rating"),
    ("customer rating", "low", "a low customer rating", "a low price and high rating"),
    ("customer rating", "average", "average rating", "moderate price and good rating"),
    ("customer rating", "average", "rating is average", "moderate price/good rating"),
    ("customer rating", "low", "its rating is low", "low price high rating"),
    ("customer rating", "average", "a good rating of 3 out of 5", "a good rating"),
    ("customer rating", "5 out of 5", "rated 5/5", "a good rating of 3 out of 5"),
    ("customer rating", "high", "customers rate it highly", "it isn't highly rated"),
    ("customer rating", "high", "is rated well", "the rating is not high"),
    ("priceRange", "high", "high prices", "£20-25 price range with a high customer rating"),
    ("priceRange", "high", "a high price range", "price range and high customer rating"),
    ("priceRange", "more than £30", "over thirty pounds", "under thirty pounds"),
    ("priceRange", "cheap", "It is cheap", "It is not cheap"),
    ("priceRange", "cheap", "not only cheap", "It isn't a very cheap pub"),
    ("area", "city centre", "in the city centre", "outside of the city centre"),
    ("area", "riverside", "by the river", "not on the riverside"),
    ("food", "Italian", "Italian food", "It does not serve Italian food"),
    ("eatType", "pub", "There is no better pub", "It is not a pub"),
    ("near", "Burger King", "not far from Burger King", "It is not near Burger King"),
    ("near", "Burger King", "just outside Burger King", "near a burger"),
    ("familyFriendly", "yes", "There is no better pub for kids", "no kids"),
    ("familyFriendly", "yes", "not only family friendly", "not family friendly"),
    ("familyFriendly", "yes", "it has a kids' menu", "a menu"),
    ("familyFriendly", "yes", "not cheap, good for kids", "not good for kids"),
    ("priceRange", "moderate", "It is moderately expensive.", "It is expensive."),
    ("priceRange", "high", "It is expensive.", "It is moderately expensive."),
]


@pytest.mark.parametrize(("slot", "value", "said", "unsaid"), SAID)
def test_paraphrases(slot, value, said, unsaid):
    assert realised(said, {slot: value}) == {slot: True}
    assert realised(unsaid, {slot: value}) == {slot: False}


def test_words_of_a_name_say_no_other_slot():
    slots = {"food": "Indian", "near": "Raja Indian Cuisine"}
    assert realised("It is near Raja Indian Cuisine.", slots) == {"food": False, "near": True}
    text = "It has Indian food and is near Raja Indian Cuisine."
    assert all(realised(text, slots).values())


def test_the_share_of_a_text():
    full = (
        "The Mill is a cheap, family-friendly pub near Raja Indian Cuisine. It serves British "
        "food by the river and has an average customer rating."
    )
    half = "The Mill is a pub on the riverside that serves English food."
    assert slot_share([full, half, ""], [FULL] * 3).tolist() == [1.0, 0.5, 0.0]
    with pytest.raises(ValueError, match="1 texts cannot have 2 meanings"):
        slot_share([full], [FULL, FULL])
