"""The page that draws dashboards, built once for each state of its sources: npm's packages, esbuild."""

import hashlib
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
WORK = HERE.parents[1] / "build/pictures"
_LOADERS = [f"--loader:.{kind}=dataurl" for kind in ("svg", "png", "woff", "woff2", "ttf")]
_ESBUILD = [
    "--bundle",
    "--minify",
    "--format=iife",
    "--jsx=automatic",
    "--log-level=error",
    # What npm's --legacy-peer-deps leaves out.
    "--alias:react-router-dom-v5-compat=react-router-dom",
    "--define:global=window",
    '--define:process.env.NODE_ENV="production"',
    *_LOADERS,
]
_FONTS = {"400": "Regular", "500": "Medium"}


def built() -> Path:
    """Return the folder of the built page; it is made when there is none of these sources."""
    sources = sorted(path for path in HERE.iterdir() if path.suffix in (".js", ".jsx", ".mjs", ".html", ".json"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in (*sources, Path(__file__)))).hexdigest()[:16]
    page = WORK / "page" / digest
    if not page.is_dir():
        shutil.rmtree(WORK / "page", ignore_errors=True)
        _build(sources, page)
    return page


def _build(sources: list[Path], page: Path) -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    for path in sources:
        shutil.copy(path, WORK)
    lock = (WORK / "package-lock.json").read_bytes()
    stamp, packages = WORK / "installed-lock.json", WORK / "node_modules"
    if not packages.is_dir() or not stamp.is_file() or stamp.read_bytes() != lock:
        install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps"]
        subprocess.run(install, cwd=WORK, check=True, timeout=900)
        stamp.write_bytes(lock)
    making = page.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    subprocess.run(
        [packages / ".bin/esbuild", "main.jsx", f"--outfile={making}/main.js", *_ESBUILD], cwd=WORK, check=True, timeout=300
    )
    shutil.copy(WORK / "index.html", making)
    shutil.copytree(packages / "@grafana/ui/dist/public/img", making / "public/build/img")
    (making / "public/fonts/inter").mkdir(parents=True)
    for weight, name in _FONTS.items():
        font = packages / f"@fontsource/inter/files/inter-latin-{weight}-normal.woff2"
        shutil.copy(font, making / f"public/fonts/inter/Inter-{name}.woff2")
    making.rename(page)
