"""`v2m model init` on bases saved by diffusers: what it makes, and what it refuses without leaving anything."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from typer.testing import CliRunner

from cli.app import app
from model_core.errors import ModelError
from model_core.models.registry import read_manifest
from model_core.models.stable_audio import AudioManifest, InitSettings
from model_core.models.stable_audio.init import init_model
from tests.stable_audio.tiny_base import LATENTS, tiny_base, tiny_pipeline
from tests.stable_audio.tiny_model import loaded, tiny_folder

SHIPPED = ("--picture", "efficientnet-lite0", "--music", "musicnn")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_base(tmp_path / "base")


def _init(base: Path | str, out: Path | str, *arguments: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, ["model", "init", "--base", str(base), "--out", str(out), *SHIPPED, *arguments])
    return done.exit_code, done.output.splitlines()


def test_the_folder_says_what_it_is(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path, longest_s=8.0)
    manifest = read_manifest(folder)
    assert isinstance(manifest, AudioManifest)
    assert (manifest.name, manifest.base, manifest.licence) == ("tiny", "base", "CC0-1.0")
    assert not manifest.curve.trained
    assert manifest.encoders.model_dump() == {"text": "t5gemma", "picture": "efficientnet-lite0", "music": "musicnn"}
    assert (manifest.windows.longest_s, manifest.windows.context_s, manifest.windows.ending_s) == (8.0, 2.0, 0.8)
    assert not (folder / "encoders").exists()
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json", ".safetensors"}


def test_all_weights_are_the_bases_and_the_curve_columns_are_zero(tmp_path: Path) -> None:
    made, before = loaded(tiny_folder(tmp_path)), tiny_pipeline()
    for part in ("vae", "text_encoder", "duration_embedder"):
        for name, weight in getattr(before, part).state_dict().items():
            torch.testing.assert_close(getattr(made, part).state_dict()[name], weight, atol=0, rtol=0)
    wide = made.transformer.state_dict()
    for name, weight in before.transformer.state_dict().items():
        torch.testing.assert_close(wide[name][..., : weight.shape[-1]] if weight.ndim else wide[name], weight)
    for block in made.transformer.transformer_blocks:
        assert block.to_local_embed[0].weight.shape[1] == 1 + LATENTS + 2
        assert not block.to_local_embed[0].weight[:, -2:].any()


@pytest.mark.parametrize(("distilled", "steps", "text"), [(True, 8, 1.0), (False, 100, 7.0)], ids=["distilled", "base"])
def test_the_defaults_follow_the_scheduler(distilled: bool, steps: int, text: float, tmp_path: Path) -> None:
    manifest = read_manifest(tiny_folder(tmp_path, distilled=distilled))
    assert isinstance(manifest, AudioManifest)
    assert (manifest.defaults.steps, manifest.defaults.text_guidance) == (steps, text)
    assert loaded(tmp_path / "tiny").is_distilled is distilled


def test_the_precision_of_the_base_is_kept(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    pipeline.to(torch.bfloat16)
    pipeline.save_pretrained(tmp_path / "base")
    status, told = _init(tmp_path / "base", tmp_path / "half")
    assert status == 0, told
    path = next((tmp_path / "half/transformer").glob("*.safetensors"))
    with safe_open(path, "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.bfloat16}  # noqa: SIM118 - no mapping
    assert loaded(tmp_path / "half").transformer.dtype is torch.float32


def test_small_and_medium_have_their_published_lengths(base: Path, tmp_path: Path) -> None:
    assert _init(base, tmp_path / "model", "--name", "night", "--window", "0.4")[0] == 0
    manifest = read_manifest(tmp_path / "model")
    assert isinstance(manifest, AudioManifest)
    assert (manifest.name, manifest.windows.longest_s, manifest.curve.hann_window_s) == ("night", 120.0, 0.4)


def _without(part: str) -> Callable[[Path], None]:
    return lambda base: shutil.rmtree(base / part)


def _changed(name: str, **fields: object) -> Callable[[Path], None]:
    def change(base: Path) -> None:
        path = base / name
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return change


def _pickled(base: Path) -> None:
    path = next((base / "vae").glob("*.safetensors"))
    path.rename(path.with_suffix(".bin"))


def _cut(base: Path) -> None:
    path = next((base / "transformer").glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:-1000])


def _published(base: Path) -> None:
    (base / "model_index.json").rename(base / "model_config.json")


def _garbage(name: str) -> Callable[[Path], object]:
    return lambda base: (base / name).write_bytes(b"nothing of the kind")


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no pipeline": (lambda base: (base / "model_index.json").unlink(), "has no model_index.json"),
    "Stability's layout": (_published, "convert it by convert_stable_audio_3_to_diffusers.py"),
    "another pipeline": (_changed("model_index.json", _class_name="StableAudioPipeline"), "is StableAudioPipeline"),
    "another transformer": (_changed("transformer/config.json", _class_name="DiT"), "_class_name is DiT"),
    "another text encoder": (_changed("text_encoder/config.json", model_type="t5"), "model_type is t5, not t5gemma"),
    "a part is missing": (_without("vae"), "the part vae is missing"),
    "pickles": (_pickled, "vae has no safetensors file"),
    "a slow tokenizer": (lambda base: (base / "tokenizer/tokenizer.json").unlink(), "as a fast tokenizer"),
    "patches": (_changed("transformer/config.json", patch_size=2), "patch_size is 2"),
    "another codec": (_changed("vae/config.json", latent_dim=9), "io_channels is 8; the other parts need 9"),
    "a curve already": (_changed("transformer/config.json", local_add_cond_dim=11), "has an input for a curve already"),
    "half a file": (_cut, "transformer cannot be loaded|has no weights"),
    "a codec of garbage": (_garbage("vae/diffusion_pytorch_model.safetensors"), "base: vae cannot be loaded"),
    "a text encoder of garbage": (_garbage("text_encoder/model.safetensors"), "text_encoder cannot be loaded"),
    "a tokenizer without words": (_changed("tokenizer/tokenizer.json", model=None), "tokenizer cannot be loaded"),
    "no latents": (_changed("vae/config.json", latent_dim="8"), "latent_dim is 8, which is not a size"),
    "a text encoder of another shape": (_changed("text_encoder/config.json", encoder="x"), "hidden_size is None"),
    "no heads": (_changed("transformer/config.json", num_heads=0), "transformer cannot be loaded"),
    "no duration": (
        _changed("duration_embedder/config.json", max_val=None),
        "max_val is None, which is not a duration",
    ),
    "no steps": (_changed("scheduler/scheduler_config.json", num_train_timesteps=0), "cannot be loaded"),
    "mono": (_changed("vae/config.json", audio_channels=1), "audio_channels is 1; it must be 2"),
    "another scheduler": (
        _changed("scheduler/scheduler_config.json", _class_name="DDIMScheduler"),
        "_class_name is DDIMScheduler",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_good_base_is_one_line_and_nothing_is_left(fault: str, base: Path, tmp_path: Path) -> None:
    spoil, told = FAULTS[fault]
    spoil(base)
    status, lines = _init(base, tmp_path / "out")
    assert (status, len(lines)) == (1, 1), lines
    with pytest.raises(ModelError, match=told):
        init_model(str(base), tmp_path / "out", InitSettings("x", picture="efficientnet-lite0", music="musicnn"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base"]


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--picture", "musicnn", "There is no picture encoder musicnn"),
        ("--music", "motion-dis", "There is no music encoder motion-dis"),
        (
            "--picture-from",
            "somewhere",
            "efficientnet-lite0: this encoder takes no weights, so somewhere cannot be used",
        ),
        ("--longest", "1000", "music of 1000 s at once is longer than the base supports: 384 s"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    option: str, value: str, told: str, base: Path, tmp_path: Path
) -> None:
    status, lines = _init(base, tmp_path / "out", option, value)
    assert (status, len(lines)) == (1, 1)
    assert told in lines[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base"]


def test_the_folder_in_which_one_stands_can_be_filled(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert _init(base, ".")[0] == 0
    assert read_manifest(tmp_path / "here").name == "here"


def test_what_is_there_is_not_harmed(base: Path, tmp_path: Path) -> None:
    other = tmp_path / "photos"
    other.mkdir()
    (other / "one.txt").write_text("mine")
    assert _init(base, other) == (
        1,
        [f"v2m: {other} is not a model folder and will not be replaced; choose another path"],
    )
    assert _init(base, base)[1] == [f"v2m: {base} is the base itself; name another folder for the model"]
    out = tmp_path / "model"
    assert _init(base, out)[0] == 0
    kept = (out / "v2m.json").read_bytes()
    assert _init(base, out)[0] == 2, "an existing model needs --force"
    assert _init(base, out, "--name", "again", "--force")[0] == 0
    assert (out / "v2m.json").read_bytes() != kept
    refused = _init(base, out, "--force", "--picture", "dinov2-large", "--picture-from", str(tmp_path / "nowhere"))
    assert refused[0] == 1
    assert isinstance(read_manifest(out), AudioManifest), "the older folder is still whole"
    assert _init(out, tmp_path / "again")[1][0].startswith(f"v2m: {out} is a model folder of v2m already")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "model", "photos"]


def test_a_base_that_is_nowhere_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for base in ("not/a/name/at all", str(tmp_path / "missing")):
        status, lines = _init(base, tmp_path / "out")
        assert (status, len(lines)) == (1, 1), lines
        assert "there is no folder" in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_not_looked_up_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(base: str) -> Path:
        raise AssertionError(f"the hub was asked for {base}")

    monkeypatch.setattr("model_core.models.stable_audio.init._fetch", ask)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    for base in ("sa3-medium-base", "./a/b", "models/mine", "a/b/c", str(tmp_path / "none")):
        status, lines = _init(base, tmp_path / "out")
        assert (status, len(lines)) == (1, 1), lines
        assert lines[0].startswith(f"v2m: there is no folder {base}")


def test_settings_that_cannot_be_are_named(base: Path, tmp_path: Path) -> None:
    status, lines = _init(base, tmp_path / "out", "--window", "30")
    assert (status, lines) == (2, ["v2m: --window: Input should be less than or equal to 10, not 30.0"])
    assert not (tmp_path / "out").exists()
