"""The estimate of a model's memory against what torch counts and allocates, and what is said when it is short."""

import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderSAME, StableAudio3DiTModel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from model_core.errors import ModelError
from model_core.models.stable_audio.codecs.same import chunk_length, count_vae, decode_activations, find_margin
from model_core.models.stable_audio.memory import (
    Footprint,
    check_device,
    check_memory,
    compute_footprint,
    count_flow,
    count_text,
    flow_activations,
)
from tests.stable_audio.tiny_base import tiny_base, tiny_pipeline

_SMALL = {"embed_dim": 1024, "depth": 20, "num_heads": 16, "use_differential_attention": False}
_SAME_L = {"encoder_channels": 256, "encoder_transformer_depths": [12]}
_BFLOAT16 = torch.bfloat16


def _config(kind: Any, **fields: Any) -> dict[str, Any]:
    with torch.device("meta"):
        return dict(kind(**fields).config)


def _t5gemma() -> dict[str, Any]:
    module = {
        "model_type": "t5_gemma_module", "vocab_size": 256_000, "hidden_size": 768, "intermediate_size": 2048,
        "num_hidden_layers": 12, "num_attention_heads": 12, "num_key_value_heads": 12, "head_dim": 64,
    }  # fmt: skip
    return {"model_type": "t5gemma", "encoder": module, "decoder": module}


