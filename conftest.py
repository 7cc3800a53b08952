"""Loaded before any test: pytest would otherwise take the folder ``simulators/`` for the package of that name."""

import simulators  # noqa: F401 - being imported is the point
