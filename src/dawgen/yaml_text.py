"""YAML that people wrote, read through one door: PyYAML fails in more ways than its own errors cover.

>>> from dawgen.yaml_text import load_yaml
>>> load_yaml("[1, 2]")
[1, 2]
>>> load_yaml("[1, 2")
Traceback (most recent call last):
ValueError: while parsing a flow sequence, expected ',' or ']', but got '<stream end>' (line 1, column 6)
"""

from __future__ import annotations

from typing import Any

import yaml


def load_yaml(text: str | bytes, loader: Any = yaml.SafeLoader) -> Any:
    """Return what a text says in YAML.

    Raises:
        ValueError: it is no YAML, or a value in it is none of its kind (the 99th of a month, `!!int x`); the message is
            one line, with the place where there is one.
    """
    try:
        return yaml.load(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        said = ", ".join(part for part in (error.context, error.problem) if part)
        mark = error.problem_mark or error.context_mark
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ValueError(f"{_show(said)}{place}") from error
    except yaml.reader.ReaderError as error:
        number = error.character if isinstance(error.character, int) else ord(error.character)
        raise ValueError(f"a sign that YAML does not allow: {number:#x}, {error.reason}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(_show(str(error))) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except (LookupError, AttributeError, TypeError, ArithmeticError) as error:  # of a value that its tag does not fit
        raise ValueError(f"a value that is not of the kind that its tag says ({type(error).__name__})") from error


def _show(said: str) -> str:
    line = " ".join(said.split())[:200]
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in line)