class _Live(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all storages that are alive, and remembers the most."""

    def __init__(self, given: list[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._sizes = {tensor.untyped_storage()._cdata: 0 for tensor in given}
        self._now: int = 0
        self.most: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self._sizes:
                storage = tensor.untyped_storage()
                self._sizes[storage._cdata] = storage.nbytes()
                self._now += storage.nbytes()
                self.most = max(self.most, self._now)
                weakref.finalize(storage, self._gone, storage._cdata)
        return out

    def _gone(self, key: int) -> None:
        self._now -= self._sizes.pop(key)


def _most(network: torch.nn.Module, run: Callable[[], object]) -> int:
    """Bytes that ``run`` allocates at its largest moment, the network's own weights apart."""
    with torch.no_grad(), _Live([*network.parameters(), *network.buffers()]) as live:
        run()
    most: int = live.most
    return most


@pytest.mark.parametrize(
    ("fields", "published"), [(_SMALL, 433e6), ({}, 1.4e9)], ids=["stable-audio-3-small", "stable-audio-3-medium"]
)
def test_flows_are_as_large_as_published(fields: dict[str, Any], published: float) -> None:
    config = _config(StableAudio3DiTModel, **fields)
    width, channels = config["embed_dim"], config["local_add_cond_dim"]
    inpainting = config["depth"] * (channels * width + width * width + 2 * width)
    # small's published number is without the input for inpainting; medium's is rounded
    assert count_flow(config) - inpainting == pytest.approx(published, rel=0.01)
    assert count_flow(config) == pytest.approx(published, rel=0.07)


@pytest.mark.parametrize(("fields", "published"), [({}, 108e6), (_SAME_L, 852e6)], ids=["same-s", "same-l"])
def test_codecs_are_as_large_as_published(fields: dict[str, Any], published: float) -> None:
    assert count_vae(_config(AutoencoderSAME, **fields)) == pytest.approx(published, rel=0.01)


def test_the_text_encoder_is_counted_without_a_decoder() -> None:
    assert count_text(_t5gemma()) == pytest.approx(0.28e9, rel=0.01)
    assert count_text({**_t5gemma(), "is_encoder_decoder": True}) == count_text(_t5gemma())


@pytest.mark.parametrize(
    ("dtype", "differential", "ff_mult"),
    [
        (torch.float32, True, 4.0),
        (_BFLOAT16, True, 4.0),
        (_BFLOAT16, False, 4.0),
        (_BFLOAT16, True, 2.0),  # here attention needs more than the feed-forward does
        (_BFLOAT16, False, 2.0),
    ],
)
def test_the_transformers_activations_are_what_torch_allocates(
    dtype: torch.dtype, differential: bool, ff_mult: float
) -> None:
    net = StableAudio3DiTModel(
        embed_dim=512, num_heads=8, depth=2, use_differential_attention=differential, ff_mult=ff_mult
    )
    net = net.eval().to(dtype)
    rows, frames = 3, 600
    shapes = (rows, 256, frames), (rows,), (rows, 257, 768), (rows, 768), (rows, 257, frames)

    def step() -> None:
        latents, time, words, duration, local = (torch.randn(shape, dtype=dtype) for shape in shapes)
        net(latents, time, words, duration, local_add_cond=local)

    fixed, per_frame = flow_activations(net.config, rows, dtype)
    assert 1 <= (fixed + frames * per_frame) / _most(net, step) < 1.3


@pytest.mark.parametrize("dtype", [torch.float32, _BFLOAT16])
@pytest.mark.parametrize(("differential", "ff_mult"), [(True, 3), (True, 1), (False, 3)])
@pytest.mark.parametrize("channels", [32, 128])
def test_the_decoders_activations_are_what_torch_allocates(
    dtype: torch.dtype, differential: bool, ff_mult: int, channels: int
) -> None:
    vae = AutoencoderSAME(
        encoder_channels=channels, encoder_transformer_depths=(1,), use_differential_attention=differential,
        ff_mult=ff_mult,
    )  # fmt: skip
    vae = vae.eval().to(dtype)
    latents = torch.randn(2, 256, chunk_length(find_margin([16], [1], 1)), dtype=dtype)
    assert 0.95 <= decode_activations(vae.config, 2, dtype) / _most(vae, lambda: vae.decode(latents)) < 1.25


def test_the_activations_of_the_wider_level_count() -> None:
    levels = {"encoder_strides": [4, 4], "encoder_transformer_depths": [1, 1]}
    coarse = _config(AutoencoderSAME, encoder_c_mults=[1, 64], **levels)
    fine = _config(AutoencoderSAME, encoder_c_mults=[64, 64], **levels)
    assert decode_activations(fine, 1, _BFLOAT16) > 3 * decode_activations(coarse, 1, _BFLOAT16)


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    """The configurations alone of a model made from Stable Audio 3 medium."""
    parts = {
        "transformer": _config(StableAudio3DiTModel, local_add_cond_dim=259),
        "vae": {"_class_name": "AutoencoderSAME", **_config(AutoencoderSAME, **_SAME_L)},
        "text_encoder": _t5gemma(),
    }
    for part, config in parts.items():
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(json.dumps(config))
    return tmp_path


def test_what_medium_needs(medium: Path) -> None:
    needs = compute_footprint(medium, _BFLOAT16)
    assert needs.frame_rate == 44100 / 4096
    assert needs.weights == pytest.approx(2 * (1.453e9 + 0.852e9 + 0.282e9), rel=0.001)
    longest = needs.bytes_needed(4092)  # 380 s
    assert 6.5e9 < longest < 8e9
    assert compute_footprint(medium, _BFLOAT16, batch=4).bytes_needed(4092) - longest == pytest.approx(
        1.1 * 3 * (needs.fixed + 4092 * needs.per_frame), rel=1e-6
    )
    assert compute_footprint(medium, _BFLOAT16, variants=1).bytes_needed(4092) < longest
    assert compute_footprint(medium, torch.float32).bytes_needed(4092) == pytest.approx(2 * longest, rel=0.05)


def test_encoders_that_lie_in_the_folder_count(medium: Path) -> None:
    before = compute_footprint(medium, _BFLOAT16).weights
    (medium / "encoders/picture").mkdir(parents=True)
    (medium / "encoders/picture/model.safetensors").write_bytes(bytes(1000))
    assert compute_footprint(medium, _BFLOAT16).weights == before + 1000


def test_a_folder_as_diffusers_writes_it(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    needs = compute_footprint(tiny_base(tmp_path), torch.float32)
    parts = pipeline.transformer, pipeline.vae, pipeline.text_encoder
    assert needs.weights == sum(
        4 * tensor.numel() for part in parts for tensor in [*part.parameters(), *part.buffers()]
    )


def test_the_longest_window_is_the_longest_that_fits() -> None:
    needs = Footprint(weights=10**9, fixed=10**7, per_frame=10**6, decode=10**8, frame_rate=10.77)
    for free in (1_750_000_000, 2_000_000_000, 5_000_000_000):
        seconds = needs.longest_s(free)
        check_memory(needs, free, seconds)
        with pytest.raises(ModelError, match=f"set V2M_WINDOW_S to {seconds} or less$"):
            check_memory(needs, free, seconds + 1)
    assert needs.longest_s(needs.bytes_needed(0) - 1) == 0


def test_what_is_said_when_memory_is_short() -> None:
    needs = Footprint(weights=10**9, fixed=10**7, per_frame=10**6, decode=10**8, frame_rate=10.77)
    with pytest.raises(ModelError) as error:
        check_memory(needs, 2_400_000_000, 120, "cuda:1")
    assert str(error.value) == (
        "cuda:1: music of 120 s at once needs about 3.0 GB of memory, 2.4 GB are free; set V2M_WINDOW_S to 66 or less"
    )
    with pytest.raises(ModelError) as error:
        check_memory(needs, 1_000_000_000, 120)
    assert str(error.value) == (
        "the device: music of 120 s at once needs about 3.0 GB of memory, 1.0 GB are free; "
        "not even 10 s fit, which need 1.7 GB"
    )
    with pytest.raises(ModelError, match="not even 4 s fit"):
        check_memory(needs, 1_000_000_000, 4)


def test_the_gpu_is_asked_what_is_free(medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (6_000_000_000, 8_000_000_000))
    with pytest.raises(ModelError, match=r"^cuda:0: music of 380 s .* 6\.0 GB are free; not even 10 s fit"):
        check_device(medium, torch.device("cuda:0"), _BFLOAT16, 380)
    check_device(medium, torch.device("cpu"), torch.float32, 380)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (24_000_000_000, 24_000_000_000))
    check_device(medium, torch.device("cuda:0"), _BFLOAT16, 380)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [("vae", "sampling_rate", None), ("transformer", "embed_dim", "wide"), ("vae", "encoder_strides", [4, 4])],
)
def test_configurations_of_no_model_are_told(medium: Path, part: str, field: str, value: object) -> None:
    path = medium / part / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(ModelError, match=r"config\.json files are not those of a model: "):
        compute_footprint(medium, _BFLOAT16)
