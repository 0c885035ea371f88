#!/usr/bin/python3
"""Write a role's whole set of files and links in one trip: check mode, diff, validation, atomic, all or nothing."""

import grp
import os
import pwd
import shlex
import stat
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: nodeops_files
short_description: Write many small files and links in one trip
description:
  - Every file is written beside its destination and validated before the first one is moved into place.
  - systemd reads its units anew when one of theirs was written, or when a run that was interrupted left it with an older one.
  - Commands in C(converge) are idempotent and run every time, so that an interrupted run is completed by the next one.
options:
  files:
    description: Files with dest, content, mode, owner, group and an optional validate command with C(%s).
    type: list
    elements: dict
    default: []
    options:
      dest: {description: Absolute path; missing parent folders are made root-owned., type: path, required: true}
      content: {description: The whole content., type: str, required: true}
      mode: {description: Octal permission bits., type: str, default: "0644"}
      owner: {description: User., type: str, default: root}
      group: {description: Group., type: str, default: root}
      validate: {description: Command that must succeed on the new file., type: str}
      secret: {description: "Neither content nor difference is ever shown.", type: bool, default: false}
      once: {description: "Other content that stands there is never replaced, but refused.", type: bool, default: false}
  links:
    description: Symbolic links, replaced in one step.
    type: list
    elements: dict
    default: []
    options:
      path: {description: The link., type: path, required: true}
      target: {description: What it points to., type: str, required: true}
  absent:
    description: Files that must not exist.
    type: list
    elements: path
    default: []
  converge:
    description: Idempotent commands, as lists of words, run after the files are in place.
    type: list
    elements: list
    default: []
  readers:
    description: >-
      Units that read paths of this task when they start, and not again: paths by unit. One that runs since before one of them
      was written is C(outdated), in the next run too where this one ends before the unit is started anew.
    type: dict
    default: {}
"""

RETURN = r"""
written: {description: Paths that changed., type: list, returned: always}
outdated: {description: Readers that must be started anew., type: list, returned: always}
"""

UNITS = "/etc/systemd/system/"
UNIT_FOLDERS = (".wants", ".requires")
# By unit: which start of it ran when one of its paths was written last. A boot starts all of them anew, and empties this.
READERS = "/run/nodeops-readers/"

FILE_OPTIONS = {
    "dest": {"type": "path", "required": True},
    "content": {"type": "str", "required": True},
    "mode": {"type": "str", "default": "0644"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "validate": {"type": "str"},
    "secret": {"type": "bool", "default": False},
    "once": {"type": "bool", "default": False},
}
LINK_OPTIONS = {"path": {"type": "path", "required": True}, "target": {"type": "str", "required": True}}


class QuietModule(AnsibleModule):  # type: ignore[misc]
    """Repeats nothing of what it was given: Ansible writes all arguments into the log of the host, and into the answer."""

    def _log_invocation(self) -> None:
        self.log("Invoked; what it writes is not logged: it may hold secrets")

    def _return_formatted(self, kwargs: "dict[str, Any]") -> None:
        super()._return_formatted({**kwargs, "invocation": {}})


def main() -> None:
    """Compare, validate, then move all files into place."""
    module = QuietModule(
        {
            "files": {"type": "list", "elements": "dict", "default": [], "options": FILE_OPTIONS},
            "links": {"type": "list", "elements": "dict", "default": [], "options": LINK_OPTIONS},
            "absent": {"type": "list", "elements": "path", "default": []},
            "converge": {"type": "list", "elements": "list", "default": []},
            "readers": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    changed = [item for item in module.params["files"] if differs(item)]
    refuse_other(module, changed)
    links = [item for item in module.params["links"] if read_link(item["path"]) != item["target"]]
    absent = [path for path in module.params["absent"] if os.path.lexists(path)]
    written = [item["dest"] for item in changed] + [item["path"] for item in links] + absent
    diff = [difference(item) for item in changed] + [link_difference(item) for item in links]
    readers = [unit for unit, paths in module.params["readers"].items() if set(written) & set(paths)]
    if not module.check_mode:
        note(module, readers)
        write_all(module, changed)
        for item in links:
            replace_link(item)
        for path in absent:
            os.unlink(path)
        reload_units(module, written)
        for words in module.params["converge"]:
            module.run_command([str(word) for word in words], check_rc=True)
    outdated = [unit for unit in module.params["readers"] if unit in readers or is_outdated(module, unit)]
    module.exit_json(changed=bool(written), written=written, diff=diff, outdated=outdated)


def refuse_other(module: AnsibleModule, items: "list[dict[str, Any]]") -> None:
    """Stop before anything is in place where another run wrote a file that is written once, since this one looked."""
    for item in items:
        if item["once"] and read(item["dest"]) not in (None, item["content"].encode()):
            text = f"{item['dest']}: other content stands there, and it is never replaced; nothing was changed"
            module.fail_json(
                msg=f"{text}. Did another controller make this host meanwhile? Take the file that it has, and run again"
            )


def read(path: str) -> "bytes | None":
    """Return a file's content, or None when it is not a regular file."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def read_link(path: str) -> "str | None":
    """Return what a link points to, or None."""
    try:
        return os.readlink(path)
    except OSError:
        return None


def differs(item: "dict[str, Any]") -> bool:
    """Tell whether a file's content, mode or owner is not what it should be."""
    if read(item["dest"]) != item["content"].encode():
        return True
    facts = os.lstat(item["dest"])
    wanted = (int(item["mode"], 8), *owner_of(item))
    return (stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid) != wanted


