"""Captions of a scene: a few templates, synonyms, and parts left out at random. The look is never named."""

import numpy as np

from world import ATTRIBUTES

PLURAL = {"fox": "foxes"}
WHERE = {"left": "on the left", "middle": "in the middle", "right": "on the right"}
LAND = {
    "hills": ["in the hills", "among green hills"],
    "mountains": ["below the mountains", "in the mountains"],
    "sea": ["by the sea", "on the beach"],
    "desert": ["in the desert", "among the dunes"],
    "snow": ["in the snow", "in a snowy land"],
}
TIME = {
    "dawn": ["at dawn", "in the early morning"],
    "day": ["at noon", "by day"],
    "sunset": ["at sunset", "in the evening"],
    "night": ["at night", "by moonlight"],
}
ALWAYS = ("object",)


def caption(attributes, rng, keep=0.85, must=()):
    """Attribute indices -> (text, names of the attributes it mentions).

    Position is mentioned for single objects only: groups are always centred.
    """
    name = {k: ATTRIBUTES[k][v] for k, v in attributes.items()}
    said = {k for k in ATTRIBUTES if k in ALWAYS or k in must or rng.random() < keep}
    if name["count"] != "one":
        said.add("count")
        said.discard("position")
    elif "count" not in must:
        said.add("count")  # the article says it
    pick = lambda table: table[int(rng.integers(len(table)))]
    noun = name["object"] if name["count"] == "one" else PLURAL.get(name["object"], name["object"] + "s")
    colour = name["colour"] + " " if "colour" in said else ""
    number = pick(["a", "one"]) if name["count"] == "one" else name["count"]
    thing = f"{number} {colour}{noun}"
    if "position" in said:
        thing += " " + WHERE[name["position"]]
    land = pick(LAND[name["land"]]) if "land" in said else ""
    time = pick(TIME[name["time"]]) if "time" in said else ""
    body = "moon" if name["time"] == "night" else "sun"
    if "time" not in said:
        body = pick([body, "light"])
    sun = f"the {body} to the {name['sun']}" if "sun" in said else ""
    parts = {
        0: [f"{thing} {land} {time}", sun],
        1: [f"{thing} {land}", time, sun],
        2: [time, f"{thing} {land}", sun],
        3: [f"{land} {time}", thing, sun],
        4: [f"a picture of {thing} {land} {time}", sun],
    }[int(rng.integers(5))]
    return ", ".join(" ".join(p.split()) for p in parts if p.strip()), sorted(said)


def sample_captions(attributes, seed, count=5):
    """Several captions of one scene; said[i] is a bit mask over ATTRIBUTES in order."""
    rng = np.random.default_rng(seed)
    names = list(ATTRIBUTES)
    out = [caption(attributes, rng) for _ in range(count)]
    return [t for t, _ in out], [sum(1 << names.index(k) for k in said) for _, said in out]
