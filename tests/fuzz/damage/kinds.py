"""What every kind of damage is."""

from collections.abc import Callable
from random import Random

Damage = Callable[[bytes, Random], bytes]
"""Called as (a sound file, where chance comes from); returns the damaged file."""

Maker = Callable[[Random], bytes]
"""A file that was never sound, made from nothing."""
