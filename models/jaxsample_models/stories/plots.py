"""What the stories say: plain text with slots.

`<food>` draws a word from a table and remembers it; `$food` says it again. `$name` and `$her`
follow the child. `( one way | another way )` is a branch with equal odds, or with `9:` before a
way whose weight is not 1. Ways may begin alike: the compiler factors the common words out.
"""

from __future__ import annotations

OPENING = """
    ( 9: A <tone> story. Once | 1: Once ) upon a time a <child> named <name> lived in a <home> by
    the <place> with a <trait> <color> <animal> named <pet>. $pet the $color $animal loved
    <food>.
"""

PLOTS = (
    # lost
    """One morning $pet got lost in the fog. $name looked behind the <spot> and under a <look>
    <thing>. Then a <helper> said <adverb>, "Try some $food." The smell soon brought the $color
    $animal back to the $home.""",
    # a gift
    """It was the birthday of $name, and $pet made $her a <look> <thing>. But a <critter> took it
    and hid it behind the <spot>. So the $color $animal gave $her some $food instead, and $name
    smiled <adverb>.""",
    # a race
    """One afternoon a <critter> came by. The $critter said, "Race me to the $place!" The $color
    $animal ran past the <spot> and over a <look> <thing>, but the $critter ( was faster. $name
    still gave $pet some $food and smiled <adverb>. | fell into the mud. $name gave the loser some
    $food and smiled <adverb>. )""",
    # a storm
    """One night a storm shook the $home. $pet hid behind the <spot>, and $name hid under a <look>
    <thing>. In the morning a <helper> came from the $place and asked <adverb>, "Who wants
    some $food?" The $color $animal ( jumped for joy. | began to dance. )""",
    # soup
    """One evening $name and $pet made soup with $food. They stirred it with a <look> <thing>, and
    the smell reached a <critter> behind the <spot>. "What a wonderful soup," said the $critter
    <adverb>, and shared it with the $color $animal.""",
    # a trade
    """One day $name found a <look> <thing> behind the <spot>. A <helper> from the $place offered
    some $food for it. "No," said $name <adverb>, "this $thing belongs to my $color $animal." """,
    # a search
    """One Sunday a <critter> lost a <look> <thing>. $pet searched near the $place and behind the
    <spot>. There was the $thing, covered with $food! "Thank you,"
    said the $critter <adverb>, and hugged the $color $animal.""",
)

ENDINGS = (
    """And $name learned that <virtue> is worth more than gold. The end.""",
    """Ever since, $pet has slept beside a <look> <thing> and dreamed of $food. The end.""",
    """That night they all sang <adverb>, and $pet fell asleep beside the <spot>. The end.""",
)

STORY = f"{OPENING} ( {' | '.join(PLOTS)} ) ( {' | '.join(ENDINGS)} )"
