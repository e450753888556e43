"""Names to things: architectures a checkpoint may ask for, and the models that ship with the
package.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from filmcolor.errors import CheckpointError
from filmcolor.models.adapter import TrainAdapter
from filmcolor.models.base import Network
from filmcolor.models.card import ModelCard, read_card
from filmcolor.models.config import NetworkConfig
from filmcolor.models.dcgan import DcganConfig, DcganUNet
from filmcolor.models.dcgan.train import DcganAdapter
from filmcolor.models.mobilenet_unet import MobileNetUNet, MobileNetUNetConfig
from filmcolor.models.mobilenet_unet.train import MobileNetAdapter
from filmcolor.models.pix2pix import Pix2PixConfig, Pix2PixUNet
from filmcolor.models.pix2pix.train import Pix2PixAdapter
from filmcolor.models.rgb_gan import RgbGanConfig, RgbGanNet
from filmcolor.models.rgb_gan.train import RgbGanAdapter
from filmcolor.models.subpixel import SubpixelConfig, SubpixelNet
from filmcolor.models.subpixel.train import SubpixelAdapter


class Architecture(NamedTuple):
    """The classes of one folder."""

    config: type[NetworkConfig]
    network: type[Network]
    adapter: type[TrainAdapter[Any]]


_ARCHITECTURES: Mapping[str, Architecture] = {
    "mobilenet-unet": Architecture(MobileNetUNetConfig, MobileNetUNet, MobileNetAdapter),
    "pix2pix-unet": Architecture(Pix2PixConfig, Pix2PixUNet, Pix2PixAdapter),
    "dcgan-unet": Architecture(DcganConfig, DcganUNet, DcganAdapter),
    "rgb-gan": Architecture(RgbGanConfig, RgbGanNet, RgbGanAdapter),
    "subpixel": Architecture(SubpixelConfig, SubpixelNet, SubpixelAdapter),
}


def find_architecture(name: str) -> Architecture:
    """The classes of an architecture; raises `CheckpointError` for a name that is not known."""
    if name not in _ARCHITECTURES:
        known = ", ".join(sorted(_ARCHITECTURES))
        raise CheckpointError(
            f"architecture {name!r} is not known (known: {known}); update filmcolor"
        )
    return _ARCHITECTURES[name]


def build_network(architecture: str, config: Mapping[str, Any]) -> Network:
    """A network with fresh weights; raises `CheckpointError` for a name or config it does not
    know.
    """
    classes = find_architecture(architecture)
    try:
        return classes.network(classes.config.from_mapping(config))
    except (TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"architecture {architecture!r}: {error}") from error


def build_adapter(network: Network) -> TrainAdapter[Any]:
    """What trains a network."""
    return next(a.adapter(network) for a in _ARCHITECTURES.values() if type(network) is a.network)


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
