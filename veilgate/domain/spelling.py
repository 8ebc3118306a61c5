"""Words that are nearly the same: slips of typing, and one or many of a thing."""

SHORTEST_WITH_SLIPS = 4
_SHORTEST_WITH_TWO = 8
_SHORTEST_WITH_NUMBER = 3
_IRREGULAR = (
    ("man", "men"),
    ("woman", "women"),
    ("child", "children"),
    ("person", "people"),
    ("foot", "feet"),
    ("tooth", "teeth"),
    ("goose", "geese"),
    ("mouse", "mice"),
    ("knife", "knives"),
    ("leaf", "leaves"),
    ("shelf", "shelves"),
    ("wolf", "wolves"),
    ("calf", "calves"),
    ("ox", "oxen"),
)
_OTHER_NUMBER = {one: other for pair in _IRREGULAR for one, other in (pair, pair[::-1])}
_HISSING = ("s", "x", "z", "ch", "sh")


def may_have_slips(word: str) -> bool:
    """Numbers are meant as they are, and short words are near too many others."""
    return len(word) >= SHORTEST_WITH_SLIPS and word.isalpha()


def most_slips(word: str) -> int:
    """How many slips a word of this length is still understood with."""
    if not may_have_slips(word):
        return 0
    return 1 if len(word) < _SHORTEST_WITH_TWO else 2


def one_left_out(word: str) -> list[str]:
    """The word with each of its letters left out in turn."""
    return sorted({word[:place] + word[place + 1 :] for place in range(len(word))})


def slips_between(first: str, second: str, *, at_most: int) -> int | None:
    """How many letters were left out, added, mistaken or swapped with their neighbour; None if more than
    `at_most` (Damerau's distance, in which no letter is touched twice)."""
    if abs(len(first) - len(second)) > at_most:
        return None
    before: list[int] = []
    row = list(range(len(second) + 1))
    for place, letter in enumerate(first, start=1):
        before_that, before, row = before, row, [place]
        for other_place, other in enumerate(second, start=1):
            swapped = place > 1 and other_place > 1 and letter == second[other_place - 2]
            cost = min(row[-1] + 1, before[other_place] + 1, before[other_place - 1] + (letter != other))
            if swapped and first[place - 2] == other:
                cost = min(cost, before_that[other_place - 2] + 1)
            row.append(cost)
        if min(row) > at_most:
            return None
    return row[-1] if row[-1] <= at_most else None


def other_numbers(word: str) -> list[str]:
    """One for many and many for one, by the rules of English; some are no words, and found nowhere."""
    if word in _OTHER_NUMBER:
        return [_OTHER_NUMBER[word]]
    if len(word) < _SHORTEST_WITH_NUMBER or not word.isalpha():
        return []
    return [*_many(word), *_one(word)]


def _many(word: str) -> list[str]:
    if word.endswith(_HISSING):
        return [f"{word}es"]
    if word.endswith("y") and word[-2] not in "aeiou":
        return [f"{word[:-1]}ies"]
    return [f"{word}s"]


def _one(word: str) -> list[str]:
    if not word.endswith("s") or word.endswith("ss"):
        return []
    found = [word[:-1]]
    if word.endswith("ies"):
        found.append(f"{word[:-3]}y")
    elif word.endswith("es"):
        found.append(word[:-2])
    return found
