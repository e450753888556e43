"""The default model made bold, for tests whose pictures show nothing that it gives much colour."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from filmcolor.models.checkpoint import load_generator, save_network
from filmcolor.models.mobilenet_unet import MobileNetUNet

GAIN = 8.0


def write_bold_model(path: Path) -> str:
    """As a checkpoint; returns its name."""
    model = load_generator("default")
    generator = model.generator
    assert isinstance(generator, MobileNetUNet)
    # What is toned is what each place is by itself.
    config = replace(generator.config, chroma_gain=GAIN, chroma_knee=0.0, coherent=0)
    bold = MobileNetUNet(config)
    bold.load_state_dict(generator.state_dict(), strict=False)
    save_network(bold, replace(model.card, config=asdict(config)), path)
    return str(path)
