"""The ways that are compared: this project's generator and codec, and diffusers' own pipeline, on the same weights."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, Protocol

import numpy as np
import torch
from diffusers import StableAudio3Pipeline

from model_core.evaluation.speed.build import scheduler
from model_core.evaluation.speed.clock import Clock
from model_core.evaluation.speed.stages import Sampling
from model_core.models.stable_audio.flow import AudioFlow, Take
from model_core.models.stable_audio.folder import AudioModel

EAGER: Final = "eager"
COMPILED: Final = "compiled"
DIFFUSERS: Final = "diffusers"
WAYS: Final = (EAGER, COMPILED, DIFFUSERS)
_PROMPT: Final = "tense strings, a big brass hit"


class Way(Protocol):
    """A loaded model; every method gives seconds."""

    def prompt(self, batch: int) -> float:
        """To encode so many prompts."""
        ...

    def sample(self, sampling: Sampling, seconds: float, batch: int, steps: int) -> list[float]:
        """Of each step of the sampler, windows one after the other."""
        ...

    def decode(self, seconds: float, batch: int) -> float:
        """From latents on the device to sound in the computer's own memory."""
        ...


class Ours:
    """AudioFlow and SameCodec, as StableAudioModel uses them."""

    def __init__(self, model: AudioModel) -> None:
        self._model = model
        # The scheduler alone makes a distilled checkpoint out of a base one.
        self._flows = {
            distilled: AudioFlow(replace(model, scheduler=scheduler(distilled=distilled)))
            for distilled in (True, False)
        }
        self._clock = Clock(model.transformer.device)

    def prompt(self, batch: int) -> float:
        """See Way."""
        self._clock.start()
        self._flows[True].prompts.encode([_PROMPT] * batch)
        self._clock.mark()
        return sum(self._clock.seconds())

    def sample(self, sampling: Sampling, seconds: float, batch: int, steps: int) -> list[float]:
        """See Way."""
        flow = self._flows[sampling.distilled]
        curve = np.random.default_rng(0).normal(size=flow.codec.frames_of(seconds)) if sampling.curve else None
        takes = [Take(_PROMPT, seed, curve) for seed in range(batch)]
        with _steps_marked(self._model.transformer, self._clock):
            latents = flow.generate(takes, seconds, sampling.guidance, steps)
        return _steps_of(latents, self._clock)

    def decode(self, seconds: float, batch: int) -> float:
        """See Way."""
        codec = self._flows[True].codec
        latents = _latents(self._model, batch, codec.frames_of(seconds))
        self._clock.start()
        codec.decode(latents, int(seconds * codec.sample_rate))
        self._clock.mark()
        return sum(self._clock.seconds())


class Plain:
    """diffusers' StableAudio3Pipeline. It takes no curve, and goes on from nothing."""

    def __init__(self, model: AudioModel) -> None:
        self._model = model
        self._pipelines = {distilled: _pipeline(model, distilled) for distilled in (True, False)}
        self._clock = Clock(model.transformer.device)

    @torch.no_grad()
    def prompt(self, batch: int) -> float:
        """See Way."""
        self._clock.start()
        self._pipelines[True].encode_prompt([_PROMPT] * batch, self._model.transformer.device, 1)
        self._clock.mark()
        return sum(self._clock.seconds())

    def sample(self, sampling: Sampling, seconds: float, batch: int, steps: int) -> list[float]:
        """See Way. Its noise is drawn on the device, as diffusers' own example does."""
        generator = torch.Generator(self._model.transformer.device).manual_seed(0)
        with _steps_marked(self._model.transformer, self._clock):
            latents = self._pipelines[sampling.distilled](
                [_PROMPT] * batch,
                duration=seconds,
                num_inference_steps=steps,
                guidance_scale=sampling.guidance.text,
                generator=generator,
                output_type="latent",
            ).audios
        return _steps_of(latents, self._clock)

    @torch.no_grad()
    def decode(self, seconds: float, batch: int) -> float:
        """See Way: what the pipeline does after its last step, with output_type="np"."""
        vae = self._model.vae
        frames = -(-int(seconds * vae.config["sampling_rate"]) // vae.downsampling_ratio)
        latents = _latents(self._model, batch, frames).to(vae.dtype)
        self._clock.start()
        sound = vae.decode(latents).sample[:, :, : int(seconds * vae.config["sampling_rate"])].clamp(-1.0, 1.0)
        sound.cpu().float().numpy()
        self._clock.mark()
        return sum(self._clock.seconds())


def compile_blocks(model: AudioModel) -> None:
    """As StableAudioModel compiles; on a CPU, where this is only tried out, nothing is generated from the traced code."""
    torch._dynamo.reset()
    if model.transformer.device.type == "cuda":
        model.transformer.compile_repeated_blocks()
    else:
        model.transformer.compile_repeated_blocks(backend="eager")


def _pipeline(model: AudioModel, distilled: bool) -> StableAudio3Pipeline:
    # All in one precision, as it loads them itself: it passes on what the duration's embedder gives as it is.
    pipeline = StableAudio3Pipeline(
        vae=model.vae,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        duration_embedder=copy.deepcopy(model.duration_embedder).to(dtype=model.transformer.dtype),
        transformer=model.transformer,
        scheduler=scheduler(distilled=distilled),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@contextmanager
def _steps_marked(transformer: torch.nn.Module, clock: Clock) -> Iterator[None]:
    """A mark before each call of the transformer, which is one a step, and one at the end."""
    clock.forget()
    hook = transformer.register_forward_pre_hook(lambda module, given: clock.mark())
    try:
        yield
    finally:
        hook.remove()
    clock.mark()


def _steps_of(latents: torch.Tensor, clock: Clock) -> list[float]:
    steps = clock.seconds()
    if not torch.isfinite(latents).all():
        raise ArithmeticError("latents are not finite")
    return steps


def _latents(model: AudioModel, batch: int, frames: int) -> torch.Tensor:
    shape = (batch, int(model.vae.config["latent_dim"]), frames)
    return torch.randn(shape, device=model.transformer.device)
