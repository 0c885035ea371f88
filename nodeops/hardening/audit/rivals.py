"""What other files say against a line of ours: the file that wins is what is in force. Pure: files are given in the order in
which they are read, each with its text.

Sources: systemd.unit(5), drop-ins by name; modprobe.d(5) and libkmod, the first `install` line that fits; sudoers(5), the last
Defaults; limits.conf(5), an account before a group before everybody, then the last.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

Files = Sequence[tuple[str, str]]
_SECTION = re.compile(r"\[(\w+)\]")
_DEFAULTS = re.compile(r"^\s*Defaults(?P<scope>[@:!>]\S+)?\s+(?P<words>.*?)\s*(?:#.*)?$")
_WORD = re.compile(r'(!?)(\w+)\s*(?:[-+]?=\s*("[^"]*"|[^,]*))?')
_APT = re.compile(r'([\w:-]+) "(.*)";')
# apt's own words for yes and no (StringToBool).
_APT_WORDS = {
    **dict.fromkeys(("no", "false", "without", "off", "disable"), "0"),
    **dict.fromkeys(("yes", "true", "with", "on", "enable"), "1"),
}


def over_drop_in(files: Files, ours: str, section: str, key: str, value: str) -> str:
    """Return which file read after our drop-in gives a key of a unit another value, and which; empty when none does."""
    names = [file for file, _ in files]
    later = files[names.index(ours) + 1 :] if ours in names else ()
    said = [(file, found) for file, text in later for found in _values(text, section, key)]
    return f"{said[-1][0]} says {key}={said[-1][1]}" if said and said[-1][1] != value else ""


def _values(text: str, section: str, key: str) -> list[str]:
    here, found = "", []
    for line in map(str.strip, text.splitlines()):
        if match := _SECTION.fullmatch(line):
            here = match[1]
        elif here == section and line.partition("=")[0].rstrip() == key and "=" in line:
            found.append(line.partition("=")[2].strip())
    return found


def over_module(files: Files, module: str) -> str:
    """Return which file loads a module that is not to be loaded: the first `install` line that fits counts."""
    plain = module.replace("-", "_")
    for file, text in files:
        for words in (line.split(maxsplit=2) for line in text.splitlines()):
            if len(words) == 3 and words[0] == "install" and fnmatchcase(plain, words[1].replace("-", "_")):
                return "" if words[2].strip() in ("/bin/false", "/bin/true") else f"{file} says {' '.join(words)}"
    return ""


def over_defaults(files: Files, ours: str, line: str) -> str:
    """Return which line of sudo's files takes a `Defaults` of ours back, for all or for somebody; empty when none does."""
    wanted = dict(_options(line.partition("Defaults")[2]))
    names = [file for file, _ in files]
    at = names.index(ours) if ours in names else len(names)
    for number, (file, text) in enumerate(files):
        for found in filter(None, map(_DEFAULTS.match, text.splitlines())):
            # What is said for a command counts after all else, wherever it stands.
            if number <= at and not (found["scope"] or "").startswith("!"):
                continue
            loose = [name for name, value in _options(found["words"]) if name in wanted and _looser(wanted[name], value)]
            if loose and file != ours:
                return f"{file} says {found[0].strip()}"
    return ""


def _options(text: str) -> list[tuple[str, str]]:
    """Return the options of a line of Defaults: `on`, `off`, or their value."""
    return [(name, "off" if no else (value or "on").strip('" ')) for no, name, value in _WORD.findall(text)]


def _looser(wanted: str, found: str) -> bool:
    if re.fullmatch(r"\d+", wanted) and re.fullmatch(r"-?\d+(\.\d+)?", found):
        return not 0 <= float(found) <= float(wanted)
    return found != wanted


def over_apt(dump: str, files: Files, line: str) -> str:
    """Return what apt makes of a setting of ours, with the last file that speaks of it, where that is something else.

    `dump` is what `apt-config dump` says: apt has one language for all its files, and blocks in it.
    """
    wanted = _APT.fullmatch(line)
    found = [one[2] for one in map(_APT.fullmatch, dump.splitlines()) if one and wanted and one[1].lower() == wanted[1].lower()]
    if not wanted or not found or _apt_value(found[-1]) == _apt_value(wanted[2]):
        return ""
    word = wanted[1].rpartition("::")[2].lower()
    where = [file for file, text in files if word in text.lower()]
    return f'{where[-1] if where else "another file"} makes apt read {wanted[1]} "{found[-1]}"'


def _apt_value(text: str) -> str:
    return _APT_WORDS.get(text.lower(), text.lower())


def over_limits(files: Files, ours: str) -> str:
    """Return which file of limits lets somebody have core files again; empty when none does."""
    names = [file for file, _ in files]
    at = names.index(ours) if ours in names else len(names)
    for number, (file, text) in enumerate(files):
        for words in (line.partition("#")[0].split() for line in text.splitlines()):
            if len(words) != 4 or words[2] != "core" or words[3] == "0":
                continue
            # An account or a group goes before everybody, wherever it stands; a soft limit stays below a hard one of ours.
            if words[1] != "soft" and (words[0] not in ("*", "root") or number > at):
                return f"{file} says {' '.join(words)}"
    return ""
