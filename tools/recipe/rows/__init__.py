"""All rows by name, in the order that docs/paper.md has them."""

from importlib import import_module

NAMES = (
    "preference", "implicit-reward", "beta-sweep", "losses", "sft", "choosing", "frontier",
    "ai-feedback", "pseudo-labels", "own-pairs", "rounds", "edit", "refine", "npo",
)


def row(name):
    return import_module(f"rows.{name.replace('-', '_')}").ROW
