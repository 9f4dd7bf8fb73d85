"""Write the averaged weights of the autoencoder and UNet to checkpoints/, in fp16, for a later run to start from.

    python save_checkpoint.py WORK autoencoder unet
"""

import argparse
from pathlib import Path

from safetensors.torch import save_file

from common import load


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("parts", nargs="+", choices=("autoencoder", "unet"))
    args = parser.parse_args()
    out = Path(__file__).parent / "checkpoints"
    out.mkdir(exist_ok=True)
    for part in args.parts:
        state = load(args.work / f"{part}.pt")
        tensors = {k: v.half().contiguous() for k, v in state["ema"].items()}
        save_file(tensors, out / f"{part}.safetensors", {"steps": str(state["step"]), "minutes": f"{state['spent'] / 60:.0f}"})
        print(part, state["step"], "steps,", round((out / f"{part}.safetensors").stat().st_size / 1e6, 2), "MB")


if __name__ == "__main__":
    main()
