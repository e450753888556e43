"""The default generator: a U-Net on a MobileNetV2 encoder, with global context at its coarsest
stage.

Encoder: Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", width 1.0,
batch norm folded into the convolutions. Two heads after Zhang et al. 2016, "Colorful Image
Colorization": a distribution over bins of ab, decoded by the annealed mean, and a regression; the
two are mixed. The mean of a distribution and its confidence are distilled into three channels
(Hinton et al. 2015, "Distilling the Knowledge in a Neural Network"), so that the distribution
itself is only made in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filmcolor.models.base import Generator, Hint
from filmcolor.models.card import Descriptor
from filmcolor.models.coherence import Seen
from filmcolor.models.config import NetworkConfig, ranged

_STAGES = (  # expansion, channels, blocks, stride (table 2 of the paper)
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_TAPS = {2: 24, 5: 32, 12: 96}
"""Channels by the block whose output is the last at stride 4, 8 and 16."""
_STEM, _DEEPEST, _HEAD = 32, 320, 1280
_STUDENT = 64
"""Channels between the decoder and the result of the student head."""
_HALF_CONFIDENCE = 10.0
"""Lab units: standard deviation of a distribution whose confidence is 0.5."""
_AB_SCALE = 110.0
_SMALLEST_VARIANCE = 4.0
"""Squared Lab units along one axis: no distribution is taken to be narrower."""
_NO_CHROMA = 1e-4
"""Squared Lab units: keeps the slope of the root finite where there is none."""


@dataclass(frozen=True, slots=True)
class MobileNetUNetConfig(NetworkConfig):
    """Shape of the network, and how its two heads are mixed."""

    widths: tuple[int, int, int] = ranged((192, 128, 96), 8, 2048)
    """Decoder channels at stride 16, 8, 4."""
    bins: int = ranged(236, 1, 4096)  # ab bins of the class head
    bin_step: float = 10.0  # distance of neighbouring bins, Lab units
    temperature: float = 0.38  # of the annealed mean (Zhang 2016, equation 5)
    class_share: float = 0.5  # share of the class head in the result; the rest is regression
    chroma_gain: float = 1.0  # of the mixture: regression and means come out paler than the truth
    chroma_knee: float = ranged(0.0, 0)  # Lab chroma that gets half of that gain; paler: less
    coherent: int = ranged(0, 0, 1)  # 1: it knows the statistics of its features
    dropout: float = ranged(0.3, 0, 1)
    """In training, of the context; half and a third of it at stride 32 and 16."""


class _SameConv(nn.Conv2d):
    """3x3 convolution padded as TensorFlow's SAME: below and on the right at stride 2."""

    def __init__(
        self, channels_in: int, channels_out: int, stride: int, groups: int = 1, bias: bool = True
    ) -> None:
        super().__init__(
            channels_in,
            channels_out,
            3,
            stride=stride,
            padding=1 if stride == 1 else 0,
            groups=groups,
            bias=bias,
        )

    def forward(self, features: Tensor) -> Tensor:
        if self.stride[0] == 2:
            features = F.pad(features, (0, 1, 0, 1))
        return super().forward(features)


class _InvertedResidual(nn.Module):
    """Expand, filter depthwise, project; added to the input where the shapes agree."""

    def __init__(self, channels_in: int, channels_out: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = channels_in * expansion
        self.expand = nn.Conv2d(channels_in, inner, 1) if expansion != 1 else None
        self.depthwise = _SameConv(inner, inner, stride, groups=inner)
        self.project = nn.Conv2d(inner, channels_out, 1)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, features: Tensor) -> Tensor:
        inner = features
        if self.expand is not None:
            inner = F.relu6(self.expand(features), inplace=True)
        projected: Tensor = self.project(F.relu6(self.depthwise(inner), inplace=True))
        return projected.add_(features) if self.residual else projected


