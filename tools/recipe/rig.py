"""One rig for all rows: model, prompts, judges, pairs, tuned networks, pictures and what is measured of them.

Everything that costs time is kept by what it was made of (WORK/<model>-<prompts>/<hash>.pt), so that a row that was killed goes on, and rows share
their runs. Scorer A labels and selects; B judges; C, where the model has one, has the last word.
"""

import copy
import hashlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch

from identity import hashed, identity

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "base-model"), str(HERE.parent / "hand-off")]

from common import NAMES, bf16, to_uint8  # noqa: E402
from make_prompts import prompts as drawn_prompts  # noqa: E402
from model import Model  # noqa: E402
from sampling import seeded_noise  # noqa: E402
from scorer import read_scorer  # noqa: E402
from taste_search import QUICK, SAMPLER, shape, tune  # noqa: E402
from train_unet import NOISE  # noqa: E402
from diffusers import DDPMScheduler  # noqa: E402

# The studio's standard preset for a hundred pairs (src/training/presets.ts; recipe.test.ts compares them).
STANDARD = dict(QUICK, lr=2e-3, beta=1000, steps=120, batch=4, warmup=10, low=700, high=1000)


class Missing(Exception):
    """What an arm needs is not here; the others go on."""


@dataclass
class Size:
    """How much of everything; `tiny` is a dry run, whose figures mean nothing."""

    prompts: int = 250
    seeds: int = 2
    base_seeds: int = 4
    held: int = 100  # pairs for the winner's error and drift
    draws: int = 10  # timesteps and noises of those
    block: int = 50  # prompts whose candidates are kept in one file
    tiny: bool = False

    @classmethod
    def of(cls, tiny):
        return cls(6, 2, 4, 4, 3, 4, True) if tiny else cls()

    def pairs(self, n):
        return max(4, n // 25) if self.tiny else n

    def settings(self, settings):
        return dict(settings, steps=3, batch=2, warmup=1) if self.tiny else settings


@dataclass
class Net:
    """A denoiser; `key` says all that made it."""

    key: str
    unet: torch.nn.Module = field(repr=False)


@dataclass
class Candidates:
    """Pictures of `of` seeds of each prompt: latents [N, of, C, h, w], hidden [N, L, D], scores by scale [N, of]."""

    key: str
    texts: list
    z: torch.Tensor = field(repr=False)
    hidden: torch.Tensor = field(repr=False)
    scores: dict = field(repr=False)

    def pick(self, rows):
        rows = torch.as_tensor(rows)
        return Candidates(f"{self.key}{rows.tolist()}", [self.texts[i] for i in rows], self.z[rows], self.hidden[rows], {k: v[rows] for k, v in self.scores.items()})


@dataclass
class Pairs:
    """Winners and losers [N, C, h, w] of prompts, hidden [N, L, D]; margin [N] by who labelled; preference [N] for soft labels."""

    key: str
    w: torch.Tensor = field(repr=False)
    l: torch.Tensor = field(repr=False)
    hidden: torch.Tensor = field(repr=False)
    margin: torch.Tensor = field(repr=False)
    preference: torch.Tensor | None = field(default=None, repr=False)

    def turned(self, mask, why):
        """Labels turned around where mask [N]."""
        m = mask[:, None, None, None]
        return Pairs(f"{self.key}|{why}", torch.where(m, self.l, self.w), torch.where(m, self.w, self.l), self.hidden, torch.where(mask, -self.margin, self.margin))


def labelled(candidates, by="a"):
    """Best and worst by a scale; of two candidates simply the better one."""
    s, rows = candidates.scores[by], torch.arange(len(candidates.texts))
    w, l = s.argmax(1), s.argmin(1)
    l = torch.where(w == l, (w + 1) % s.shape[1], l)
    return Pairs(f"{candidates.key}|{by}", candidates.z[rows, w], candidates.z[rows, l], candidates.hidden, s[rows, w] - s[rows, l])


class Rig:
    labelled = staticmethod(labelled)

    def __init__(self, folder, prompts, work, size, classifier=None, weak=None):
        self.size, self.folder = size, Path(folder)
        self.model = Model.load(folder)
        self.scorers = {p.parent.name: read_scorer(p.parent) for p in sorted((self.folder / "scorers").glob("*/config.json"))}
        if not {"a", "b"} <= set(self.scorers):
            raise SystemExit(f"{folder} has no scorers a and b: A labels, B judges.")
        self.judges = [k for k in self.scorers if k != "a"]
        self.id = identity(self.folder)
        self.versions = {k: hashed((self.folder / "scorers" / k).glob("*.safetensors")) for k in self.scorers}
        lines = lambda name: [t for t in (Path(prompts) / f"{name}.txt").read_text().splitlines() if t and not t.startswith("#")]
        self.train, self.test = lines("train"), lines("test")[: size.prompts]
        self.work = Path(work) / f"{self.id}-{short([self.train, self.test])[:6]}{'-tiny' if size.tiny else ''}"
        self.work.mkdir(parents=True, exist_ok=True)
        self.hidden, self.pooled = self.model.read(self.test)
        self.empty = self.model.read([""])[0][0]
        self.base, self.weak_weights = Net("base", self.model.unet), weak
        self.classifier = self._classifier(classifier)

    def _classifier(self, path):
        """The attribute classifier, and attributes and what is said of each test prompt; None where either is missing."""
        if path is None:
            return None
        from classifier import load_classifier

        known = {t: (a, said) for t, a, said in drawn_prompts(400, True, 202)}
        if not set(self.test) <= set(known):
            raise SystemExit("The classifier knows another world than these prompts: leave out --classifier.")
        rows = [known[t] for t in self.test]
        attributes = torch.tensor([[a[n] for n in NAMES] for a, _ in rows])
        said = torch.tensor([[n in s for n in NAMES] for _, s in rows])
        return load_classifier(path, 1), attributes, said

    def kept(self, key, make):
        """`make()`, or what it gave before under this key."""
        text = json.dumps(key, sort_keys=True)
        path = self.work / f"{hashlib.sha256(text.encode()).hexdigest()[:20]}.pt"
        if path.exists():
            return torch.load(path, weights_only=False)["value"]
        value = make()
        part = path.with_suffix(f".{id(value)}.part")
        torch.save({"key": text, "value": value}, part)
        part.rename(path)
        return value

    # Networks

    def tuned(self, pairs, seed, start=None, anchor=None, **changed):
        """-> Net, and the means of its last steps. `changed`: settings of taste_search.py beside the standard run's."""
        start, settings = start or self.base, self.size.settings({**STANDARD, **changed})
        key = {"tuned": pairs.key, "seed": seed, "start": start.key, "anchor": anchor and anchor.key, "settings": settings}

        def make():
            with torch.enable_grad():
                unet, tail = tune(self.model, (pairs.w, pairs.l, pairs.hidden), seed, **settings, start=start.unet, anchor=anchor and anchor.unet, preference=pairs.preference)
            layers = {n: m for n, m in unet.named_modules() if hasattr(m, "lora_A")}
            return {n: (m.lora_A["default"].weight.detach(), m.lora_B["default"].weight.detach()) for n, m in layers.items()}, tail

        lora, tail = self.kept(key, make)
        return Net(short(key), added(start.unet, lora)), tail

    def combined(self, parts):
        """Base + sum of scale x (net - base): parts [(scale, Net)]."""
        unet = copy.deepcopy(self.base.unet)
        with torch.no_grad():
            base = dict(self.base.unet.named_parameters())
            for scale, net in parts:
                theirs = dict(net.unet.named_parameters())
                for name, p in unet.named_parameters():
                    p += scale * (theirs[name] - base[name])
        return Net(short([[s, n.key] for s, n in parts]), unet)

    def weak(self):
        """A weaker base: an earlier checkpoint's UNet if one was given, else the model's own with noise on every weight."""
        unet = copy.deepcopy(self.base.unet)
        if self.weak_weights:
            from safetensors.torch import load_file

            unet.load_state_dict({k: v.float() for k, v in load_file(self.weak_weights).items()})
            return Net(f"weak {hashlib.sha256(Path(self.weak_weights).read_bytes()).hexdigest()[:12]}", unet)
        generator = torch.Generator().manual_seed(12)
        with torch.no_grad():
            for p in unet.parameters():
                if p.ndim > 1:
                    p += 0.15 * p.std() * torch.randn(p.shape, generator=generator)
        return Net("weak, noise 0.15", unet)

    # Pictures

    def rated(self, images, pooled, by=None):
        """Scores by scale: {'a': [N], 'a alignment': [N], ...}; by: these scorers alone."""
        out = {}
        for name, scorer in self.scorers.items():
            if by and name not in by:
                continue
            appeal, alignment = zip(*(scorer(x, g) for x, g in zip(images.split(50), pooled.split(50))))
            out[name], out[f"{name} alignment"] = torch.cat(appeal), torch.cat(alignment)
        return out

    @torch.no_grad()
    def candidates(self, net, count, of, seed, first=0):
        """Of prompts first .. first + count in this seed's order; a larger count keeps what is there."""
        size, order = self.size.block, torch.randperm(len(self.train), generator=torch.Generator().manual_seed(seed)).tolist()
        texts = [self.train[order[i % len(order)]] for i in range(first + count)]

        def block(at):
            def make():
                mine = [self.train[order[i % len(order)]] for i in range(at, at + size)]
                hidden, pooled = self.model.read(mine)
                start = 10_000 + 100_000 * seed + of * at
                z = self.model.sample(hidden.repeat_interleave(of, 0), seeded_noise(range(start, start + of * size), shape(self.model)), net.unet, **SAMPLER)
                scores = self.rated(self.model.decode(z), pooled.repeat_interleave(of, 0), "ab")
                return {"z": z.view(size, of, *z.shape[1:]), "hidden": hidden, "scores": {k: v.view(size, of) for k, v in scores.items()}}

            return self.kept({"candidates": net.key, "of": of, "seed": seed, "at": at}, make)

        start, end = first // size * size, first + count
        blocks = [block(at) for at in range(start, end, size)]
        cut = slice(first - start, end - start)
        return Candidates(
            short({"net": net.key, "count": count, "of": of, "seed": seed, "first": first}), texts[first:end],
            torch.cat([b["z"] for b in blocks])[cut], torch.cat([b["hidden"] for b in blocks])[cut],
            {k: torch.cat([b["scores"][k] for b in blocks])[cut] for k in blocks[0]["scores"]},
        )

    def noise(self, seeds):
        """Of every test prompt and seed, seeds the slow index: [seeds * P, C, h, w]."""
        return seeded_noise([50_000 + 1000 * s + p for s in range(seeds) for p in range(len(self.test))], shape(self.model))

    @torch.no_grad()
    def look(self, net, seeds=None, negative=None, **sampler):
        """Pictures of the test prompts: scores by scale [P, S], distance between the first two of a prompt [P], attributes [P, S] or None, latents
        [P, S, C, h, w], the first eight pictures."""
        seeds, sampler = seeds or self.size.seeds, {**SAMPLER, **sampler}

        def make():
            return self.model.sample(self.hidden.repeat(seeds, 1, 1), self.noise(seeds), net.unet, negative=negative and negative.unet, **sampler)

        return self.seen({"look": net.key, "seeds": seeds, "negative": negative and negative.key, **sampler}, make, seeds)

    def seen(self, key, make, seeds):
        """Pictures of all test prompts, seeds the slow index, drawn once and rated once by each scorer."""
        key = {**key, "prompts": len(self.test)}
        z = self.kept(key, lambda: make().half())
        images = []
        table = lambda v: v.view(seeds, -1, *v.shape[1:]).transpose(0, 1).contiguous()

        def decoded():
            if not images:
                images.append(self.model.decode(z.float()))
            return images[0]

        def rated(name):
            f = torch.cat([self.scorers[name].features(x) for x in decoded().split(50)])
            return {k: table(v) for k, v in self.rated(decoded(), self.pooled.repeat(seeds, 1), name).items()}, table(f)[:, :2]

        scores, features = {}, None
        for name, version in self.versions.items():
            found, f = self.kept({**key, "rated by": version}, lambda: rated(name))
            scores |= found
            features = f if name == "b" else features
        return {
            "z": table(z), "scores": scores, "distance": (features[:, 0] - features[:, -1]).square().mean(1).sqrt(),
            "attributes": self.classifier and self.kept({**key, "classifier": True}, lambda: table(self.right(decoded()))),
            "shown": self.kept({**key, "shown": True}, lambda: to_uint8(decoded()[:8])),
        }

    def right(self, images):
        """Share of what each prompt says that the classifier sees [N]."""
        net, truth, said = self.classifier
        n = len(images) // len(truth)
        seen = torch.cat([torch.stack([h.argmax(1) for h in net(x)], 1) for x in images.split(100)])
        asked = said.repeat(n, 1)
        return ((seen == truth.repeat(n, 1)) & asked).sum(1) / asked.sum(1).clamp(min=1)

    def base_look(self):
        return self.look(self.base, self.size.base_seeds)

    # What a network says of pairs

    @torch.no_grad()
    def predictions(self, net, z, hidden, draws, trained=False):
        """v of latents [N, C, h, w] at `draws` common (timestep, noise): prediction and target [N, K, C, h, w]. trained: timesteps of STANDARD alone."""
        timesteps, noise = (trained_bank if trained else bank)(draws, shape(self.model))
        schedule, out, targets = DDPMScheduler(**NOISE), [], []
        for k in range(draws):
            t, eps = timesteps[k].expand(len(z)), noise[k].expand_as(z)
            noisy, target = schedule.add_noise(z, eps, t), schedule.get_velocity(z, eps, t)
            with bf16():
                v = torch.cat([net.unet(x, s, h).sample.float() for x, s, h in zip(noisy.split(100), t.split(100), hidden.split(100))])
            out.append(v)
            targets.append(target)
        return torch.stack(out, 1), torch.stack(targets, 1)

    def errors(self, net, pairs, draws, trained=False):
        """Errors of winners and losers at common draws: [N, 2, K]."""

        def make():
            both, hidden = torch.cat([pairs.w, pairs.l]), pairs.hidden.repeat(2, 1, 1)
            parts = []
            for z, h in zip(both.split(200), hidden.split(200)):
                v, target = self.predictions(net, z, h, draws, trained)
                parts.append((v - target).square().mean((2, 3, 4)))
            return torch.cat(parts).view(2, len(pairs.w), draws).transpose(0, 1).contiguous()

        return self.kept({"errors": net.key, "pairs": pairs.key, "draws": draws, **({"trained": trained} if trained else {})}, make)

    def margins(self, net, pairs, draws, trained=False):
        """Implicit margin at each draw [N, K]: how much more likely than by the base the winner is, less the loser. beta drops out."""
        gain = self.errors(self.base, pairs, draws, trained) - self.errors(net, pairs, draws, trained)
        return gain[:, 0] - gain[:, 1]

    def held_out(self, count=None):
        """Candidates of two seeds of the base for test prompts; every prompt comes before one comes again."""
        look, seeds, count = self.base_look(), self.size.base_seeds, count or self.size.held
        two = lambda v: torch.cat([v[:, k : k + 2] for k in range(0, seeds, 2)])[:count]
        texts = (self.test * (seeds // 2))[:count]
        return Candidates(f"held out {len(texts)}", texts, two(look["z"]).float(), self.hidden.repeat(seeds // 2, 1, 1)[:count], {k: two(v) for k, v in look["scores"].items()})

    def drift(self, net, start):
        """Mean square distance of predictions from those of what was tuned, on held-out pictures."""

        def make():
            held = self.held_out()
            z, hidden = held.z.flatten(0, 1), held.hidden.repeat_interleave(2, 0)
            ours, theirs = (self.predictions(n, z, hidden, 4)[0] for n in (net, start))
            return (ours - theirs).square().mean().item()

        return self.kept({"drift": net.key, "start": start.key, "held": self.size.held}, make)


def short(key):
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]


def added(unet, lora):
    """A copy with the adapter merged; rank equals alpha."""
    unet = copy.deepcopy(unet)
    layers = dict(unet.named_modules())
    with torch.no_grad():
        for name, (down, up) in lora.items():
            weight = layers[name].weight
            weight += (up.flatten(1) @ down.flatten(1)).view_as(weight)
    return unet


def bank(draws, latent):
    """Common draws: timesteps [K], one of each tenth before one comes again, and noises [K, 1, C, h, w]."""
    generator = torch.Generator().manual_seed(77)
    bins = torch.cat([torch.randperm(10, generator=generator) for _ in range(-(-draws // 10))])[:draws]
    timesteps = bins * 100 + torch.randint(100, (len(bins),), generator=generator)
    return timesteps, torch.randn((draws, 1, *latent), generator=generator)


def trained_bank(draws, latent):
    """Common draws over the timesteps that STANDARD trains on, one of each part of them, as the studio draws a run's (src/training/implicitReward.ts)."""
    generator = torch.Generator().manual_seed(77)
    low, high = STANDARD["low"], STANDARD["high"]
    timesteps = low + ((torch.randperm(draws, generator=generator) + torch.rand(draws, generator=generator)) * (high - low) / draws).long()
    return timesteps, torch.randn((draws, 1, *latent), generator=generator)
