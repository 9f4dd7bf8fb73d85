"""Writes judges/: small ONNX models of random weights that score pictures, in every way that judge.json and preprocessor_config.json can say, and
expected.json: what each says of pictures/, by Pillow, numpy, transformers' tokenizer and onnxruntime.

    pip install -r requirements.txt && python write_fixtures.py

Preprocessing is written here anew, step by step after the published code, and shares nothing with Winnow's.
"""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from safetensors.numpy import save_file
from transformers import CLIPTokenizerFast

HERE = Path(__file__).parent
ROOT = HERE / "judges"
PICTURES = HERE / "pictures"
TOKENIZER = HERE.parents[1] / "reference/cases/tokenizer-json/tokenizer"
PROMPTS = ["a red bird in the hills", "", "Café, 12 houses & a long, long sentence that goes on and on until it is cut " * 3]
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
expected: dict[str, dict] = {}
heads: dict[str, list] = {}


def write_pictures():
    rng = np.random.default_rng(0)
    for name, (width, height), mode in [("wide", (67, 41), "RGB"), ("tall", (30, 53), "RGBA"), ("square", (48, 48), "RGB")]:
        y, x = np.mgrid[:height, :width]
        smooth = np.stack([x * 255 / width, y * 255 / height, (x + y) * 127 / (width + height)], -1)
        pixels = np.clip(smooth + rng.normal(0, 40, smooth.shape), 0, 255).astype(np.uint8)
        if mode == "RGBA":
            pixels = np.concatenate([pixels, rng.integers(0, 256, (height, width, 1), dtype=np.uint8)], -1)
        Image.fromarray(pixels, mode).save(PICTURES / f"{name}.png")


