"""Train the embedded model: `python -m model_core.training STAGE --work FOLDER`, stages in the order of the list.

scripts/train.sh runs them all. Each stage reads what the one before wrote into the work folder.
"""

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Final

FIRST_RENDERED: Final = 200_000
"""First seed of the curve stage's own corpus."""


def main() -> None:
    """Run one stage."""
    parser = argparse.ArgumentParser(prog="python -m model_core.training", description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--work", type=Path, required=True, help="folder for everything between the stages")
    parser.add_argument("--pieces", type=int, default=5000, help="pieces in the corpus")
    parser.add_argument("--rendered", type=int, default=3600, help="pieces whose music curve is rendered")
    parser.add_argument("--steps", type=int, default=3000, help="steps of the codec's training")
    parser.add_argument("--minutes", type=float, default=35.0, help="length of a flow stage")
    parser.add_argument("--resume", action="store_true", help="let the text stage go on from its last checkpoint")
    parser.add_argument("--start", type=Path, help="model folder whose codec and flow are gone on from")
    parser.add_argument("--out", type=Path, default=Path("model_core/assets/models/v2m-embedded-1"))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    STAGES[given.stage](given)


def _log(line: str) -> None:
    print(line, flush=True)


def _codec(given: argparse.Namespace) -> None:
    import numpy as np

    from model_core.model_folder import load_model
    from model_core.training.corpus import examples
    from model_core.training.train_codec import train_codec

    start = None if given.start is None else load_model(given.start).vae
    beats = np.concatenate([example.beats for example in examples(range(min(given.pieces, 3600)))])
    train_codec(beats, steps=given.steps, start=start, log=_log).save_pretrained(given.work / "codec")


def _data(given: argparse.Namespace) -> None:
    from model_core.codecs.score.vae import BeatVAE
    from model_core.encoders.minilm import MiniLM
    from model_core.training.dataset import prepare

    vae = BeatVAE.from_pretrained(given.work / "codec").eval()
    data = prepare(range(given.pieces), vae, MiniLM())
    data.save(given.work / "data.npz")
    _log(f"{len(data.latents)} pieces, latent RMS {float((data.latents.astype('f4') ** 2).mean()) ** 0.5:.3f}")


def _curves(given: argparse.Namespace) -> None:
    from model_core.codecs.score.vae import BeatVAE
    from model_core.encoders.minilm import MiniLM
    from model_core.training.dataset import prepare
    from model_core.training.render_curves import render_curves

    vae = BeatVAE.from_pretrained(given.work / "codec").eval()
    data = prepare(range(FIRST_RENDERED, FIRST_RENDERED + given.rendered), vae, MiniLM(), mixed=True)
    curves = render_curves(data.seeds, data.lengths)
    dataclasses.replace(data, curves=curves).save(given.work / "curves.npz")
    _log(f"rendered {len(curves)} curves, {int(data.lengths.sum())} beats")


def _planner(given: argparse.Namespace) -> None:
    from model_core.encoders.minilm import MiniLM
    from model_core.training.corpus import examples
    from model_core.training.dataset import FlowData
    from model_core.training.train_planner import train_planner

    data = FlowData.load(given.work / "curves.npz")
    headers = [example.header for example in examples(range(FIRST_RENDERED, FIRST_RENDERED + len(data.seeds)), True)]
    empty = MiniLM().embed([""]).pooled[0].numpy()
    train_planner(headers, data.pooled, empty, steps=1500).save_pretrained(given.work / "planner")


def _text(given: argparse.Namespace) -> None:
    from diffusers import StableAudio3DiTModel

    from model_core.training.dataset import FlowData
    from model_core.training.train_flow import FlowSettings, new_model, train_flow

    data = FlowData.load(given.work / "data.npz")
    held = len(data.latents) // 25
    checkpoint = given.work / "text"
    goes_on = given.resume and checkpoint.exists()
    model = StableAudio3DiTModel.from_pretrained(checkpoint) if goes_on else new_model(data.latents.shape[2])
    _log(f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters")
    settings = FlowSettings(seconds=60 * given.minutes)
    train_flow(model, data.part(slice(held, None)), data.part(slice(held)), settings, given.work / "text", log=_log)


def _curve(given: argparse.Namespace) -> None:
    from diffusers import StableAudio3DiTModel

    from model_core.codecs.score.vocabulary import VOCABULARY
    from model_core.model_folder import load_model
    from model_core.training.dataset import FlowData
    from model_core.training.train_flow import FlowSettings, train_flow, with_curve
    from model_core.training.warm_start import with_vocabulary

    data = FlowData.load(given.work / "curves.npz")
    held = len(data.latents) // 25
    if given.start is None:
        model = with_curve(StableAudio3DiTModel.from_pretrained(given.work / "text"))
        settings = FlowSettings(seconds=60 * given.minutes, matrix_lr=6e-4, other_lr=6e-4)
    else:
        start = load_model(given.start)
        model = with_vocabulary(start.flow, start.planner.vocabulary, VOCABULARY)
        settings = FlowSettings(seconds=60 * given.minutes, matrix_lr=1.2e-3, other_lr=8e-4)
    train_flow(model, data.part(slice(held, None)), data.part(slice(held)), settings, given.work / "curve", log=_log)


def _ship(given: argparse.Namespace) -> None:
    from diffusers import StableAudio3DiTModel

    from model_core.codecs.score.vae import BeatVAE
    from model_core.model_folder import EmbeddedModel, save_model
    from model_core.planner.network import PromptPlanner

    model = EmbeddedModel(
        name=given.out.name,
        flow=StableAudio3DiTModel.from_pretrained(given.work / "curve"),
        vae=BeatVAE.from_pretrained(given.work / "codec"),
        planner=PromptPlanner.from_pretrained(given.work / "planner"),
    )
    save_model(model, given.out)
    _log(f"wrote {given.out}")


STAGES: Final[dict[str, Callable[[argparse.Namespace], None]]] = {
    "codec": _codec,
    "data": _data,
    "curves": _curves,
    "planner": _planner,
    "text": _text,
    "curve": _curve,
    "ship": _ship,
}

if __name__ == "__main__":
    main()
