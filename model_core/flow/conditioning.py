"""Conditions of the flow, and their layout in StableAudio3DiTModel's inputs.

``local_add_cond`` has for each frame: the inpainting mask (1 = keep) and the kept latents, as in Stable Audio 3; then
the codec's grid channels, if it has any; and last the event curve and a flag that is 1 where a curve is given.
"""

from dataclasses import dataclass, replace

import torch
from diffusers import StableAudio3DiTModel


@dataclass(frozen=True)
class Condition:
    """Conditions of a batch of B pieces with F latent frames each.

    Attributes:
        text: word-level prompt states, shape (B, L, D_text).
        text_mask: True for real states, shape (B, L), bool; a row of False is the empty prompt.
        global_vector: input of AdaLN, shape (B, D_global).
        local: inpainting and grid channels, shape (B, C_local, F). None for Stable Audio's plain text-to-audio, which
            has no such input; zeros would differ, because their projection has biases.
        curve: event curve and its flag, shape (B, C_curve + 1, F), see add_given_flag; all zero = no curve given; None
            for a model that takes none.
    """

    text: torch.Tensor
    text_mask: torch.Tensor
    global_vector: torch.Tensor
    local: torch.Tensor | None
    curve: torch.Tensor | None

    def frames(self, first: int, last: int) -> "Condition":
        """The same conditions for the frames first .. last - 1."""
        local = None if self.local is None else self.local[..., first:last]
        curve = None if self.curve is None else self.curve[..., first:last]
        return replace(self, local=local, curve=curve)

    def without_curve(self) -> "Condition":
        """The same conditions with curve and flag set to zero."""
        return replace(self, curve=None if self.curve is None else torch.zeros_like(self.curve))

    @staticmethod
    def stack(conditions: "list[Condition]") -> "Condition":
        """Join conditions of the same shapes to one batch."""
        locals_ = [c.local for c in conditions if c.local is not None]
        curves = [c.curve for c in conditions if c.curve is not None]
        if len(locals_) not in (0, len(conditions)) or len(curves) not in (0, len(conditions)):
            raise ValueError("local and curve must be given by all conditions, or by none")
        return Condition(
            text=torch.cat([c.text for c in conditions]),
            text_mask=torch.cat([c.text_mask for c in conditions]),
            global_vector=torch.cat([c.global_vector for c in conditions]),
            local=torch.cat(locals_) if locals_ else None,
            curve=torch.cat(curves) if curves else None,
        )

    @property
    def local_add_cond(self) -> torch.Tensor | None:
        """The model's per-frame input, shape (B, C_local [+ C_curve + 1], F); None where there is no ``local``."""
        if self.local is None or self.curve is None:
            return self.local
        return torch.cat([self.local, self.curve], dim=1)


def add_given_flag(curve: torch.Tensor) -> torch.Tensor:
    """Append the flag of a given curve, a channel of ones: (B, C_curve, F) -> (B, C_curve + 1, F)."""
    return torch.cat([curve, torch.ones_like(curve[:, :1])], dim=1)


def inpainting_channels(latents: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Build mask and masked latents, shape (B, 1 + C, F).

    Args:
        latents: shape (B, C, F); frames that are not kept are ignored.
        keep: shape (B, F), bool; True for given frames, False for frames to generate.
    """
    mask = keep[:, None].to(latents.dtype)
    return torch.cat([mask, latents * mask], dim=1)


def widen_for_curve(model: StableAudio3DiTModel, curve_channels: int) -> StableAudio3DiTModel:
    """Copy a model and add an input for a curve, which has no effect until it is trained.

    Zero columns for the curve and its flag are appended to the first layer of each block's ``to_local_embed``.
    """
    config = {name: value for name, value in model.config.items() if not name.startswith("_")}
    old_width = config["local_add_cond_dim"]
    config["local_add_cond_dim"] = old_width + curve_channels + 1
    wide = type(model).from_config(config)
    state = model.state_dict()
    for name, parameter in wide.state_dict().items():
        if parameter.shape != state[name].shape:
            padded = torch.zeros_like(parameter)
            padded[:, :old_width] = state[name]
            state[name] = padded
    wide.load_state_dict(state)
    # Module's own method: that of diffusers logs every change of precision.
    torch.nn.Module.to(wide, device=model.device, dtype=model.dtype)
    wide.train(model.training)
    return wide
