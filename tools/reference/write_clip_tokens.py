#!/usr/bin/env python3
"""Writes src/models/clip/vocabulary/tokens.golden.json: what transformers' CLIPTokenizer makes of awkward prompts with CLIP's own
vocabulary, from the merges in src/models/clip/vocabulary, padded with `<|endoftext|>` (CLIP-L) and with `!` (the OpenCLIP
encoders of Stable Diffusion 2 and XL).

    python write_clip_tokens.py ../../src/models/clip/vocabulary

With `--open-clip` (pip install open_clip_torch) the vocabulary and the ids are first compared with those of the
original's tokenizer as open_clip carries it. It cleans a prompt with ftfy and unescapes HTML before it splits it, which
neither diffusers nor the common front ends do; OTHER lists the prompts that this changes."""

import argparse
import hashlib
import json
import tempfile
from pathlib import Path

from transformers import CLIPTokenizer

from common import save_json
from kinds.tokenizer import END, START, bytes_to_unicode

PROMPTS = [
    "",
    " ",
    " \t\n  ",
    "a",
    "!",
    "7",
    "é",
    "e\u0301",
    "a photo of a cat",
    "A  Painting\tof\nTHE SEA, at sunset!",
    "  leading and trailing  ",
    "line one\r\nline two\n\nline four",
    "it's the house we'll paint, don't you've they're I'm I'd",
    "IT'S THE HOUSE WE'LL PAINT; 'S 'T 'RE",
    "it’s a curly ‘quote’ and a “double” one",
    "rock 'n' roll, ''' don''t ''s",
    "3 boats and 2048x1024 pixels, f/1.8, 50%",
    "1234567890 3.14159 1,000,000 0x1F 1e-5",
    "café naïve über ÅNGSTRÖM",
    "cafe\u0301 nai\u0308ve u\u0308ber A\u030angstro\u0308m",
    "日本の猫が海辺で寝ている",
    "中文提示词，一只猫，杰作",
    "고양이 사진",
    "قطة على شاطئ البحر",
    "חתול על החוף",
    "кот и СОБАКА на берегу",
    "αβγ ΣΑΣ ΟΔΥΣΣΕΥΣ",
    "ภาพถ่ายแมว",
    "बिल्ली की तस्वीर",
    "👍 👍🏽 🐈‍⬛ 👨‍👩‍👧‍👦 🏳️‍🌈 🇫🇷",
    "❤️ vs ❤ and ☕️",
    "half <|endoftext|> way <|startoftext|> through",
    "<|endoftext|>",
    "<|ENDOFTEXT|> <|StartOfText|>",
    "x<|endoftext|>y <| endoftext |>",
    "<start_of_text> <end_of_text>",
    "(masterpiece:1.2), [best quality], {a|b}, <lora:x:1> #tag @name",
    "salt &amp; pepper &lt;b&gt; &#39;x&#39; &eacute;",
    "http://example.org/a?b=c&d=e#f user@example.org C:\\path\\file.png",
    "a \u00a0non-breaking\u3000space\u200band zero\u200dwidth \u2060joiner",
    "\ufefffirst a mark, then a\u0085next line and a\u2028line separator",
    "bell \u0007 null \u0000 escape \u001b[31m delete \u007f end",
    "soft\u00adhyphen and a \ufffd replacement",
    "İstanbul ISPARTA ıspanak I",
    "Straße GROẞ weiß",
    "ﬁne ﬂow ﬀ ½ Ⅷ ² ① ǅ Œuvre",
    "ｆｕｌｌ ｗｉｄｔｈ ＡＢＣ　１２３",
    "𝓯𝓪𝓷𝓬𝔂 𝕞𝕒𝕥𝕙 𝟙𝟚𝟛",
    "... ,,, -- __ a_b ~~ ^^ `code` $5 €5 £5 ©®™",
    "snow " * 90,
    "sea " * 75,
    "sea " * 74 + "moon",
    "sea " * 76 + "moon",
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "a" * 300,
    "ab" * 150 + " end",
    "🐈" * 40,
    "é" * 90,
    "a,b;c:d.e!f?g-h/i\\j|k",
    "greg rutkowski, artstation, 8k, unreal engine, trending",
    "ÀÉÎÕÜ àéîõü ñ ç ø å æ þ ð",
    "a\u0301\u0302\u0303b stacked \u0e33 marks",
    "Ｏ\u0308 Å Å K Ω",
]