class MobileNetEncoder(nn.Module):
    """MobileNetV2's convolutions, on one channel of lightness or on R'G'B', each -1..1; every size
    a multiple of 32.
    """

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.stem = _SameConv(channels, _STEM, 2)
        blocks = []
        channels = _STEM
        for expansion, width, count, stride in _STAGES:
            for index in range(count):
                first = stride if index == 0 else 1
                blocks.append(_InvertedResidual(channels, width, expansion, first))
                channels = width
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Conv2d(_DEEPEST, _HEAD, 1)

    def forward(self, lightness: Tensor, stem_bias: Tensor | None = None) -> list[Tensor]:
        """Pictures to features at stride 4, 8, 16 and 32; `stem_bias` joins at stride 2."""
        return self.taps(self.first(lightness, stem_bias))

    def first(self, lightness: Tensor, stem_bias: Tensor | None = None) -> Tensor:
        """The stem and the first block, in float32, at stride 2."""
        # In bfloat16 the filters of the first block, whose weights go up to 54, would cost a fifth
        # of a dB; everything after it loses nothing.
        with torch.autocast(lightness.device.type, enabled=False):
            features = self.stem(lightness.float())
            if stem_bias is not None:
                features = features + stem_bias
            first: Tensor = self.blocks[0](F.relu6(features, inplace=True))
        return first

    def taps(self, features: Tensor) -> list[Tensor]:
        """What `first` gives to features at stride 4, 8, 16 and 32."""
        taps = []
        for index, block in enumerate(self.blocks[1:], 1):
            features = block(features)
            if index in _TAPS:
                taps.append(features)
        return [*taps, features]

    def summary(self, coarsest: Tensor) -> Tensor:
        """Features at stride 32 (N, 320, h, w) to what the whole picture shows (N, 1280)."""
        seen: Tensor = F.relu6(self.head(coarsest)).mean(dim=(-2, -1))
        return seen

    def load_imagenet(self, tensors: Mapping[str, Tensor]) -> None:
        """Take ImageNet weights named `stem`, `blockNN.{expand,depthwise,project}`, `head`.

        For lightness the stem's three input channels are added up, which is exact for a grey
        picture.
        """
        own = {}
        for name, tensor in tensors.items():
            if name.startswith("classifier"):
                continue
            if name.startswith("block"):
                number, rest = name[5:].split(".", 1)
                own[f"blocks.{int(number)}.{rest}"] = tensor
            elif name == "stem.weight" and self.stem.in_channels == 1:
                own[name] = tensor.sum(dim=1, keepdim=True)
            else:
                own[name] = tensor
        self.load_state_dict(own)


