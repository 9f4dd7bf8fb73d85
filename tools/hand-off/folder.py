"""A hand-off folder (`winnow handoff RUN --out DIR`) and the model it names, read and checked."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow.parquet
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

SCHEMA = 1
# kohya's names for layers that diffusers drops under their own.
BY_ORIGINAL = {"add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2"}


def sha256(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def refuse(what: str, remedy: str) -> SystemExit:
    return SystemExit(f"{what} {remedy}")


def kohya(path: str, prefix: str = "lora_unet_") -> str:
    return prefix + BY_ORIGINAL.get(path, path).replace(".", "_")


class Handoff:
    def __init__(self, folder: Path, model: Path | None, check_files: bool):
        self.folder = folder
        if not (folder / "handoff.json").exists():
            raise refuse(f"{folder} is no hand-off folder: it has no handoff.json.", "Make one: winnow handoff RUN --out DIR.")
        self.about = json.loads((folder / "handoff.json").read_text())
        if self.about["schema"] != SCHEMA:
            raise refuse(f"{folder} is of schema {self.about['schema']}.", "Take the continue.py that came with it.")
        self.record = json.loads((folder / "run.json").read_text())
        self.config = self.record["config"]
        for feature in self.about.get("needs", []):
            raise refuse(f"This run needs {feature}, which continue.py does not know.", "Take the continue.py that came with this Winnow.")
        self.model = self._model(model)
        if check_files:
            self._check(self.folder, self.about["files"], "Hand the run off again.")
            self._check(self.model, self.about["base"]["files"], "Give the model that the run began with: --model FOLDER.")
        self.pairs = Pairs(folder / "pairs.parquet")

    def _model(self, given: Path | None) -> Path:
        base = self.about["base"]
        found = given or (self.folder / base["folder"] if base["folder"] else Path(base["id"]))
        if not (found / "model_index.json").exists():
            raise refuse(f"There is no diffusers folder {found}.", f"Give the one of {base['title']}: --model FOLDER.")
        return found

    @staticmethod
    def _check(folder: Path, files: dict[str, str], remedy: str) -> None:
        for name, expected in files.items():
            if not (folder / name).exists():
                raise refuse(f"{folder} has no {name}.", remedy)
            if sha256(folder / name) != expected:
                raise refuse(f"{folder / name} is another file than the run began with.", remedy)

    @property
    def entries(self) -> list[dict]:
        """Trained tensors, in the optimiser's order: name, shape."""
        return self.about["entries"]

    def state(self) -> Path:
        return self.folder / "state.safetensors"

    # ---- the model ----

    def unet(self) -> UNet2DConditionModel:
        """In f32 (half widths become f32 exactly), adapters under the run merged; nothing trainable."""
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(self.model / "unet"))
        weights = {}
        for name in self.about["base"]["files"]:
            if name.startswith("unet/") and name.endswith(".safetensors"):
                weights |= {key: value.float() for key, value in load_file(self.model / name).items()}
        unet.load_state_dict(weights)
        self._merge(unet, "lora_unet_")
        return unet.requires_grad_(False)

    @torch.no_grad()
    def _merge(self, module: torch.nn.Module, prefix: str) -> None:
        """One adapter after the other, in f64, rounded once to f32 each, as Winnow does."""
        layers = {kohya(path, prefix): layer for path, layer in module.named_modules()}
        # transformers 5 dropped a prefix of the text encoders'.
        layers |= {kohya(f"text_model.{path}", prefix): layer for path, layer in module.named_modules() if prefix != "lora_unet_"}
        for below in self.about["below"]:
            tensors = load_file(self.folder / below["file"])
            for key in sorted({key.rsplit(".lora_", 1)[0] for key in tensors if key.startswith(prefix) and ".lora_down" in key}):
                if key not in layers:
                    raise refuse(f"{below['file']} has a layer {key}, and the model has none of that name.", "Give the run's own model.")
                down, up = (tensors[f"{key}.lora_{half}.weight"].double() for half in ("down", "up"))
                factor = below["strength"] * float(tensors[f"{key}.alpha"]) / down.shape[0]
                weight = layers[key].weight
                change = (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
                weight.copy_((weight.double() + factor * change).float())

    def alphas(self) -> torch.Tensor:
        """alphas_cumprod, f32."""
        return DDPMScheduler.from_config(DDPMScheduler.load_config(self.model / "scheduler")).alphas_cumprod

    @torch.no_grad()
    def encode(self, prompts: list[str], device: torch.device, batch: int = 16):
        """Yields (context [b, T, D], pooled [b, P]) in f32, batch by batch, as the run's pipeline encodes them."""
        index = json.loads((self.model / "model_index.json").read_text())
        names = [name for name in ("text_encoder", "text_encoder_2") if index.get(name, [None])[0]]
        prefixes = ["lora_te_"] if len(names) == 1 else ["lora_te1_", "lora_te2_"]
        parts = []
        for name, prefix in zip(names, prefixes):
            files = [file for file in self.about["base"]["files"] if file.startswith(f"{name}/") and file.endswith(".safetensors")]
            variant = "fp16" if any(".fp16" in file for file in files) else "bf16" if any(".bf16" in file for file in files) else None
            kind = CLIPTextModelWithProjection if index[name][1].endswith("WithProjection") else CLIPTextModel
            encoder = kind.from_pretrained(self.model / name, dtype=torch.float32, variant=variant)
            self._merge(encoder, prefix)
            tokenizer = CLIPTokenizer.from_pretrained(self.model / name.replace("text_encoder", "tokenizer"))
            parts.append((tokenizer, encoder.to(device).eval()))
        for at in range(0, len(prompts), batch):
            states = []
            for tokenizer, encoder in parts:
                ids = tokenizer(
                    prompts[at : at + batch], padding="max_length", max_length=self.about["tokens"], truncation=True, return_tensors="pt").input_ids
                out = encoder(ids.to(device), output_hidden_states=True)
                states.append(out.hidden_states[-2] if self.about["textStates"] == "penultimate" else out.last_hidden_state)
                pooled = out.text_embeds if "text_embeds" in out else out.pooler_output
            yield torch.cat(states, -1).cpu(), pooled.cpu()


class Pairs:
    """pairs.parquet, row by row: a row group is read when a row of it is asked for, and a few are kept."""

    KEEP_BYTES = 2 * 2**30

    def __init__(self, file: Path):
        self.file = pyarrow.parquet.ParquetFile(file)
        metadata = self.file.metadata
        sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        self.starts = np.cumsum([0, *sizes])
        small = self.file.read(["pair", "caption", "bucket", "repeats"]).to_pydict()
        self.ids, self.prompts = small["pair"], small["caption"]
        # Indices by size; a pair that is drawn several times in an epoch stands there as often.
        self.buckets: list[list[int]] = [[] for _ in range(1 + max(small["bucket"]))]
        for i, (bucket, repeats) in enumerate(zip(small["bucket"], small["repeats"])):
            self.buckets[bucket] += [i] * repeats
        largest = max(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
        self.group = lru_cache(maxsize=max(2, self.KEEP_BYTES // largest))(self._group)

    def __len__(self) -> int:
        return len(self.ids)

    def _group(self, i: int) -> list[dict]:
        return self.file.read_row_group(i).to_pylist()

    def __getitem__(self, index: int) -> dict:
        group = int(np.searchsorted(self.starts, index, "right")) - 1
        return self.group(group)[index - self.starts[group]]

    @staticmethod
    def values(row: dict, name: str) -> np.ndarray | None:
        """[C, h, w] f32, or None where the row has none."""
        return None if row[name] is None else np.frombuffer(row[name], "<f4").reshape(row["latent_shape"])


def read_state(file: Path) -> tuple[dict[str, torch.Tensor], int]:
    """Tensors by name (`param.`, `exp_avg.`, `exp_avg_sq.`), and the steps that were done."""
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
        if metadata.get("version") != "2":
            raise refuse(f"{file} is a state of an earlier Winnow.", "Resume the run in Winnow for a step, and hand it off again.")
        return {name: opened.get_tensor(name) for name in opened.keys()}, int(metadata["step"])
