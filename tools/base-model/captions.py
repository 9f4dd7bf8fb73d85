"""Captions of a scene: a few templates, synonyms, and parts left out at random. Look and style are never named."""

import numpy as np

from world import ATTRIBUTES, NOTHING

PLURAL = {"fox": "foxes", "cactus": "cacti"}
WHERE = {"left": "on the left", "middle": "in the middle", "right": "on the right"}
BESIDE = ["beside", "next to", "and"]
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
WEATHER = {
    "clear": ["under a clear sky", "in fine weather"],
    "rain": ["in the rain", "on a rainy day"],
    "snowfall": ["in falling snow", "with snowflakes"],
    "fog": ["in the fog", "in the mist"],
    "rainbow": ["under a rainbow", "with a rainbow"],
}
ALWAYS = ("object", "count", "beside")  # the nouns and the article say them


def caption(attributes, rng, keep=0.85, must=()):
    """Attribute indices -> (text, names of the attributes it mentions).

    Position is mentioned for single things only: groups are centred, and of two things the first stands left.
    """
    name = {k: ATTRIBUTES[k][v] for k, v in attributes.items()}
    said = {k for k in ATTRIBUTES if k in ALWAYS or k in must or rng.random() < keep}
    pair = attributes["beside"] != NOTHING
    if name["count"] != "one" or pair:
        said.discard("position")
    if not pair:
        said.discard("beside colour")
    pick = lambda table: table[int(rng.integers(len(table)))]
    colour = lambda key: name[key] + " " if key in said else ""
    article = lambda words: ("an " if words[0] in "aeiou" else "a ") + words
    noun = name["object"] if name["count"] == "one" else PLURAL.get(name["object"], name["object"] + "s")
    thing = colour("colour") + noun
    if name["count"] == "one":
        thing = article(thing) if rng.random() < 0.7 or pair else f"one {thing}"
    else:
        thing = f"{name['count']} {thing}"
    if pair:
        thing += f" {pick(BESIDE)} {article(colour('beside colour') + name['beside'])}"
    if "position" in said:
        thing += " " + WHERE[name["position"]]
    land = pick(LAND[name["land"]]) if "land" in said else ""
    time = pick(TIME[name["time"]]) if "time" in said else ""
    weather = pick(WEATHER[name["weather"]]) if "weather" in said else ""
    body = "moon" if name["time"] == "night" else "sun"
    if "time" not in said:
        body = pick([body, "light"])
    sun = f"the {body} to the {name['sun']}" if "sun" in said else ""
    parts = {
        0: [f"{thing} {land} {time}", weather, sun],
        1: [f"{thing} {land}", time, weather, sun],
        2: [time, f"{thing} {land} {weather}", sun],
        3: [f"{land} {time}", f"{thing} {weather}", sun],
        4: [f"a picture of {thing} {land} {time}", weather, sun],
        5: [weather, f"{thing} {land} {time}", sun],
    }[int(rng.integers(6))]
    return ", ".join(" ".join(p.split()) for p in parts if p.strip()), sorted(said)


def sample_captions(attributes, seed, count=5):
    """Several captions of one scene; said[i] is a bit mask over ATTRIBUTES in order."""
    rng = np.random.default_rng(seed)
    names = list(ATTRIBUTES)
    out = [caption(attributes, rng) for _ in range(count)]
    return [t for t, _ in out], [sum(1 << names.index(k) for k in said) for _, said in out]
