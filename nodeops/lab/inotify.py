"""Room for systemd on many hosts of one machine: each needs inotify instances, and all count against root's one limit.

Without room a host boots with failed units (systemd-ask-password-console.path) or not at all, and none of them says why.
"""

from pathlib import Path

from nodeops.lab.engine.engine import Say

_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
# Debian 12 and 13 with all that site.yml starts take fewer than a dozen (measured); what else is on the machine has its own.
_PER_HOST, _OTHERS = 16, 128


def make_room(hosts: int, say: Say, limit: Path = _LIMIT) -> bool:
    """Raise the machine's limit, until it restarts, where it is too low for so many hosts; tell whether that was needed.

    A machine that has no such limit, or does not let us, is left as it is, and it is said what to do.
    """
    try:
        now, wanted = int(limit.read_text()), _PER_HOST * hosts + _OTHERS
        if now >= wanted:
            return False
        limit.write_text(str(wanted))
    except (OSError, ValueError) as error:
        say(f"if hosts do not boot well: sysctl fs.inotify.max_user_instances={_PER_HOST * hosts + _OTHERS} ({error})")
        return False
    say(f"fs.inotify.max_user_instances of this machine: {now} -> {wanted}, until it restarts")
    return True
