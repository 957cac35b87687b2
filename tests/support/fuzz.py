"""How many inputs a property test draws: few in the suite, many with `--hypothesis-profile=long`."""

from hypothesis import settings


def is_long() -> bool:
    """Return whether the profile `long` is chosen."""
    return settings.default is settings.get_profile("long")


def draw(examples: int) -> settings:
    """Return settings that draw so many inputs, or as many as the profile `long` says where it is chosen."""
    return settings.get_profile("long") if is_long() else settings(max_examples=examples, deadline=None)
