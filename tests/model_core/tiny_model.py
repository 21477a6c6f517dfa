"""An untrained model of the shipped kind that is small enough to write and read within a test."""

import torch

from model_core.flow.sampler import euler_scheduler
from model_core.models.score.codec.vae import BeatVAE
from model_core.models.score.folder import ScoreParts
from model_core.models.score.planner.network import PromptPlanner
from model_core.training.train_flow import add_curve_input, new_model


def tiny_model(latent_channels: int = 4, flow_channels: int | None = None) -> ScoreParts:
    """``flow_channels``: latent channels that the flow was made for, where they are to be others than the codec's."""
    torch.manual_seed(0)
    return ScoreParts(
        name="tiny",
        version="0.3",
        flow=add_curve_input(new_model(flow_channels or latent_channels, embed_dim=64, depth=1)).eval(),
        vae=BeatVAE(latent_channels=latent_channels, hidden=16).eval(),
        planner=PromptPlanner(hidden=16).eval(),
        scheduler=euler_scheduler(),
        licence="CC0-1.0",
    )
