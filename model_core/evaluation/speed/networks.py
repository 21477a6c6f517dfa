"""The work of one pass through each network of the production model, from its sizes."""

from model_core.evaluation.speed.sizes import Size
from model_core.evaluation.speed.work import Work, attention, band_pairs, convolution, product


def transformer(size: Size, batch: int, frames: int, curve: bool) -> Work:
    """One velocity of ``batch`` items of ``frames`` latent frames, with or without the per-frame input."""
    c = size.transformer
    depth: int = c["depth"]
    width, inner = c["embed_dim"], int(c["embed_dim"] * c["ff_mult"])
    tokens, context = frames + c["num_memory_tokens"], size.tokens + 1  # the duration is one more
    maps = 2 if c["use_differential_attention"] else 1
    rows, context_rows, frame_rows = batch * tokens, batch * context, batch * frames
    block = (
        product(rows, width, (2 * maps + 1) * width)
        + attention(batch, tokens, tokens, width) * maps
        + product(rows, width, width)
        + product(rows, width, maps * width)
        + product(context_rows, width, (maps + 1) * width)
        + attention(batch, tokens, context, width) * maps
        + product(rows, width, width)
        + product(rows, width, 2 * inner)
        + product(rows, inner, width)
    )
    if curve:
        block += product(frame_rows, c["local_add_cond_dim"], width) + product(frame_rows, width, width)
    conditions = (
        product(context_rows, c["cond_token_dim"], width)
        + product(context_rows, width, width)
        + product(batch, c["timestep_features_dim"], width)
        + product(batch, c["global_cond_dim"], width)
        + product(batch, width, width) * 3
        + product(batch, width, 6 * width)
    )
    channels = c["io_channels"]
    ends = product(frame_rows, channels, channels) * 2 + product(frame_rows, channels, width) * 2
    return block * depth + conditions + ends


def decoder(size: Size, batch: int, frames: int, whole: bool = False) -> Work:
    """SAME's decoder; ``whole`` counts attention over all tokens and not over the band that its mask leaves.

    Raises:
        ValueError: it has more than the one level that Stable Audio 3's have.
    """
    c = size.vae
    depth: int = c["encoder_transformer_depths"][0]
    if len(c["encoder_strides"]) != 1:
        raise ValueError(f"the decoder must have one level, not {len(c['encoder_strides'])}")
    width = c["encoder_channels"] * c["encoder_c_mults"][0]
    segment = size.stride + 1
    tokens = frames * segment
    rows = batch * tokens
    maps = 2 if c["use_differential_attention"] else 1
    pairs = None if whole else band_pairs(tokens, c["sliding_window"] * segment)
    inner = width * c["ff_mult"]
    layer = (
        product(rows, width, (2 * maps + 1) * width)
        + attention(batch, tokens, tokens, width, pairs) * maps
        + product(rows, width, width)
        + product(rows, width, 2 * inner)
        + product(rows, inner, width)
    )
    patched = c["audio_channels"] * c["patch_size"]
    mapping = product(batch * frames * size.stride, width, patched) if patched != width else Work()
    return product(batch * frames, c["latent_dim"], width) + layer * depth + mapping


def text(size: Size, batch: int) -> Work:
    """T5Gemma's encoder over prompts that are filled up to ``tokens``; a sliding window beyond them hides nothing."""
    c, tokens = size.text, size.tokens
    depth: int = c["num_hidden_layers"]
    width, rows = c["hidden_size"], batch * size.tokens
    queries, keys = c["num_attention_heads"] * c["head_dim"], c["num_key_value_heads"] * c["head_dim"]
    layer = (
        product(rows, width, queries)
        + product(rows, width, keys) * 2
        + attention(batch, tokens, tokens, queries)
        + product(rows, queries, width)
        + product(rows, width, c["intermediate_size"]) * 2
        + product(rows, c["intermediate_size"], width)
    )
    return layer * depth


def picture(size: Size, pictures: int, side: int) -> Work:
    """DINOv2 over square pictures."""
    c = size.picture
    depth: int = c["num_hidden_layers"]
    width, patches = c["hidden_size"], (side // c["patch_size"]) ** 2
    tokens = patches + 1
    rows, inner = pictures * tokens, width * c["mlp_ratio"]
    pixels = 3 * c["patch_size"] ** 2
    layer = (
        product(rows, width, width) * 4
        + attention(pictures, tokens, tokens, width)
        + product(rows, width, inner)
        + product(rows, inner, width)
    )
    return product(pictures * patches, pixels, width) + layer * depth


def music(size: Size, windows: int, features: int) -> Work:
    """MusicFM over windows of ``features`` features, which is four spectrogram frames each."""
    c = size.music
    depth: int = c["layers"]
    width, inner, channels, rows = c["width"], c["inner"], c["channels"], windows * features
    halved, quartered = windows * 2 * features * c["mels"] // 2, rows * c["mels"] // 4
    read = 4 * halved  # values of the spectrogram
    first = convolution(halved, 1, channels, 9, read) * 2 + convolution(
        halved, channels, channels, 9, halved * channels
    )
    second = (
        convolution(quartered, channels, channels, 9, halved * channels) * 2
        + convolution(quartered, channels, channels, 9, quartered * channels)
    )  # fmt: skip
    layer = (
        (product(rows, width, inner) + product(rows, inner, width)) * 2
        + product(rows, width, width) * 4
        + attention(windows, features, features, width)
        + product(rows, width, 2 * width)
        + convolution(rows, 1, width, c["kernel"], rows * width)
        + product(rows, width, width)
    )
    return first + second + product(rows, channels * c["mels"] // 4, width) + layer * depth
