"""Writes a made-up Pick-a-Pic of any size, to measure what an import takes of memory and time. Outside the tree.

    python write_large.py OUT.parquet --gigabytes 5            # pictures of 200 KB, row groups of 1000 rows
    python write_large.py OUT.parquet --rows 1000000 --kilobytes 0   # a million rows with small pictures

Then `winnow import OUT.parquet --preview`, `winnow import OUT.parquet --out PAIRS --limit 3000`, each under `/usr/bin/time -v`.
"""

import argparse
import datetime
import io
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from write_fixtures import PICKAPIC


def jpeg(rng, kilobytes):
    """Noise, which no compression makes smaller."""
    side = max(8, int((kilobytes * 1024 * 1.05) ** 0.5 // 8 * 8))
    out = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(out, "JPEG", quality=75 if kilobytes else 10)
    return out.getvalue()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--kilobytes", type=int, default=200)
    parser.add_argument("--group", type=int, default=1000)
    parser.add_argument("--page", type=int, default=1024, help="pictures in a page at most (pyarrow's write_batch_size)")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    # A few pictures, each made another by what is written behind its end.
    pool = [jpeg(rng, args.kilobytes) for _ in range(16)]
    size = sum(map(len, pool)) / len(pool)
    rows = args.rows or int(args.gigabytes * 1e9 / (2 * size))
    with pq.ParquetWriter(args.out, PICKAPIC, compression="snappy", write_batch_size=args.page) as writer:
        for start in range(0, rows, args.group):
            n = range(start, min(rows, start + args.group))
            label = [[1.0, 0.0, 0.5][i % 3] for i in n]
            writer.write_table(pa.table({
                "are_different": [i % 2 == 0 for i in n], "best_image_uid": [f"u{i}a" for i in n],
                "caption": [f"a photo of a lighthouse by the sea in the evening, number {i // 3}" for i in n],
                "created_at": [datetime.datetime(2023, 1, 1) + datetime.timedelta(seconds=i) for i in n],
                "has_label": [value != 0.5 for value in label], "image_0_uid": [f"u{i}a" for i in n], "image_0_url": ["" for _ in n],
                "image_1_uid": [f"u{i}b" for i in n], "image_1_url": ["" for _ in n],
                "jpg_0": [pool[i % 16] + i.to_bytes(8, "little") for i in n], "jpg_1": [pool[(i + 1) % 16] + i.to_bytes(8, "big") for i in n],
                "label_0": label, "label_1": [1 - value for value in label],
                "model_0": [["a/one", "b/dreamlike"][i % 2] for i in n], "model_1": ["b/dreamlike" for _ in n],
                "ranking_id": list(n), "user_id": [i % 5000 for i in n], "num_example_per_prompt": [3 for _ in n], "__index_level_0__": list(n),
            }, schema=PICKAPIC), row_group_size=args.group)
    print(f"{rows} rows, {os.path.getsize(args.out) / 1e9:.2f} GB, pictures of {size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
