"""`nodeops consortium`: who belongs, decided by m of n organisations."""

import typer

from nodeops.consortium.diff_cli import diff

app = typer.Typer(no_args_is_help=True)


@app.callback()
def consortium() -> None:
    """Who belongs, decided by m of n organisations."""


app.command()(diff)
