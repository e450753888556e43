"""filmcolor turns black-and-white film into colour film."""

__version__ = "0.1.0"
