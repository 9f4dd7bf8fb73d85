"""Write src/data/pictureSettings/pictures.json: pictures with settings in them, as tools write them, of one pixel.

    python tools/reference/write_picture_settings.py [FOLDER of PNG files of tools, taken as they are]

Pillow writes the containers. EXIF's UserComment is as piexif has it, which A1111, Forge and SD.Next use (UNICODE,
big-endian), as others write it (little-endian, ASCII, no code at all), in JPEG and in WebP. ComfyUI's graph is its own
default workflow, saved by its API, and one with SDXL's two texts, a LoRA, a second sampler and texts that are linked.
"""

import base64
import io
import json
import sys
from pathlib import Path

from PIL import Image, PngImagePlugin

OUT = Path(__file__).parents[2] / "src/data/pictureSettings/pictures.json"
TEXT = "a red lighthouse, テスト\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 42, Size: 512x768, Model: sd15"
USER_COMMENT = 0x9286


def picture(kind, text=None, comment=None, **tags):
    image, out, exif = Image.new("RGB", (1, 1), (200, 30, 30)), io.BytesIO(), Image.Exif()
    if comment is not None:
        exif.get_ifd(0x8769)[USER_COMMENT] = comment
    for tag, value in tags.items():
        exif[int(tag[1:], 16)] = value
    extra = {"exif": exif.tobytes()} if comment is not None or tags else {}
    if text:
        extra["pnginfo"] = PngImagePlugin.PngInfo()
        for key, value in text.items():
            extra["pnginfo"].add_text(key, value)
    image.save(out, kind, **extra)
    return out.getvalue()


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


SAMPLER = dict(seed=156680208700286, steps=20, cfg=8, sampler_name="euler", scheduler="normal", denoise=1)
LINKS = dict(model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0])
COMFY = {
    "3": node("KSampler", **SAMPLER, **LINKS),
    "4": node("CheckpointLoaderSimple", ckpt_name="v1-5-pruned-emaonly.safetensors"),
    "5": node("EmptyLatentImage", width=512, height=512, batch_size=1),
    "6": node("CLIPTextEncode", text="beautiful scenery nature glass bottle landscape, purple galaxy bottle,", clip=["4", 1]),
    "7": node("CLIPTextEncode", text="text, watermark", clip=["4", 1]),
    "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
}
LINKED = {
    "1": node("PrimitiveStringMultiline", value="a fox in the snow"),
    "2": node("CLIPTextEncodeSDXL", text_g=["1", 0], text_l=["1", 0], width=1024, height=1024),
    "3": node("ControlNetApply", conditioning=["2", 0], strength=1),
    "4": node("CheckpointLoaderSimple", ckpt_name="sdxl.safetensors"),
    "5": node("EmptyLatentImage", width=["10", 0], height=768, batch_size=1),
    "6": node("LoraLoader", lora_name="ink.safetensors", model=["4", 0]),
    "7": node("CLIPTextEncode", text="", clip=["4", 1]),
    "8": node("KSamplerAdvanced", noise_seed=["11", 0], steps=30, cfg=6.5, sampler_name="dpmpp_2m", scheduler="karras",
              positive=["3", 0], negative=["7", 0], latent_image=["5", 0], model=["6", 0]),
    "9": node("KSampler", seed=1, steps=10, cfg=4, sampler_name="heun", scheduler="simple", latent_image=["8", 0], positive=["3", 0], negative=["7", 0]),
    "10": node("PrimitiveInt", value=1344),
    "11": node("Seed (rgthree)", seed=77),
}
INVOKE = {
    "generation_mode": "txt2img", "positive_prompt": "a red lighthouse", "negative_prompt": "blurry", "width": 640, "height": 512,
    "seed": 3782896554, "cfg_scale": 7.5, "steps": 25, "scheduler": "dpmpp_2m_k", "model": {"name": "Dreamshaper 8", "base": "sd-1"},
}
INVOKE2 = {
    "model": "stable diffusion", "model_weights": "stable-diffusion-1.5", "app_version": "2.3.5",
    "image": {"prompt": [{"prompt": "a red lighthouse [blurry, dull]", "weight": 1}], "steps": 30, "cfg_scale": 7.5, "height": 512,
              "width": 512, "seed": 12, "sampler": "k_euler_a"},
}
SWARM = {"sui_image_params": {"prompt": "a red lighthouse", "seed": 5, "steps": 12, "cfgscale": 3, "width": 96, "height": 96, "sampler": "heun"}}


def main():
    written = {
        "a1111-unicode.jpg": picture("JPEG", comment=b"UNICODE\0" + TEXT.encode("utf-16-be")),
        "little-endian.jpg": picture("JPEG", comment=b"UNICODE\0" + TEXT.encode("utf-16-le")),
        "ascii.jpg": picture("JPEG", comment=b"ASCII\0\0\0" + TEXT.replace("テスト", "test").encode()),
        "bare-utf8.jpg": picture("JPEG", comment=TEXT.encode()),
        "a1111-unicode.webp": picture("WEBP", comment=b"UNICODE\0" + TEXT.encode("utf-16-be")),
        "swarm-unicode.jpg": picture("JPEG", comment=b"UNICODE\0" + json.dumps(SWARM).encode("utf-16-be")),
        "comfy-default.png": picture("PNG", {"prompt": json.dumps(COMFY), "workflow": "{}"}),
        "comfy-linked.png": picture("PNG", {"prompt": json.dumps(LINKED)}),
        "comfy.webp": picture("WEBP", t010F="prompt:" + json.dumps(COMFY), t010E="workflow:{}"),
        "invoke-3.png": picture("PNG", {"invokeai_metadata": json.dumps(INVOKE)}),
        "invoke-2.png": picture("PNG", {"sd-metadata": json.dumps(INVOKE2)}),
        "nothing.jpg": picture("JPEG"),
    }
    for file in sorted(Path(sys.argv[1]).glob("*.png")) if len(sys.argv) > 1 else []:
        written[file.name] = file.read_bytes()
    OUT.write_text(json.dumps({name: base64.b64encode(data).decode() for name, data in written.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