class Net:
    """A graph under construction."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def op(self, kind, *inputs, **attributes):
        name = attributes.pop("to", f"{kind.lower()}_{len(self.nodes)}")
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values, dtype=np.float32):
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def random(self, *shape):
        return self.constant(self.rng.normal(0, 1 / math.sqrt(math.prod(shape[1:]) or 1), shape))

    def image(self, pixels, width=6, to=None):
        """[N, 3, H, W] to [N, width]: convolution, then the mean."""
        hidden = self.op("Relu", self.op("Conv", pixels, self.random(8, 3, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1]))
        pooled = self.op("Flatten", self.op("GlobalAveragePool", hidden))
        return self.op("MatMul", pooled, self.random(8, width), **({"to": to} if to else {}))

    def text(self, ids, mask=None, width=6, to=None, length=None):
        """Row sums of embeddings where the mask is 1; where there is none, weighed by place."""
        rows = self.op("Gather", self.random(700, width), ids)
        if mask:
            rows = self.op("Mul", rows, self.op("Unsqueeze", self.cast(mask), self.constant([2], np.int64)))
        else:
            rows = self.op("Mul", rows, self.random(1, length, 1))
        return self.op("ReduceSum", rows, self.constant([1], np.int64), keepdims=0, **({"to": to} if to else {}))

    def cast(self, value, dtype=TensorProto.FLOAT):
        name = f"cast_{len(self.nodes)}"
        self.nodes.append(helper.make_node("Cast", [value], [name], to=dtype))
        return name

    def unit(self, value):
        return self.op("Div", value, self.op("ReduceL2", value, self.constant([1], np.int64), keepdims=1))

    def save(self, folder, inputs, outputs, file="model.onnx", external=False):
        info = lambda ports: [helper.make_tensor_value_info(name, kind, dims) for name, kind, dims in ports]
        graph = helper.make_graph(self.nodes, "judge", info(inputs), info(outputs), self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        onnx.checker.check_model(model)
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if external:
            onnx.save(model, path, save_as_external_data=True, location=f"{file}.data", size_threshold=0)
        else:
            onnx.save(model, path)


def rounded(x):
    return int(round(x))


def resized(image, size, resample, floats):
    """Pillow's two 8-bit passes; or, of tensors, its passes over 32-bit floats, which is torch's antialiased resize."""
    if not floats:
        return np.asarray(image.resize(size, resample), np.float32)
    planes = [Image.fromarray(np.asarray(image)[..., c].astype(np.float32) / 255, "F").resize(size, resample) for c in range(3)]
    return np.stack([np.asarray(plane) for plane in planes], -1) * np.float32(255)


def middle(pixels, height, width, offset):
    begin = lambda have, want: (have - want) // 2 if offset == "floor" else rounded((have - want) / 2)
    top, left = begin(pixels.shape[0], height), begin(pixels.shape[1], width)
    return pixels[top : top + height, left : left + width]


def preprocess(name, image):
    """[H, W, 3], as `image` of a judge.json says."""
    picture = Image.open(PICTURES / f"{name}.png").convert("RGB")
    steps = image["preprocessor"]
    pixels = np.asarray(picture, np.float32)
    if steps.get("do_resize", True):
        size, (width, height) = steps["size"], picture.size
        if isinstance(size, int):
            size = {"shortest_edge": size}
        if "height" in size:
            to = (size["width"], size["height"])
        elif "shortest_edge" in size:
            short = size["shortest_edge"]
            long = int(short * max(width, height) / min(width, height))
            to = (short, long) if width <= height else (long, short)
        else:
            scale = size["longest_edge"] / max(width, height)
            to = (rounded(width * scale), rounded(height * scale))
        pixels = resized(picture, to, steps["resample"], image.get("resizeIn") == "float32")
    if steps.get("do_center_crop", "crop_size" in steps):
        crop = steps["crop_size"]
        crop = {"height": crop, "width": crop} if isinstance(crop, int) else crop
        pixels = middle(pixels, crop["height"], crop["width"], image.get("cropOffset", "floor"))
    if steps.get("do_rescale", True):
        pixels = (pixels.astype(np.float64) * steps.get("rescale_factor", 1 / 255)).astype(np.float32)
    pad = image.get("pad")

    def padded(values):
        down, across = pad["height"] - values.shape[0], pad["width"] - values.shape[1]
        sides = ((down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0))
        return np.pad(values, sides, constant_values=np.float32(pad.get("value", 0)))

    if pad and pad.get("when", "beforeNormalize") == "beforeNormalize":
        pixels = padded(pixels)
    if steps.get("do_normalize", True):
        pixels = (pixels - np.float32(steps["image_mean"])) / np.float32(steps["image_std"])
    if pad and pad.get("when") == "afterNormalize":
        pixels = padded(pixels)
    return pixels


def feeds(name, prompt, image, text):
    pixels = preprocess(name, image)
    if image.get("channels") == "BGR":
        pixels = pixels[..., ::-1]
    if image.get("layout", "NCHW") == "NCHW":
        pixels = pixels.transpose(2, 0, 1)
    dtype = image.get("dtype", "float32")
    if dtype == "uint8":
        pixels = np.clip(np.rint(pixels), 0, 255)
    given = {image.get("input", "pixel_values"): np.ascontiguousarray(pixels[None].astype(dtype))}
    if text:
        tokenizer = CLIPTokenizerFast.from_pretrained(TOKENIZER)
        ids = tokenizer(text.get("prefix", "") + prompt, truncation=True, max_length=text["maxLength"])["input_ids"]
        count, length = len(ids), text.get("padTo") or len(ids)
        ids = ids + [text.get("padId", tokenizer.pad_token_id)] * (length - count)
        kind = text.get("dtype", "int64")
        given[text["ids"]] = np.asarray([ids], kind)
        if text.get("mask"):
            given[text["mask"]] = np.asarray([[1] * count + [0] * (length - count)], kind)
    return given


def read(outputs, said):
    score = said["score"]
    if "dot" in score:
        a, b = (outputs[name][0].astype(np.float64) for name in score["dot"])
        if score.get("normalize", True):
            a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
        raw = score.get("scale", 1) * float(a @ b)
    elif "weights" in score:
        values = outputs[score["output"]].reshape(-1).astype(np.float64)
        if score.get("softmax"):
            values = np.exp(values - values.max()) / np.exp(values - values.max()).sum()
        raw = float(values @ np.asarray(score["weights"]))
    elif "head" in score:
        x = outputs[score["output"]].reshape(-1).astype(np.float64)
        if score.get("normalize", True):
            x = x / np.linalg.norm(x)
        for weight, bias in heads[score["head"]]:
            x = weight.astype(np.float64) @ x + bias
        raw = float(x[0])
    else:
        raw = float(outputs[score["output"]].reshape(-1)[score.get("index", 0)])
    value = raw * said.get("scale", 1) + said.get("shift", 0)
    return value if said.get("higherIsBetter", True) else -value


def case(name, said, model="model.onnx"):
    """`said`: what the judge.json holds, or what follows from the names where there is none."""
    session = onnxruntime.InferenceSession(str(ROOT / name / model), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    scores = []
    for picture in ["wide", "tall", "square"]:
        for prompt in PROMPTS if said.get("text") else [""]:
            outputs = dict(zip(names, session.run(None, feeds(picture, prompt, said["image"], said.get("text")))))
            scores.append({"picture": f"{picture}.png", "prompt": prompt, "score": read(outputs, said)})
    expected[name] = {"needsPrompt": bool(said.get("text")), "scores": scores}


def folder(name, judge=None, tokenizer=False, **files):
    path = ROOT / name
    path.mkdir(parents=True)
    if judge:
        files["judge.json"] = {"judge": 1, "model": "model.onnx", **judge}
    for file, content in files.items():
        (path / file.replace("_json", ".json")).write_text(json.dumps(content, indent=2) + "\n")
    if tokenizer:
        for file in TOKENIZER.iterdir():
            shutil.copy(file, path / file.name)
    return path


F32, F16, U8, I64, I32 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8, TensorProto.INT64, TensorProto.INT32


def clip_preprocessor(side):
    return {
        "image_processor_type": "CLIPImageProcessor", "do_convert_rgb": True, "do_resize": True,
        "size": {"shortest_edge": side}, "resample": 3, "do_center_crop": True, "crop_size": {"height": side, "width": side},
        "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": MEAN, "image_std": STD,
    }


def main():
    for place in (ROOT, PICTURES):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    write_pictures()

    # Without a judge.json: one number of a picture, the preprocessor beside it, the model where hubs have it.
    steps = clip_preprocessor(32)
    path = folder("head", preprocessor_config_json=steps)
    net = Net(1)
    net.image("pixel_values", 1, to="score")
    net.save(path, [("pixel_values", F32, ["batch", 3, 32, 32])], [("score", F32, ["batch", 1])], file="onnx/model.onnx")
    case("head", {"image": {"preprocessor": steps}, "score": {"output": "score"}}, "onnx/model.onnx")

    # The same for both towers, as transformers names what CLIP gives; sizes of old files are bare numbers.
    steps = {**clip_preprocessor(24), "size": 24, "crop_size": 24}
    path = folder("both-towers", preprocessor_config_json=steps, tokenizer=True)
    net = Net(2)
    image = net.unit(net.image("pixel_values", to="image_embeds"))
    text = net.unit(net.text("input_ids", "attention_mask", to="text_embeds"))
    logits = net.op("MatMul", net.op("Mul", image, net.constant([100.0])), net.op("Transpose", text), to="logits_per_image")
    net.op("Transpose", logits, to="logits_per_text")
    net.save(
        path,
        [("input_ids", I64, ["text", "tokens"]), ("pixel_values", F32, ["images", 3, "height", "width"]), ("attention_mask", I64, ["text", "tokens"])],
        [("logits_per_image", F32, ["images", "text"]), ("logits_per_text", F32, ["text", "images"]), ("text_embeds", F32, ["text", 6]), ("image_embeds", F32, ["images", 6])],
    )
    case("both-towers", {
        "image": {"preprocessor": steps}, "score": {"output": "logits_per_image"},
        "text": {"ids": "input_ids", "mask": "attention_mask", "maxLength": 77},
    })

    # Two embeddings, their cosine times 100; a prefix, ids in 32 bits, padded to a fixed length.
    said = {
        "name": "Cosine", "licence": "mit",
        "image": {"input": "image", "preprocessor": {**clip_preprocessor(28), "resample": 1}, "cropOffset": "round"},
        "text": {"ids": "tokens", "dtype": "int32", "tokenizer": "clip", "maxLength": 20, "padTo": 20, "padId": 3, "prefix": "A photo depicts "},
        "score": {"dot": ["image_features", "text_features"], "normalize": True, "scale": 100},
        "range": [-100, 100], "pairProbability": "softmax",
    }
    path = folder("cosine", judge=said, tokenizer=True)
    net = Net(3)
    net.image("image", to="image_features")
    net.text("tokens", to="text_features", length=20)
    net.save(path, [("image", F32, [1, 3, 28, 28]), ("tokens", I32, [1, 20])], [("image_features", F32, [1, 6]), ("text_features", F32, [1, 6])])
    case("cosine", said)

    # Ordered labels, bytes in NHWC and BGR, squashed; worse is more.
    said = {
        "image": {
            "input": "img", "layout": "NHWC", "channels": "BGR", "dtype": "uint8",
            "preprocessor": {"do_resize": True, "size": {"height": 20, "width": 26}, "resample": 2, "do_rescale": False, "do_normalize": False},
        },
        "score": {"output": "logits", "softmax": True, "weights": [0, 1, 2, 3, 4, 5, 6]},
        "higherIsBetter": False, "scale": 0.5, "shift": 1,
    }
    path = folder("labels", judge=said)
    net = Net(4)
    pixels = net.op("Div", net.cast("img"), net.constant([64.0]))
    net.image(net.op("Transpose", pixels, perm=[0, 3, 1, 2]), 7, to="logits")
    net.save(path, [("img", U8, [1, 20, 26, 3])], [("logits", F32, [1, 7])])
    case("labels", said)

    # HPS: resized as a tensor so that the long side fits, black around it before it is normalised; half width, weights beside the model.
    said = {
        "image": {
            "input": "pixel_values", "dtype": "float16", "resizeIn": "float32",
            "preprocessor": {"size": {"longest_edge": 31}, "resample": 3, "image_mean": MEAN, "image_std": STD},
            "pad": {"height": 31, "width": 31, "value": 0, "when": "beforeNormalize"},
        },
        "score": {"output": "rating", "index": 1},
    }
    path = folder("letterbox", judge=said)
    net = Net(5)
    net.image(net.cast("pixel_values"), 3, to="rating")
    net.save(path, [("pixel_values", F16, ["n", 3, 31, 31])], [("rating", F32, ["n", 3])], external=True)
    case("letterbox", said)

    # Pictures in their own size, a grey border after normalising.
    said = {
        "image": {
            "input": "x", "preprocessor": {"do_resize": False, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
            "pad": {"height": 70, "width": 70, "value": 0.25, "when": "afterNormalize"},
        },
        "score": {"output": "y"},
    }
    path = folder("border", judge=said)
    net = Net(6)
    net.image("x", 1, to="y")
    net.save(path, [("x", F32, [1, 3, "h", "w"])], [("y", F32, [1, 1])])
    case("border", said)

    # LAION's head on the embedding of a plain export, with what it is known to say.
    said = {
        "image": {"input": "pixel_values", "preprocessor": clip_preprocessor(32)},
        "score": {"output": "image_embeds", "normalize": True, "head": "mlp.safetensors"},
    }
    rng = np.random.default_rng(8)
    sizes = [6, 20, 12, 8, 4, 1]
    layers = [(rng.normal(0, 1 / math.sqrt(a), (b, a)).astype(np.float32), rng.normal(0, 0.1, b).astype(np.float32)) for a, b in zip(sizes, sizes[1:])]
    heads[said["score"]["head"]] = layers
    path = folder("laion-head", judge=said)
    save_file({f"layers.{i}.{kind}": x for i, pair in zip((0, 2, 4, 6, 7), layers) for kind, x in zip(("weight", "bias"), pair)}, path / "mlp.safetensors")
    net = Net(9)
    net.image("pixel_values", to="image_embeds")
    net.save(path, [("pixel_values", F32, ["n", 3, 32, 32])], [("image_embeds", F32, ["n", 6])])
    case("laion-head", said)
    known = expected["laion-head"]["scores"][0]
    shutil.copy(PICTURES / known["picture"], path / known["picture"])
    said["selfTest"] = [{"image": known["picture"], "prompt": "", "score": round(known["score"], 5), "tolerance": 1e-4}]
    (path / "judge.json").write_text(json.dumps({"judge": 1, "model": "model.onnx", **said}, indent=2) + "\n")

    # timm's way of saying it.
    path = folder("timm", config_json={
        "architecture": "tiny", "num_classes": 1,
        "pretrained_cfg": {"input_size": [3, 32, 32], "interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "center", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    })
    net = Net(7)
    net.image("input", 1, to="output")
    net.save(path, [("input", F32, ["batch", 3, 32, 32])], [("output", F32, ["batch", 1])], file="tiny.onnx")
    steps = {"size": {"shortest_edge": math.floor(32 / 0.9)}, "resample": 3, "crop_size": 32, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    case("timm", {"image": {"input": "input", "preprocessor": steps, "cropOffset": "round"}, "score": {"output": "output"}}, "tiny.onnx")

    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


main()
