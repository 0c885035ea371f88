"""States of resources as plain JSON, so that they can be kept: how one is made, read and compared. Pure."""

import base64
from typing import Any

# All kinds of resources, in the order of a change: folders before what is in them, files before the services that read them.
KINDS = ("folder", "file", "mode", "sysctl", "unit", "mount_flag", "password_age")

# None: absent. Otherwise what resources.py says of the kind.
State = Any


def content_of(state: State) -> str | None:
    """Return the text of a file's state; None for an absent one. Bytes that are not UTF-8 are kept."""
    return None if state is None else base64.b64decode(state["b64"]).decode("utf-8", "surrogateescape")


def file_state(text: str, mode: int, *, impose: bool = False) -> State:
    """Return the state of a file of root's. Only with `impose` is the mode of one that is there changed."""
    data = base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()
    return {"b64": data, "mode": mode, "uid": 0, "gid": 0, "impose": impose}


def same(key: str, present: State, wanted: State) -> bool:
    """Tell whether a resource has the state that is wanted: of what is not said in it, anything will do."""
    if key.startswith("file ") and present is not None and wanted is not None:
        imposed = not wanted.get("impose") or present["mode"] == wanted["mode"]
        return bool(present["b64"] == wanted["b64"] and imposed)
    if key.startswith("unit "):
        return all(value is None or present[name] == value for name, value in wanted.items())
    if key.startswith("mode "):
        return present is None or _mode_fits(present, wanted)
    if key.startswith("mount_flag "):
        return present is None or present == wanted
    if key.startswith("sysctl "):
        # A parameter that is not there cannot be set: its interface has gone.
        return present is None or wanted is None or bool(present == wanted)
    return bool(present == wanted)


def lost(key: str, present: State, before: State, folder: bool) -> str:
    """Return why a resource cannot be given back what it was, empty when it can: somebody has taken away what it belongs to.

    `folder` tells whether the folder of a file is there.
    """
    if key.startswith("unit ") and present["enabled"] == "not-found" and before["enabled"] not in ("masked", "not-found"):
        return "its package is not installed any more"
    if key.startswith("file ") and before is not None and not folder:
        return "its folder has gone"
    if key.startswith("password_age ") and present is None and before is not None:
        return "the account has gone"
    return ""


def _mode_fits(present: State, wanted: State) -> bool:
    """Tell whether owner and mode are as wanted; where it says "at_most", fewer permissions are as good."""
    if wanted is None:
        return True
    if any(present[name] != wanted.get(name, present[name]) for name in ("user", "group")):
        return False
    if wanted.get("at_most"):
        return not present["mode"] & ~wanted["mode"]
    return bool(present["mode"] == wanted["mode"])
