"""The picture and music encoders by name, and how their weights are kept inside a model folder.

Each one's libraries are imported when it is asked for: a video scored by one encoder need not wait for the others.
"""

from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve
from model_core.curves.video import FrameEncoder
from model_core.errors import ModelError

EFFICIENTNET: Final = "efficientnet-lite0"
MOTION: Final = "motion-dis"
DINOV2: Final = ("dinov2-small", "dinov2-base", "dinov2-large", "dinov2-giant")
MUSICNN: Final = "musicnn"
MUSICFM: Final = "musicfm"
PICTURE_ENCODERS: Final = (EFFICIENTNET, *DINOV2, MOTION)
MUSIC_ENCODERS: Final = (MUSICNN, MUSICFM)


class MusicEncoder(Protocol):
    """Music -> event curve."""

    @property
    def name(self) -> str: ...

    def curve(self, audio: NDArray[np.float32], sample_rate: int) -> EventCurve:
        """Standardised fine event curve of mono (N,) or multi-channel (C, N) audio."""
        ...


def picture_encoder(name: str, weights: Path | None = None, device: str = "cpu") -> FrameEncoder:
    """An encoder of pictures.

    Args:
        name: one of PICTURE_ENCODERS.
        weights: a folder that `keep_encoder` or transformers wrote; by default what is published, from the hub's cache
            or the hub. Not looked at where the weights are in the package, or there are none.
        device: torch's, where the encoder runs on torch.

    Raises:
        ModelError: unknown name, or weights that cannot be had or do not fit.
    """
    check_picture_encoder(name)
    if name == EFFICIENTNET:
        from model_core.encoders.efficientnet import EfficientNetLite0

        return EfficientNetLite0()
    if name == MOTION:
        from model_core.encoders.motion import MotionDis

        return MotionDis()
    from model_core.encoders.dinov2 import Dinov2

    return Dinov2.load(name, _dinov2_at(name, weights), device)


def music_encoder(name: str, weights: Path | None = None, device: str = "cpu") -> MusicEncoder:
    """An encoder of music, one of MUSIC_ENCODERS; the rest as for picture_encoder.

    ``weights`` may be a published checkpoint of MusicFM, too: see `musicfm.read_musicfm`.
    """
    check_music_encoder(name)
    if name == MUSICNN:
        return _Musicnn()
    from model_core.encoders.musicfm import MusicFm

    return MusicFm.load(_musicfm_at(weights), device)


def check_picture_encoder(name: str) -> None:
    """ModelError when there is no encoder of pictures with this name."""
    _check(name, PICTURE_ENCODERS, "picture")


def check_music_encoder(name: str) -> None:
    """ModelError when there is no encoder of music with this name."""
    _check(name, MUSIC_ENCODERS, "music")


def has_weights(name: str) -> bool:
    """Whether an encoder has weights that a model folder has to hold."""
    return name in (*DINOV2, MUSICFM)


def keep_encoder(name: str, source: str | None, out: Path) -> None:
    """Put an encoder's weights into the folder ``out``, as config.json and safetensors alone.

    Where the weights are in the package, or there are none, it makes nothing, not even the folder.

    Args:
        name: one of PICTURE_ENCODERS or MUSIC_ENCODERS.
        source: a local folder or file with the weights; None takes what is published.
        out: made if need be. Nothing is written to it before the weights are read and found to fit.

    Raises:
        ModelError: unknown name, weights that cannot be had or do not fit, or a source for an encoder without any.
    """
    _check(name, (*PICTURE_ENCODERS, *MUSIC_ENCODERS), "")
    if source is not None and not has_weights(name):
        raise ModelError(f"{name}: takes no weights from {source}: there are none, or they are in the package")
    local = None if source is None else Path(source).expanduser()
    if name in DINOV2:
        from model_core.encoders.dinov2 import read_dinov2, save_dinov2

        save_dinov2(read_dinov2(name, _dinov2_at(name, local)), out)
    elif name == MUSICFM:
        from model_core.encoders.musicfm import read_musicfm, save_musicfm

        save_musicfm(read_musicfm(_musicfm_at(local)), out)


class _Musicnn:
    name: Final = MUSICNN

    def __init__(self) -> None:
        from model_core.encoders.musicnn import Musicnn

        self._encoder = Musicnn()

    def curve(self, audio: NDArray[np.float32], sample_rate: int) -> EventCurve:
        from model_core.encoders.musicnn import musicnn_event_curve

        return musicnn_event_curve(audio, sample_rate, self._encoder)


def _check(name: str, known: tuple[str, ...], kind: str) -> None:
    if name not in known:
        raise ModelError(f"there is no {kind} encoder {name}; known are {', '.join(known)}".replace("  ", " "))


def _dinov2_at(name: str, local: Path | None) -> Path:
    if local is None:
        from model_core.encoders.published import dinov2_folder

        return dinov2_folder(name)
    if not local.is_dir():
        raise ModelError(f"{name}: {local} is no folder; --picture-from takes one as transformers saves it")
    return local


def _musicfm_at(local: Path | None) -> Path:
    if local is None:
        from model_core.encoders.published import musicfm_checkpoint

        return musicfm_checkpoint()
    if not local.exists():
        raise ModelError(f"{MUSICFM}: {local} is not there; --music-from takes a checkpoint or a folder that holds one")
    return local
