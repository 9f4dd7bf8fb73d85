"""Load a model folder as anyone would and draw one picture: python check_folder.py public/models/postcard"""

import sys

from diffusers import StableDiffusionPipeline

pipe = StableDiffusionPipeline.from_pretrained(sys.argv[1])
pipe.set_progress_bar_config(disable=True)
image = pipe("a red house by the sea at sunset, the sun to the left", num_inference_steps=12, guidance_scale=2.0).images[0]
print("check:", image.size, pipe.unet.dtype, pipe.text_encoder.dtype, "extrema", image.getextrema())
