"""A source of ledgerd that computes another state than the chain, for what must not spread: a copy with a few other lines."""

import shutil
from pathlib import Path

_RIGHT = "\treturn &app, app.Load(true)\n"
# Every block leaves something in a store of the real program that the chain has not.
_WRONG = """\tif err := app.Load(false); err != nil {
\t\treturn nil, err
\t}
\tkey := app.UnsafeFindStoreKey("upgrade")
\tapp.SetEndBlocker(func(at sdk.Context) (sdk.EndBlock, error) {
\t\tat.KVStore(key).Set([]byte("changed"), sdk.Uint64ToBigEndian(uint64(at.BlockHeight())))
\t\treturn app.EndBlocker(at)
\t})
\treturn &app, app.LoadLatestVersion()
"""


def changed(source: Path, folder: Path) -> Path:
    """Return a copy of ledgerd's source below a folder whose program computes another state from its first block on."""
    copy = shutil.copytree(source, folder / "ledgerd")
    text = (copy / "app.go").read_text(encoding="utf-8")
    assert text.count(_RIGHT) == 1
    (copy / "app.go").write_text(text.replace(_RIGHT, _WRONG), encoding="utf-8")
    return copy
