"""What a row of the paper is here: arms, each run once a training seed, and what they come to."""

from collections.abc import Callable
from dataclasses import dataclass, field

from figures import compare, span, table

Cells = dict[str, list[dict]]

# What the studio's preset `doubtful` has other than its standard one for a hundred pairs (src/training/presets.ts; recipe.test.ts compares them).
DOUBTFUL = dict(lr=5e-4, beta=20)

# Winner's error over the reference's where the studio's drift guard ends a run (src/evaluation/looks.ts MAX_WINNER_ERROR; recipe.test.ts compares them).
GUARD = 1.3


@dataclass
class Row:
    """`arms`: name -> (rig, seed) -> cell (figures.compare, or the row's own). `fixed` arms train nothing and are run once.
    `extra`: cells -> more figures, by name. `reading`: (figures by arm, extra) -> sentences, each from a rule."""

    name: str
    title: str
    paper: str
    here: str
    arms: dict[str, Callable]
    reading: Callable[[dict, dict], list[str]]
    extra: Callable[[Cells], dict] = lambda cells: {}
    fixed: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    figures: Callable[[list[dict]], dict] = table
    shown: tuple[str, ...] = field(default=())
    # What the pictures are of.
    pictures: str = "The first eight test prompts"


def standard(pairs, by="a", start=None, **settings):
    """An arm: train on pairs(rig, seed), compare with the base."""

    def run(rig, seed):
        net, tail = rig.tuned(pairs(rig, seed), seed, start=start and start(rig), **settings)
        return compare(rig, net, start and start(rig), tail, by)

    return run


def chosen(count, of=4, by="a"):
    """Pairs: the best and the worst of `of` by a scale; of = 2 is two random seeds."""
    from rig import labelled

    return lambda rig, seed: labelled(rig.candidates(rig.base, rig.size.pairs(count), of, seed), by)


# Sentences

def says(figure, digits=2):
    """'1.11 [1.02, 1.20]'"""
    number = lambda x: f"{round(x, digits) + 0.0:.{digits}f}"
    interval = span(figure)
    return number(figure["mean"]) + (f" [{number(interval[0])}, {number(interval[1])}]" if interval else "")


def seeds_of(figure):
    n = len(figure["each"])
    return f"{n} training seed{'s' if n > 1 else ''}"


def above(figure, bound=0.0):
    """True, False, or None where the interval does not tell."""
    interval = span(figure)
    if interval is None:
        return None
    return True if interval[0] > bound else False if interval[1] < bound else None


def left(figures):
    """Of arms that left their model behind, if there are any."""
    found = [f"`{name}` ({f['winner error']['mean']:.2f})" for name, f in figures.items() if f["winner error"]["mean"] > GUARD]
    return [f"Winner's error over the reference above {GUARD}, where the studio's drift guard ends a run: {', '.join(found)}."] if found else []