# Where open_clip's tokenizer gives other ids, and why.
OTHER = {
    "ftfy straightens quotes": ["it’s a curly ‘quote’ and a “double” one"],
    "ftfy takes ligatures apart": ["ﬁne ﬂow ﬀ ½ Ⅷ ² ① ǅ Œuvre"],
    "ftfy narrows full width": ["中文提示词，一只猫，杰作", "ｆｕｌｌ ｗｉｄｔｈ ＡＢＣ　１２３", "Ｏ\u0308 Å Å K Ω"],
    "ftfy drops control characters and marks": [
        "bell \u0007 null \u0000 escape \u001b[31m delete \u007f end",
        "\ufefffirst a mark, then a\u0085next line and a\u2028line separator"],
    "HTML is unescaped": ["salt &amp; pepper &lt;b&gt; &#39;x&#39; &eacute;"],
    "lower() knows the final sigma": ["αβγ ΣΑΣ ΟΔΥΣΣΕΥΣ"],
    "its special tokens have other names": [
        "half <|endoftext|> way <|startoftext|> through", "<|endoftext|>", "<|ENDOFTEXT|> <|StartOfText|>",
        "x<|endoftext|>y <| endoftext |>", "<start_of_text> <end_of_text>"],
}


def vocabulary(merges: list[tuple[str, str]]) -> dict[str, int]:
    alphabet = list(bytes_to_unicode().values())
    tokens = alphabet + [a + "</w>" for a in alphabet] + ["".join(pair) for pair in merges] + [START, END]
    return {token: i for i, token in enumerate(tokens)}


def folder_of(path: Path, vocab: dict[str, int], merges: str, pad: str) -> Path:
    """The tokenizer folder of Stable Diffusion 1 (pad END), or of 2 (pad `!`)."""
    special = lambda content: {
        "__type": "AddedToken", "content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    path.mkdir()
    (path / "vocab.json").write_text(json.dumps(vocab))
    (path / "merges.txt").write_text(merges)
    save_json(path / "tokenizer_config.json", {
        "add_prefix_space": False, "bos_token": special(START), "do_lower_case": True, "eos_token": special(END),
        "errors": "replace", "model_max_length": 77, "pad_token": pad, "tokenizer_class": "CLIPTokenizer",
        "unk_token": special(END)})
    return path


def compare_with_open_clip(vocab: dict[str, int], tokenizer: CLIPTokenizer) -> None:
    from open_clip.tokenizer import SimpleTokenizer

    original = SimpleTokenizer()
    renamed = {"<start_of_text>": START, "<end_of_text>": END}
    assert {renamed.get(token, token): i for token, i in original.encoder.items()} == vocab, "the vocabularies differ"
    differ = {p for p in PROMPTS if original.encode(p) != tokenizer(p, add_special_tokens=False).input_ids}
    print(f"open_clip: the same {len(vocab)} tokens; {len(PROMPTS) - len(differ)} of {len(PROMPTS)} prompts the same")
    expected = {prompt for prompts in OTHER.values() for prompt in prompts}
    assert differ == expected, f"open_clip differs elsewhere: {sorted(differ ^ expected)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--open-clip", action="store_true")
    args = parser.parse_args()
    text = (args.folder / "merges.txt").read_text()
    merges = [tuple(line.split(" ")) for line in text.split("\n")[1:-1]]
    vocab = vocabulary(merges)
    listed = "\n".join(sorted(vocab, key=vocab.get))
    golden = {"size": len(vocab), "sha256": hashlib.sha256(listed.encode()).hexdigest(), "prompts": PROMPTS, "ids": {}}
    with tempfile.TemporaryDirectory() as scratch:
        for pad in (END, "!"):
            folder = folder_of(Path(scratch) / str(vocab[pad]), vocab, text, pad)
            tokenizer = CLIPTokenizer.from_pretrained(str(folder))
            if args.open_clip and pad == END:
                compare_with_open_clip(vocab, tokenizer)
            rows = tokenizer(PROMPTS, padding="max_length", max_length=77, truncation=True).input_ids
            golden["ids"][pad] = rows
    (args.folder / "tokens.golden.json").write_text(json.dumps(golden, ensure_ascii=True, separators=(",", ":")).replace("],[", "],\n[") + "\n")


if __name__ == "__main__":
    main()
