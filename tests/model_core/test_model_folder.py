"""A model folder survives the disk, and what is not a good one is refused with the name of the file and the field."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from safetensors.torch import load_file, save_file

from model_core.encoders.minilm import TEXT_DIM
from model_core.encoders.musicnn import Musicnn
from model_core.errors import ModelError
from model_core.flow.conditioning import Condition, add_given_flag, inpainting_channels
from model_core.flow.sampler import Guidance, even_sigmas, generate
from model_core.models.folder.manifest import compute_digests
from model_core.models.registry import read_manifest
from model_core.models.score.codec.grid import GRID_CHANNELS
from model_core.models.score.folder import CURVE, load_score_parts, save_score_parts
from model_core.plan.plan import HEADER_DIM
from tests.model_core.tiny_model import tiny_model

Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_score_parts(tiny_model(), folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(written, tmp_path / "tiny"))


def test_a_model_survives_the_disk(written: Path) -> None:
    model, back = tiny_model(), load_score_parts(written)
    assert (back.name, back.version, back.licence, back.title) == ("tiny", "0.3", "CC0-1.0", "tiny 0.3")
    for part in ("flow", "vae", "planner"):
        before, after = getattr(model, part), getattr(back, part)
        assert not after.training
        for name, value in before.state_dict().items():
            torch.testing.assert_close(after.state_dict()[name], value.half().float(), atol=0, rtol=0)
    assert back.planner.vocabulary == model.planner.vocabulary
    assert back.scheduler.config["shift"] == model.scheduler.config["shift"]


def test_the_folder_is_laid_out_as_diffusers_does(written: Path) -> None:
    assert {path.name for path in written.iterdir()} == {"transformer", "scheduler", "codec", "planner", "v2m.json"}
    manifest = read_manifest(written)
    assert manifest.sha256 == compute_digests(written)
    assert {path.suffix for path in written.rglob("*") if path.is_file()} == {".json", ".safetensors"}
    private = [name for path in written.rglob("config.json") for name in json.loads(path.read_text()) if name[0] == "_"]
    assert set(private) == {"_class_name", "_diffusers_version"}


def test_the_manifest_tells_the_window_of_both_curves() -> None:
    sound = np.random.default_rng(0).normal(size=22050).astype(np.float32)
    assert Musicnn().curve(sound, 22050).window == CURVE.hann_window_s


def test_documents_may_lie_beside_the_model(folder: Path) -> None:
    (folder / "README.md").write_text("# tiny")
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs")
    assert load_score_parts(folder).name == "tiny"


def test_a_newer_model_replaces_an_older_one_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    save_score_parts(tiny_model(latent_channels=6), folder)
    assert load_score_parts(folder).vae.config["latent_channels"] == 6
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
    home = tmp_path / "home"
    home.mkdir()
    (home / "letter.txt").write_text("dear")
    with pytest.raises(ModelError, match="is not a model folder"):
        save_score_parts(tiny_model(), home)
    assert (home / "letter.txt").read_text() == "dear"


def _manifest(change: Callable[[dict[str, Any]], None]) -> Change:
    def apply(folder: Path) -> None:
        manifest = json.loads((folder / "v2m.json").read_text())
        change(manifest)
        (folder / "v2m.json").write_text(json.dumps(manifest))

    return apply


def _signed(change: Change) -> Change:
    """A change whose author also made the digests anew."""

    def apply(folder: Path) -> None:
        change(folder)
        _manifest(lambda manifest: manifest.update(sha256=compute_digests(folder)))(folder)

    return apply


def _config(name: str, **values: Any) -> Change:
    def apply(folder: Path) -> None:
        config = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(config | values))

    return _signed(apply)


def _file(name: str, text: str = "") -> Change:
    def apply(folder: Path) -> None:
        (folder / name).write_text(text)

    return apply


def _flip_a_byte(folder: Path) -> None:
    path = folder / "codec" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def _drop_a_weight(folder: Path) -> None:
    path = folder / "planner" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    del weights["style.0.bias"]
    save_file(weights, path, metadata={"format": "pt"})


REFUSED: dict[str, tuple[Change, str]] = {
    "pickle": (_file("transformer/weights.bin"), r"transformer/weights\.bin does not belong"),
    "code": (_file("codec.py"), r"codec\.py does not belong"),
    "signed pickle": (_signed(_file("a.pt")), r"sha256: a\.pt is not a safetensors"),
    "outside": (_manifest(lambda m: m["sha256"].update({"../a.json": "0" * 64})), r"sha256: \.\./a\.json is no"),
    "damaged": (_flip_a_byte, r"codec/diffusion_pytorch_model\.safetensors is damaged"),
    "missing": (lambda f: (f / "planner" / "config.json").unlink(), r"planner/config\.json is missing"),
    "not a digest": (
        _manifest(lambda m: m["sha256"].update({"codec/config.json": "x"})),
        r"sha256\.codec/config\.json",
    ),
    "older format": (_manifest(lambda m: m.update(format=1)), r"v2m\.json: format: Input should be 2, not 1"),
    "other format": (_manifest(lambda m: m.update(format=3)), r"v2m\.json: format: Input should be 2, not 3"),
    "other kind": (_manifest(lambda m: m.update(kind="stable-audio-9")), r"v2m\.json: kind: .* not stable-audio-9"),
    "no licence": (_manifest(lambda m: m.pop("licence")), r"v2m\.json: licence: Field required"),
    "unknown field": (_manifest(lambda m: m.update(colour="red")), r"v2m\.json: colour: Extra inputs"),
    "other text encoder": (_manifest(lambda m: m["encoders"].update(text="t5")), r"encoders\.text is t5; .*MiniLM"),
    "other music encoder": (_manifest(lambda m: m["encoders"].update(music="ears")), r"encoders\.music is ears"),
    "other grid": (
        _manifest(lambda m: m["grid"].update(beats_per_frame=4)),
        r"grid\.beats_per_frame is 4; .* needs 2",
    ),
    "other curve": (_manifest(lambda m: m["curve"].update(pulse_sigma_s=1)), r"curve\.pulse_sigma_s is 1"),
    "other class": (_config("codec/config.json", _class_name="AutoencoderKL"), r"codec/config\.json: _class_name"),
    "other sampler": (
        _config("scheduler/scheduler_config.json", _class_name="DDIM"),
        r"scheduler_config\.json: _class",
    ),
    "impossible size": (_config("planner/config.json", hidden="big"), "planner cannot be loaded"),
    "other size": (_config("planner/config.json", hidden=17), "planner"),
    "no vocabulary": (
        _config("planner/config.json", vocabulary={"styles": []}),
        "planner cannot be loaded: vocabulary",
    ),
    "missing weight": (_signed(_drop_a_weight), r"planner: missing keys: style\.0\.bias"),
    "no object": (_file("v2m.json", "[]"), r"v2m\.json is not a JSON object"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_no_good_model_folder_is_refused(fault: str, folder: Path) -> None:
    spoil, told = REFUSED[fault]
    spoil(folder)
    with pytest.raises(ModelError, match=told) as refused:
        load_score_parts(folder)
    assert str(folder) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read v2m\.json"):
        load_score_parts(tmp_path)


def test_a_flow_that_does_not_fit_its_codec_is_refused(tmp_path: Path) -> None:
    save_score_parts(tiny_model(latent_channels=4, flow_channels=6), tmp_path / "odd")
    with pytest.raises(ModelError, match=r"transformer/config\.json: io_channels is 12; .* need 8"):
        load_score_parts(tmp_path / "odd")


def test_the_generator_steps_as_the_folder_says(written: Path) -> None:
    model = load_score_parts(written)
    frames = 6
    noise = torch.Generator().manual_seed(1)
    grid = torch.randn(1, GRID_CHANNELS, frames, generator=noise)
    local = torch.cat(
        [inpainting_channels(torch.zeros(1, 8, frames), torch.zeros(1, frames, dtype=torch.bool)), grid], 1
    )
    condition = Condition(
        text=torch.randn(1, 3, TEXT_DIM, generator=noise),
        text_mask=torch.ones(1, 3, dtype=torch.bool),
        global_vector=torch.randn(1, HEADER_DIM + TEXT_DIM + 1, generator=noise),
        local=local,
        curve=add_given_flag(torch.rand(1, 8, frames, generator=noise)),
    )
    torch.nn.init.normal_(model.flow.proj_out.weight, std=0.05)

    def draw(scheduler: FlowMatchEulerDiscreteScheduler | None) -> torch.Tensor:
        return generate(
            model.flow, condition, condition, Guidance(), frames=frames, sigmas=even_sigmas(4),
            generators=[torch.Generator().manual_seed(0)], scheduler=scheduler,
        )  # fmt: skip

    plain = draw(None)
    torch.testing.assert_close(draw(model.scheduler), plain, atol=0, rtol=0)
    torch.testing.assert_close(draw(model.scheduler), plain, atol=0, rtol=0)
    assert not torch.allclose(draw(FlowMatchEulerDiscreteScheduler(shift=3.0)), plain)
