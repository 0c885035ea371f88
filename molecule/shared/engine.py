"""What only the engine can do to a host of a scenario: reach it without SSH, cut its power."""

import subprocess

import hosts


def docker(*words: str) -> str:
    """Return what the engine's command line says; it must succeed."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def container(node: str) -> str:
    """Return the container of a host."""
    return docker("ps", "-q", "--filter", f"label=nodeops.lab={hosts.LAB}", "--filter", f"label=nodeops.node={node}")
