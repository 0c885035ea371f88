"""A stand-in for systemd where none runs: real processes, units' drop-ins and timers as files, and a death at any call.

`systemctl` and `systemd-run` are shell scripts on PATH. They know what the log level lever, trials and the guard ask of them.
"""

import os
import shlex
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

UNIT = "ledger.service"
# Calls are counted; the one whose number stands in the file `die` kills its caller, before it does anything.
_HEAD = """#!/bin/sh
root={root}
number=$(( $(cat "$root/calls") + 1 )); echo $number > "$root/calls"
[ "$number" != "$(cat "$root/die" 2>/dev/null)" ] || {{ kill -9 $PPID; exit 1; }}
alive() {{ grep -q "^State:.[^Z]" "/proc/$1/status" 2>/dev/null; }}
end() {{ kill "$1" || return; while alive "$1"; do sleep 0.02; done; }}
dropped() {{ cat "$root/units/{unit}.d/"*.conf 2>/dev/null | sed -n 's/^Environment=//p'; }}
"""
_SYSTEMCTL = """
case "$1" in
show)
  pid=$(cat "$root/pid" 2>/dev/null)
  if alive "$pid"; then state=active; else state=inactive; pid=0; fi
  [ "$(dropped)" = "$(cat "$root/loaded" 2>/dev/null)" ] && reload=no || reload=yes
  case "$*" in
  *--value*) echo "NODEOPS_CONFIGURATION=c $(cat "$root/loaded" 2>/dev/null)";;
  *) printf 'LoadState=loaded\\nActiveState=%s\\nSubState=running\\nUnitFileState=enabled\\nNeedDaemonReload=%s\\n' $state $reload
     printf 'MainPID=%s\\nResult=success\\nNRestarts=0\\n' $pid;;
  esac;;
daemon-reload) dropped > "$root/loaded";;
restart)
  pid=$(cat "$root/pid" 2>/dev/null)
  end "$pid" 2>/dev/null
  env -i NODEOPS_CONFIGURATION=c $(cat "$root/loaded" 2>/dev/null) setsid sh "$root/exec" >> "$root/ledger.log" 2>&1 < /dev/null &
  echo $! > "$root/pid"
  # Until it is what was started it has its parent's environment.
  while alive $! && ! grep -qz ^NODEOPS_CONFIGURATION= "/proc/$!/environ"; do sleep 0.02; done;;
is-active) shift; for unit; do [ -e "$root/timers/$unit" ] && echo active || echo inactive; done;;
stop)
  shift; code=5
  for unit; do
    [ "$unit" != {unit} ] || { end "$(cat "$root/pid")" && code=0; }
    rm "$root/timers/$unit" 2>/dev/null && code=0
  done
  exit $code;;
start|enable|reset-failed) echo "$@" >> "$root/asked";;
list-unit-files) ;;
*) echo "unknown: $*" >&2; exit 1;;
esac
"""
_SYSTEMD_RUN = """
for word; do case "$word" in --unit=*) unit=${word#--unit=};; esac; done
[ ! -e "$root/timers/$unit.timer" ] || exit 1
echo "$@" > "$root/timers/$unit.timer"
"""


class LittleSystemd:
    """Its files in a folder. `command` is a shell line that becomes the ledger's process."""

    def __init__(self, root: Path, command: str) -> None:
        self.root, self.programs = root, root / "bin"
        for folder in (self.programs, root / "units", root / "timers"):
            folder.mkdir()
        (root / "exec").write_text(f"exec {command}\n")
        self._program("systemctl", _SYSTEMCTL)
        self._program("systemd-run", _SYSTEMD_RUN)
        self.reset()

    def _program(self, name: str, body: str) -> None:
        path = self.programs / name
        path.write_text(_HEAD.format(root=self.root, unit=UNIT) + body.replace("{unit}", UNIT))
        path.chmod(0o755)

    def fire(self) -> None:
        """Let every timer run out, as systemd would: what each was armed with is run, with this stand-in still there."""
        for name, words in self.timers.items():
            (self.root / "timers" / name).unlink()
            command = shlex.split(words)
            start = next(number for number, word in enumerate(command) if not word.startswith("--"))
            subprocess.run(command[start:], check=True)

    def reset(self, die: int = 0) -> None:
        """Count calls anew; the call with number `die` will kill its caller."""
        (self.root / "calls").write_text("0")
        (self.root / "die").write_text(str(die))

    @property
    def calls(self) -> int:
        """Return how many calls there were."""
        return int((self.root / "calls").read_text())

    @property
    def timers(self) -> dict[str, str]:
        """Return the armed timers and the words they were armed with."""
        return {path.name: path.read_text() for path in sorted((self.root / "timers").iterdir())}

    def environment(self) -> dict[str, str]:
        """Return the environment of the ledger's process."""
        raw = Path(f"/proc/{self.pid}/environ").read_text()
        return dict(entry.split("=", 1) for entry in raw.split("\0") if "=" in entry)

    @property
    def pid(self) -> int:
        """Return the ledger's process."""
        return int((self.root / "pid").read_text())

    def clear(self) -> None:
        """Do what a reboot does: processes, drop-ins and timers are gone."""
        self.end()
        for name in ("units", "timers"):
            shutil.rmtree(self.root / name)
            (self.root / name).mkdir()
        (self.root / "loaded").unlink(missing_ok=True)

    def end(self) -> None:
        """End the ledger's process."""
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
            until = time.monotonic() + 20
            while self.is_running() and time.monotonic() < until:
                time.sleep(0.02)

    def is_running(self) -> bool:
        """Tell whether the ledger's process runs; one that nobody has waited for yet does not."""
        try:
            return "\nState:\tZ" not in Path(f"/proc/{self.pid}/status").read_text()
        except FileNotFoundError:
            return False
