"""Names to things: architectures a checkpoint may ask for, and the models that ship with the
package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from filmcolor.errors import CheckpointError
from filmcolor.models.base import Network
from filmcolor.models.card import ModelCard, read_card
from filmcolor.models.dcgan import DcganConfig, DcganUNet
from filmcolor.models.mobilenet_unet import MobileNetUNet, MobileNetUNetConfig
from filmcolor.models.pix2pix import Pix2PixConfig, Pix2PixUNet
from filmcolor.models.rgb_gan import RgbGanConfig, RgbGanNet
from filmcolor.models.subpixel import SubpixelConfig, SubpixelNet

_ARCHITECTURES: dict[str, Callable[[Mapping[str, Any]], Network]] = {
    "mobilenet-unet": lambda config: MobileNetUNet(MobileNetUNetConfig.from_mapping(config)),
    "pix2pix-unet": lambda config: Pix2PixUNet(Pix2PixConfig.from_mapping(config)),
    "dcgan-unet": lambda config: DcganUNet(DcganConfig.from_mapping(config)),
    "rgb-gan": lambda config: RgbGanNet(RgbGanConfig.from_mapping(config)),
    "subpixel": lambda config: SubpixelNet(SubpixelConfig.from_mapping(config)),
}


def build_network(architecture: str, config: Mapping[str, Any]) -> Network:
    """A network with fresh weights; raises `CheckpointError` for a name or config it does not
    know.
    """
    if architecture not in _ARCHITECTURES:
        known = ", ".join(sorted(_ARCHITECTURES))
        raise CheckpointError(
            f"architecture {architecture!r} is not known (known: {known}); update filmcolor"
        )
    try:
        return _ARCHITECTURES[architecture](config)
    except (TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"architecture {architecture!r}: {error}") from error


def _weights_folder() -> Path:
    return Path(str(resources.files("filmcolor") / "weights"))


def available_models() -> list[tuple[Path, ModelCard]]:
    """The shipped checkpoints and their cards, by name."""
    return [(path, read_card(path)) for path in sorted(_weights_folder().glob("*.safetensors"))]


def find_checkpoint(name_or_path: str) -> Path:
    """The file of a shipped model, or of a path; raises `CheckpointError` with the names that
    exist.
    """
    path = Path(name_or_path)
    if path.suffix == ".safetensors":
        return path
    shipped = _weights_folder() / f"{name_or_path}.safetensors"
    if path.name == name_or_path and shipped.is_file():
        return shipped
    names = ", ".join(p.stem for p in sorted(_weights_folder().glob("*.safetensors")))
    raise CheckpointError(
        f"unknown model {name_or_path!r}: give a .safetensors file or one of: {names}"
    )
