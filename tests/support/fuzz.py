"""How many inputs a property test draws: few in the suite, many with `--hypothesis-profile=long`."""

from hypothesis import settings


def draw(examples: int) -> settings:
    """Return settings that draw so many inputs, or as many as the profile `long` says where it is chosen."""
    long = settings.get_profile("long")
    return long if settings.default is long else settings(max_examples=examples, deadline=None)
