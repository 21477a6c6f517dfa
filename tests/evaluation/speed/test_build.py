"""Random models: of the real classes, on the device, with nothing left at zero; and their tokenizer."""

import torch
from torch import nn

from model_core.evaluation.speed.build import audio_model, music_encoder, picture_encoder, tokenizer
from model_core.evaluation.speed.sizes import SIZES, TINY
from model_core.models.stable_audio.folder import CURVE_CHANNELS

CPU = torch.device("cpu")


def test_no_weight_is_zero_and_all_are_of_the_precision() -> None:
    model = audio_model(TINY, CPU, torch.bfloat16)
    networks: list[nn.Module] = [model.transformer, model.vae, model.text_encoder, model.duration_embedder]
    for network in networks:
        assert not network.training
        for name, parameter in network.named_parameters():
            assert parameter.any(), name
            assert parameter.dtype == (torch.float32 if network is model.duration_embedder else torch.bfloat16)
            assert not parameter.requires_grad
    for encoder in (picture_encoder(TINY, CPU), music_encoder(TINY, CPU)):
        assert all(parameter.any() for parameter in encoder._network.parameters())
    assert model.manifest.windows == TINY.windows


def test_the_sizes_take_the_curve() -> None:
    for size in SIZES.values():
        latents = size.vae["latent_dim"]
        assert size.transformer["io_channels"] == latents
        assert size.transformer["local_add_cond_dim"] == 1 + latents + CURVE_CHANNELS + 1
        assert size.transformer["cond_token_dim"] == size.text["hidden_size"]
        assert size.transformer["global_cond_dim"] == size.duration["output_dim"]


def test_prompts_are_filled_up_and_cut_off() -> None:
    found = tokenizer(16)(
        ["a ü", "x" * 40], padding="max_length", max_length=16, truncation=True, return_tensors="pt"
    )  # fmt: skip
    assert found.input_ids.shape == (2, 16)
    # Two bytes for ü and three for the mark that stands for a space.
    assert found.attention_mask.sum(dim=1).tolist() == [6, 16]
    assert int(found.input_ids.max()) < TINY.text["vocab_size"]
