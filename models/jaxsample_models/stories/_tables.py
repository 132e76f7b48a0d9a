"""The words of the stories, in rank order: the first word of an open slot is the likeliest."""

from __future__ import annotations

TONES = {"quiet": 1.8, "funny": 1.1, "strange": 0.5}
"""The Zipf exponent of the open slots, for each tone that a title can set."""

UNTITLED = 1.1
"""The Zipf exponent of the open slots in a story without a title."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


OPEN = {
    # Words must fit their templates: after "a" they begin with a consonant sound; foods are plurals
    # or mass nouns.
    "trait": _words("""
        brave gentle clever curious sleepy cheerful shy loyal lazy proud merry silly quick lucky
        friendly fluffy hungry noisy polite patient bold playful careful dreamy graceful naughty
        jolly plump wise kind grumpy nervous"""),
    "look": _words("""
        little shiny dusty lovely broken heavy magic painted crooked striped spotted muddy sticky
        fancy huge rusty cracked faded frozen glowing floating singing tall thin round flat soft
        warm cold wet bent bright dark plain pretty precious famous forgotten borrowed hollow
        battered polished patched squeaky wobbly sparkling lopsided gigantic"""),
    "thing": _words("""
        lantern kite drum basket ladder teapot hat boat bell clock chair blanket bucket candle
        carpet coat crown cup doll fiddle flag flute garland guitar hammer harp helmet jar jug
        kettle key lamp letter map mask mirror mug necklace needle net paddle painting pan parasol
        pencil piano pillow pipe plate pocket pot puppet purse puzzle quilt rake ribbon ring robe
        rope ruler sack saddle sail scarf shell shield shoe shovel sled slipper spoon stool
        suitcase sweater sword table telescope thimble ticket towel train trumpet trunk
        tub vase violin wagon wand watch wheel whistle wig wreath balloon banjo banner barrel bench
        bicycle book boot bottle bowl bracelet brush broom cage camera cane canoe cart chest coin
        comb compass cradle curtain cushion dress fan feather globe glove magnet marble
        pendant scooter"""),
    "food": _words("""
        apples honey cookies cheese berries bread carrots pancakes cake peaches pears plums
        cherries nuts popcorn toast butter jam noodles rice beans peas corn pumpkins melons grapes
        lemons onions garlic potatoes tomatoes mushrooms waffles muffins biscuits pretzels pickles
        olives figs dates raisins walnuts chestnuts acorns almonds seaweed fish shrimp sausages
        bacon ham eggs yogurt custard pudding jelly syrup chocolate candy marshmallows oatmeal
        porridge dumplings pizza"""),
    "spot": _words("""
        well fence hedge gate wall haystack woodpile shed stable fountain chimney fireplace stove
        cupboard bookshelf sofa bathtub wardrobe staircase oven statue mailbox scarecrow beehive
        birdhouse greenhouse rosebush willow pine maple stump log boulder cliff dune flagpole
        wheelbarrow signpost streetlamp bakery school church library mill doghouse orchard oak
        bandstand"""),
    "adverb": _words("""
        softly happily gently proudly kindly warmly shyly bravely gladly sweetly calmly quietly
        slowly cheerfully merrily politely eagerly carefully patiently sleepily dreamily playfully
        tenderly thoughtfully joyfully solemnly nervously boldly gracefully cautiously timidly
        lazily"""),
    "virtue": _words("""
        kindness friendship patience courage honesty laughter sharing listening hope trust love
        practice care teamwork curiosity wonder gratitude bravery loyalty mercy rest joy peace
        play family faith humor wisdom learning giving truth music"""),
}
"""Open slots: 32 to 128 words by Zipf's law, its exponent the tone's times the style."""

PICKS = {
    "tone": tuple(TONES),
    "child": ("girl", "boy"),
    "girl": _words("Lily Mia Nora Ella Ruby Zoe Anna Clara Maya Rosa Tess Wren"),
    "boy": _words("Tom Ben Leo Max Sam Finn Hugo Oscar Theo Milo Jack Omar"),
    "home": _words("""
        cottage windmill castle cabin lighthouse tower barn cave palace hut tent treehouse"""),
    "place": _words("""
        river lake sea forest meadow bridge harbor market mountain village pond waterfall"""),
    "color": _words("blue red green white black brown pink purple yellow silver gray golden"),
    "animal": _words("""
        fox cat dog rabbit pony goat duck mouse bear pig hen dragon turtle lamb"""),
    "pet": _words("""
        Socks Pepper Biscuit Button Pickle Noodle Waffle Mittens Pebble Ziggy Muffin Bubbles
        Tango Cocoa Domino Rocket"""),
    "critter": _words("""
        squirrel hedgehog crow badger beaver frog wolf raccoon swan lizard goose weasel"""),
    "helper": _words("""
        baker farmer sailor teacher doctor miller painter shepherd gardener wizard fisherman tailor
        carpenter postman knight librarian"""),
}
"""Branch slots: all words are equally likely, in every tone and style."""

BY_CHILD = {
    "her": {"girl": "her", "boy": "him"},
}
"""Facts that an earlier choice determines."""
