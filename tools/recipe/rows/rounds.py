"""A second round of labels on pictures of the tuned model, against the same labels at once."""

from figures import compare, difference
from rig import labelled
from row import Row, above, says


def pairs(rig, net, seed, count, first=0):
    return labelled(rig.candidates(net, rig.size.pairs(count), 4, seed, rig.size.pairs(first) if first else 0))


def one(rig, seed, count=100, **settings):
    return rig.tuned(pairs(rig, rig.base, seed, count), seed, **settings)


def once(count, **settings):
    def run(rig, seed):
        net, tail = one(rig, seed, count, **settings)
        return compare(rig, net, None, tail)

    return run


def second(count, anchor_base=False, **settings):
    """Train on `count` labels, draw as many new pairs from the result, go on from there."""

    def run(rig, seed):
        net, _ = one(rig, seed, count, **settings)
        again, tail = rig.tuned(pairs(rig, net, seed, count, count), 100 + seed, start=net, anchor=rig.base if anchor_base else None, **settings)
        return compare(rig, again, None, tail)

    return run


FIRST, SECOND, ONCE, HALVES, BASE = "100 labels", "100 labels, then 100 of the tuned model's pictures", "200 labels at once", "50 labels, then 50", "100, then 100, held to the base"


def extra(cells):
    out = {}
    for name, a, b in (("the second round adds", SECOND, FIRST), ("two rounds less the same labels at once", SECOND, ONCE), ("50 and 50 less 100 at once", HALVES, FIRST)):
        if a in cells and b in cells:
            out[name] = difference(cells[a], cells[b], "gain b")
    return out


def reading(figures, extra):
    out = []
    if f := extra.get("the second round adds"):
        out.append(f"The second round adds {says(f)} deviations by B; 0.5 was the aim: {'reached' if f['mean'] >= 0.5 else 'not reached'}.")
    for name in ("two rounds less the same labels at once", "50 and 50 less 100 at once"):
        if f := extra.get(name):
            out.append(f"{name[0].upper()}{name[1:]}: {says(f)}, " + {True: "rounds are better.", False: "rounds are worse.", None: "no difference told."}[above(f)])
    if SECOND in figures:
        out.append(f"Against the first base the winner's error is then {says(figures[SECOND]['winner error'])} and alignment wins {says(figures[SECOND]['wins b alignment'])}: beta holds each round to its own start, so drift adds up.")
    return out


ROW = Row(
    "rounds", "Rounds",
    "No row of the paper, which trains once on fixed pairs; later work claims as much from a fraction of the data by going back to the model's own pictures.",
    "Best and worst of four by A, 8 draws of each pair in each round. The reference of a round is the model that it starts from, unless said.",
    {FIRST: once(100), SECOND: second(100), ONCE: once(200, steps=200), HALVES: second(50, steps=60), BASE: second(100, True)},
    reading, extra=extra,
)
