#!/usr/bin/env python3
"""Writes src/models/bert/vocabulary/tokens.golden.json: what transformers' BertTokenizer makes of awkward prompts with the vocabulary of
bert-base-uncased and BLIP's two tokens, cut to 35 tokens and padded as ImageReward does it.

    python write_word_pieces.py ../../src/models/bert/vocabulary"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "reference")]

from transformers import BertTokenizer  # noqa: E402

from write_clip_tokens import PROMPTS  # noqa: E402

OWN = [
    "half [DEC] way [MASK] [mask] [ENC]x [ENC][SEP]",
    "x" * 100 + " " + "x" * 101,
    "unaffable unbelievablyhyperrealistic ##able",
    "\u0378x a\ue000b a\u0085b \ufffd\0nul \u00adsoft",
    "\U0002b830x \U0002b930x",
    "İstanbul ǅ ½ Ⅷ ﬁne \u2028 line",
    "`~$^+=<>| «quote» ‽ ¡hola! ¿qué?",
    "snow " * 33,
    "snow " * 34,
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(folder / "vocab.txt", place)
        tok = BertTokenizer.from_pretrained(place)
    tok.add_special_tokens({"bos_token": "[DEC]"})
    tok.add_special_tokens({"additional_special_tokens": ["[ENC]"]})
    prompts = [*PROMPTS, *OWN]
    out = tok(prompts, padding="max_length", truncation=True, max_length=35)
    golden = {"prompts": prompts, "ids": out.input_ids, "counts": [sum(mask) for mask in out.attention_mask]}
    (folder / "tokens.golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
