"""What Ansible says where a host lacks what everything needs, in words that say what to do. Pure."""

import re
from collections.abc import Mapping
from typing import Any

# Ansible's words, those of sudo and of a shell behind it -> what is wrong, and what to do.
_MEANINGS = (
    (
        r"[Mm]issing sudo password|sudo: a (terminal|password) is required|[Ii]ncorrect sudo password|Sorry, try again",
        "sudo asks for a password on this host",
        "let this SSH user use sudo without one ('USER ALL=(ALL) NOPASSWD: ALL' in a file of /etc/sudoers.d), which "
        "`nodeops fleet` needs too; for this run alone: --ask-become-pass",
    ),
    (
        r"is not in the sudoers file|is not allowed to (run|execute)",
        "this SSH user may not use sudo on this host",
        "allow it in a file of /etc/sudoers.d, or name another User in ssh_config",
    ),
    (r"sudo: (command )?not found|sudo: No such file", "sudo is not installed on this host", "apt-get install sudo, as root"),
    (
        r"python3?(\.\d+)?'?: (command )?not found|python3?(\.\d+)?'?: No such file|interpreter '[^']*' was not found",
        "python3 is not installed on this host",
        "apt-get install python3, as root: nothing of nodeops or Ansible runs without it",
    ),
    (
        # Ansible reads over words before an answer, but not over another JSON object.
        r"Module result deserialization failed: Extra data",
        "the login shell of this host prints JSON before the answer, so the answer cannot be told from it",
        "let it greet terminals only: `[ -t 1 ] || return` at the top of the .bashrc of this SSH user, or of what it reads",
    ),
)
_SAID = ("msg", "module_stderr", "module_stdout", "stderr")
_MOST_CHARACTERS = 4_000


def explained(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a module's result; where it failed before anything of ours ran, with a message that says why and what to do."""
    if not result.get("failed") or "answer" in result:
        return dict(result)
    said = "\n".join(str(result[key])[:_MOST_CHARACTERS] for key in _SAID if result.get(key))
    for pattern, what, hint in _MEANINGS:
        if re.search(pattern, said):
            # Ansible would show its own error in the place of the message.
            return {**{key: value for key, value in result.items() if key != "exception"}, "msg": f"{what}\n  do: {hint}"}
    return dict(result)