def owner_of(item: "dict[str, Any]") -> "tuple[int, int]":
    """Return uid and gid; -1 for a user or group that does not exist yet (check mode on a fresh host)."""
    try:
        return pwd.getpwnam(item["owner"]).pw_uid, grp.getgrnam(item["group"]).gr_gid
    except KeyError:
        return -1, -1


def difference(item: "dict[str, Any]") -> "dict[str, str]":
    """Return what --diff shows for a file."""
    before = (read(item["dest"]) or b"").decode(errors="replace")
    after = item["content"]
    if item["secret"]:
        before, after = "", "what is written is not shown: it may hold secrets\n"
    header = f"{item['dest']} ({item['owner']}:{item['group']} {item['mode']})"
    return {"before": before, "after": after, "before_header": item["dest"], "after_header": header}


def link_difference(item: "dict[str, str]") -> "dict[str, str]":
    """Return what --diff shows for a link."""
    return {"before": f"{read_link(item['path'])}\n", "after": f"{item['target']}\n", "before_header": item["path"]}


def write_all(module: AnsibleModule, items: "list[dict[str, Any]]") -> None:
    """Write and validate every new file beside its destination, then rename all of them."""
    prepared: list[tuple[str, str]] = []
    try:
        for item in items:
            if -1 in owner_of(item):
                owner = f"{item['owner']}:{item['group']}"
                module.fail_json(msg=f"{item['dest']}: no such user or group: {owner}; nothing was changed")
            prepared.append((prepare(item), item["dest"]))
            validate(module, item, prepared[-1][0])
        refuse_other(module, items)
        for temporary, destination in prepared:
            os.replace(temporary, destination)
    finally:
        for temporary, _ in prepared:
            if os.path.exists(temporary):
                os.unlink(temporary)


def prepare(item: "dict[str, Any]") -> str:
    """Return the path of a new file with the wanted content, mode and owner, not yet in place."""
    folder = os.path.dirname(item["dest"])
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".nodeops-", suffix=os.path.splitext(item["dest"])[1], dir=folder)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, int(item["mode"], 8))
        os.fchown(handle, *owner_of(item))
        file.write(item["content"].encode())
        file.flush()
        os.fsync(handle)
    return temporary


def validate(module: AnsibleModule, item: "dict[str, Any]", temporary: str) -> None:
    """Stop before anything is in place when a file's own validator rejects it."""
    if not item["validate"]:
        return
    code, out, err = module.run_command([word.replace("%s", temporary) for word in shlex.split(item["validate"])])
    if code != 0:
        said = (err or out).strip()
        os.unlink(temporary)
        module.fail_json(msg=f"{item['dest']}: the new content is not valid, nothing was changed: {said}", rc=code)


def reload_units(module: AnsibleModule, written: "list[str]") -> None:
    """Let systemd read its units anew, only where it has to."""
    units = sorted({unit for path in ours(module.params) for unit in unit_of(path)})
    if any(path.startswith(UNITS) for path in written) or (units and outdated(module, units)):
        module.run_command(["systemctl", "daemon-reload"], check_rc=True)


def ours(parameters: "dict[str, Any]") -> "list[str]":
    """Return every path that was asked for."""
    named = [("files", "dest"), ("links", "path")]
    return [item[key] for kind, key in named for item in parameters[kind]] + parameters["absent"]


def unit_of(path: str) -> "list[str]":
    """Return the unit that a file below systemd's folder speaks of: of itself, or of the unit whose drop-in it is."""
    name = path[len(UNITS) :].split("/")[0] if path.startswith(UNITS) else ""
    return [name[: -len(".d")] if name.endswith(".d") else name] if name and not name.endswith(UNIT_FOLDERS) else []


def outdated(module: AnsibleModule, units: "list[str]") -> bool:
    """Tell whether systemd holds one of the units as it was before its file changed."""
    _, out, _ = module.run_command(["systemctl", "show", "--property=NeedDaemonReload", "--", *units], check_rc=True)
    return "NeedDaemonReload=yes" in out


def start_of(module: AnsibleModule, unit: str) -> str:
    """Return what tells one start of a unit from every other; nothing for one that was never started."""
    _, out, _ = module.run_command(["systemctl", "show", "--property=InvocationID", "--", unit], check_rc=True)
    return out.strip().partition("=")[2]


def note(module: AnsibleModule, units: "list[str]") -> None:
    """Write down which start of the units runs, before what they read is written: from here on it is an old one."""
    for unit in units:
        os.makedirs(READERS, mode=0o700, exist_ok=True)
        with open(READERS + unit, "w", encoding="ascii") as file:
            file.write(start_of(module, unit))


def is_outdated(module: AnsibleModule, unit: str) -> bool:
    """Tell whether a unit runs since before what it reads was written. One that never ran then, as in a container, does not."""
    noted = read(READERS + unit) or b""
    return noted != b"" and noted.decode() == start_of(module, unit)


def replace_link(item: "dict[str, str]") -> None:
    """Point a link somewhere else in one step."""
    os.makedirs(os.path.dirname(item["path"]), exist_ok=True)
    # A name of this process alone: another controller may be at work here.
    temporary = f"{item['path']}.nodeops-{os.getpid()}"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink(item["target"], temporary)
    os.replace(temporary, item["path"])


if __name__ == "__main__":
    main()
