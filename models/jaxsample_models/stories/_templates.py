"""The templates of the stories: plain text with slots.

`<food>` draws a word from a table and remembers it; `$food` repeats it. `$name` and `$her` depend
on the child. `( one way | another way )` is a branch with equal odds; `9:` before a way gives it
weight 9. Two ways may begin with the same words: the compiler merges those.
"""

from __future__ import annotations

# Each fact is first repeated nearby, at a fixed distance. From that a model learns to repeat it
# anywhere; without it, some facts are not learned within millions of tokens.
OPENING = """
    ( 9: A <tone> story. Once | 1: Once ) upon a time there was a <child> named <name>. $name lived
    in a <home> by the <place>. By the $place lived a <trait> <color> <animal> named <pet>.
    $pet the $color $animal loved <food>.
"""

PLOTS = (
    # lost
    """One morning $pet got lost in the fog. $name looked behind the <spot> and under a <look>
    <thing>. Then a <helper> said <adverb>, "Try some $food." The smell soon brought the $color
    $animal home.""",
    # a gift
    """It was the birthday of $name, and $pet made $her a <look> <thing>. But a <critter> hid it
    behind the <spot>. So the $color $animal gave $her some $food, and $name smiled <adverb>.""",
    # a race
    """One afternoon a <critter> came by. The $critter said, "Race me to the $place!" The $color
    $animal ran over a <look> <thing>, but the $critter ( was faster. $name gave $pet some
    $food. | fell into the mud. $name gave the loser some $food. )""",
    # a storm
    """One night a storm came up. $pet hid behind the <spot>, and $name hid under a <look>
    <thing>. In the morning a <helper> asked <adverb>, "Who wants some $food?" The $color $animal
    ( jumped for joy. | began to dance. )""",
    # soup
    """One evening $name and $pet made soup with $food. They stirred it with a <look> <thing>. The
    smell reached a <critter> from the $place. The $critter said <adverb>, "What a wonderful soup,"
    and shared it with the $color $animal.""",
    # a find
    """One day $name found a <look> <thing> behind the <spot>. The $thing belonged to a <helper>,
    who thanked $her <adverb> and gave the $color $animal some $food.""",
    # a search
    """One Sunday a <critter> lost a <look> <thing>. The $thing was behind the <spot>, covered with
    $food! When $pet found it, the $critter said <adverb>, "Thank you," and hugged the $color
    $animal.""",
)

ENDINGS = (
    """And $name learned that <virtue> is worth more than gold. The end.""",
    """Now $pet sleeps beside a <look> <thing> and dreams of $food. The end.""",
    """That night they sang <adverb>, and $pet fell asleep beside the <spot>. The end.""",
)

STORY = f"{OPENING} ( {' | '.join(PLOTS)} ) ( {' | '.join(ENDINGS)} )"
