"""A small byte-level BPE tokenizer in CLIP's file format: every word of the world is one token.

    python make_tokenizer.py WORK        # writes WORK/tokenizer/

Byte alphabet twice (plain and with </w>), merges learnt on the captions, two specials. Writes vocab.json,
merges.txt, tokenizer.json and the configs that transformers and diffusers expect.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from transformers import CLIPTokenizer

START, END, LENGTH = "<|startoftext|>", "<|endoftext|>", 40


def byte_alphabet():
    """GPT-2's printable stand-ins for the 256 bytes, in CLIP's order."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    chars, extra = [chr(b) for b in keep], 0
    for b in range(256):
        if b not in keep:
            chars.append(chr(256 + extra))
            extra += 1
    return chars


def learn_merges(words):
    """Merge the most frequent adjacent pair until every word of the Counter is one token."""
    split = {w: list(w[:-1]) + [w[-1] + "</w>"] for w in words}
    merges = []
    while True:
        pairs = Counter()
        for w, parts in split.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += words[w]
        if not pairs:
            return merges
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        for w, parts in split.items():
            i, out = 0, []
            while i < len(parts):
                if tuple(parts[i : i + 2]) == best:
                    out.append(parts[i] + parts[i + 1])
                    i += 2
                else:
                    out.append(parts[i])
                    i += 1
            split[w] = out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    args = parser.parse_args()
    out = args.work / "tokenizer"
    out.mkdir(parents=True, exist_ok=True)
    captions = json.loads((args.work / "data" / "captions.json").read_text())["texts"]
    words = Counter(w for texts in captions[:8000] for t in texts for w in t.replace(",", " , ").split())
    merges = learn_merges(words)
    alphabet = byte_alphabet()
    tokens = dict.fromkeys([*alphabet, *(c + "</w>" for c in alphabet), *("".join(m) for m in merges), START, END])
    vocab = {t: i for i, t in enumerate(tokens)}
    (out / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (out / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    tokenizer = CLIPTokenizer(vocab, [tuple(m) for m in merges], model_max_length=LENGTH)
    tokenizer.save_pretrained(out)
    (out / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (out / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    again = CLIPTokenizer.from_pretrained(out)
    sample = [t for texts in captions[:2000] for t in texts]
    ids = again(sample)["input_ids"]
    print(f"tokenizer: {len(vocab)} tokens, {len(words)} words, longest caption {max(map(len, ids))} of {LENGTH}")
    print(sample[0], again.convert_ids_to_tokens(ids[0]))


if __name__ == "__main__":
    main()
