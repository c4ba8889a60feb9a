"""``did you mean``: the known name that is nearest to a written one."""

from collections.abc import Iterable

_MOST_LISTED = 12


def suggestion(word: str, names: Iterable[str], *, edits: int | None = None) -> str | None:
    """The name that is fewest edits away from the word, letter case aside; ``None`` if none is near.

    An edit is a letter too many, one missing, one wrong, or two neighbours swapped. A word of up to five letters may
    be one edit away, a longer one an edit for every three letters, unless ``edits`` says how many.
    """
    folded = word.casefold()
    allowed = max(1, len(folded) // 3) if edits is None else edits
    ranked = sorted((_edits(folded, name.casefold(), allowed), name) for name in names)
    return ranked[0][1] if ranked and ranked[0][0] <= allowed else None


def hint(word: str, names: Iterable[str]) -> str:
    """``did you mean …?``, or what there is if that is not much."""
    known = list(names)
    near = suggestion(word, known)
    if near is not None:
        return f"did you mean `{near}`?"
    return f"known: {', '.join(f'`{name}`' for name in known)}" if 0 < len(known) <= _MOST_LISTED else ""


def _edits(word: str, name: str, allowed: int) -> int:
    """How many edits lead from one to the other (optimal string alignment), or just more than ``allowed``."""
    # An edit changes one letter into another at most, which most names are ruled out by.
    if abs(len(word) - len(name)) > allowed or len({*word} ^ {*name}) > 2 * allowed:
        return allowed + 1
    rows = [list(range(len(name) + 1))]
    for i, letter in enumerate(word, 1):
        row = [i]
        for j, other in enumerate(name, 1):
            least = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == name[j - 2] and word[i - 2] == other:
                least = min(least, rows[-2][j - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]
