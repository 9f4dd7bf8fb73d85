"""Read a model folder back: float32 arithmetic on the stored fp16 weights."""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

from sampling import decode, read, sample
from train_autoencoder import CONFIG


def load_autoencoder(path):
    """An autoencoder alone, from its weights."""
    vae = AutoencoderTiny(**CONFIG)
    vae.load_state_dict({k: v.float() for k, v in load_file(path).items()})
    return vae.eval().requires_grad_(False).to(memory_format=torch.channels_last)


@dataclass
class Model:
    unet: UNet2DConditionModel
    vae: AutoencoderTiny
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer

    @classmethod
    def load(cls, folder):
        folder = Path(folder)
        part = lambda kind, name: kind.from_pretrained(folder / name, torch_dtype=torch.float32).eval().requires_grad_(False)
        return cls(
            part(UNet2DConditionModel, "unet"),
            part(AutoencoderTiny, "vae").to(memory_format=torch.channels_last),
            part(CLIPTextModel, "text_encoder"), CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        )

    @property
    def scale(self):
        return self.vae.config.scaling_factor

    def read(self, texts):
        """Texts -> last hidden states [N, 40, 96], pooled [N, 96]."""
        return read(self.tokenizer, self.text_encoder, texts)

    def sample(self, hidden, noise, unet=None, **options):
        """-> latents [N, 12, 16, 16]."""
        return sample(unet or self.unet, hidden, self.read([""])[0][0], noise, **options)

    def decode(self, latents):
        """-> images [N, 3, 128, 128] in [-1, 1]."""
        return decode(self.vae, latents, self.scale)
