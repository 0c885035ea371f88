"""The page of all verbs, from the commands themselves."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from nodeops.cli import VERBS, load_verb

_HEAD = (
    "# Command line",
    "",
    "Every verb takes `--help`. Exit codes: 0 done, 1 a finding failed, 2 bad input, 3 the host must be seen to,",
    "4 refused by a safety gate, 5 timed out, 130 interrupted, 141 the reader of the output went away.",
    'With `--json` errors are JSON too: `{"error": {"kind", "what", "where", "allowed", "hint"}, "exit_code": 2}`.',
    "",
)


def lines(root: Path) -> Iterator[str]:  # noqa: ARG001 - all pages are called alike
    """Yield the lines of the page."""
    yield from _HEAD
    for verb, (_, summary) in sorted(VERBS.items()):
        yield from (f"## nodeops {verb}", "", summary, "")
        yield from _command(load_verb(verb), f"nodeops {verb}", summary)


def _command(command: Any, path: str, said: str) -> Iterator[str]:
    commands = getattr(command, "commands", None)
    if commands:
        for name, inner in sorted(commands.items()):
            yield from (f"### {path} {name}", "")
            yield from _command(inner, f"{path} {name}", "")
        return
    for paragraph in _paragraphs(command.help):
        if paragraph != said:
            yield from (paragraph, "")
    parameters = [_Parameter(parameter, command) for parameter in command.params if not parameter.hidden]
    yield from ("```", " ".join([path, *(parameter.usage for parameter in parameters)]), "```", "")
    if parameters:
        yield from ("| | |", "|---|---|", *(parameter.row for parameter in parameters), "")


def _paragraphs(text: str | None) -> list[str]:
    return [" ".join(part.split()) for part in (text or "").split("\n\n") if part.strip()]


class _Parameter:
    """One argument or option, ready to be written."""

    def __init__(self, parameter: Any, command: Any) -> None:
        self.parameter = parameter
        self.is_argument = parameter.param_type_name == "argument"
        self.word = parameter.name.upper().replace("_", "-") if self.is_argument else max(parameter.opts, key=len)
        self.value = "" if self.is_argument or parameter.is_flag else f" {_kind(parameter, command)}"
        self.many = parameter.nargs == -1 or parameter.multiple

    @property
    def usage(self) -> str:
        word = f"{self.word}{self.value}{'...' if self.many else ''}"
        return word if self.parameter.required else f"[{word}]"

    @property
    def row(self) -> str:
        names = [self.word] if self.is_argument else [*self.parameter.opts, *self.parameter.secondary_opts]
        text = " ".join(_paragraphs(self.parameter.help)).replace("|", "\\|")
        return f"| {', '.join(f'`{name}{self.value}`' for name in names)} | {text}{self._default} |"

    @property
    def _default(self) -> str:
        default = self.parameter.default
        silent = self.parameter.required or callable(default) or default in (None, False, "", (), [])
        return "" if silent else f" Default: `{default}`."


def _kind(parameter: Any, command: Any) -> str:
    said = str(parameter.display_type(typer.Context(command)) or "text").strip("<>").removesuffix(" range")
    return {"str": "TEXT"}.get(said, said.upper())
