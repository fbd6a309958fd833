"""Where the data files are: ``targets/`` and ``templates/``, in a checkout or in an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource_dir(name: str) -> Path:
    """Return the folder ``name`` ('targets' or 'templates').

    A wheel carries them in ``ircompile/_data``; a checkout has them beside the package.
    Raises FileNotFoundError when the installation is broken.
    """
    for base in (_PACKAGE / "_data", _PACKAGE.parent):
        folder = base / name
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"ircompile's data folder '{name}' is missing: the installation is broken")


def targets_dir() -> Path:
    """Return the folder of target descriptions, one TOML file each."""
    return resource_dir("targets")


def templates_dir() -> Path:
    """Return the folder of Jinja templates."""
    return resource_dir("templates")