class _UpBlock(nn.Module):
    """Double the size, join the encoder's features, two 3x3 convolutions (the second residual)."""

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int) -> None:
        super().__init__()
        self.join = nn.Conv2d(channels_in + channels_skip, channels_out, 3, padding=1)
        self.refine = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        if self.join.weight.is_meta:
            return  # only shapes are asked for; drawing numbers there loads half of torch
        nn.init.kaiming_normal_(self.join.weight, nonlinearity="relu")
        nn.init.kaiming_normal_(self.refine.weight, nonlinearity="relu")
        nn.init.zeros_(_bias(self.join))
        nn.init.zeros_(_bias(self.refine))
        with torch.no_grad():
            self.refine.weight *= 0.5

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        up = F.interpolate(coarse, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        joined = F.relu(self.join(torch.cat([up, skip], dim=1)), inplace=True)
        return F.relu(self.refine(joined).add_(joined), inplace=True)


def _bias(convolution: nn.Conv2d) -> Tensor:
    if convolution.bias is None:
        raise ValueError("convolution without bias")
    return convolution.bias


class MobileNetUNet(Generator):
    """Lightness to ab at a quarter of the input size; input sides must be multiples of 32."""

    exact_parts = ("encoder.stem", "encoder.blocks.0")
    bin_centers: Tensor
    """(bins, 2): ab of each class."""
    feature_mean: Tensor
    feature_deviation: Tensor
    """(F,): of the features at stride 16, over photographs."""

    def __init__(self, config: MobileNetUNetConfig | None = None) -> None:
        super().__init__()
        self.config = config or MobileNetUNetConfig()
        wide, middle, narrow = self.config.widths
        self.encoder = MobileNetEncoder()
        self.hint_stem = _SameConv(3, _STEM, 2, bias=False)  # no hint has no effect, ever
        nn.init.zeros_(self.hint_stem.weight)
        self.bottleneck = nn.Conv2d(_DEEPEST, wide, 1)
        self.context = nn.Linear(_HEAD, wide)
        self.up16 = _UpBlock(wide, _TAPS[12], wide)
        self.up8 = _UpBlock(wide, _TAPS[5], middle)
        self.up4 = _UpBlock(middle, _TAPS[2], narrow)
        self.classes = nn.Conv2d(narrow, self.config.bins, 1)
        student = nn.Conv2d(narrow, _STUDENT, 1), nn.ReLU(inplace=True), nn.Conv2d(_STUDENT, 3, 1)
        self.add_module("reading", nn.Sequential(*student))  # its name in checkpoints
        self.regression = nn.Conv2d(narrow, 2, 1)
        nn.init.zeros_(self.regression.weight)
        nn.init.zeros_(_bias(self.regression))
        self.register_buffer("bin_centers", torch.zeros(self.config.bins, 2))
        if self.config.coherent:
            self.register_buffer("feature_mean", torch.zeros(_TAPS[12]))
            self.register_buffer("feature_deviation", torch.ones(_TAPS[12]))

    @property
    def descriptor(self) -> Descriptor:
        # Until they are measured: the regression alone errs least, classes are richer in colour.
        gain = self.config.chroma_gain
        return Descriptor(
            looks={
                "restrained": {"class_share": 0.0, "chroma_gain": 1.0, "chroma_knee": 0.0},
                "vivid": {"class_share": 0.6, "chroma_gain": 1.2 * gain},
            }
        )

    def encode(self, lightness: Tensor, hint: Hint | None = None) -> list[Tensor]:
        """Lightness (N, 1, H, W), L* 0..100, to encoder features at stride 4, 8, 16, 32."""
        if self.by_engine is not None:
            return list(self.by_engine(self.exact(lightness, hint))[:4])
        return self.encoder.taps(self.exact(lightness, hint))

    def exact(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        if lightness.shape[-1] % 32 or lightness.shape[-2] % 32:
            raise ValueError(f"sides must be multiples of 32, got {tuple(lightness.shape)}")
        stem_bias = None
        if hint is not None:
            known = torch.cat([hint.ab / _AB_SCALE * hint.confidence, hint.confidence], dim=1)
            stem_bias = self.hint_stem(known)
        return self.encoder.first(lightness / 50.0 - 1.0, stem_bias)

    @property
    def has_inner(self) -> bool:
        return True

    @property
    def eight_bit_parts(self) -> tuple[str, ...]:
        # Two thirds of all its work; in the encoder integers would cost four times the error.
        return tuple(f"{up}.{part}" for up in ("up16", "up8", "up4") for part in ("join", "refine"))

    def inner(self, exact: Tensor) -> tuple[Tensor, ...]:
        """What `exact` gives to encoder features at stride 4, 8, 16 and 32, and what of these all
        heads read.
        """
        encoded = self.encoder.taps(exact)
        return *encoded, self.decoded(encoded)

    def _read(self, lightness: Tensor, hint: Hint | None) -> tuple[Tensor, ...]:
        """As `inner`, of pictures."""
        return (self.by_engine or self.inner)(self.exact(lightness, hint))

    def features(self, lightness: Tensor) -> list[Tensor]:
        """At stride 8, 16 and 32: the finer ones tell places apart, the coarser ones things."""
        return self.encode(lightness)[1:]

    @staticmethod
    def compared(features: list[Tensor]) -> Tensor:
        """Those of the encoder's features by which places are compared, at stride 16."""
        return features[2]

    def decoded(self, features: list[Tensor]) -> Tensor:
        """Encoder features to the input of all heads (N, C, h, w), at stride 4."""
        at4, at8, at16, at32 = features
        summary = self.encoder.summary(at32)
        if self.training and self.config.dropout:
            summary = F.dropout(summary, self.config.dropout)
            at32 = F.dropout2d(at32, self.config.dropout / 2)
            at16 = F.dropout2d(at16, self.config.dropout / 3)
        coarse = F.relu(self.bottleneck(at32) + self.context(summary)[:, :, None, None])
        decoded: Tensor = self.up4(self.up8(self.up16(coarse, at16), at8), at4)
        return decoded

    def heads(self, decoded: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (N, bins, h, w) and regressed ab (N, 2, h, w)."""
        return self.classes(decoded), self.regression(decoded) * _AB_SCALE

    @property
    def student_head(self) -> nn.Module:
        """What is trained by distillation alone, to replace the class head outside training."""
        return self.get_submodule("reading")

    def distilled(self, decoded: Tensor) -> tuple[Tensor, Tensor]:
        """What `decode_classes` would give, by the student head: ab (N, 2, h, w) and confidence
        (N, 1, h, w), 0..1.
        """
        values = self.student_head(decoded).float()
        return values[:, :2] * _AB_SCALE, torch.sigmoid(values[:, 2:])

    def annealed_mean(self, logits: Tensor) -> Tensor:
        """The colour that logits (N, bins, h, w) mean, ab (N, 2, h, w), in float32."""
        # Bins last, as channels-last tensors lie in memory: nothing is moved for the softmax.
        by_place = logits.permute(0, 2, 3, 1).float()
        mean = torch.softmax(by_place / self.config.temperature, dim=-1) @ self.bin_centers
        return mean.permute(0, 3, 1, 2)

    @torch.no_grad()
    def decode_classes(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The annealed mean of the classes (N, 2, h, w), and its confidence (N, 1, h, w), 0..1:
        less, the further the colours of the distribution lie apart.
        """
        chance = torch.softmax(logits.permute(0, 2, 3, 1).float(), dim=-1)
        squares = chance @ self.bin_centers.square().sum(dim=1, keepdim=True)
        spread = squares - (chance @ self.bin_centers).square().sum(dim=-1, keepdim=True)
        confidence = _HALF_CONFIDENCE**2 / (_HALF_CONFIDENCE**2 + spread.clamp(min=0))
        return self.annealed_mean(logits), confidence.permute(0, 3, 1, 2)

    def mix(self, mean: Tensor, regression: Tensor) -> Tensor:
        """Mix the annealed mean of the classes with the regression, in float32, at their gain.

        With a knee the gain grows with chroma: nearly grey places, such as walls and streets, stay
        nearly grey where strong colours are raised.
        """
        share = self.config.class_share
        mixed = share * mean.float() + (1 - share) * regression.float()
        if knee := self.config.chroma_knee:
            chroma = (mixed.square().sum(dim=1, keepdim=True) + _NO_CHROMA).sqrt()
            mixed = mixed * (chroma / (chroma + knee))
        return mixed * self.config.chroma_gain

    def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        return self.with_confidence(lightness, hint)[0]

    def with_confidence(
        self, lightness: Tensor, hint: Hint | None = None
    ) -> tuple[Tensor, Tensor | None]:
        return self.answer(self._read(lightness, hint)[-1])

    @property
    def is_coherent(self) -> bool:
        return self.config.coherent > 0

    def see(self, lightness: Tensor, hint: Hint | None = None) -> Seen:
        *encoded, decoded = self._read(lightness, hint)
        ab, confidence = self.distilled(decoded)
        features = self.compared(encoded).float() - self.feature_mean[:, None, None]
        return Seen(
            decoded.float(),
            F.normalize(features / self.feature_deviation[:, None, None], dim=1),
            F.avg_pool2d(lightness.float(), lightness.shape[-1] // decoded.shape[-1]),
            ab,
            variance_of(confidence),
        )

    def answer(self, decoded: Tensor) -> tuple[Tensor, Tensor]:
        mean, confidence = self.distilled(decoded)
        return self.mix(mean, self.regression(decoded) * _AB_SCALE), confidence


def variance_of(confidence: Tensor) -> Tensor:
    """Squared Lab units along one axis, of a distribution with so much confidence."""
    variance = _HALF_CONFIDENCE**2 * (1 - confidence) / (2 * confidence.clamp(min=1e-3))
    return variance.clamp(min=_SMALLEST_VARIANCE)
