"""Stable Audio 3 pipelines of the published classes, random and small, saved by diffusers itself."""

from pathlib import Path
from typing import Final

import torch
from diffusers import (
    AutoencoderSAME,
    FlowMatchEulerDiscreteScheduler,
    StableAudio3DiTModel,
    StableAudio3DurationEmbedder,
    StableAudio3Pipeline,
)
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import GemmaTokenizerFast, T5GemmaConfig, T5GemmaEncoderModel
from transformers.models.t5gemma import T5GemmaModuleConfig

WIDTH: Final = 32
LATENTS: Final = 8
HOP: Final = 4096
_SCALE: Final = 0.3
_WORDS: Final = ["tense strings, then a big brass hit", "calm piano, slow and warm", "drums and bass, 120 bpm"]


def tiny_pipeline(
    *, distilled: bool = False, differential: bool = True, sampling_rate: int = 44100, seed: int = 0
) -> StableAudio3Pipeline:
    """A pipeline whose every part does something: no weight that diffusers starts at zero is left there.

    ``distilled`` has the scheduler of the post-trained checkpoints, which draws fresh noise at each step;
    ``differential`` the attention of medium, otherwise that of small.
    """
    torch.manual_seed(seed)
    transformer = StableAudio3DiTModel(
        io_channels=LATENTS, embed_dim=WIDTH, depth=2, num_heads=2, cond_token_dim=WIDTH, global_cond_dim=WIDTH,
        local_add_cond_dim=1 + LATENTS, timestep_features_dim=16, ff_mult=2.0, num_memory_tokens=4,
        use_differential_attention=differential,
    )  # fmt: skip
    vae = AutoencoderSAME(
        patch_size=256, encoder_channels=8, encoder_c_mults=(4,), encoder_strides=(HOP // 256,),
        encoder_transformer_depths=(2,), latent_dim=LATENTS, dim_heads=16, ff_mult=2, sampling_rate=sampling_rate,
    )  # fmt: skip
    for network in (transformer, vae):
        _liven(network)
    duration = StableAudio3DurationEmbedder(output_dim=WIDTH, fourier_dim=16)
    scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, stochastic_sampling=distilled)
    tokenizer = _tokenizer()
    return StableAudio3Pipeline(
        vae=vae.eval(), text_encoder=_text_encoder(len(tokenizer)), tokenizer=tokenizer,
        duration_embedder=duration.eval(), transformer=transformer.eval(), scheduler=scheduler,
    )  # fmt: skip


def tiny_base(folder: Path, **settings: bool | int) -> Path:
    """The same, saved as diffusers does it; returns the folder."""
    tiny_pipeline(**settings).save_pretrained(folder)  # type: ignore[arg-type]
    return folder


def _liven(network: torch.nn.Module) -> None:
    for name, parameter in network.named_parameters():
        if not parameter.any() or name.endswith("new_tokens"):
            torch.nn.init.normal_(parameter, std=_SCALE if parameter.ndim < 2 else _SCALE / parameter.shape[-1] ** 0.5)


def _tokenizer() -> GemmaTokenizerFast:
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    raw = Tokenizer(BPE(unk_token="<unk>"))
    raw.pre_tokenizer = ByteLevel()
    raw.train_from_iterator(
        _WORDS, BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=ByteLevel.alphabet())
    )
    return GemmaTokenizerFast(tokenizer_object=raw, model_max_length=32)


def _text_encoder(vocabulary: int) -> T5GemmaEncoderModel:
    def module() -> dict[str, object]:
        config = T5GemmaModuleConfig(
            vocab_size=vocabulary, hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=1,
            num_attention_heads=2, num_key_value_heads=1, head_dim=16, max_position_embeddings=64, sliding_window=64,
            layer_types=["full_attention"],
        )  # fmt: skip
        return dict(config.to_dict())

    return T5GemmaEncoderModel(T5GemmaConfig(encoder=module(), decoder=module(), is_encoder_decoder=False)).eval()
