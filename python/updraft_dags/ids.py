"""Ids of DAGs, tasks and groups."""
from __future__ import annotations

import re
from typing import Any, Collection


_KEY = re.compile(r"^[\w.-]+$")
_GROUP = re.compile(r"^[\w-]+$")
LONGEST = 250


def check(key: str) -> None:
    """Raises what Airflow raises for an id that is not allowed."""
    if not isinstance(key, str):
        raise TypeError("The key has to be a string and is %s:%s" % (type(key), key))
    if len(key) > LONGEST:
        raise ValueError("The key has to be less than %d characters, not %d" % (LONGEST, len(key)))
    if not _KEY.match(key):
        raise ValueError("The key %r has to be made of alphanumeric characters, dashes, dots, and "
                         "underscores exclusively" % key)


def check_group(key: str) -> None:
    """As check, for groups, whose ids have no dots of their own."""
    if not isinstance(key, str):
        raise TypeError("The key has to be a string and is %s:%s" % (type(key), key))
    if len(key) > 200:
        raise ValueError("The key has to be less than 200 characters, not %d" % len(key))
    if not _GROUP.match(key):
        raise ValueError("The key %r has to be made of alphanumeric characters, dashes, and "
                         "underscores exclusively" % key)


def free(wanted: str, taken: Collection[str], prefix: str = "") -> Any:
    """wanted, or wanted with the first suffix __1, __2, ... above those in taken, whose
    members begin with prefix."""
    if prefix + wanted not in taken:
        return wanted
    core = re.split(r"__\d+$", wanted)[0]
    suffix = re.compile(re.escape(prefix + core) + r"__(\d+)$")
    numbers = [int(found.group(1)) for found in map(suffix.match, taken) if found]
    return "%s__%d" % (core, max(numbers, default=0) + 1)
