"""Recipes: what is trained, on which losses, with which settings. Data only; the loop reads them.

`film` is the project's own. `pix2pix` follows Isola et al. 2017, "Image-to-Image Translation with
Conditional Adversarial Networks"; `dcgan` follows Radford et al. 2016, "Unsupervised Representation
Learning with Deep Convolutional Generative Adversarial Networks", made conditional; `rgb-gan` is a
plain encoder and decoder without downsampling that makes RGB. `sr`, `sr-film` and `sr-fine` make
no colour: they raise the resolution (see `filmcolor/models/subpixel.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from filmcolor.train.degrade import SMALL_FILM, DegradeSettings
from filmcolor.train.hints import HintSettings
from filmcolor.train.recipe_parts import Adversary, Phase, Recipe

__all__ = ["RECIPES", "Adversary", "Phase", "Recipe"]


_FILM_COLORS = {
    "classes": 1.0,
    "regression": 8.0,
    "picture": 1.0,
    "semantics": 2.0,
    "stability": 1.0,
}
_FILM_HINTS = HintSettings(chance=0.2)

_FILM_CROPS = Phase(
    name="crops",
    share=0.70,
    size=160,
    scale=(0.6, 1.0),
    stretch=1.3,
    losses=_FILM_COLORS,
    optimizer="adamw",
    rate=1.2e-3,
    encoder_rate=3e-4,
    schedule="cosine",
    rate_shares=(1.0, 0.25),
    warmup_steps=100,
    beta1=0.9,
    weight_decay=0.05,
    degrade=DegradeSettings(),
    hints=_FILM_HINTS,
)

FILM = Recipe(
    name="film",
    summary="the default: MobileNetV2 U-Net, rebalanced classes and regression on worn pictures, "
    "then a short adversarial phase that is kept only if it wins",
    architecture="mobilenet-unet",
    generator={"coherent": 1},
    phases=(
        _FILM_CROPS,
        replace(
            _FILM_CROPS,
            name="frames",
            share=0.25,
            size=256,
            scale=(0.85, 1.0),
            rate_shares=(0.25, 0.0),
            warmup_steps=50,
        ),
        replace(
            _FILM_CROPS,
            name="adversarial",
            share=0.05,
            size=256,
            scale=(0.85, 1.0),
            losses={**_FILM_COLORS, "adversarial": 0.05},
            rate=3e-5,
            encoder_rate=None,
            discriminator_rate=2e-4,
            schedule="constant",
            warmup_steps=0,
            beta1=0.5,
            discriminator=True,
            head_start=50,
        ),
    ),
    adversary=Adversary("patch", norm="spectral", loss="hinge"),
    batch_size=32,
    epochs=24.0,
    val_share=0.2,
    pale_share=0.12,
    rebalancing=0.7,
    ema=0.998,
    gradient_norm=1.0,
    tuning_share=0.25,
)

PIX2PIX = Recipe(
    name="pix2pix",
    summary="U-Net down to 1x1 against a 70x70 PatchGAN; L1 alone first, then GAN and L1",
    architecture="pix2pix-unet",
    phases=(
        Phase(name="l1", share=0.5, losses={"l1": 100.0}),
        Phase(
            name="gan",
            share=0.5,
            losses={"l1": 100.0, "adversarial": 1.0},
            discriminator=True,
        ),
    ),
    adversary=Adversary("patch"),
    batch_size=16,
    epochs=20.0,
    ema=0.0,
)

DCGAN = Recipe(
    name="dcgan",
    summary="strided U-Net at 64 px that predicts Lab, against a strided discriminator; GAN and L1",
    architecture="dcgan-unet",
    phases=(
        Phase(
            name="gan",
            size=64,
            losses={"l1": 100.0, "adversarial": 1.0},
            schedule="plateau",
            discriminator=True,
        ),
        Phase(name="l2", share=0.0, size=64, losses={"l2": 100.0}, schedule="plateau"),
    ),
    adversary=Adversary("dcgan", real_label=(0.9, 0.9)),
    batch_size=64,
    epochs=20.0,
    ema=0.0,
)

_RGB_GAN = Phase(
    name="mse",
    size=120,
    losses={"l2": 1.0},
    rate=5e-4,
    beta1=0.9,
    discriminator=True,
)

RGB_GAN = Recipe(
    name="rgb-gan",
    summary="encoder and decoder at 120 px without downsampling that predict RGB, on mean squared "
    "error; its discriminator learns beside it",
    architecture="rgb-gan",
    phases=(
        _RGB_GAN,
        replace(_RGB_GAN, name="gan", share=0.0, losses={"l2": 1.0, "adversarial": 0.01}),
    ),
    adversary=Adversary(
        "rgb-gan", sees_lightness=False, real_label=(0.9, 1.0), fake_label=(0.0, 0.1)
    ),
    batch_size=64,
    epochs=150.0,
    val_share=0.1,
    ema=0.0,
)

RGB_GAN_B = replace(
    RGB_GAN,
    name="rgb-gan-b",
    summary="rgb-gan with twice the learning rate",
    phases=tuple(replace(phase, rate=1e-3) for phase in RGB_GAN.phases),
)

SR = Recipe(
    name="sr",
    summary="raises the resolution: sub-pixel convolutions on luma, added to the bicubic "
    "enlargement; L1 on photographs reduced to half",
    architecture="subpixel",
    phases=(
        Phase(
            name="l1",
            size=128,
            native=True,
            losses={"l1": 1.0},
            optimizer="soap",
            rate=3e-3,
            schedule="cosine",
            rate_shares=(1.0, 0.005),
            warmup_steps=100,
            beta1=0.95,
            beta2=0.95,
        ),
        Phase(
            name="adversarial",
            share=0.0,
            size=96,
            native=True,
            losses={"l1": 1.0, "features": 0.01, "adversarial": 0.003},
            rate=1e-4,
            discriminator_rate=4e-4,
            beta1=0.5,
            discriminator=True,
            head_start=100,
        ),
    ),
    adversary=Adversary("patch", norm="spectral", width=32, sees_lightness=False, loss="hinge"),
    batch_size=16,
    epochs=30.0,
    ema=0.999,
    gradient_norm=0.1,
    tuning_share=0.4,
)

SR_FILM = replace(
    SR,
    name="sr-film",
    summary="as sr, on photographs worn as small files of old film are, whose grain and blocks are "
    "neither sharpened nor smeared",
    phases=tuple(replace(phase, degrade=SMALL_FILM) for phase in SR.phases),
)

SR_FINE = replace(
    SR,
    name="sr-fine",
    summary="as sr, with a network of 0.6 M parameters for people who can wait",
    generator={"width": 64, "layers": 0, "blocks": 8},
    phases=(replace(SR.phases[0], rate=1e-3), *SR.phases[1:]),
)

RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (FILM, PIX2PIX, DCGAN, RGB_GAN, RGB_GAN_B, SR, SR_FILM, SR_FINE)
}
