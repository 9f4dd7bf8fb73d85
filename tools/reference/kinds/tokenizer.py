"""Kind `tokenizer`: a CLIP tokenizer with a small vocabulary of our own, from `tokenizer.json` or from
`vocab.json` + `merges.txt`."""

import collections
import json
from pathlib import Path

import torch
from transformers import CLIPTokenizer

from common import save_case, save_json

START, END = "<|startoftext|>", "<|endoftext|>"
CORPUS = ("a photo of a small red house by the sea at night a painting of the tall tree under a bright moon "
          "cat boat balloon mountain desert snow forest river sunset golden light the best picture it's don't we'll "
          "über naïve café 日本 猫 2048 100").split()

PROMPTS = [
    "",
    "a photo of a cat",
    "A  Painting\tof\nTHE SEA, at sunset!",
    "it's the house we'll paint, don't you've they're I'm I'd",
    "3 boats and 2048x1024 pixels, f/1.8, 50%",
    "café naïve über ÅNGSTRÖM e\u0301tude",
    "日本の猫 и кот 🐈‍⬛ 👍🏽",
    "(masterpiece:1.2), [best quality], {a|b}, <lora:x:1> #tag @name &amp;",
    "a \u00a0non-breaking\u3000space\u200band zero width",
    "half <|endoftext|> way <|startoftext|> through",
    "snow " * 90,
    "sea " * 75,
    "sea " * 74 + "moon",
    "don''t ''s 's ... ,,, -- __ a_b",
    "ﬁne ½ Ⅷ ² ǅ İstanbul ΣΑΣ",
]

CASES = {"tokenizer": {
    "vocab-merges": dict(seed=61, merges=160, files=("vocab.json", "merges.txt")),
    "json": dict(seed=62, merges=60, files=("tokenizer.json",)),
    "pad-zero": dict(seed=63, merges=90, files=("vocab.json", "merges.txt"), pad="!"),
}}


def bytes_to_unicode() -> dict[int, str]:
    """CLIP's printable stand-in for each byte, in the order of its vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


def learn(merge_count: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Byte-pair encoding of CORPUS in CLIP's layout: bytes, bytes that end a word, merges, the two special tokens."""
    by_byte = bytes_to_unicode()
    alphabet = list(by_byte.values())
    words = []
    for word in CORPUS:
        chars = [by_byte[b] for b in word.lower().encode()]
        words.append(chars[:-1] + [chars[-1] + "</w>"])
    merges: list[tuple[str, str]] = []
    while len(merges) < merge_count:
        counts = collections.Counter(pair for w in words for pair in zip(w, w[1:]))
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        for w in words:
            i = 0
            while i < len(w) - 1:
                if (w[i], w[i + 1]) == best:
                    w[i:i + 2] = ["".join(best)]
                i += 1
    tokens = alphabet + [a + "</w>" for a in alphabet] + ["".join(m) for m in merges] + [START, END]
    return {t: i for i, t in enumerate(dict.fromkeys(tokens))}, merges


def save(folder: Path, merge_count: int, files: tuple[str, ...], max_length: int = 77, pad: str = END) -> CLIPTokenizer:
    """Writes the folder of a CLIPTokenizer and returns it as transformers reads it back."""
    folder.mkdir(parents=True, exist_ok=True)
    vocab, merges = learn(merge_count)
    if "tokenizer.json" in files:
        CLIPTokenizer(vocab=vocab, merges=merges, pad_token=pad).backend_tokenizer.save(str(folder / "tokenizer.json"))
    else:
        (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
        (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": pad}
    save_json(folder / "special_tokens_map.json", special)
    save_json(folder / "tokenizer_config.json",
              special | {"model_max_length": max_length, "tokenizer_class": "CLIPTokenizer", "do_lower_case": True})
    return CLIPTokenizer.from_pretrained(str(folder))


def write(kind: str, name: str, folder: Path, spec: dict) -> dict[str, float]:
    tok = save(folder / "tokenizer", spec["merges"], spec["files"], pad=spec.get("pad", END))
    ids = torch.tensor(tok(PROMPTS, padding="max_length", max_length=77, truncation=True).input_ids)
    return save_case(folder, kind, name, {}, {"input_ids": ids}, {}, prompts=PROMPTS)
