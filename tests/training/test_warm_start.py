"""A flow that is taught a new vocabulary still says the same of what it knew."""

import numpy as np
import torch
from diffusers import StableAudio3DiTModel

from model_core.models.score.codec.grid import build_global_vector
from model_core.models.score.codec.vae import to_beats
from model_core.plan.plan import VOCABULARY, Header, Vocabulary
from model_core.training.composer import compose
from model_core.training.train_codec import train_codec
from model_core.training.train_flow import convert_vocabulary, new_model

OLD = Vocabulary(
    styles=("cinematic", "house"),
    meters=("4/4",),
    programs={"bass": (38, 32), "chords": (0, 4), "lead": (81, 0), "arp": (80,), "drums": (24, 0)},
    bpm=(60.0, 120.0),
)
PROGRAMS = {"bass": 32, "chords": 4, "lead": 0, "arp": 80, "drums": 24}


def _header(style: str, **programs: int) -> Header:
    return Header(style, 90.0, 0.1, True, PROGRAMS | programs, frozenset({"bass", "chords", "lead"}), 0.3, 0.6)


def _embedded(model: StableAudio3DiTModel, header: Header, vocabulary: Vocabulary) -> torch.Tensor:
    vector = torch.from_numpy(header.vector(vocabulary))[None]
    pooled = torch.nn.functional.normalize(torch.arange(384.0)[None], dim=1)
    embedded: torch.Tensor = model.to_global_embed(build_global_vector(vector, pooled, torch.tensor([True])))
    return embedded


def test_what_both_know_is_said_alike() -> None:
    torch.manual_seed(0)
    whole = new_model(8, embed_dim=64, depth=1)
    old = convert_vocabulary(whole, VOCABULARY, OLD)
    torch.nn.init.normal_(old.to_global_embed[0].weight)
    new = convert_vocabulary(old, OLD, VOCABULARY)
    torch.testing.assert_close(
        _embedded(new, _header("house"), VOCABULARY), _embedded(old, _header("house"), OLD), rtol=1e-4, atol=1e-4
    )


def test_a_codec_that_goes_on_keeps_its_latents_near() -> None:
    house = to_beats(compose(1, "house", 64).score)
    jazz = to_beats(compose(1, "jazz", 64).score).astype(np.float16)
    start = train_codec(house.astype(np.float16), steps=80, log=lambda line: None)
    before = {name: value.clone() for name, value in start.state_dict().items()}
    taught = train_codec(jazz, steps=30, start=start, log=lambda line: None)
    again = train_codec(jazz, steps=30, seed=1, log=lambda line: None)
    for name, value in start.state_dict().items():
        torch.testing.assert_close(value, before[name])
    with torch.no_grad():
        home, near, far = (vae.posterior(torch.from_numpy(house))[0] for vae in (start, taught, again))
    assert not torch.equal(home, near)
    assert (near - home).norm() < 0.5 * (far - home).norm()


def test_a_new_style_starts_from_its_nearest_and_a_new_program_from_nothing() -> None:
    torch.manual_seed(0)
    old = convert_vocabulary(new_model(8, embed_dim=64, depth=1), VOCABULARY, OLD)
    torch.nn.init.normal_(old.to_global_embed[0].weight)
    new = convert_vocabulary(old, OLD, VOCABULARY)
    known = _embedded(old, _header("cinematic"), OLD)
    torch.testing.assert_close(_embedded(new, _header("trailer"), VOCABULARY), known, rtol=1e-4, atol=1e-4)
    weight = new.to_global_embed[0].weight
    jazz_guitar = _header("trailer", chords=26).vector() - _header("trailer", chords=25).vector()
    assert not (weight[:, : VOCABULARY.dimension] @ torch.from_numpy(jazz_guitar)).any()
